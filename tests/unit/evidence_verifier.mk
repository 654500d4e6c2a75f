# Evidence: a verifier that is kept, and what memory it takes.
UNIT += evidence_verifier
evidence_verifier_src = tests/unit/evidence_verifier.c $(FORGE_src)
evidence_verifier_flags = $(FORGE_flags)
evidence_verifier_libs = $(FORGE_libs) -Wl,--wrap=malloc,--wrap=calloc

$(BUILD)/unit/evidence_verifier: $(wildcard verify/*.h)
