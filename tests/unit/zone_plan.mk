UNIT += zone_plan
zone_plan_src := tests/unit/zone_plan.c loader/plan.c
zone_plan_flags := -Iloader
