# The verifier against the Core's real reports, and against forged ones that are rightly signed.
VERIFY_test := $(filter-out verify/fetch.c verify/fetch_spki.c verify/http.c verify/socket.c,$(wildcard verify/*.c))

UNIT += verify
verify_src := tests/unit/verify.c tests/unit/verify_forge.c $(VERIFY_test) $(EVIDENCE_core)
verify_flags := -Iverify -DCLOISTER_VERSION='"$(VERSION)"'
verify_libs := -l:libbearssl.a -lcrypto -ljansson -lpthread

$(BUILD)/unit/verify: $(wildcard verify/*.h)
