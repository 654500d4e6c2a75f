# X509-SVIDs: what is issued, and whose are believed.
UNIT += spiffe_x509
spiffe_x509_src = tests/unit/spiffe_x509.c tests/unit/spiffe_forge.c $(SPIFFE_src)
spiffe_x509_flags = -Ispiffe
spiffe_x509_libs = $(SPIFFE_libs)
$(BUILD)/unit/spiffe_x509: $(wildcard spiffe/*.[ch] verify/base64url.h)
