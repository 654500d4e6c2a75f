// SPDX-License-Identifier: Apache-2.0
// How much stack the Core's evidence code uses, BearSSL included: the headers' promises.
//
// Each call runs on a painted stack of its own; what it has overwritten is its depth.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <ucontext.h>

#include <cmocka.h>

#include <cloister/call.h>
#include "evidence/entropy.h"
#include "evidence/kdf.h"
#include "evidence/measure.h"
#include "evidence/report.h"
#include "evidence/report_key.h"

#define PAINT 0xa5

static _Alignas(16) uint8_t stack[64 * 1024];
static ucontext_t here, there;
static int result;

static size_t depth_of(void (*call)(void))
{
	size_t untouched = 0;

	memset(stack, PAINT, sizeof(stack));
	result = -1;
	getcontext(&there);
	there.uc_stack.ss_sp = stack;
	there.uc_stack.ss_size = sizeof(stack);
	there.uc_link = &here;
	makecontext(&there, call, 0);
	swapcontext(&here, &there);
	while (untouched < sizeof(stack) && stack[untouched] == PAINT)
		untouched++;
	return sizeof(stack) - untouched;
}

static uint8_t buf[CL_REPORT_MAX];
static const uint8_t zero[64], hash[REPORT_KEY_HASH_SIZE] = {1};

static void call_init(void)
{
	result = entropy_init();
}

static void call_bytes(void)
{
	entropy_bytes(buf, 64);
	result = 0;
}

static void call_kdf(void)
{
	kdf_zone_key(buf, zero, 1);
	result = 0;
}

static void call_measure(void)
{
	struct measure m;

	measure_begin(&m);
	measure_update(&m, buf, sizeof(buf));
	measure_end(&m, buf);
	result = 0;
}

static void call_key_init(void)
{
	result = report_key_init();
}

static void call_sign(void)
{
	result = report_key_sign(buf, hash);
}

static void call_report(void)
{
	struct report_claims c = {.data = zero, .digest = zero, .core_version = "1.0.0"};

	result = report_make(&c, buf, sizeof(buf)) > 0 ? 0 : -1;
}

static void within(const char *name, void (*call)(void), size_t limit)
{
	size_t depth = depth_of(call);

	assert_int_equal(result, 0);
	print_message("# %s uses %zu bytes of stack\n", name, depth);
	assert_in_range(depth, 1, limit);
}

static void stack_depths(void **state)
{
	within("entropy_init", call_init, 3072);
	within("entropy_bytes", call_bytes, 3072);
	within("kdf_zone_key", call_kdf, 3072);
	within("measure_*", call_measure, 3072);
	within("report_key_init", call_key_init, 4096);
	within("report_key_sign", call_sign, 4096);
	within("report_make", call_report, 6144);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stack_depths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
