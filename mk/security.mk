# The attack suite: programs for the node; attack/run starts them and all other attacks.
ATTACK_dir := attack/programs
ATTACK_guest := $(VMM_dir)/vm.c $(VMM_dir)/guest.S

$(VMM_out)/cl-attack: $(wildcard $(ATTACK_dir)/*.[ch]) $(ATTACK_guest) $(wildcard $(VMM_dir)/*.h \
		$(VMM_dir)/*.inc include/cloister/*.h) mk/security.mk
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(HOSTED) -I$(VMM_dir) -static -o $@ $(filter %.c %.S,$^)
node-programs: $(VMM_out)/cl-attack

# Each step is a make of its own: what is built decides what the next one sees.
#: make attack         every known attack, and each against a control; ATTACKS=text picks some
.PHONY: attack
attack: setup
	$(Q)$(MAKE) --no-print-directory -j$(JOBS) all
	$(Q)$(MAKE) --no-print-directory images
	$(Q)$(MAKE) --no-print-directory node
	$(Q)attack/run $(if $(ATTACKS),-k '$(ATTACKS)')

#: make attack-docs    write the last run's table into docs/security-tests.md
.PHONY: attack-docs
attack-docs:
	$(Q)attack/table.py docs/security-tests.md

SOAK_MINUTES ?= 60
#: make soak           zones started, loaded, attacked and ended for SOAK_MINUTES (60)
.PHONY: soak
soak: setup
	$(Q)$(MAKE) --no-print-directory -j$(JOBS) all
	$(Q)$(MAKE) --no-print-directory images
	$(Q)$(MAKE) --no-print-directory node
	$(Q)attack/soak $(SOAK_MINUTES)

# The attacker's own host kernel.
$(BUILD)/attack/hostkernel.elf: attack/payload/hostkernel.S mk/security.mk
	$(call say,AS,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -m32 -c -o $@.o $<
	$(Q)ld -m elf_i386 -N --no-warn-rwx-segments -Ttext 0x200000 -e payload \
		--section-start .multiboot=0x1ff000 -o $@ $@.o
	$(Q)rm $@.o
node-programs: $(BUILD)/attack/hostkernel.elf

# Two CPUs of it, one of which flips what the other has the Core run.
$(eval $(call payload_rule,vmcb-race,$(wildcard attack/payload/race*.[ch])))
