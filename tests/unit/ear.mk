# Verdicts as EAT Attestation Results.
UNIT += ear
ear_src = tests/unit/ear.c $(FORGE_src)
ear_flags = $(FORGE_flags)
ear_libs = $(FORGE_libs)

$(BUILD)/unit/ear: $(wildcard verify/*.h)
