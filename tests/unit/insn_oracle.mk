# The instruction decoder against two disassemblers: libopcodes (binutils) and capstone.
UNIT += insn_oracle
insn_oracle_src := tests/unit/insn_oracle.c core/insn/insn.c core/insn/mmio.c
insn_oracle_libs := -lopcodes -lbfd -lcapstone
