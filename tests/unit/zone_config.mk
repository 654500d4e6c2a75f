UNIT += zone_config
zone_config_src := tests/unit/zone_config.c zone/cmdline.c zone/workload.c zone/verity.c
zone_config_flags := -Izone
