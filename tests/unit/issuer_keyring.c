// SPDX-License-Identifier: Apache-2.0
// Rotation of the issuer's keys, over many lives in injected time: whoever asks for the bundle as
// often as the hint says always believes what was just issued, and what was issued stays believed
// until it is over.
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>
#include <openssl/x509.h>
#include "../../issuer/keyring.h"
#include "../../issuer/keyring_file.h"
#include "../../spiffe/jwt.h"
#include "../../spiffe/key.h"
#include "../../spiffe/x509_check.h"

#define BEGIN  1800000000
#define LIFE   36000u
#define TTL    (LIFE / 6)
#define STEP   (LIFE / 48)
#define DOMAIN "example.org"

static char path[] = "/tmp/cloister-keyring-XXXXXX";
static int dir = -1;
static struct keyring *ring;
static char error[CL_ERROR_SIZE];
static uint8_t request[1024];
static size_t request_size;

/* What somebody was given, or knows. */
struct issued {
	struct spiffe_svid svid;
	char *token;
};

static void make_request(void)
{
	EVP_PKEY *key = spiffe_key_new();
	X509_REQ *r = X509_REQ_new();
	uint8_t *at = request;

	X509_REQ_set_pubkey(r, key);
	X509_REQ_sign(r, key, EVP_sha256());
	request_size = (size_t)i2d_X509_REQ(r, &at);
	X509_REQ_free(r);
	EVP_PKEY_free(key);
}

static struct issued issue(time_t now)
{
	const struct authorities *a = keyring_hold(ring);
	static const char *const audience[] = {"them"};
	struct spiffe_csr csr;
	struct spiffe_id id;
	struct issued i = {{0}, NULL};
	const char *why = "";

	assert_int_equal(spiffe_id_make(&id, DOMAIN, "/web", &why), 0);
	assert_int_equal(spiffe_csr_read(&csr, request, request_size, &why), 0);
	const struct spiffe_grant grant = {.id = &id,
					   .validity = {.now = now, .slack = 60, .lifetime = TTL}};
	if (spiffe_ca_issue(&a->ca, &csr, &grant, &i.svid, &why))
		fail_msg("%s", why);
	spiffe_csr_free(&csr);
	const struct spiffe_jwt_grant jwt = {
		.sub = &id, .aud = audience, .nr_aud = 1, .now = now, .lifetime = TTL};
	i.token = spiffe_jwt_issue(a->jwt_key, a->kid, &jwt, &why);
	assert_non_null(i.token);
	assert_true(a->jwt_until >= now + (time_t)TTL);
	assert_true(i.svid.not_after >= now + (time_t)TTL);
	keyring_release(ring, a);
	return i;
}

static void drop(struct issued *i)
{
	OPENSSL_free(i->svid.der);
	free(i->token);
	*i = (struct issued){{0}, NULL};
}

/* The document, as somebody else reads it. */
static void believed(const struct issued *i, const char *jwks, time_t now)
{
	struct spiffe_bundle bundle;
	const struct spiffe_bundle *list[] = {&bundle};
	const struct spiffe_bundles bundles = {list, 1};
	const struct spiffe_jwt_question question = {
		.audience = "them", .bundles = &bundles, .now = now};
	struct spiffe_id id;
	const char *why = "";
	json_t *claims;

	if (spiffe_bundle_read(&bundle, DOMAIN, jwks, strlen(jwks), &why))
		fail_msg("%s", why);
	if (spiffe_x509_check(i->svid.der, i->svid.size, &bundles, now, &id, &why))
		fail_msg("certificate: %s", why);
	if (spiffe_jwt_check(i->token, strlen(i->token), &question, &id, &claims, &why))
		fail_msg("token: %s", why);
	json_decref(claims);
	spiffe_bundle_free(&bundle);
}

static char *document(void)
{
	const struct authorities *a = keyring_hold(ring);
	char *jwks = strdup(a->jwks);

	keyring_release(ring, a);
	return jwks;
}

static void open_ring(time_t now)
{
	if (keyring_open(dir, DOMAIN, LIFE, now, &ring, error))
		fail_msg("%s", error);
}

static int setup(void **state)
{
	memcpy(path + strlen(path) - 6, "XXXXXX", 6);
	if (!mkdtemp(path))
		return -1;
	dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	make_request();
	return 0;
}

static int teardown(void **state)
{
	keyring_close(ring);
	ring = NULL;
	unlinkat(dir, KEYRING_FILE, 0);
	close(dir);
	return rmdir(path);
}

