# Benchmarks: the page cipher on this machine (mk/bench-page.mk), guests and zones in nodes.

# It runs in the guest, beside Redis: static, as the image has no C library of its own to offer.
$(BUILD)/bench/walk: bench/walk/walk.c
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(HOSTED) -static -s -Wl,--build-id=none -o $@ $<

IMAGE_PROGRAMS_bench := $(BUILD)/bench/walk
$(BUILD)/images/bench/zone.json: $(IMAGE_PROGRAMS_bench)

#: make bench          pages, guests and zones: a table, and build/bench/result.json (15 minutes)
#: make bench-node     its second half only; BENCH_QUICK=1: few repetitions, for trying it out
.PHONY: bench bench-node
bench: setup
	$(Q)$(MAKE) --no-print-directory bench-page
	$(Q)$(MAKE) --no-print-directory bench-node

bench-node: all
	$(Q)$(MAKE) --no-print-directory image-bench
	$(Q)$(RUN_NODE)
	$(Q)bench/run $(if $(BENCH_QUICK),--quick)

#: make bench-docs     write the last run's tables into docs/benchmarks.md
.PHONY: bench-docs
bench-docs:
	$(Q)bench/tables.py --docs docs/benchmarks.md
