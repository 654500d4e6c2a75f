// SPDX-License-Identifier: Apache-2.0
// The Core's random numbers: HMAC-DRBG by NIST's vectors, and what a bad RDRAND does to it.
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <bearssl.h>
#include <cmocka.h>

#include <cloister/call.h>
#include "evidence/entropy.h"
#include "evidence/entropy_hw.h"

/* The CPU. */
static struct {
	bool absent;
	unsigned int failures; /* before each draw that works */
	unsigned int failed;
	uint64_t draws;
	uint64_t bad_from; /* draws from here on are bad */
	uint64_t bad_value;
	uint64_t period; /* ≠ 0: the generator repeats after so many */
	uint64_t salt;
} cpu;

bool entropy_hw_present(void)
{
	return !cpu.absent;
}

/* splitmix64: different values, no more is needed here. */
static uint64_t mix(uint64_t x)
{
	x += 0x9e3779b97f4a7c15ull;
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
	return x ^ (x >> 31);
}

bool entropy_hw_draw(uint64_t *value)
{
	uint64_t n = cpu.period ? cpu.draws % cpu.period : cpu.draws;

	*value = 0; /* as the instruction does when it has nothing */
	if (cpu.failed < cpu.failures) {
		cpu.failed++;
		return false;
	}
	cpu.failed = 0;
	*value = cpu.draws >= cpu.bad_from ? cpu.bad_value : mix(cpu.salt + n * 0x10001);
	cpu.draws++;
	return true;
}

uint64_t entropy_hw_tsc(void)
{
	return 12345; /* no jitter: RDRAND alone must do */
}

static int reset(void **state)
{
	memset(&cpu, 0, sizeof(cpu));
	cpu.bad_from = UINT64_MAX;
	entropy_wipe();
	return 0;
}

static void unhex(uint8_t *out, const char *hex)
{
	for (; *hex; hex += 2)
		sscanf(hex, "%2hhx", out++);
}

/* CAVP HMAC_DRBG.rsp: SHA-256, no prediction resistance, no reseed, no personalization, COUNT 0. */
static void nist_vector(void **state)
{
	uint8_t seed[48], want[128], got[128];
	br_hmac_drbg_context ctx;

	unhex(seed, "ca851911349384bffe89de1cbdc46e6831e44d34a4fb935ee285dd14b71a7488"
		    "659ba96c601dc69fc902940805ec0ca8");
	unhex(want, "e528e9abf2dece54d47c7e75e5fe302149f817ea9fb4bee6f4199697d04d5b89"
		    "d54fbb978a15b5c443c9ec21036d2460b6f73ebad0dc2aba6e624abf07745bc1"
		    "07694bb7547bb0995f70de25d6b29e2d3011bb19d27676c07162c8b5ccde0668"
		    "961df86803482cb37ed6d5c0bb8d50cf1f50d476aa0458bdaba806f48be9dcb8");
	br_hmac_drbg_init(&ctx, &br_sha256_vtable, seed, sizeof(seed));
	br_hmac_drbg_generate(&ctx, got, sizeof(got)); /* the vectors keep the second */
	br_hmac_drbg_generate(&ctx, got, sizeof(got));
	assert_memory_equal(got, want, sizeof(want));
}

static void healthy(void **state)
{
	uint8_t a[64], b[64], zero[64] = {0};

	assert_int_equal(entropy_init(), 0);
	assert_true(cpu.draws >= 1024);
	entropy_bytes(a, sizeof(a));
	entropy_bytes(b, sizeof(b));
	assert_memory_not_equal(a, b, sizeof(a));
	assert_memory_not_equal(a, zero, sizeof(a));
}

static void every_draw_matters(void **state)
{
	uint8_t a[32], b[32], c[32];

	assert_int_equal(entropy_init(), 0);
	entropy_bytes(a, sizeof(a));
	reset(state);
	assert_int_equal(entropy_init(), 0);
	entropy_bytes(b, sizeof(b));
	assert_memory_equal(a, b, sizeof(a)); /* the test's CPU has no other input */
	reset(state);
	cpu.bad_from = 1023; /* another last draw */
	cpu.bad_value = 0x1234;
	assert_int_equal(entropy_init(), 0);
	entropy_bytes(c, sizeof(c));
	assert_memory_not_equal(a, c, sizeof(a));
}

static void no_rdrand(void **state)
{
	cpu.absent = true;
	assert_int_equal(entropy_init(), -CL_ENOSYS);
}

static void some_failures_are_retried(void **state)
{
	cpu.failures = 9;
	assert_int_equal(entropy_init(), 0);
}

static void many_failures_are_not(void **state)
{
	cpu.failures = 10;
	assert_int_equal(entropy_init(), -CL_EIO);
}

static void stuck_at_ones_or_zero(void **state)
{
	cpu.bad_value = UINT64_MAX;
	cpu.bad_from = 0;
	assert_int_equal(entropy_init(), -CL_EIO);
	reset(state);
	cpu.bad_value = 0;
	cpu.bad_from = 1000;
	assert_int_equal(entropy_init(), -CL_EIO);
}

static void stuck_at_a_value(void **state)
{
	cpu.bad_value = 0x0123456789abcdefull;
	cpu.bad_from = 500;
	assert_int_equal(entropy_init(), -CL_EIO);
}

static void short_cycle(void **state)
{
	for (uint64_t period = 1; period < 1024; period += 31) {
		reset(state);
		cpu.period = period;
		assert_int_equal(entropy_init(), -CL_EIO);
	}
}

/* Runs `what` in a child; true if that was killed by the trap. */
static bool traps(void (*what)(void))
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		signal(SIGILL, SIG_DFL);
		signal(SIGTRAP, SIG_DFL);
		what();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) && (WTERMSIG(status) == SIGILL || WTERMSIG(status) == SIGTRAP);
}

static void draw_some(void)
{
	uint8_t out[16];

	entropy_bytes(out, sizeof(out));
}

static void draw_too_much(void)
{
	static uint8_t out[65537];

	entropy_bytes(out, sizeof(out));
}

static void unseeded_traps(void **state)
{
	assert_true(traps(draw_some));
	assert_int_equal(entropy_init(), 0);
	assert_false(traps(draw_some));
	assert_true(traps(draw_too_much));
	entropy_wipe();
	assert_true(traps(draw_some));
	/* A failed init does not leave an older seed in use. */
	assert_int_equal(entropy_init(), 0);
	cpu.absent = true;
	assert_int_equal(entropy_init(), -CL_ENOSYS);
	assert_true(traps(draw_some));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(nist_vector, reset),
		cmocka_unit_test_setup(healthy, reset),
		cmocka_unit_test_setup(every_draw_matters, reset),
		cmocka_unit_test_setup(no_rdrand, reset),
		cmocka_unit_test_setup(some_failures_are_retried, reset),
		cmocka_unit_test_setup(many_failures_are_not, reset),
		cmocka_unit_test_setup(stuck_at_ones_or_zero, reset),
		cmocka_unit_test_setup(stuck_at_a_value, reset),
		cmocka_unit_test_setup(short_cycle, reset),
		cmocka_unit_test_setup(unseeded_traps, reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
