UNIT += volume
volume_src := tests/unit/volume.c tools/cloister/tpm_filter.c \
	$(addprefix zone/volume/,generation.c keys.c luks_check.c)
volume_flags := -Izone/volume -Itools/cloister
volume_libs := -lcrypto
