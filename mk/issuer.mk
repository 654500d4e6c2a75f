# The issuer: gives identities and files to zones that have proven themselves.
ISSUER_src := $(wildcard tools/issuer/*.c)
# channel/prove.c is a zone's.
ISSUER_own := $(filter-out channel/prove.c,$(wildcard issuer/*.c channel/*.c))
ISSUER_lib := $(ISSUER_own) $(wildcard spiffe/*.c)
ISSUER_flags := $(HOSTED) -Icore
# What it shares with the other programs.
ISSUER_shared := tools/cloister/message.c tools/launch/size.c tools/node/address.c \
		 tools/node/files.c tools/node/listen.c
ISSUER_obj := $(ISSUER_src:%.c=$(BUILD)/%.o) $(ISSUER_shared:%.c=$(BUILD)/%.o) \
	      $(BUILD)/tools/core/cbor.o $(ISSUER_lib:%.c=$(BUILD)/issuer/%.o)
ISSUER_libs := -lssl -lcrypto -ljansson -lpthread

$(BUILD)/issuer/%.o: %.c $(wildcard issuer/*.h channel/*.h spiffe/*.h verify/*.h include/cloister/*.h) mk/issuer.mk
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(ISSUER_flags) -fPIE -c -o $@ $<

$(ISSUER_src:%.c=$(BUILD)/%.o): $(wildcard issuer/*.h channel/*.h spiffe/*.h verify/*.h)

$(BUILD)/bin/cloister-issuer: $(ISSUER_obj) $(BUILD)/lib/libcloister-verify.a
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -pie -Wl,-z,relro,-z,now,-z,noexecstack -o $@ $^ $(ISSUER_libs)

#: make cloister-issuer  the program that gives zones identities, build/bin/cloister-issuer
.PHONY: cloister-issuer
cloister-issuer: $(BUILD)/bin/cloister-issuer
all: cloister-issuer

# A zone with forged evidence (tests/host/issuer.sh).
ISSUER_zone := tests/host/issuer_zone.c $(FORGE_only) tools/node/hex.c
ISSUER_zone_obj := $(patsubst %.c,$(BUILD)/issuer/%.o,issuer/wire.c spiffe/base64.c spiffe/key.c $(wildcard channel/*.c))
$(BUILD)/tests/issuer-zone: $(ISSUER_zone) $(filter-out %/prove.o,$(ISSUER_zone_obj)) \
			    $(BUILD)/lib/libcloister-verify.a $(wildcard tests/unit/*.h)
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(HOSTED) -Icore -Itests/unit -o $@ $(filter %.c %.o %.a,$^) -lcmocka $(ISSUER_libs)
all: $(BUILD)/tests/issuer-zone
