# libcloister-verify: static and shared, with a pkg-config file.
VERIFY_src := $(wildcard verify/*.c)
VERIFY_obj := $(VERIFY_src:verify/%.c=$(BUILD)/verify/%.o)
VERIFY_libs := -lssl -lcrypto -ljansson
VERIFY_so := libcloister-verify.so.0

all: libcloister-verify

#: make libcloister-verify  the verifier's library, under build/lib
.PHONY: libcloister-verify
libcloister-verify: $(BUILD)/lib/libcloister-verify.a $(BUILD)/lib/libcloister-verify.so \
		    $(BUILD)/lib/pkgconfig/libcloister-verify.pc

$(BUILD)/verify/%.o: verify/%.c $(wildcard verify/*.h include/cloister/*.h) mk/verify.mk
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(HOSTED) -fPIC -c -o $@ $<

$(BUILD)/lib/libcloister-verify.a: $(VERIFY_obj)
	$(call say,AR,$@)
	$(Q)mkdir -p $(@D)
	$(Q)rm -f $@
	$(Q)$(AR) rcsD $@ $^

$(BUILD)/lib/$(VERIFY_so): $(VERIFY_obj) verify/verify.map
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -shared -Wl,-soname,$(VERIFY_so) -Wl,--version-script=verify/verify.map \
		-Wl,-z,relro,-z,now,-z,defs -o $@ $(VERIFY_obj) $(VERIFY_libs)

$(BUILD)/lib/libcloister-verify.so: $(BUILD)/lib/$(VERIFY_so)
	$(Q)ln -sf $(VERIFY_so) $@

# Points into the tree; an installation writes its own prefix.
$(BUILD)/lib/pkgconfig/libcloister-verify.pc: verify/libcloister-verify.pc.in VERSION
	$(call say,GEN,$@)
	$(Q)mkdir -p $(@D)
	$(Q)sed -e 's|@version@|$(VERSION)|' -e 's|@includedir@|$(CURDIR)/include|' \
		-e 's|@libdir@|$(abspath $(BUILD)/lib)|' $< > $@

# Bundles of evidence for the tests of programs, the fuzzers and the example; in time when it is run.
$(BUILD)/tests/evidence-seed: tests/unit/evidence_seed.c tests/unit/evidence_serve.c $(FORGE_only) $(wildcard tests/unit/*.h include/cloister/*.h) mk/verify.mk
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(HOSTED) -Icore -Itests/unit -o $@ $(filter %.c,$^) -lcmocka -lcrypto

all: $(BUILD)/tests/evidence-seed
