# The boot image: what a measured boot starts, and its reference values (docs/measured-boot.md).
BOOT := $(BUILD)/boot
# The Core's own command line; it enters the image and so its digest.
CORE_ARGS ?=

$(BOOT)/pe-digest: tools/boot/main.c tools/boot/pe_digest.c tools/boot/pe_digest.h mk/boot.mk
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(HOSTED) -o $@ $(filter %.c,$^) -lcrypto

$(BOOT)/core-args: FORCE
	$(Q)mkdir -p $(@D)
	$(Q)echo '$(CORE_ARGS)' | cmp -s - $@ || echo '$(CORE_ARGS)' >$@

$(BOOT)/cloister.efi: boot/build boot/config $(BUILD)/core/cloister-core.elf $(BOOT)/pe-digest \
		      $(BOOT)/core-args mk/boot.mk
	$(call say,BOOT,$@)
	$(Q)boot/build $(BUILD)/core/cloister-core.elf $(BOOT)/pe-digest $@ $(BOOT)/reference.json \
		$(CORE_ARGS)

#: make boot-image     what a measured boot starts: build/boot/cloister.efi, and reference.json
.PHONY: boot-image
boot-image: $(BOOT)/cloister.efi
all: boot-image
