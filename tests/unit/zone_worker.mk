# A zone's agent without its zone: the worker against the real issuer, files, configuration.
UNIT += zone_worker
zone_worker_src = tests/unit/zone_worker.c \
	$(addprefix zone/agent/,config.c csr.c fetch.c files.c token.c tokens.c users.c worker.c) \
	zone/workload.c zone/cmdline.c agent/identity.c agent/loop.c $(ISSUER_play)
zone_worker_flags = $(FORGE_flags)
zone_worker_libs = -lssl $(FORGE_libs)
$(BUILD)/unit/zone_worker: $(wildcard agent/*.h issuer/*.h channel/*.h spiffe/*.h verify/*.h zone/*.h zone/agent/*.h)
