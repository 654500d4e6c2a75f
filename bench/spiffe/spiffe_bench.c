// SPDX-License-Identifier: Apache-2.0
// How many SVIDs does one core issue and check in a second? Against the floor: the bare signature
// that each of them has.
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "../../spiffe/csr.h"
#include "../../spiffe/jwt.h"
#include "../../spiffe/key.h"
#include "../../spiffe/x509_ca.h"
#include "../../spiffe/x509_check.h"

#define ROUNDS	10000u
#define WARM_UP 500u
#define NOW	((time_t)1800000000)

static struct spiffe_ca ca;
static struct spiffe_csr csr;
static struct spiffe_id web;
static struct spiffe_bundle bundle;
static const struct spiffe_bundle *const list[] = {&bundle};
static const struct spiffe_bundles bundles = {list, 1};
static struct spiffe_svid svid;
static uint8_t *request, signature[80], digest[32] = {3};
static size_t request_size, signature_size;
static char *token;
static const char *why;

static void die(const char *what)
{
	fprintf(stderr, "spiffe_bench: %s failed; nothing was measured\n", what);
	exit(1);
}

static void make_request(EVP_PKEY *key)
{
	X509_REQ *req = X509_REQ_new();
	int size;

	if (!req || X509_REQ_set_pubkey(req, key) != 1 ||
	    X509_REQ_sign(req, key, EVP_sha256()) <= 0)
		die("OpenSSL");
	size = i2d_X509_REQ(req, &request);
	if (size <= 0)
		die("OpenSSL");
	request_size = (size_t)size;
	X509_REQ_free(req);
}

static void setup(void)
{
	const struct spiffe_validity year = {NOW, 60, 365 * 86400};
	EVP_PKEY *key = spiffe_key_new(), *leaf = spiffe_key_new();
	uint8_t *der;
	int size = spiffe_ca_self("example.org", key, &year, &der, &why);

	make_request(leaf);
	if (size < 0 || spiffe_ca_open(&ca, key, der, (size_t)size, &why) ||
	    spiffe_bundle_init(&bundle, "example.org", &why) ||
	    spiffe_bundle_add_x509(&bundle, der, (size_t)size, &why) ||
	    spiffe_bundle_add_jwt(&bundle, "k", key, 0, &why) ||
	    spiffe_id_make(&web, "example.org", "/ns/default/sa/web", &why) ||
	    spiffe_csr_read(&csr, request, request_size, &why))
		die(why);
}

/* ---- what is measured ---- */

static void bare_sign(void)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(ca.key, NULL);

	signature_size = sizeof(signature);
	if (EVP_PKEY_sign_init(ctx) != 1 ||
	    EVP_PKEY_sign(ctx, signature, &signature_size, digest, sizeof(digest)) != 1)
		die("a bare signature");
	EVP_PKEY_CTX_free(ctx);
}

static void bare_verify(void)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(ca.key, NULL);

	if (EVP_PKEY_verify_init(ctx) != 1 ||
	    EVP_PKEY_verify(ctx, signature, signature_size, digest, sizeof(digest)) != 1)
		die("a bare signature");
	EVP_PKEY_CTX_free(ctx);
}

static void issue(void)
{
	const struct spiffe_grant grant = {.id = &web, .validity = {NOW, 60, 3600}};

	OPENSSL_free(svid.der);
	if (spiffe_ca_issue(&ca, &csr, &grant, &svid, &why))
		die(why);
}

static void read_request(void)
{
	spiffe_csr_free(&csr);
	if (spiffe_csr_read(&csr, request, request_size, &why))
		die(why);
}

static void read_and_issue(void)
{
	read_request();
	issue();
}

static void check(void)
{
	struct spiffe_id id;

	if (spiffe_x509_check(svid.der, svid.size, &bundles, NOW, &id, &why))
		die(why);
}

static void sign_token(void)
{
	static const char *const aud[] = {"reports"};
	const struct spiffe_jwt_grant grant = {&web, aud, 1, NOW, 300};

	free(token);
	token = spiffe_jwt_issue(ca.key, "k", &grant, &why);
	if (!token)
		die(why);
}

static void check_token(void)
{
	const struct spiffe_jwt_question question = {"reports", &bundles, NOW, 0};
	struct spiffe_id id;
	json_t *claims;

	if (spiffe_jwt_check(token, strlen(token), &question, &id, &claims, &why))
		die(why);
	json_decref(claims);
}

static const struct contender {
	const char *what;
	void (*run)(void);
} contenders[] = {
	{"bare signature", bare_sign},
	{"bare verification", bare_verify},
	{"X509-SVID, request read before", issue},
	{"request", read_request},
	{"X509-SVID with its request", read_and_issue},
	{"X509-SVID checked, chain of one", check},
	{"JWT-SVID", sign_token},
	{"JWT-SVID checked", check_token},
};

/* The time that this thread had the CPU: others may run on this machine. */
static double now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static int by_size(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static void measure(const struct contender *c)
{
	static double us[ROUNDS];
	double sum = 0;

	for (unsigned int i = 0; i < WARM_UP; i++)
		c->run();
	for (unsigned int i = 0; i < ROUNDS; i++) {
		double start = now_us();

		c->run();
		us[i] = now_us() - start;
		sum += us[i];
	}
	qsort(us, ROUNDS, sizeof(us[0]), by_size);
	printf("  %-34s %8.0f %9.1f %9.1f\n", c->what, 1e6 * ROUNDS / sum, us[ROUNDS / 2],
	       us[ROUNDS * 99 / 100]);
}

int main(void)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET((size_t)sched_getcpu(), &one);
	if (sched_setaffinity(0, sizeof(one), &one))
		die("sched_setaffinity");
	setup();
	printf("  %-34s %8s %9s %9s\n", "one core", "a second", "median us", "99 % us");
	for (size_t i = 0; i < sizeof(contenders) / sizeof(contenders[0]); i++)
		measure(&contenders[i]);
	return 0;
}
