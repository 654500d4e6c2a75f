// SPDX-License-Identifier: Apache-2.0
// A verifier that is kept: it remembers certificates, but neither that they were in time nor that
// they were not revoked; many threads may use it; and no bundle makes it take more memory.
#include <malloc.h>
#include <pthread.h>

#include <openssl/crypto.h>
#include <openssl/pem.h>

#include "evidence_test.h"
#include "verifier.h"

static uint8_t bundle[CL_EVIDENCE_MAX];
static size_t bundle_size;
static struct cl_verifier *verifier;

/* ---- counting: this library's own allocations, and OpenSSL's ---- */

static size_t own, in_use, peak;

void *__real_malloc(size_t size);
void *__real_calloc(size_t nr, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t nr, size_t size);

void *__wrap_malloc(size_t size)
{
	own++;
	return __real_malloc(size);
}

void *__wrap_calloc(size_t nr, size_t size)
{
	own++;
	return __real_calloc(nr, size);
}

static void count(size_t size)
{
	size_t now = __atomic_add_fetch(&in_use, size, __ATOMIC_RELAXED);

	if (now > peak)
		peak = now;
}

static void *ssl_malloc(size_t size, const char *file, int line)
{
	void *p = __real_malloc(size);

	count(p ? malloc_usable_size(p) : 0);
	return p;
}

static void ssl_free(void *p, const char *file, int line)
{
	__atomic_sub_fetch(&in_use, p ? malloc_usable_size(p) : 0, __ATOMIC_RELAXED);
	free(p);
}

static void *ssl_realloc(void *p, size_t size, const char *file, int line)
{
	__atomic_sub_fetch(&in_use, p ? malloc_usable_size(p) : 0, __ATOMIC_RELAXED);
	p = realloc(p, size);
	count(p ? malloc_usable_size(p) : 0);
	return p;
}

/* ---- */

static int setup(void **state)
{
	char error[CL_ERROR_SIZE];

	evidence_setup(state);
	bundle_size = evidence_forge_make(&forged, bundle, sizeof(bundle));
	return cl_verifier_create(&policy, &verifier, error);
}

static int teardown(void **state)
{
	cl_verifier_free(verifier);
	verifier = NULL;
	return 0;
}

static enum cl_verdict check(void)
{
	assert_int_equal(
		cl_verifier_check(verifier, bundle, bundle_size, data, policy.spki, &result), 0);
	return result.verdict;
}

static size_t nr_seen(void)
{
	size_t n = 0;

	for (size_t i = 0; i < CLV_SEEN_MAX; i++)
		n += verifier->seen[i].ak.cert != NULL;
	return n;
}

static void seen_is_as_good_as_new(void **state)
{
	static struct cl_verdict_result first;

	assert_int_equal(check(), CL_VERDICT_AFFIRMING);
	assert_int_equal(nr_seen(), 1);
	first = result;
	assert_int_equal(check(), CL_VERDICT_AFFIRMING);
	assert_memory_equal(&result, &first, sizeof(first));
	assert_int_equal(nr_seen(), 1);
}

static void seen_can_expire(void **state)
{
	check();
	verifier->policy.now = forged.cert.until;
	check();
	expect_only_failure("ak", "it was valid until 2027-02-14");
	verifier->policy.now = FORGE_NOW + FORGE_DAY;
	check();
	expect_only_failure("ak", "the CRL of its CA was good until 2027-01-16");
	verifier->policy.now = FORGE_NOW;
	assert_int_equal(check(), CL_VERDICT_AFFIRMING);
	verifier->policy.now = FORGE_NOW - 100 * FORGE_DAY - 1;
	check();
	expect_only_failure("ak", "it is not valid before");
}

/* A new list means a new policy; but should one ever be added to this one, it counts. */
static void seen_can_be_revoked(void **state)
{
	X509_CRL *crl;
	BIO *in;

	check();
	in = BIO_new_mem_buf(forge_crl_pem(FORGE_THIS, 7, FORGE_NOW - 1, FORGE_NOW + 1), -1);
	crl = PEM_read_bio_X509_CRL(in, NULL, NULL, NULL);
	BIO_free(in);
	sk_X509_CRL_push(verifier->trust.crls, crl);
	check();
	expect_only_failure("ak", "the CA revoked it");
}

