# The Workload API without sockets: formats, limits, what goes to whom and when.
UNIT += workload_api
workload_made := $(addprefix $(BUILD)/agent/gen/,workload.pb-c.o grpc/reflection/v1/reflection.pb-c.o \
	google/protobuf/struct.pb-c.o)
workload_api_src := tests/unit/workload_api.c tests/unit/workload_client.c $(wildcard agent/*.c)
workload_api_flags := -isystem $(BUILD)/agent/gen
workload_api_libs := $(workload_made) -lnghttp2 -lprotobuf-c -ljansson -lcrypto
$(BUILD)/unit/workload_api: $(wildcard agent/*.h) $(workload_made)
