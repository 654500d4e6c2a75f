# The Core's TPM driver and what it does at boot, with a played TPM.
UNIT += core_tpm
core_tpm_src = tests/unit/core_tpm.c tests/unit/tpm_played.c core/boot/acpi.c core/lib/log.c \
	core/lib/cmdline.c core/lib/format.c core/lib/uart.c \
	$(filter-out core/tpm/hw.c,$(wildcard core/tpm/*.c)) $(EVIDENCE_core)
core_tpm_libs := -l:libbearssl.a -lcrypto
