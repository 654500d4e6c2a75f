# What a zone's agent fetches from the issuer.
UNIT += zone_agent
zone_agent_src = tests/unit/zone_agent.c zone/agent/csr.c zone/agent/fetch.c agent/identity.c $(ISSUER_play)
zone_agent_flags = $(FORGE_flags)
zone_agent_libs = -lssl $(FORGE_libs)
$(BUILD)/unit/zone_agent: $(wildcard agent/*.h issuer/*.h channel/*.h spiffe/*.h verify/*.h zone/agent/*.h)
