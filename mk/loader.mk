# The zone's loader: freestanding, linked at 1 MiB, started by QEMU's -kernel (multiboot).
LOADER_SRC := $(wildcard loader/*.c) loader/boot.S
LOADER_OBJ := $(LOADER_SRC:%=$(BUILD)/%.o)
LOADER_FLAGS := $(STRICT) -O2 -g -ffreestanding -fno-pic -fno-pie -mno-red-zone -mgeneral-regs-only \
		-fno-stack-protector -fcf-protection=none -fno-asynchronous-unwind-tables -Iinclude

$(BUILD)/loader/%.o: loader/% $(wildcard loader/*.h include/cloister/*.h) mk/loader.mk
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(LOADER_FLAGS) -c -o $@ $<

# QEMU's multiboot wants ELF32 although the code is 64-bit: same bytes, other container.
$(BUILD)/loader/zone-loader.elf: $(LOADER_OBJ) loader/loader.ld
	$(call say,LD,$@)
	$(Q)ld -nostdlib -z max-page-size=4096 -z noexecstack --no-warn-rwx-segments --build-id=none \
		-T loader/loader.ld -o $@.64 $(LOADER_OBJ)
	$(Q)objcopy --strip-debug -O elf32-i386 $@.64 $@

#: make loader         the loader that runs first inside a zone
.PHONY: loader
loader: $(BUILD)/loader/zone-loader.elf
all: loader
