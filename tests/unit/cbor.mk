# The Core's CBOR encoder and the verifier's reader, with libcbor and RFC 8949 as oracles.
UNIT += cbor
cbor_src := tests/unit/cbor.c core/evidence/cbor.c verify/cbor_in.c
cbor_flags := -Iverify
cbor_libs := -lcbor
