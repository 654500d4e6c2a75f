# Evidence: the bundle, changed, cut, moved and mixed.
UNIT += evidence_bundle
evidence_bundle_src = tests/unit/evidence_bundle.c $(FORGE_src)
evidence_bundle_flags = $(FORGE_flags)
evidence_bundle_libs = $(FORGE_libs)

$(BUILD)/unit/evidence_bundle: $(wildcard verify/*.h)
