# Fuzzing the instruction decoder (needs clang and libclang-rt).
FUZZ_SECONDS ?= 30
FUZZ_INSN_SRC := tests/fuzz/insn.c core/insn/insn.c core/insn/mmio.c core/insn/assist.c

$(BUILD)/fuzz/insn: $(FUZZ_INSN_SRC) $(wildcard core/insn/*.h) mk/fuzz-insn.mk
	$(call say,FUZZER,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CLANG) $(STRICT) -g -O1 -Iinclude -Icore -fno-omit-frame-pointer \
		-fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all -o $@ $(FUZZ_INSN_SRC)

#: make fuzz-insn      fuzz the instruction decoder for FUZZ_SECONDS (30)
.PHONY: fuzz-insn
fuzz-insn: $(BUILD)/fuzz/insn
	$(Q)mkdir -p $(BUILD)/fuzz/insn-corpus
	$(Q)$< -max_len=40 -max_total_time=$(FUZZ_SECONDS) -print_final_stats=1 -verbosity=0 \
		-artifact_prefix=$(BUILD)/fuzz/ $(BUILD)/fuzz/insn-corpus
