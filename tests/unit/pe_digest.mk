# The digest under which firmware measures the boot image.
UNIT += pe_digest
pe_digest_src := tests/unit/pe_digest.c tools/boot/pe_digest.c
pe_digest_flags := -Itools/boot
pe_digest_libs := -lcrypto
$(BUILD)/unit/pe_digest: tools/boot/pe_digest.h
