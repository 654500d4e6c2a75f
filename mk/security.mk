# The attack suite: programs for the node; attack/run starts them and all other attacks.
ATTACK_dir := attack/programs
ATTACK_guest := $(VMM_dir)/vm.c $(VMM_dir)/guest.S

$(VMM_out)/cl-attack: $(wildcard $(ATTACK_dir)/*.[ch]) $(ATTACK_guest) $(wildcard $(VMM_dir)/*.h \
		$(VMM_dir)/*.inc include/cloister/*.h) mk/security.mk
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(HOSTED) -I$(VMM_dir) -static -o $@ $(filter %.c %.S,$^)
node-programs: $(VMM_out)/cl-attack
