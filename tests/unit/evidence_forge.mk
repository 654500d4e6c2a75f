# What the tests of evidence are built of: the verifier and the forge.
FORGE_src = $(addprefix tests/unit/,evidence_forge.c evidence_keys.c evidence_test.c verify_forge.c) \
	     core/evidence/cbor.c $(VERIFY_test)
FORGE_flags := -Iverify -DCLOISTER_VERSION='"$(VERSION)"'
FORGE_libs := -lcrypto -ljansson -lpthread
