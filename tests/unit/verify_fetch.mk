# The verifier's network code, against servers of every kind on the loopback interface.
UNIT += verify_fetch
verify_fetch_src := tests/unit/verify_fetch.c verify/fetch.c verify/http.c verify/fetch_spki.c verify/socket.c
verify_fetch_flags := -Iverify
verify_fetch_libs := -lssl -lcrypto -lpthread

$(BUILD)/unit/verify_fetch: $(wildcard verify/*.h)
