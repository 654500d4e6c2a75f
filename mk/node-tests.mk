# Programs for the node tests: into the node, but not into the product.
VMM_dir := tests/node/programs
VMM_out := $(BUILD)/node/payload/usr/lib/cloister-tests

$(VMM_out)/cl-vmm: $(wildcard $(VMM_dir)/*.[chS] $(VMM_dir)/*.inc include/cloister/*.h) mk/node-tests.mk
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(HOSTED) -I$(VMM_dir) -static -o $@ $(filter %.c %.S,$^)

$(VMM_out)/cl-dma: $(VMM_dir)/dma/dma.c mk/node-tests.mk
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(HOSTED) -static -o $@ $<

#: make node-programs  what the node tests run in the node
.PHONY: node-programs
node-programs: $(VMM_out)/cl-vmm $(VMM_out)/cl-dma
all: node-programs

# A zone's kernel of a few hundred bytes, and a host's.
$(VMM_out)/tiny.bin: $(VMM_dir)/boot/tiny.S mk/node-tests.mk
	$(call say,AS,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -c -o $@.o $<
	$(Q)objcopy -O binary -j .text $@.o $@
	$(Q)rm $@.o
$(BUILD)/node-tests/payload.elf: $(VMM_dir)/boot/payload.S mk/node-tests.mk
	$(call say,AS,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -m32 -c -o $@.o $<
	$(Q)ld -m elf_i386 -N --no-warn-rwx-segments -Ttext 0x200000 -e payload --section-start .multiboot=0x1ff000 -o $@ $@.o
	$(Q)rm $@.o
node-programs: $(VMM_out)/tiny.bin $(BUILD)/node-tests/payload.elf

# What the host's root does with ports, device registers and MSRs.
$(VMM_out)/cl-door: $(wildcard $(VMM_dir)/door/*.[ch]) mk/node-tests.mk
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(HOSTED) -static -o $@ $(filter %.c,$^)
# A second boot: searches RAM for what the first one left.
$(BUILD)/node-tests/second.elf: $(VMM_dir)/boot/second.c $(VMM_dir)/guest.h mk/node-tests.mk
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(STRICT) -m32 -O2 -ffreestanding -fno-pic -fno-pie -fno-stack-protector \
		-fcf-protection=none -fno-asynchronous-unwind-tables -mgeneral-regs-only \
		-nostdlib -static -I$(VMM_dir) -Wl,-m,elf_i386,-N,--no-warn-rwx-segments \
		-Wl,-Ttext,0x200000,-e,second,--build-id=none,--section-start,.multiboot=0x1ff000 \
		-o $@ $<
node-programs: $(VMM_out)/cl-door $(BUILD)/node-tests/second.elf
# What plays a compromised QEMU (tests/host/jail.sh, tests/node/test_jail.py).
$(VMM_out)/cl-breakout: tests/jail/breakout.c mk/node-tests.mk
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(HOSTED) -static -o $@ $< -lpthread
node-programs: $(VMM_out)/cl-breakout
# The firmware's event log, to standard output.
$(VMM_out)/cl-boot-log: $(VMM_dir)/boot/log.c include/cloister/call.h mk/node-tests.mk
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(HOSTED) -static -o $@ $<
node-programs: $(VMM_out)/cl-boot-log