/* Steps of a 48th of a life; the hint is a 24th, and who follows it badly is as late as two. */
static void lives(void **state)
{
	enum { STEPS = 48 * 3, LATE = 4, ALIVE = TTL / STEP };
	static struct issued issued[STEPS];
	static char *documents[STEPS];
	char kid[SPIFFE_KID_MAX + 1] = "";
	int signers = 0;

	open_ring(BEGIN);
	assert_int_equal(keyring_refresh_hint(ring), LIFE / 24);
	for (int i = 0; i < STEPS; i++) {
		time_t now = BEGIN + (time_t)i * STEP;
		int64_t due = keyring_tick(ring, now, error);
		assert_true(due > now);
		const struct authorities *a = keyring_hold(ring);
		signers += strcmp(kid, a->kid) != 0;
		snprintf(kid, sizeof(kid), "%s", a->kid);
		assert_in_range(a->bundle.nr_x509, 1, 2);
		assert_int_equal(a->bundle.nr_x509, a->bundle.nr_jwt);
		keyring_release(ring, a);
		documents[i] = document();
		issued[i] = issue(now);
		/* Just issued, and believed by those who have not asked lately. */
		for (int late = 0; late <= LATE && late <= i; late++)
			believed(&issued[i], documents[i - late], now);
		/* Issued before, and not over yet. */
		for (int j = i > ALIVE - 1 ? i - ALIVE + 1 : 0; j < i; j++)
			believed(&issued[j], documents[i], now);
		if (i >= ALIVE)
			drop(&issued[i - ALIVE]);
	}
	/* Each signs for two thirds of a life at the first, then for half of one. */
	assert_int_equal(signers, 6);
	for (int i = 0; i < STEPS; i++) {
		drop(&issued[i]);
		free(documents[i]);
	}
}

/* What was held stays whole when it is no longer what holds. */
static void held(void **state)
{
	open_ring(BEGIN);
	const struct authorities *a = keyring_hold(ring);
	assert_true(keyring_tick(ring, BEGIN + LIFE, error) > 0);
	const struct authorities *b = keyring_hold(ring);
	assert_ptr_not_equal(a, b);
	assert_string_not_equal(a->kid, b->kid);
	assert_int_equal(a->bundle.sequence, 1);
	assert_int_equal(b->bundle.sequence, 2);
	keyring_release(ring, a);
	keyring_release(ring, b);
}

/* Begun again, it has the same keys; and nothing is written where nothing is due. */
static void kept(void **state)
{
	struct stat before, after;

	open_ring(BEGIN);
	char *was = document();
	assert_int_equal(fstatat(dir, KEYRING_FILE, &before, 0), 0);
	assert_int_equal(before.st_mode & 0777, 0600);
	keyring_close(ring);
	open_ring(BEGIN + 10);
	char *now = document();
	assert_string_equal(was, now);
	assert_int_equal(fstatat(dir, KEYRING_FILE, &after, 0), 0);
	assert_int_equal(before.st_ino, after.st_ino);
	free(was);
	free(now);
}

/* It was off for some time: less than a life, and more. */
static void downtime(void **state)
{
	static const unsigned int off[] = {LIFE / 2, LIFE * 9 / 10, LIFE, 10 * LIFE};
	time_t now = BEGIN;

	open_ring(now);
	for (size_t i = 0; i < sizeof(off) / sizeof(off[0]); i++) {
		keyring_close(ring);
		now += off[i];
		open_ring(now);
		/* What is left of the signer may be short; one that is over never signs. */
		const struct authorities *a = keyring_hold(ring);
		assert_true(a->jwt_until > now && a->ca.not_after > now);
		keyring_release(ring, a);
		now += LIFE / 6;
		assert_true(keyring_tick(ring, now, error) > 0);
		char *jwks = document();
		struct issued one = issue(now);
		believed(&one, jwks, now);
		drop(&one);
		free(jwks);
	}
}

