# Ring 1: unit tests on the build machine, with cmocka and sanitizers.
#
# A test program is tests/unit/NAME.mk with:
#   UNIT += NAME
#   NAME_src := its C files (the Core's real sources among them)
#   NAME_flags := extra compile flags;  NAME_libs := extra libraries
UNIT :=
include $(wildcard tests/unit/*.mk)

UNIT_CFLAGS := $(STRICT) -g -O1 -D_GNU_SOURCE -Iinclude -Icore -Itests/unit -DCORE_DEBUG=0 \
	       -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer

define unit_rule
$(BUILD)/unit/$(1): $$($(1)_src) $$(wildcard include/cloister/*.h core/*/*.h tests/unit/*.h) tests/unit/$(1).mk
	$$(call say,CC,$$@)
	$$(Q)mkdir -p $$(@D)
	$$(Q)$$(HOSTCC) $$(UNIT_CFLAGS) $$($(1)_flags) -o $$@ $$($(1)_src) -lcmocka $$($(1)_libs)
endef
$(foreach t,$(UNIT),$(eval $(call unit_rule,$(t))))

#: make unit           unit tests only (seconds)
.PHONY: unit
unit: $(UNIT:%=$(BUILD)/unit/%)
	$(Q)scripts/run-unit $^
