# SPIFFE IDs, SVIDs and bundles: compiled into who uses them.
SPIFFE_src := $(wildcard spiffe/*.c)
SPIFFE_libs := -lcrypto -ljansson

# What tests/host/spiffe.sh asks.
$(BUILD)/tests/spiffe: tests/host/spiffe_tool.c $(SPIFFE_src) $(wildcard spiffe/*.h verify/*.h) mk/spiffe.mk
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(HOSTED) -o $@ $(filter %.c,$^) $(SPIFFE_libs)

all: $(BUILD)/tests/spiffe

$(BUILD)/bench/spiffe_bench: bench/spiffe/spiffe_bench.c $(SPIFFE_src) $(wildcard spiffe/*.h verify/*.h) mk/spiffe.mk
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(HOSTED) -o $@ $(filter %.c,$^) $(SPIFFE_libs)

#: make bench-spiffe   SVIDs issued and checked a second, on one core, against the bare signatures
.PHONY: bench-spiffe
bench-spiffe: $(BUILD)/bench/spiffe_bench
	$(Q)$<
