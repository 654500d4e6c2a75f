# Trust bundles: documents, DER and rotation.
UNIT += spiffe_bundle
spiffe_bundle_src = tests/unit/spiffe_bundle.c tests/unit/spiffe_forge.c $(SPIFFE_src)
spiffe_bundle_flags = -Ispiffe
spiffe_bundle_libs = $(SPIFFE_libs)
$(BUILD)/unit/spiffe_bundle: $(wildcard spiffe/*.[ch] verify/base64url.h)
