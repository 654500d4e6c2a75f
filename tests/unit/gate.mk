# QEMU's gated system calls: the real filter around a child that makes them (tools/jail).
UNIT += gate
gate_src := tests/unit/gate.c tools/jail/gate.c tools/jail/filter.c tools/cloister/message.c
gate_libs := -lseccomp -ljansson
$(BUILD)/unit/gate: $(wildcard tools/jail/*.h tools/cloister/*.h)
