# The same, piece by piece.
UNIT += workload_parts
workload_parts_src := tests/unit/workload_parts.c $(wildcard agent/*.c)
workload_parts_flags := $(workload_api_flags)
workload_parts_libs := $(workload_api_libs)
$(BUILD)/unit/workload_parts: $(wildcard agent/*.h) $(workload_made)
