# What the tests of evidence are built of: the verifier and the forge.
FORGE_only := $(addprefix tests/unit/,evidence_forge.c evidence_keys.c verify_forge.c) \
	      core/evidence/cbor.c
FORGE_src = tests/unit/evidence_test.c $(FORGE_only) $(VERIFY_test)
FORGE_flags := -Iverify -DCLOISTER_VERSION='"$(VERSION)"'
FORGE_libs := -lcrypto -ljansson -lpthread
