# SVM programs other than Linux's KVM, as Multiboot kernels: on the bare CPU and above the Core.
PAYLOAD_dir := tests/payload
PAYLOAD_out := $(BUILD)/payload
PAYLOAD_common := $(PAYLOAD_dir)/boot.S $(PAYLOAD_dir)/payload.c core/lib/format.c core/lib/string.c
PAYLOAD_flags := $(STRICT) -O1 -g -ffreestanding -fno-pic -fno-pie -mno-red-zone -mcmodel=small \
	-mgeneral-regs-only -fno-stack-protector -fcf-protection=none \
	-fno-asynchronous-unwind-tables -fno-common -Icore -Iinclude -I$(PAYLOAD_dir)
PAYLOAD_headers := $(wildcard $(PAYLOAD_dir)/*.h core/*/*.h include/cloister/*.h) mk/payload.mk

define payload_rule
$(PAYLOAD_out)/$(1).elf: $(2) $(PAYLOAD_common) $(PAYLOAD_dir)/payload.lds $(PAYLOAD_headers)
	$$(call say,CC,$$@)
	$$(Q)mkdir -p $$(@D)
	$$(Q)$$(CC) $$(PAYLOAD_flags) -nostdlib -static -Wl,-T,$(PAYLOAD_dir)/payload.lds \
		-Wl,--build-id=none -Wl,-z,noexecstack -Wl,--no-warn-rwx-segments -o $$@.64 \
		$$(filter %.c %.S,$$^)
	$$(Q)objcopy -O elf32-i386 $$@.64 $$@
payloads: $(PAYLOAD_out)/$(1).elf
endef
$(eval $(call payload_rule,svm-conform,$(wildcard $(PAYLOAD_dir)/conform*.c) $(PAYLOAD_dir)/insns.S))
$(eval $(call payload_rule,svm-fuzz,$(wildcard $(PAYLOAD_dir)/fuzz*.c)))
$(eval $(call payload_rule,x2apic,$(PAYLOAD_dir)/x2apic.c))

#: make payloads       the SVM programs that the node tests start instead of Linux
.PHONY: payloads
all: payloads

#: make fuzz-node      random VMCBs, calls, zones and page moves at the Core, FUZZ_SECONDS long
.PHONY: fuzz-node
fuzz-node: setup
	$(Q)$(MAKE) --no-print-directory -j$(JOBS) all
	$(Q)$(MAKE) --no-print-directory images
	$(Q)$(MAKE) --no-print-directory node
	$(Q)FUZZ_NODE_SECONDS=$(FUZZ_SECONDS) tests/node/run -k svm.fuzz
$(eval $(call payload_rule,breaks,$(PAYLOAD_dir)/breaks.c))
