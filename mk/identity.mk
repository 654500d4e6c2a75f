# Zones with an identity: their agent, and the issuer of this build tree, whose key their images name.
IDENTITY := $(BUILD)/identity
IDENTITY_DOMAIN := example.org

$(IDENTITY)/issuer/channel.key: $(BUILD)/bin/cloister-issuer
	$(call say,ISSUER,$(@D))
	$(Q)[ -e $@ ] || { mkdir -p $(IDENTITY) && $< init $(@D) --trust-domain $(IDENTITY_DOMAIN) >/dev/null; }
	$(Q)touch $@

# 10.0.2.2 is the zone's way to what `cloister run --connect` names.
$(IDENTITY)/identity: $(IDENTITY)/issuer/channel.key mk/identity.mk
	$(Q)key=$$($(BUILD)/bin/cloister-issuer show $(IDENTITY)/issuer --json | \
		sed -n 's/.*"channel_key": *"\([0-9a-f]\{64\}\)".*/\1/p') && [ -n "$$key" ] && \
		printf 'issuer   10.0.2.2:7446 %s\nevidence 10.0.2.2:7444\n' $$key >$@

IDENTITY_PROGRAMS := $(BUILD)/zone/agent/agent=/usr/lib/cloister/agent $(IDENTITY)/identity=/etc/cloister/identity
IMAGE_PROGRAMS_nginx := $(IDENTITY_PROGRAMS)
IMAGE_PROGRAMS_etcd := $(IDENTITY_PROGRAMS)
$(BUILD)/images/nginx/zone.json $(BUILD)/images/etcd/zone.json: $(BUILD)/zone/agent/agent $(IDENTITY)/identity

# What attacks the issuer's channel (demo/identity).
CHANNEL_ATTACK_src := attack/channel/channel_attack.c $(filter-out channel/prove.c,$(wildcard channel/*.c)) \
		      zone/cmdline.c core/evidence/cbor.c
$(BUILD)/attack/channel-attack: $(CHANNEL_ATTACK_src) $(wildcard channel/*.h verify/*.h) $(BUILD)/lib/libcloister-verify.a
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(HOSTED) -Icore -o $@ $(filter %.c %.a,$^) -lssl -lcrypto -ljansson
all: $(BUILD)/attack/channel-attack
