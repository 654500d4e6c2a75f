# The issuer's service, for zones with forged evidence.
UNIT += issuer_serve
ISSUER_play = tests/unit/issuer_play.c $(addprefix issuer/,answer.c keyring.c keyring_file.c serve.c wire.c) \
	$(CHANNEL_src) $(SPIFFE_src) tools/node/files.c verify/socket.c $(FORGE_src)
issuer_serve_src = tests/unit/issuer_serve.c $(ISSUER_play)
issuer_serve_flags = $(FORGE_flags)
issuer_serve_libs = -lssl $(FORGE_libs)
$(BUILD)/unit/issuer_serve: $(wildcard issuer/*.h channel/*.h spiffe/*.h verify/*.h)
