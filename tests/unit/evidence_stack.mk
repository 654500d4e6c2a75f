# Stack depth, measured in the code as it runs: so without sanitizers, and with all symbols bound before.
UNIT += evidence_stack
evidence_stack_src = tests/unit/evidence_stack.c $(EVIDENCE_core)
evidence_stack_flags := -fno-sanitize=all -O2
evidence_stack_libs := -l:libbearssl.a -Wl,-z,now -Wl,--wrap=br_ecdsa_i31_vrfy_raw
