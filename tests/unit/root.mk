# The sealing root: zones' keys against OpenSSL's HKDF.
UNIT += root
root_src := tests/unit/root.c $(EVIDENCE_core)
root_libs := -l:libbearssl.a -lcrypto
