// SPDX-License-Identifier: Apache-2.0
// The bundle endpoint's own X509-SVID in injected time: always one that the bundle believes,
// renewed at half of its life, and kept if it cannot be renewed.
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include "../../spiffe/x509_check.h"
#include "../../tools/issuer/credential.h"

#define BEGIN 1800000000
#define LIFE  36000u
#define TTL   (LIFE / 6)
#define ID    "spiffe://example.org/endpoint"

static char path[] = "/tmp/cloister-credential-XXXXXX";
static int dir = -1;
static struct keyring *ring;
static struct credential *credential;
static char error[CL_ERROR_SIZE];

static int setup(void **state)
{
	memcpy(path + strlen(path) - 6, "XXXXXX", 6);
	if (!mkdtemp(path))
		return -1;
	dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return keyring_open(dir, "example.org", LIFE, BEGIN, &ring, error);
}

static int teardown(void **state)
{
	credential_close(credential);
	credential = NULL;
	keyring_close(ring);
	unlinkat(dir, KEYRING_FILE, 0);
	close(dir);
	return rmdir(path);
}

static int begin(const char *id)
{
	const struct credential_source source = {.spiffe_id = id, .keyring = ring, .ttl = TTL};

	return credential_open(&source, BEGIN, &credential, error);
}

/* The serial of what is shown at this time, by which every one is told apart. */
static uint64_t shown(time_t now, bool believed)
{
	SSL_CTX *c = credential_context(credential, now, error);
	X509 *cert = SSL_CTX_get0_certificate(c);
	const struct authorities *a = keyring_hold(ring);
	const struct spiffe_bundle *list[] = {&a->bundle};
	const struct spiffe_bundles bundles = {list, 1};
	struct spiffe_id id;
	const char *why = "";
	uint8_t *der = NULL, serial[8] = {0};
	int size = i2d_X509(cert, &der);
	int rc = spiffe_x509_check(der, (size_t)size, &bundles, now, &id, &why);

	if (believed && rc)
		fail_msg("%s", why);
	if (!rc)
		assert_string_equal(id.text, ID);
	assert_int_equal(!rc, believed);
	assert_int_equal(SSL_CTX_check_private_key(c), 1);
	memcpy(serial, ASN1_STRING_get0_data(X509_get0_serialNumber(cert)), sizeof(serial));
	OPENSSL_free(der);
	keyring_release(ring, a);
	SSL_CTX_free(c);
	uint64_t number;
	memcpy(&number, serial, sizeof(number));
	return number;
}

/* Through several lives of the keys, asked now and then. */
static void lives(void **state)
{
	unsigned int renewed = 0;
	uint64_t last;

	assert_int_equal(begin(ID), 0);
	last = shown(BEGIN, true);
	assert_int_equal(shown(BEGIN + TTL / 2 - 1, true), last);
	for (time_t now = BEGIN; now < BEGIN + 4 * (time_t)LIFE; now += TTL / 8) {
		assert_true(keyring_tick(ring, now, error) > 0);
		uint64_t serial = shown(now, true);
		assert_string_equal(error, "");
		renewed += serial != last;
		last = serial;
	}
	/* 4 lives of 6 TTLs, each renewed at its half. */
	assert_in_range(renewed, 40, 48);
}

/* Nobody changes the keys any more: what there is is shown, and why there is nothing better. */
static void keys_over(void **state)
{
	assert_int_equal(begin(ID), 0);
	uint64_t first = shown(BEGIN, true);
	time_t late = BEGIN + (time_t)LIFE + 1;

	assert_int_equal(shown(late, false), first);
	assert_non_null(strstr(error, "replaced"));
	/* It is not tried at each connection. */
	assert_int_equal(shown(late + 1, false), first);
	assert_string_equal(error, "");
	assert_true(keyring_tick(ring, late + 60, error) > 0);
	assert_int_not_equal(shown(late + 60, true), first);
	assert_string_equal(error, "");
}

static void refused(void **state)
{
	assert_int_not_equal(begin("spiffe://other.org/endpoint"), 0);
	assert_null(credential);
	assert_non_null(strstr(error, "another trust domain"));
	assert_int_not_equal(begin("spiffe://example.org"), 0);
	assert_int_not_equal(begin("endpoint"), 0);
	assert_int_equal(begin(ID), 0);
	assert_int_equal(credential_reload(credential, error), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {TEST(lives), TEST(keys_over), TEST(refused)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
