# Evidence: what started the machine, and the Core's key.
UNIT += evidence_boot
evidence_boot_src = tests/unit/evidence_boot.c $(FORGE_src)
evidence_boot_flags = $(FORGE_flags)
evidence_boot_libs = $(FORGE_libs)

$(BUILD)/unit/evidence_boot: $(wildcard verify/*.h)
