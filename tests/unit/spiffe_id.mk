# SPIFFE IDs; and base64 and JSON, which everything else of spiffe/ stands on.
UNIT += spiffe_id
spiffe_id_src = tests/unit/spiffe_id.c spiffe/id.c spiffe/base64.c spiffe/json.c
spiffe_id_flags = -Ispiffe
spiffe_id_libs = -ljansson
$(BUILD)/unit/spiffe_id: $(wildcard spiffe/*.[ch] verify/base64url.h)
