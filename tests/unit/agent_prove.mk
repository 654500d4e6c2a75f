# The agent's evidence: the node's and the Core's answers, put together.
UNIT += agent_prove
agent_prove_src = tests/unit/agent_prove.c agent/prove.c verify/http.c verify/socket.c $(FORGE_src)
agent_prove_flags = $(FORGE_flags)
agent_prove_libs = $(FORGE_libs)
$(BUILD)/unit/agent_prove: $(wildcard agent/*.h verify/*.h zone/*.h)
