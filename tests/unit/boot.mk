UNIT += boot
boot_src := tests/unit/boot.c core/boot/acpi.c core/boot/bzimage.c core/boot/elf32.c \
	core/boot/memmap.c core/boot/multiboot.c core/lib/format.c
