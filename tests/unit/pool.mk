UNIT += pool
pool_src := tests/unit/pool.c core/lib/pool.c
