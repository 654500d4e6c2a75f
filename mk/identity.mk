# Zones with an identity: their agent, and the key of the issuer that their images name.
#
# ISSUER_KEY: the key of an issuer of yours (`cloister-issuer show DIR`). Without one: an issuer of
# this build tree, of the trust domain example.org, which the demo starts.
IDENTITY := $(BUILD)/identity
ISSUER_KEY ?= $(shell $(BUILD)/bin/cloister-issuer show $(IDENTITY)/issuer --json | \
		sed -n 's/.*"channel_key": *"\([0-9a-f]\{64\}\)".*/\1/p')

$(IDENTITY)/issuer/channel.key: $(BUILD)/bin/cloister-issuer
	$(call say,ISSUER,$(@D))
	$(Q)mkdir -p $(IDENTITY)
	$(Q)[ -e $@ ] || $< init $(@D) --trust-domain example.org >/dev/null
	$(Q)touch $@

# 10.0.2.2 is the zone's way to what `cloister run --connect` names. Written only if it changes:
# images are made anew for it.
.PHONY: identity-key
identity-key: ;
$(IDENTITY)/identity: $(IDENTITY)/issuer/channel.key identity-key mk/identity.mk
	$(Q)printf 'issuer   10.0.2.2:7446 %s\nevidence 10.0.2.2:7444\n' $(ISSUER_KEY) >$@.new
	$(Q)cmp -s $@.new $@ && rm $@.new || mv $@.new $@

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
