# cloister's launch image: layout, ACPI, digest, zone.json; and that the loader takes it.
UNIT += launch
launch_src := tests/unit/launch.c $(wildcard tools/launch/*.c) loader/plan.c
launch_flags := -Itools/launch -Iloader -I$(BUILD)/tools/gen
launch_libs := -lcrypto -ljansson
$(BUILD)/unit/launch: $(BUILD)/tools/gen/dsdt.aml.h $(wildcard tools/launch/*.h loader/*.h)
