// SPDX-License-Identifier: Apache-2.0
// How much stack the Core's evidence code uses, BearSSL included: the headers' promises. And what
// of the keys is left there afterwards: nothing.
//
// Each call runs on a painted stack of its own; what it has overwritten is its depth.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <ucontext.h>

#include <bearssl.h>
#include <cmocka.h>

#include <cloister/call.h>
#include "cipher/page_cipher.h"
#include "cpu/master_key.h"
#include "evidence/entropy.h"
#include "evidence/measure.h"
#include "evidence/report.h"
#include "evidence/report_key.h"
#include "evidence/root.h"

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

static void call_derive(void)
{
	master_key_derive(buf, KEY_PAGES, 1);
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
	struct report_claims c = {.data = zero,
				  .digest = zero,
				  .core_version = "1.0.0",
				  .iommu = "none",
				  .root = "none",
				  .remap = "none",
				  .build = zero};

	result = report_make(&c, buf, sizeof(buf)) > 0 ? 0 : -1;
}

static const uint8_t root[ROOT_SIZE] = "a root that stands nowhere else";
static struct cl_seal_key seal;

static void call_zone_key(void)
{
	result = root_zone_key(zero, &seal);
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
	master_key_init();
	within("master_key_derive", call_derive, 3072);
	within("measure_*", call_measure, 3072);
	within("report_key_init", call_key_init, 4096);
	within("report_key_sign", call_sign, 4096);
	within("report_make", call_report, 6144);
	root_keep(root, zero, zero);
	root_vouched();
	within("root_zone_key", call_zone_key, 3072);
}

/* Is any part of this, 8 bytes and up, left on the stack that a call has used? */
static bool left(const uint8_t *secret, size_t size)
{
	for (size_t i = 0; i + 8 <= size; i++)
		if (memmem(stack, sizeof(stack), secret + i, 8))
			return true;
	return false;
}

static const uint64_t m[4] = {0x1111aaaa2222bbbb, 0x3333cccc4444dddd, 0x5555eeee66660f0f,
			      0x7777a5a5888800ff};
static const uint32_t nonce[3] = {1, 2, 3};

static void call_key_derive(void)
{
	key_derive(buf, m[0], m[1], m[2], m[3], nonce);
	result = 0;
}

/* Neither the master nor, for the first round keys tell all others, its schedule. */
static void master_stays_in_registers(void **state)
{
	static const char *const paths[] = {"scalar", "aesni", "vaes256", "vaes512"};

	for (unsigned i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		if (!page_cipher_select(paths[i]))
			continue;
		depth_of(call_key_derive);
		assert_int_equal(result, 0);
		assert_false(left((const uint8_t *)m, sizeof(m)));
	}
	/* The search sees what is there. */
	memcpy(stack + 1234, &m[1], 8);
	assert_true(left((const uint8_t *)m, sizeof(m)));
	page_cipher_init();
}

/* Checking a signature would write over what making it has left: the linker puts this in its place.
 */
static bool checked = true;
uint32_t __real_br_ecdsa_i31_vrfy_raw(const br_ec_impl *impl, const void *hash, size_t hash_size,
				      const br_ec_public_key *key, const void *sig, size_t size);
uint32_t __wrap_br_ecdsa_i31_vrfy_raw(const br_ec_impl *impl, const void *hash, size_t hash_size,
				      const br_ec_public_key *key, const void *sig, size_t size);
uint32_t __wrap_br_ecdsa_i31_vrfy_raw(const br_ec_impl *impl, const void *h, size_t hash_size,
				      const br_ec_public_key *key, const void *sig, size_t size)
{
	return !checked || __real_br_ecdsa_i31_vrfy_raw(impl, h, hash_size, key, sig, size);
}

/* The secret, the nonce of a signature, and all values on the way to them: zeros. */
static void zeros_left_by(void (*call)(void))
{
	size_t depth, frames = 400; /* of report_key_sign and its callers, which still run then */

	checked = false;
	depth = depth_of(call);
	checked = true;
	assert_int_equal(result, 0);
	assert_true(depth > 2000);
	for (size_t i = sizeof(stack) - depth; i < sizeof(stack) - frames; i++)
		if (stack[i] && stack[i] != PAINT)
			fail_msg("0x%02x is left %zu bytes down", stack[i], sizeof(stack) - i);
}

static void report_key_leaves_zeros(void **state)
{
	zeros_left_by(call_key_init);
	zeros_left_by(call_sign);
}

/* Neither the root, nor its cover, nor the key that goes to the zone. */
static void root_leaves_nothing(void **state)
{
	uint8_t cover[DERIVED_KEY_SIZE];

	root_keep(root, zero, zero);
	root_vouched();
	assert_true(depth_of(call_zone_key) > 500);
	assert_int_equal(result, 0);
	master_key_derive(cover, KEY_ROOT, 0);
	assert_false(left(root, sizeof(root)));
	assert_false(left(cover, sizeof(cover)));
	assert_false(left(seal.key, sizeof(seal.key)));
	memcpy(stack + 4321, root + 8, 8);
	assert_true(left(root, sizeof(root)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stack_depths),
		cmocka_unit_test(master_stays_in_registers),
		cmocka_unit_test(report_key_leaves_zeros),
		cmocka_unit_test(root_leaves_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