static void what_is_refused_is_not_remembered(void **state)
{
	forged.cert.ca = FORGE_OTHER;
	bundle_size = evidence_forge_make(&forged, bundle, sizeof(bundle));
	check();
	check();
	expect_only_failure("ak", "not enrolled");
	forged.cert.ca = FORGE_THIS;
	forged.cert.eku = "serverAuth";
	bundle_size = evidence_forge_make(&forged, bundle, sizeof(bundle));
	check();
	forged.cert.eku = CL_OID_AK_EKU;
	forged.cert.until = FORGE_NOW - 1;
	bundle_size = evidence_forge_make(&forged, bundle, sizeof(bundle));
	check();
	assert_int_equal(nr_seen(), 0);
}

/* More nodes than places: later ones take the places of earlier ones, and all are judged rightly.
 */
static void many_nodes(void **state)
{
	char name[32];

	for (unsigned int i = 0; i < 1500; i++) {
		snprintf(name, sizeof(name), "node-%u", i);
		forged.cert.name = name;
		forged.cert.serial = 1000 + i;
		bundle_size = evidence_forge_make(&forged, bundle, sizeof(bundle));
		assert_int_equal(check(), CL_VERDICT_AFFIRMING);
		assert_string_equal(result.node.name, name);
	}
	assert_true(nr_seen() > 500 && nr_seen() <= CLV_SEEN_MAX);
}

static void *judge(void *bad)
{
	static __thread struct cl_verdict_result r;
	uint8_t copy[sizeof(bundle)];

	memcpy(copy, bundle, bundle_size);
	for (int i = 0; i < 200; i++) {
		/* The last byte of the log, that is of GRUB's last command. */
		copy[bundle_size - 2] = (uint8_t)(bundle[bundle_size - 2] ^ (bad != NULL));
		if (cl_verifier_check(verifier, copy, bundle_size, data, policy.spki, &r) ||
		    r.verdict != (bad ? CL_VERDICT_CONTRAINDICATED : CL_VERDICT_AFFIRMING))
			return &verifier;
	}
	return NULL;
}

static void threads(void **state)
{
	pthread_t thread[4];

	for (size_t i = 0; i < COUNT(thread); i++)
		assert_int_equal(pthread_create(&thread[i], NULL, judge, i % 2 ? &verifier : NULL),
				 0);
	for (size_t i = 0; i < COUNT(thread); i++) {
		void *failed;

		pthread_join(thread[i], &failed);
		assert_null(failed);
	}
	assert_int_equal(nr_seen(), 1);
}

/* The most that one check takes beyond what is kept anyway. */
static size_t peak_of_check(void)
{
	size_t before = in_use;

	peak = before;
	own = 0;
	check();
	assert_int_equal(own, 0);
	return peak - before;
}

static void memory_is_constant(void **state)
{
	size_t small, n;

	check(); /* OpenSSL sets itself up */
	small = peak_of_check();
	assert_true(small > 0 && small < 65536);
	assert_true(in_use < 1u << 20);
	/* Ten times the log, as much memory. */
	while (forged.nr_events < 45) {
		static const char text[1500];

		forge_event_add(&forged, 5, 5, text, sizeof(text));
	}
	bundle_size = evidence_forge_make(&forged, bundle, sizeof(bundle));
	assert_true(bundle_size > 32768);
	check(); /* another certificate, now remembered */
	assert_true(peak_of_check() <= small);
	assert_int_equal(result.verdict, CL_VERDICT_AFFIRMING);
	/* Whatever lengths a bundle claims. */
	for (n = 0; n < bundle_size; n += 13) {
		uint8_t was = bundle[n];

		bundle[n] = 0xff;
		assert_true(peak_of_check() < 65536);
		bundle[n] = 0x9b;
		assert_true(peak_of_check() < 65536);
		bundle[n] = was;
	}
}

/* Nothing is left behind, however many are judged. */
static void nothing_leaks(void **state)
{
	size_t before;

	check();
	before = in_use;
	for (int i = 0; i < 100; i++) {
		bundle[bundle_size / 2 + (size_t)i] ^= 1;
		check();
		bundle[bundle_size / 2 + (size_t)i] ^= 1;
	}
	check();
	assert_int_equal(in_use, before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(seen_is_as_good_as_new, setup, teardown),
		cmocka_unit_test_setup_teardown(seen_can_expire, setup, teardown),
		cmocka_unit_test_setup_teardown(seen_can_be_revoked, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_refused_is_not_remembered, setup, teardown),
		cmocka_unit_test_setup_teardown(many_nodes, setup, teardown),
		cmocka_unit_test_setup_teardown(threads, setup, teardown),
		cmocka_unit_test_setup_teardown(memory_is_constant, setup, teardown),
		cmocka_unit_test_setup_teardown(nothing_leaks, setup, teardown),
	};

	if (!CRYPTO_set_mem_functions(ssl_malloc, ssl_realloc, ssl_free))
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
