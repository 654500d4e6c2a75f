# SPIFFE IDs, SVIDs and bundles: compiled into who uses them.
SPIFFE_src := $(wildcard spiffe/*.c)
SPIFFE_libs := -lcrypto -ljansson