/* No key is used that is not on the disk. */
static void disk_fails(void **state)
{
	char elsewhere[] = "/tmp/cloister-keyring-XXXXXX";

	open_ring(BEGIN);
	char *was = document();
	assert_non_null(mkdtemp(elsewhere));
	int gone = open(elsewhere, O_RDONLY | O_DIRECTORY | O_CLOEXEC), good = dup(dir);
	assert_int_equal(rmdir(elsewhere), 0);
	assert_int_equal(dup2(gone, dir), dir);
	assert_true(keyring_tick(ring, BEGIN + LIFE / 2, error) < 0);
	assert_non_null(strstr(error, "cannot be written"));
	char *now = document();
	assert_string_equal(was, now);
	free(now);
	assert_int_equal(dup2(good, dir), dir);
	assert_true(keyring_tick(ring, BEGIN + LIFE / 2, error) > 0);
	now = document();
	assert_string_not_equal(was, now);
	free(now);
	free(was);
	close(gone);
	close(good);
}

static void put(const char *text)
{
	int fd = openat(dir, KEYRING_FILE, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static void damaged(void **state)
{
	static const char *const bad[] = {
		"",
		"{",
		"[]",
		"{}",
		"{\"version\": 2, \"trust_domain\": \"example.org\", \"sequence\": 1, \"x509\": "
		"[], "
		"\"jwt\": []}",
		"{\"version\": 1, \"trust_domain\": \"example.com\", \"sequence\": 1, \"x509\": "
		"[], "
		"\"jwt\": []}",
		"{\"version\": 1, \"trust_domain\": \"example.org\", \"sequence\": -1, \"x509\": "
		"[], "
		"\"jwt\": []}",
		"{\"version\": 1, \"trust_domain\": \"example.org\", \"sequence\": 1, \"x509\": "
		"{}, "
		"\"jwt\": []}",
		"{\"version\": 1, \"trust_domain\": \"example.org\", \"sequence\": 1, \"x509\": "
		"[], "
		"\"jwt\": [{\"key\": \"AAAA\", \"made\": 1, \"until\": 2}]}",
	};
	char file[4096];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		put(bad[i]);
		assert_int_equal(keyring_open(dir, DOMAIN, LIFE, BEGIN, &ring, error), -EINVAL);
		assert_null(ring);
		assert_non_null(strstr(error, KEYRING_FILE));
		/* It is left as it is, for whoever can mend it. */
		int fd = openat(dir, KEYRING_FILE, O_RDONLY);
		ssize_t n = read(fd, file, sizeof(file));
		close(fd);
		assert_int_equal(n, strlen(bad[i]));
	}
	unlinkat(dir, KEYRING_FILE, 0);
	assert_int_equal(keyring_open(dir, "Example", LIFE, BEGIN, &ring, error), -EINVAL);
	open_ring(BEGIN);
}

/* Opened with a longer life, keys of the shorter one still have a successor in time. */
static void longer_life(void **state)
{
	char domain[SPIFFE_DOMAIN_MAX + 1];
	struct keyring_state kept;
	struct spiffe_bundle b;
	const char *why = "";

	open_ring(BEGIN);
	keyring_close(ring);
	assert_int_equal(keyring_state_domain(dir, domain, error), 0);
	assert_string_equal(domain, DOMAIN);
	assert_int_equal(keyring_open(dir, DOMAIN, 10 * LIFE, BEGIN + LIFE / 4, &ring, error), 0);
	assert_int_equal(keyring_refresh_hint(ring), LIFE / 24);
	assert_int_equal(keyring_tick(ring, BEGIN + LIFE / 4, error), BEGIN + LIFE / 2);
	assert_true(keyring_tick(ring, BEGIN + LIFE / 2, error) > 0);
	assert_int_equal(keyring_state_read(&kept, dir, DOMAIN, error), 0);
	assert_int_equal(kept.x509.count, 2);
	assert_int_equal(kept.jwt.count, 2);
	assert_int_equal(keyring_signing(&kept.x509, BEGIN + LIFE / 2), 0);
	assert_int_equal(keyring_signing(&kept.x509, BEGIN + 3 * (time_t)LIFE), 1);
	/* What is over is in no bundle that is made of the file. */
	assert_int_equal(keyring_bundle(&kept, DOMAIN, BEGIN + LIFE - 1, &b, &why), 0);
	assert_int_equal(b.nr_x509 + b.nr_jwt, 4);
	spiffe_bundle_free(&b);
	assert_int_equal(keyring_bundle(&kept, DOMAIN, BEGIN + LIFE, &b, &why), 0);
	assert_int_equal(b.nr_x509 + b.nr_jwt, 2);
	spiffe_bundle_free(&b);
	keyring_state_free(&kept);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(lives),	  TEST(held),	 TEST(kept),	    TEST(downtime),
		TEST(disk_fails), TEST(damaged), TEST(longer_life),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
