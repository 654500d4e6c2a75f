# Policy files.
UNIT += policy_file
policy_file_src = tests/unit/policy_file.c $(FORGE_src)
policy_file_flags = $(FORGE_flags)
policy_file_libs = $(FORGE_libs)

$(BUILD)/unit/policy_file: $(wildcard verify/*.h)
