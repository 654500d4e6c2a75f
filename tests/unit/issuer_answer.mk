# The issuer's answers.
UNIT += issuer_answer
issuer_answer_src = tests/unit/issuer_answer.c $(addprefix issuer/,answer.c keyring.c keyring_file.c wire.c) \
	core/evidence/cbor.c verify/cbor_in.c $(SPIFFE_src) tools/node/files.c verify/socket.c
issuer_answer_libs = $(SPIFFE_libs) -lpthread
$(BUILD)/unit/issuer_answer: $(wildcard issuer/*.h spiffe/*.h channel/*.h)
