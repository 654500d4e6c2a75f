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

# The volume's program: with Debian's libraries, so it is in the root file system of the images that
# have a volume.
VOLUME_SRC := $(wildcard zone/volume/*.c)
VOLUME_OBJ := $(VOLUME_SRC:%=$(BUILD)/%.o) $(patsubst %,$(BUILD)/volume/zone/%.c.o,core port say)
VOLUME_FLAGS := $(HOSTED) -fPIE
VOLUME_LIBS := -lcryptsetup -ltss2-esys -ltss2-rc -lcrypto

$(BUILD)/zone/volume/%.o: zone/volume/% $(wildcard zone/*.h zone/volume/*.h include/cloister/*.h) mk/zone.mk
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(VOLUME_FLAGS) -c -o $@ $<
$(BUILD)/volume/zone/%.o: zone/% $(wildcard zone/*.h include/cloister/*.h) mk/zone.mk
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(VOLUME_FLAGS) -c -o $@ $<
$(BUILD)/zone/volume/volume: $(VOLUME_OBJ)
	$(call say,LD,$@)
	$(Q)$(CC) -pie -Wl,-z,relro,-z,now,-z,noexecstack -Wl,--as-needed -Wl,--build-id=none -s -o $@ \
		$(VOLUME_OBJ) $(VOLUME_LIBS)

# The agent: static, so that it asks nothing of an image. Its parts are other rooms' too.
ZAGENT_SRC := $(wildcard zone/agent/*.c) $(addprefix zone/,cmdline.c core.c say.c workload.c) \
	      $(wildcard channel/*.c spiffe/*.c) issuer/wire.c core/evidence/cbor.c
ZAGENT_OBJ := $(ZAGENT_SRC:%=$(BUILD)/zone/agent-program/%.o)
ZAGENT_LIBS := -lssl -lnghttp2 -lprotobuf-c -ljansson -lcrypto
ZAGENT_headers := $(wildcard zone/*.h zone/agent/*.h channel/*.h spiffe/*.h issuer/*.h agent/*.h verify/*.h \
		  include/cloister/*.h)

$(BUILD)/zone/agent-program/%.o: % $(ZAGENT_headers) $(AGENT_gen)/made mk/zone.mk
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(HOSTED) -Icore -isystem $(AGENT_gen) -ffunction-sections -fdata-sections -c -o $@ $<
# --no-warnings: as init's.
$(BUILD)/zone/agent/agent: $(ZAGENT_OBJ) $(BUILD)/agent/libagent.a \
			    $(BUILD)/lib/libcloister-verify.a
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -static -Wl,--no-warnings -Wl,--gc-sections -Wl,--build-id=none -s -o $@ $^ $(ZAGENT_LIBS)

# The same agent in a zone that is only played (tests/host/identity.sh); and with shared libraries, so
# that its clock can be set.
ZAGENT_played := tests/host/zone_played.c $(filter-out %/zone/core.c.o %/channel/prove.c.o,$(ZAGENT_OBJ)) \
		 $(BUILD)/agent/libagent.a $(BUILD)/lib/libcloister-verify.a
$(BUILD)/tests/zone-agent: $(ZAGENT_played)
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(HOSTED) -static -Wl,--no-warnings -Wl,--gc-sections -s -o $@ $^ $(ZAGENT_LIBS)
$(BUILD)/tests/zone-agent-shared: $(ZAGENT_played)
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(HOSTED) -no-pie -o $@ $^ $(ZAGENT_LIBS) -lpthread
all: $(BUILD)/tests/zone-agent $(BUILD)/tests/zone-agent-shared

#: make zone           what runs inside a zone: its first process, what opens its volume, its agent
.PHONY: zone
zone: $(BUILD)/zone/init $(BUILD)/zone/volume/volume $(BUILD)/zone/agent/agent
all: zone
