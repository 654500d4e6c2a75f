# Cloister. `make help` lists what there is to make.
#
# Each part of the tree adds its own rules in mk/*.mk and tests/unit/*.mk.

BUILD ?= build
CC ?= gcc
CLANG ?= clang
HOSTCC ?= $(CC)
V ?= 0
ifeq ($(V),0)
Q := @
say = @printf '  %-7s %s\n' $(1) $(2)
else
Q :=
say = @:
endif
.DELETE_ON_ERROR:
.SECONDARY:
MAKEFLAGS += --no-builtin-rules

VERSION := $(shell cat VERSION)
GIT_REV := $(shell git rev-parse --short=7 HEAD 2>/dev/null || echo unknown)

# The strict set; every C file in the tree builds with it, with gcc and with clang.
STRICT := -std=gnu11 -Wall -Wextra -Werror -Wshadow -Wvla -Wmissing-prototypes -Wstrict-prototypes \
	  -Wconversion -Wsign-conversion -Wpointer-arith -Wcast-qual -Wundef -Wwrite-strings \
	  -Wimplicit-fallthrough -Wno-unused-parameter
# Programs on a hosted system.
HOSTED := $(STRICT) -O2 -g -D_GNU_SOURCE -fstack-protector-strong -D_FORTIFY_SOURCE=2 -Iinclude \
	  -DCLOISTER_VERSION='"$(VERSION)"'

.PHONY: help all
help:
	@echo "Cloister $(VERSION)"
	@echo
	@sed -n 's/^#: //p' $(MAKEFILE_LIST) | sort

#: make all            build everything that needs no root file system
all:

include mk/unit.mk
include $(filter-out mk/unit.mk mk/fuzz.mk mk/check.mk,$(wildcard mk/*.mk))
# Last, as they look at what the others build.
include mk/fuzz.mk mk/check.mk

#: make clean          remove what was built (keeps build/cache: packages and root file systems)
.PHONY: clean distclean
clean:
	$(Q)find $(BUILD) -mindepth 1 -maxdepth 1 ! -name cache -exec rm -rf {} + 2>/dev/null || true
#: make distclean      remove everything under build/
distclean:
	$(Q)rm -rf $(BUILD)
