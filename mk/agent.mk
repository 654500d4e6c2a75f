# What serves a zone's workloads their identities: the SPIFFE Workload API.
AGENT_gen := $(BUILD)/agent/gen
# The well-known types: libprotobuf-dev's.
AGENT_protos := agent/proto/workload.proto agent/proto/grpc/reflection/v1/reflection.proto
AGENT_schema := $(AGENT_protos) agent/proto/grpc/reflection/v1alpha/reflection.proto
AGENT_pb := $(addprefix $(AGENT_gen)/,workload.pb-c.c grpc/reflection/v1/reflection.pb-c.c \
	    google/protobuf/struct.pb-c.c)
AGENT_src := $(wildcard agent/*.c)
AGENT_flags := $(HOSTED) -isystem $(AGENT_gen)
AGENT_libs := -lnghttp2 -lprotobuf-c -ljansson -lcrypto

# One stamp for all that is generated: headers need each other.
$(AGENT_gen)/made: $(AGENT_schema) mk/agent.mk
	$(call say,PROTOC,$(@D))
	$(Q)mkdir -p $(@D)
	$(Q)protoc-c -Iagent/proto -I/usr/include --c_out=$(@D) $(AGENT_protos) \
		/usr/include/google/protobuf/struct.proto
	$(Q)protoc -Iagent/proto -I/usr/include --include_imports \
		--descriptor_set_out=$(@D)/schema.bin $(AGENT_schema)
	$(Q)od -An -v -tx1 $(@D)/schema.bin | sed 's/ \(..\)/0x\1,/g' >$(@D)/schema.inc
	$(Q)touch $@
$(AGENT_pb): $(AGENT_gen)/made ;

AGENT_obj := $(AGENT_src:%.c=$(BUILD)/%.o) $(AGENT_pb:%.c=%.o)
$(BUILD)/agent/%.o: agent/%.c $(wildcard agent/*.h) $(AGENT_gen)/made
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(AGENT_flags) -fPIE -ffunction-sections -fdata-sections -c -o $@ $<
# protoc-c's code is not ours to warn about.
$(AGENT_gen)/%.o: $(AGENT_gen)/%.c
	$(call say,CC,$@)
	$(Q)$(CC) $(AGENT_flags) -w -fPIE -ffunction-sections -fdata-sections -c -o $@ $<

$(BUILD)/agent/libagent.a: $(AGENT_obj)
	$(call say,AR,$@)
	$(Q)rm -f $@
	$(Q)$(AR) rcsD $@ $^

# The server with a producer that is only played: snapshots from files, when it is told to.
$(BUILD)/tests/workload-api: tests/unit/workload_serve.c $(wildcard agent/*.h) $(BUILD)/agent/libagent.a
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(AGENT_flags) -Iagent -o $@ $(filter %.c %.a,$^) $(AGENT_libs)

#: make agent          what serves a zone's workloads their identities
.PHONY: agent
agent: $(BUILD)/agent/libagent.a $(BUILD)/tests/workload-api
all: agent
