# The Core's random numbers, on a CPU that the test plays.
UNIT += drbg
drbg_src := tests/unit/drbg.c core/evidence/entropy.c
drbg_libs := -l:libbearssl.a
