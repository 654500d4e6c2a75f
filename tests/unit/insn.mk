# The instruction decoder: cases by hand, and the build machine's assembler as the reference.
UNIT += insn
insn_src := tests/unit/insn.c tests/unit/insn_gas.S core/insn/insn.c core/insn/mmio.c \
	    core/insn/assist.c
