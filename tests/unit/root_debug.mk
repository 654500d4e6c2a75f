# The same in a debug build, which gives no keys.
UNIT += root_debug
root_debug_src := tests/unit/root_debug.c $(EVIDENCE_core)
root_debug_flags := -UCORE_DEBUG -DCORE_DEBUG=1
root_debug_libs := -l:libbearssl.a
