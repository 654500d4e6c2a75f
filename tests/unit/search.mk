# The searcher of tools/search, against a naive search and against OpenSSL's key schedules.
UNIT += search
search_src := tests/unit/search.c \
	$(addprefix tools/search/,canary.c classes.c feed.c schedule.c tally.c)
search_flags := -Itools/search -DOPENSSL_SUPPRESS_DEPRECATED -Wno-cast-qual
search_libs := -lcrypto
$(BUILD)/unit/search: $(wildcard tools/search/*.h)
