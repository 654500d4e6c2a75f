# The Core's end of the zone report, with this machine's RDRAND; OpenSSL and libcbor as oracles.
EVIDENCE_core := $(addprefix core/evidence/,cbor.c entropy.c entropy_hw.c measure.c report.c \
		   report_key.c root.c) $(wildcard core/cipher/*.c) tests/unit/master_key_fake.c

UNIT += evidence
evidence_src := tests/unit/evidence.c $(EVIDENCE_core)
evidence_libs := -l:libbearssl.a -lcrypto -lcbor
