# What an attacker gets: the searcher (runs anywhere) and the programs for the host's root.

SEARCH_COMMON := $(addprefix tools/search/,canary.c classes.c feed.c json.c schedule.c tally.c)
ATTACK_BINS := $(addprefix $(BUILD)/bin/,cl-debugregs cl-hostread cl-kcoreread cl-poke)
ATTACK_COMMON := $(addprefix tools/attack/,maps.c reader.c)
SEARCH_HEADERS := $(wildcard tools/search/*.h tools/attack/*.h)

# Static, so that one binary runs on the build machine and in any node.
SEARCH_BUILD = $(Q)mkdir -p $(@D) && $(CC) $(HOSTED) -Itools/search -static -o $@ $(filter %.c,$^)

#: make search         the searcher and the attack programs
.PHONY: search
search: $(BUILD)/bin/cl-search $(ATTACK_BINS)
all: search

$(BUILD)/bin/cl-search: tools/search/main.c $(SEARCH_COMMON) $(SEARCH_HEADERS)
	$(call say,CC,$@)
	$(SEARCH_BUILD)

$(ATTACK_BINS): $(BUILD)/bin/cl-%: tools/attack/%.c $(SEARCH_COMMON) $(ATTACK_COMMON) $(SEARCH_HEADERS)
	$(call say,CC,$@)
	$(SEARCH_BUILD)

#: make host-test      tests/host: programs against processes of the build machine
.PHONY: host-test
host-test: search node-programs
	$(Q)scripts/run-host
