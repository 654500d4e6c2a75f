# libFuzzer targets with ASan and UBSan, on host builds of the real sources (docs/fuzzing.md).
#
# A target NAME is tests/fuzz/NAME.c and one line below: $(call fuzz,NAME,SOURCES,FLAGS,LIBS).
FUZZ_SECONDS ?= 60
FUZZ_OUT := $(BUILD)/fuzz
FUZZ_BASE_FLAGS := $(STRICT) -g -O1 -D_GNU_SOURCE -DCORE_VERSION='"0.0.0"' -DCORE_DEBUG=0 \
	-DCLOISTER_VERSION='"$(VERSION)"' -include tests/fuzz/model/privileged.h \
	-Itests/fuzz/model -Iinclude -Icore -Itests/fuzz -I$(TOOLS_gen) -fno-omit-frame-pointer -mno-red-zone \
	-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all
FUZZ_TARGETS :=

# The Core on a modelled machine: all of it but what drives the hardware, which machine.c plays.
FUZZ_played := core/svm/fpu.c core/evidence/entropy.c core/evidence/entropy_hw.c \
	core/evidence/report_key.c
FUZZ_machine := tests/fuzz/machine.c core/boot/acpi.c core/trace/trace.c \
	$(addprefix core/lib/,pool.c log.c format.c uart.c) $(wildcard core/iommu/config.c) \
	$(filter-out $(FUZZ_played),$(wildcard $(addprefix core/,$(addsuffix /*.c,cipher evidence \
	insn svm zone))))
FUZZ_machine_libs := -l:libbearssl.a -Wl,--wrap=panic -Wl,--wrap=page_seal
FUZZ_boot := $(addprefix core/boot/,acpi.c bzimage.c elf32.c memmap.c multiboot.c) \
	core/lib/format.c
FUZZ_tpm := $(filter-out core/tpm/hw.c,$(wildcard core/tpm/*.c)) core/evidence/root.c \
	core/lib/cmdline.c core/lib/format.c
FUZZ_image := $(LAUNCH_src) core/zone/launch_check.c loader/plan.c
FUZZ_cloister := $(addprefix tools/cloister/,options.c qemu_args.c state.c process.c message.c given.c) \
	tools/launch/size.c

FUZZ_enrol := tests/unit/enrol_make.c core/evidence/cbor.c verify/cbor_in.c verify/socket.c \
	$(addprefix tools/node/,public.c credential.c wire.c bundle.c ek_cert.c ak_cert.c enroll.c \
	nodes.c serve_route.c) tools/cloister/options.c tools/launch/size.c
FUZZ_spiffe := tests/unit/spiffe_forge.c $(SPIFFE_src)
FUZZ_spiffe_flags := -Ispiffe -Itests/unit
FUZZ_issuer_http := tools/issuer/http_head.c tools/issuer/relation.c tools/launch/size.c spiffe/id.c \
	verify/socket.c

define fuzz
FUZZ_TARGETS += $(1)
$$(FUZZ_OUT)/obj/tests/fuzz/$(1).o: FUZZ_FLAGS := $(3)
$$(FUZZ_OUT)/$(1): $$(patsubst %.c,$$(FUZZ_OUT)/obj/%.o,tests/fuzz/$(1).c $(2))
	$$(call say,FUZZER,$$@)
	$$(Q)$$(CLANG) -fsanitize=fuzzer,address,undefined -o $$@ $$^ $(4)
endef

#            target      sources, flags, libraries
$(eval $(call fuzz,insn,core/insn/insn.c core/insn/mmio.c core/insn/assist.c))
$(eval $(call fuzz,vmcb,$(FUZZ_machine),,$(FUZZ_machine_libs)))
$(eval $(call fuzz,launch,core/zone/launch_check.c loader/plan.c,-I.))
$(eval $(call fuzz,page,$(FUZZ_machine),,$(FUZZ_machine_libs)))
$(eval $(call fuzz,guest,$(FUZZ_machine),,$(FUZZ_machine_libs)))
$(eval $(call fuzz,walk,$(FUZZ_machine),,$(FUZZ_machine_libs)))
$(eval $(call fuzz,acpi,core/boot/acpi.c))
$(eval $(call fuzz,ivrs,core/iommu/ivrs.c))
$(eval $(call fuzz,tpm,$(FUZZ_tpm),,-l:libbearssl.a))
$(eval $(call fuzz,boot_log,core/boot/boot_log.c))
$(eval $(call fuzz,memmap,core/boot/memmap.c))
$(eval $(call fuzz,multiboot,$(FUZZ_boot) core/boot/payload.c))
$(eval $(call fuzz,payload,$(FUZZ_boot)))
$(eval $(call fuzz,cbor,core/evidence/cbor.c verify/cbor_in.c,-Iverify,-lcbor))
$(eval $(call fuzz,report,$(VERIFY_src),-Iverify,$(VERIFY_libs) -lcbor))
$(eval $(call fuzz,fetch,verify/fetch.c verify/http.c zone/http.c zone/cmdline.c,-Iverify))
$(eval $(call fuzz,evidence,$(VERIFY_src) $(FORGE_only),-Iverify -Itests/unit,$(VERIFY_libs) -lcmocka))
$(eval $(call fuzz,policy,$(VERIFY_src),-Iverify,$(VERIFY_libs)))
$(eval $(call fuzz,enrol,$(FUZZ_enrol),-Itools/node -Itests/unit,-ljansson -lcrypto))
$(eval $(call fuzz,image,$(FUZZ_image),-Itools/launch,-ljansson -lcrypto))
$(eval $(call fuzz,zone_json,$(LAUNCH_src),-Itools/launch,-ljansson -lcrypto))
$(eval $(call fuzz,cloister,$(FUZZ_cloister),-Itools/cloister,-ljansson))
$(eval $(call fuzz,zone_init,zone/cmdline.c zone/workload.c))
$(eval $(call fuzz,spiffe_id,$(addprefix spiffe/,id.c base64.c json.c),-Ispiffe,$(SPIFFE_libs)))
$(eval $(call fuzz,spiffe_x509,$(FUZZ_spiffe),$(FUZZ_spiffe_flags),$(SPIFFE_libs)))
$(eval $(call fuzz,spiffe_jwt,$(FUZZ_spiffe),$(FUZZ_spiffe_flags),$(SPIFFE_libs)))
$(eval $(call fuzz,spiffe_bundle,$(FUZZ_spiffe),$(FUZZ_spiffe_flags),$(SPIFFE_libs)))
$(eval $(call fuzz,channel,channel/message.c issuer/wire.c core/evidence/cbor.c verify/cbor_in.c))
$(eval $(call fuzz,issuer_http,$(FUZZ_issuer_http),-I.))
$(eval $(call fuzz,workload_api,$(AGENT_src) $(AGENT_pb),-isystem $(AGENT_gen),$(AGENT_libs)))

$(FUZZ_OUT)/obj/%.o: %.c $(TOOLS_gen)/dsdt.aml.h
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CLANG) $(FUZZ_BASE_FLAGS) $(FUZZ_FLAGS) -MMD -MP -c -o $@ $<
# Generated headers, and code that is not ours to warn about.
$(AGENT_src:%.c=$(FUZZ_OUT)/obj/%.o) $(FUZZ_OUT)/obj/tests/fuzz/workload_api.o: $(AGENT_gen)/made
$(AGENT_src:%.c=$(FUZZ_OUT)/obj/%.o): FUZZ_FLAGS := -isystem $(AGENT_gen)
$(AGENT_pb:%.c=$(FUZZ_OUT)/obj/%.o): FUZZ_FLAGS := -isystem $(AGENT_gen) -w
# The page cipher and the model's checks would otherwise take most of the time.
$(FUZZ_OUT)/obj/core/cipher/%.o: FUZZ_FLAGS := -O2
$(FUZZ_OUT)/obj/tests/fuzz/machine.o: FUZZ_FLAGS := -O2 -fno-sanitize=fuzzer-no-link,address,undefined
-include $(shell find $(FUZZ_OUT)/obj -name '*.d' 2>/dev/null)

# A report that the Core's own code made.
$(FUZZ_OUT)/report_seed: tests/fuzz/report_seed.c $(EVIDENCE_core)
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(HOSTCC) $(UNIT_CFLAGS) -o $@ $(filter %.c,$^) -l:libbearssl.a

.PHONY: fuzz fuzz-short fuzz-seeds fuzz-all fuzz-build fuzz-merge fuzz-teeth
fuzz-seeds: $(FUZZ_OUT)/report_seed $(BUILD)/tests/evidence-seed
	$(Q)tests/fuzz/seeds.py $(FUZZ_OUT)/corpus
	$(Q)tests/fuzz/evidence_seeds.py $(BUILD)/tests/evidence-seed $(FUZZ_OUT)/corpus
	$(Q)mkdir -p $(FUZZ_OUT)/corpus/report
	$(Q)$< >$(FUZZ_OUT)/corpus/report/seed-0
fuzz-build: $(FUZZ_TARGETS:%=$(FUZZ_OUT)/%)

.PHONY: fuzz-named
fuzz-named:
	$(if $(filter $(FUZZ),$(FUZZ_TARGETS)),,$(error FUZZ=$(FUZZ): no such target; one of: $(FUZZ_TARGETS)))

#: make fuzz           fuzz one target (FUZZ=name) for FUZZ_SECONDS (60), from its corpus
fuzz: fuzz-named $(FUZZ_OUT)/$(FUZZ) fuzz-seeds
	$(Q)scripts/fuzz run --seconds $(FUZZ_SECONDS) $(FUZZ)
#: make fuzz-all       all targets, one after the other, FUZZ_SECONDS each
fuzz-all: fuzz-build fuzz-seeds
	$(Q)scripts/fuzz run --seconds $(FUZZ_SECONDS) $(FUZZ_TARGETS)
#: make fuzz-short     all targets, two seconds each; what make test runs
fuzz-short: fuzz-build
	$(Q)scripts/fuzz short $(FUZZ_TARGETS)
#: make fuzz-merge     put what fuzzing found (FUZZ=name) into tests/fuzz/corpus, minimised
fuzz-merge: fuzz-named $(FUZZ_OUT)/$(FUZZ)
	$(Q)scripts/fuzz merge $(FUZZ)
#: make fuzz-teeth     does each target find a fault that is put there?
fuzz-teeth:
	$(Q)scripts/fuzz-teeth
