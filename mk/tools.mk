# The host program `cloister`, and the library that builds and measures launch images.
LAUNCH_src := $(wildcard tools/launch/*.c)
LAUNCH_obj := $(LAUNCH_src:%.c=$(BUILD)/%.o)
CLI_src := $(wildcard tools/cloister/*.c tools/jail/*.c tools/node/*.c)
# The Core's CBOR encoder writes what the node sends as well.
CLI_obj := $(CLI_src:%.c=$(BUILD)/%.o) $(BUILD)/tools/core/cbor.o
TOOLS_gen := $(BUILD)/tools/gen
TOOLS_flags := $(HOSTED) -fPIE -I$(TOOLS_gen) -Icore
TOOLS_ldflags := -pie -Wl,-z,relro,-z,now,-z,noexecstack
TOOLS_libs := -lssl -lcrypto -ljansson -lseccomp -lmicrohttpd -ltss2-esys -ltss2-mu \
	      -ltss2-rc -ltss2-tctildr

# The zone's DSDT as a C array. iasl names its output after the source.
$(TOOLS_gen)/dsdt.aml.h: tools/launch/dsdt.asl
	$(call say,IASL,$@)
	$(Q)mkdir -p $(@D)
	$(Q)iasl -vs -we -tc -p $(@D)/dsdt $< >$(@D)/iasl.log 2>&1 || \
		{ cat $(@D)/iasl.log >&2; false; }
	$(Q)mv $(@D)/dsdt.hex $@

# The digest of boot images, shared with boot/build.
CLI_obj += $(BUILD)/tools/boot/pe_digest.o

$(BUILD)/tools/%.o: tools/%.c $(wildcard tools/*/*.h include/cloister/*.h) \
		    $(TOOLS_gen)/dsdt.aml.h mk/tools.mk VERSION
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(TOOLS_flags) -c -o $@ $<

$(BUILD)/tools/core/cbor.o: core/evidence/cbor.c core/evidence/cbor.h mk/tools.mk
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(TOOLS_flags) -c -o $@ $<

$(BUILD)/bin/cloister: $(CLI_obj) $(LAUNCH_obj) $(BUILD)/lib/libcloister-verify.a
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(TOOLS_ldflags) -o $@ $^ $(TOOLS_libs)

#: make cloister       the host program, build/bin/cloister
.PHONY: cloister
cloister: $(BUILD)/bin/cloister
all: cloister

# The same program above a Core, a KVM and a QEMU that are only played (tests/host/cloister.sh); and
# so are the limits of control groups, which this machine's kernel may keep for version 1.
FAKE_obj := $(filter-out %/core_port.o %/kvm.o %/limits.o,$(CLI_obj)) $(LAUNCH_obj)
FAKE_src := tests/unit/cli_fake_core.c tests/unit/cli_fake_limits.c
$(BUILD)/tests/cloister: $(FAKE_src) $(FAKE_obj) $(BUILD)/lib/libcloister-verify.a
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(TOOLS_flags) -Itools/cloister $(TOOLS_ldflags) -o $@ $^ $(TOOLS_libs)

$(BUILD)/tests/fake-qemu: tests/unit/cli_fake_qemu.c mk/tools.mk
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(HOSTED) -o $@ $< -lcrypto

# What makes the most of `cloister run --connect` (tests/host/jail.sh).
$(BUILD)/tests/outward: tests/jail/outward.c mk/tools.mk
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(HOSTED) -o $@ $< -lpthread

all: $(BUILD)/tests/cloister $(BUILD)/tests/fake-qemu $(BUILD)/tests/outward
