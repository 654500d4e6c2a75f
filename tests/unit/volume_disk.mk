UNIT += volume_disk
volume_disk_src := tests/unit/volume_disk.c zone/volume/luks.c zone/volume/luks_check.c \
		   zone/volume/table.c zone/volume/keys.c
volume_disk_flags := -Izone/volume
volume_disk_libs := -lcryptsetup -lcrypto
