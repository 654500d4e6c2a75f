# libcloister-verify: static and shared, with a pkg-config file; and the fuzz target of its parser.
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

# The whole way from bytes to verdict, with what libFuzzer can reach of it.
FUZZ_SECONDS ?= 30
FUZZ_CFLAGS := $(STRICT) -g -O1 -D_GNU_SOURCE -Iinclude -Iverify -Icore \
	       -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all

$(BUILD)/fuzz/report_fuzz: tests/fuzz/report_fuzz.c $(VERIFY_src) $(wildcard verify/*.h) \
			   include/cloister/verify.h
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CLANG) $(FUZZ_CFLAGS) -o $@ $(filter %.c,$^) $(VERIFY_libs) -lcbor

# The seed: a report that the Core's own code made.
$(BUILD)/fuzz/report_seed: tests/fuzz/report_seed.c $(EVIDENCE_core)
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(HOSTCC) $(UNIT_CFLAGS) -o $@ $(filter %.c,$^) -l:libbearssl.a

#: make fuzz-report    fuzz the report parser for FUZZ_SECONDS (30)
.PHONY: fuzz-report
fuzz-report: $(BUILD)/fuzz/report_fuzz $(BUILD)/fuzz/report_seed
	$(Q)mkdir -p $(BUILD)/fuzz/report_corpus $(BUILD)/fuzz/report_crashes
	$(Q)$(BUILD)/fuzz/report_seed > $(BUILD)/fuzz/report_corpus/good
	$(Q)$(BUILD)/fuzz/report_fuzz -max_total_time=$(FUZZ_SECONDS) -max_len=1100 -timeout=5 \
		-print_final_stats=1 -artifact_prefix=$(BUILD)/fuzz/report_crashes/ \
		$(BUILD)/fuzz/report_corpus
