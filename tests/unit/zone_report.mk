UNIT += zone_report
zone_report_src := tests/unit/zone_report.c zone/http.c zone/report.c zone/cmdline.c
zone_report_flags := -Izone
