# What VMRUN may take from a host.
UNIT += vmcb_check
vmcb_check_src := tests/unit/vmcb_check.c core/svm/vmcb_check.c
