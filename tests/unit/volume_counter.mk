# Against a real TPM's code: swtpm, through a relay that can lie.
UNIT += volume_counter
volume_counter_src := tests/unit/volume_counter.c tools/cloister/tpm_filter.c \
	$(addprefix zone/volume/,counter.c tcti.c)
volume_counter_flags := -Izone/volume -Itools/cloister
volume_counter_libs := -ltss2-esys -ltss2-rc -lcrypto
