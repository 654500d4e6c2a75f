# Checks that run nothing: format, static analysis, the other compiler, the Core's size, scripts.
CHECK := $(BUILD)/check

# What git knows, or in an exported tree what is there.
CHECK_TREE := $(shell git ls-files --cached --others --exclude-standard 2>/dev/null || find . -path ./$(BUILD) -prune -o -type f -printf '%P\n')
CHECK_C := $(filter %.c %.h,$(CHECK_TREE))

#: make check          format, size, scripts, docs, both compilers, clang-tidy (some minutes)
.PHONY: check check-quick check-format check-clang check-clang-unit check-tidy check-scripts check-docs
check:
	$(Q)scripts/check format size scripts docs clang clang-unit tidy
# Without the slowest; what `make test` runs.
check-quick:
	$(Q)scripts/check format size scripts docs clang

#: make check-format   all C against .clang-format
check-format:
	$(Q)clang-format --dry-run -Werror $(CHECK_C)

#: make format         rewrite all C as check-format wants it
.PHONY: format
format:
	$(Q)clang-format -i $(CHECK_C)

#: make check-scripts  shell: bash -n and shellcheck; Python: does it compile
check-scripts:
	$(Q)scripts/check-scripts $(CHECK_TREE)

#: make check-docs     links, and names of files, functions and targets in the docs
check-docs:
	$(Q)scripts/check-docs $(CHECK_TREE)

#: make check-clang    everything that gcc builds, built by clang as well, in build/clang
check-clang:
	$(Q)$(MAKE) --no-print-directory CC=$(CLANG) HOSTCC=$(CLANG) BUILD=$(BUILD)/clang all
# The same for the unit tests: another compiler, other sanitizers.
check-clang-unit:
	$(Q)$(MAKE) --no-print-directory CC=$(CLANG) HOSTCC=$(CLANG) BUILD=$(BUILD)/clang unit

# One stamp a file, so that only what has changed is looked at again. The flags are those that
# build it, less the few that clang does not know.
CHECK_HEADERS := $(filter %.h,$(CHECK_TREE)) .clang-tidy mk/check.mk
TIDY_ALL :=
define tidy_rule
TIDY_ALL += $(2:%=$(CHECK)/tidy/%.ok)
$(2:%=$(CHECK)/tidy/%.ok): $(CHECK)/tidy/%.ok: % $(CHECK_HEADERS) $(4)
	$$(call say,TIDY,$$<)
	$$(Q)mkdir -p $$(@D)
	$$(Q)clang-tidy --quiet $$< -- $(3) 2>$$@.err || { cat $$@.err >&2; false; }
	$$(Q)touch $$@
endef
TIDY_TOOLS := $(wildcard tools/search/*.c tools/attack/*.c)
$(eval $(call tidy_rule,core,$(filter-out core/cipher/%,$(filter %.c,$(CORE_SRC))),$(CORE_FLAGS)))
$(eval $(call tidy_rule,cipher,$(wildcard core/cipher/*.c),$(CORE_CIPHER_FLAGS)))
$(eval $(call tidy_rule,loader,$(wildcard loader/*.c),$(LOADER_FLAGS)))
$(eval $(call tidy_rule,zone,$(wildcard zone/*.c),$(HOSTED)))
$(eval $(call tidy_rule,tools,$(LAUNCH_src) $(CLI_src),$(TOOLS_flags),$(TOOLS_gen)/dsdt.aml.h))
$(eval $(call tidy_rule,attack,$(TIDY_TOOLS),$(HOSTED) -Itools/search))
$(eval $(call tidy_rule,verify,$(VERIFY_src),$(HOSTED)))
$(eval $(call tidy_rule,spiffe,$(SPIFFE_src),$(HOSTED)))
$(eval $(call tidy_rule,issuer,$(ISSUER_own),$(ISSUER_flags)))
$(eval $(call tidy_rule,issuer-program,$(ISSUER_src),$(TOOLS_flags)))
$(eval $(call tidy_rule,agent,$(AGENT_src),$(AGENT_flags),$(AGENT_gen)/made))
$(eval $(call tidy_rule,zone-agent,$(wildcard zone/agent/*.c) channel/prove.c,$(HOSTED) -Icore -isystem $(AGENT_gen),$(AGENT_gen)/made))
$(eval $(call tidy_rule,channel-attack,$(wildcard attack/channel/*.c),$(HOSTED)))
$(eval $(call tidy_rule,boot,$(wildcard tools/boot/*.c),$(HOSTED)))
$(eval $(call tidy_rule,node,$(wildcard node/agent/*.c),$(HOSTED)))
$(eval $(call tidy_rule,bench,$(wildcard bench/*/*.c),$(HOSTED) -Icore -Ibench/page -Itests/unit))
$(eval $(call tidy_rule,examples,$(wildcard examples/*.c),$(HOSTED)))

#: make check-tidy     clang-tidy on the Core and on all programs but the tests'
check-tidy: $(TIDY_ALL)
