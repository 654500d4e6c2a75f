# The verifier's benchmark: whole bundles on one core, with the forge of the unit tests.
$(BUILD)/bench/verify_bench: bench/verify/verify_bench.c $(FORGE_only) \
		$(wildcard tests/unit/*.h) $(BUILD)/lib/libcloister-verify.a mk/bench-verify.mk
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(HOSTED) -Icore -Itests/unit -o $@ $(filter %.c %.a,$^) -lcmocka $(VERIFY_libs)

#: make bench-verify   bundles of evidence a second, on one core, against the bare signatures
.PHONY: bench-verify
bench-verify: $(BUILD)/bench/verify_bench
	$(Q)$< $(BUILD)/bench/verify.json

#: make bench-attest   what launch, evidence and verdict add to a zone's start, in a node
.PHONY: bench-attest
bench-attest: all
	$(Q)$(RUN_NODE)
	$(Q)bench/attest
