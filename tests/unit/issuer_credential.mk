# By what the bundle endpoint shows who it is, and when that is renewed.
UNIT += issuer_credential
issuer_credential_src = tests/unit/issuer_credential.c $(addprefix tools/issuer/,credential.c stream.c) \
	issuer/keyring.c issuer/keyring_file.c $(SPIFFE_src) tools/node/files.c verify/socket.c
issuer_credential_libs = -lssl $(SPIFFE_libs) -lpthread
$(BUILD)/unit/issuer_credential: $(wildcard issuer/*.h spiffe/*.h tools/issuer/*.h verify/*.h)
