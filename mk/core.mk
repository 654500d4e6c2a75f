# The Core: one freestanding image, build/core/cloister-core.elf (a Multiboot and Multiboot2
# kernel), and the same with symbols, build/core/cloister-core.elf64.
CORE_OUT := $(BUILD)/core
CORE_SRC := $(sort $(wildcard core/*/*.c core/*/*.S))
CORE_OBJ := $(CORE_SRC:core/%=$(CORE_OUT)/%.o)

# DEBUG=1: a Core that shows more than a host may see. It says so in its version and its reports,
# which no verifier accepts then, and gives zones no keys.
DEBUG ?= 0
CORE_VERSION := $(VERSION)+g$(GIT_REV)$(if $(filter 1,$(DEBUG)),.debug)
CORE_BASE_FLAGS := $(STRICT) -g -ffreestanding -fno-pic -fno-pie -mno-red-zone -mcmodel=small \
	-fno-stack-protector -fcf-protection=none -fno-asynchronous-unwind-tables -fno-common \
	-ffile-prefix-map=$(CURDIR)=. -Icore -Iinclude -DCORE_VERSION='"$(CORE_VERSION)"' \
	-DCORE_DEBUG=$(if $(filter 1,$(DEBUG)),1,0)
# Vector registers belong to the host and its guests: only the page cipher may use them.
CORE_FLAGS := $(CORE_BASE_FLAGS) -O2 -mgeneral-regs-only
CORE_CIPHER_FLAGS := $(CORE_BASE_FLAGS) -O3
CORE_LDFLAGS := -nostdlib -static -Wl,-T,core/core.lds -Wl,--build-id=sha1 \
	-Wl,-z,noexecstack -Wl,--orphan-handling=error -Wl,--fatal-warnings

all: core
#: make core           the hypervisor: build/core/cloister-core.elf
.PHONY: core
core: $(CORE_OUT)/cloister-core.elf

# Rebuild when flags or version change.
$(CORE_OUT)/flags: FORCE
	$(Q)mkdir -p $(@D)
	$(Q)echo '$(CC) $(CORE_FLAGS) $(CORE_CIPHER_FLAGS)' | cmp -s - $@ || \
		echo '$(CC) $(CORE_FLAGS) $(CORE_CIPHER_FLAGS)' >$@
.PHONY: FORCE
FORCE:

$(CORE_OUT)/cipher/%.c.o: core/cipher/%.c $(CORE_OUT)/flags
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CORE_CIPHER_FLAGS) -MMD -MP -c -o $@ $<
$(CORE_OUT)/%.c.o: core/%.c $(CORE_OUT)/flags
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CORE_FLAGS) -MMD -MP -c -o $@ $<
$(CORE_OUT)/%.S.o: core/%.S $(CORE_OUT)/flags
	$(call say,AS,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CORE_FLAGS) -MMD -MP -c -o $@ $<

$(CORE_OUT)/cloister-core.elf64: $(CORE_OBJ) core/core.lds
	$(call say,LD,$@)
	$(Q)$(CC) $(CORE_LDFLAGS) -o $@ $(CORE_OBJ) -lbearssl
# QEMU's Multiboot loader takes 32-bit ELF files only.
$(CORE_OUT)/cloister-core.elf: $(CORE_OUT)/cloister-core.elf64
	$(call say,OBJCOPY,$@)
	$(Q)objcopy --strip-all -O elf32-i386 $< $@

-include $(CORE_OBJ:.o=.d)

#: make check-size     lines of code of the Core against its budget
CORE_LINES_MAX := 12400
.PHONY: check-size
check-size:
	$(Q)scripts/core-lines $(CORE_LINES_MAX)
