# A zone's evidence: the node's and the Core's answers, put together.
UNIT += channel_prove
channel_prove_src = tests/unit/channel_prove.c channel/prove.c verify/http.c verify/socket.c $(FORGE_src)
channel_prove_flags = $(FORGE_flags)
channel_prove_libs = $(FORGE_libs)
$(BUILD)/unit/channel_prove: $(wildcard channel/*.h verify/*.h zone/*.h)
