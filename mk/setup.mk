# From a fresh machine to a result: set-up, tests, demo.

#: make setup          install the Debian packages that building and running need (root or sudo)
.PHONY: setup
setup:
	$(Q)scripts/setup

# Each step is a make of its own: what is built decides what the next one sees.
JOBS := $(shell nproc)

#: make test           everything: set-up, build, unit, host and node tests
.PHONY: test
test: setup
	$(Q)scripts/test

#: make demo           the whole story, a line each: a Redis that its host's root cannot read
.PHONY: demo
demo: setup
	$(Q)$(MAKE) --no-print-directory -j$(JOBS) all
	$(Q)$(MAKE) --no-print-directory images
	$(Q)$(MAKE) --no-print-directory node
	$(Q)demo/run

#: make demo-trust     from a TPM to a verdict on a database, restarts, and each forgery refused
.PHONY: demo-trust
demo-trust: setup
	$(Q)$(MAKE) --no-print-directory -j$(JOBS) all
	$(Q)$(MAKE) --no-print-directory images
	$(Q)$(MAKE) --no-print-directory node
	$(Q)demo/trust

#: make demo-identity  two zones with mutual TLS by SPIFFE identities; rotation under load; attacks
.PHONY: demo-identity
demo-identity: setup
	$(Q)$(MAKE) --no-print-directory -j$(JOBS) all
	$(Q)$(MAKE) --no-print-directory images
	$(Q)$(MAKE) --no-print-directory node
	$(Q)demo/identity

#: make test-full      test, long cases, all checks, fuzz targets (FUZZ_SECONDS each, 60), the demo
.PHONY: test-full
test-full: FUZZ_SECONDS ?= 60
test-full: test
	$(Q)tests/node/run --long
	$(Q)$(MAKE) --no-print-directory check
	$(Q)$(MAKE) --no-print-directory fuzz-all fuzz-teeth FUZZ_SECONDS=$(FUZZ_SECONDS)
	$(Q)demo/run
