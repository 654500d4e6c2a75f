# What runs inside a zone: init, static, since the initrd holds nothing else but kernel modules.
ZONE_SRC := $(wildcard zone/*.c)
ZONE_OBJ := $(ZONE_SRC:%=$(BUILD)/%.o)

$(BUILD)/zone/%.o: zone/% $(wildcard zone/*.h include/cloister/*.h) mk/zone.mk
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(HOSTED) -ffunction-sections -fdata-sections -c -o $@ $<

# --no-warnings: libcrypto's name look-ups and dlopen would want glibc's shared objects; no code
# here reaches them.
$(BUILD)/zone/init: $(ZONE_OBJ)
	$(call say,LD,$@)
	$(Q)$(CC) -static -Wl,--no-warnings -Wl,--gc-sections -Wl,--build-id=none -s -o $@ $(ZONE_OBJ) -lcrypto

#: make zone           what runs inside a zone: its first process
.PHONY: zone
zone: $(BUILD)/zone/init
all: zone
