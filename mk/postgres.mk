# The PostgreSQL zone: its own small programs, and whose certificates are its superuser's.
POSTGRES := $(BUILD)/postgres

$(POSTGRES)/%: images/postgres/programs/%.c mk/postgres.mk
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(HOSTED) -static -s -Wl,--build-id=none -o $@ $<

# POSTGRES_CA: the owner's CA, PEM. Without one: a CA of this build tree, with a certificate for the
# user postgres beside it.
POSTGRES_CA ?= $(POSTGRES)/clients/ca.crt
$(POSTGRES)/clients/ca.crt: images/postgres/clients
	$(call say,CA,$@)
	$(Q)$< $(@D)

IMAGE_PROGRAMS_postgres := $(BUILD)/zone/volume/volume=/usr/lib/cloister/volume \
	$(POSTGRES)/start $(POSTGRES)/sh=/bin/sh $(POSTGRES_CA)=/etc/postgresql/clients.crt
$(BUILD)/images/postgres/zone.json: $(BUILD)/zone/volume/volume $(POSTGRES)/start $(POSTGRES)/sh \
	$(POSTGRES_CA)
all: $(POSTGRES)/start $(POSTGRES)/sh
