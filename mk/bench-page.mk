# The page cipher's benchmark, and its C files built as in the Core.
PAGE_CIPHER_SRC := $(wildcard core/cipher/*.c)
PAGE_CIPHER_OBJ := $(PAGE_CIPHER_SRC:%.c=$(BUILD)/bench/%.o)

$(PAGE_CIPHER_OBJ): $(BUILD)/bench/%.o: %.c $(wildcard core/cipher/*.h) mk/bench-page.mk
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(STRICT) -O2 -ffreestanding -Iinclude -Icore -c -o $@ $<

$(BUILD)/bench/page_bench: bench/page/page_bench.c bench/page/libraries.c bench/page/contender.h \
		$(PAGE_CIPHER_OBJ)
	$(call say,CC,$@)
	$(Q)$(HOSTCC) $(HOSTED) -Icore -Ibench/page -o $@ $(filter %.c %.o,$^) \
		-lbearssl -lcrypto -lIPSec_MB -lgcrypt -lnettle

#: make bench-page     seal and open a page: against memcpy, OpenSSL and the fastest library
.PHONY: bench-page
bench-page: $(BUILD)/bench/page_bench
	$(Q)$< $(BUILD)/bench/page.json
