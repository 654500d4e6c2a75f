// SPDX-License-Identifier: Apache-2.0
// How many bundles of evidence does one core judge in a second, and how long does each take?
// Against the floor: the bare signatures that any verifier has to check, with keys and digests at
// hand.
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <jansson.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/sha.h>

#include <cloister/verify.h>
#include "evidence_forge.h"

#define ROUNDS	   4000u
#define WARM_UP	   200u
#define NEW_NODES  1500u
#define LOG_EVENTS 100u /* about as many as OVMF and GRUB log on a small machine */
#define EVENT_SIZE 150u

struct bundle {
	uint8_t *bytes;
	size_t size;
};

static struct cl_policy policy;
static uint8_t data[CL_REPORT_DATA] = {1}, digest[CL_DIGEST_SIZE] = {2};
static struct bundle bundle[NEW_NODES];
static struct cl_verdict_result result;

/* One signature, ready to be verified. */
static EVP_PKEY *floor_key;
static uint8_t floor_der[80], floor_digest[32] = {3};
static size_t floor_size = sizeof(floor_der);

static void die(const char *what)
{
	fprintf(stderr, "verify_bench: %s failed; nothing was measured\n", what);
	exit(1);
}

static void make_bundles(void)
{
	static uint8_t bytes[CL_EVIDENCE_MAX], filler[EVENT_SIZE];
	static struct evidence_forge f;
	static char name[32];

	evidence_forge_default(&f, data, digest);
	while (f.nr_events < LOG_EVENTS)
		forge_event_add(&f, 5, 5, filler, sizeof(filler));
	f.cert.name = name;
	for (unsigned int i = 0; i < NEW_NODES; i++) {
		snprintf(name, sizeof(name), "node-%u", i);
		f.cert.serial = 100 + i;
		bundle[i].size = evidence_forge_make(&f, bytes, sizeof(bytes));
		bundle[i].bytes = malloc(bundle[i].size);
		if (!bundle[i].bytes)
			die("malloc");
		memcpy(bundle[i].bytes, bytes, bundle[i].size);
	}
}

static void make_policy(void)
{
	static const char *const commands[] = {"kernel_cmdline: console=ttyS0"};
	static uint8_t image[1][CL_HASH_SIZE], digests[1][CL_DIGEST_SIZE], pcrs[2][1][CL_PCR_SIZE];
	static const char *cas[1], *crls[1];
	struct cl_evidence parts;
	char error[CL_ERROR_SIZE];

	if (cl_evidence_unpack(bundle[0].bytes, bundle[0].size, &parts, error))
		die(error);
	memcpy(pcrs[0][0], parts.pcrs[0], CL_PCR_SIZE);
	memcpy(pcrs[1][0], parts.pcrs[1], CL_PCR_SIZE);
	memcpy(digests[0], digest, sizeof(digest));
	SHA256((const uint8_t *)FORGE_IMAGE, strlen(FORGE_IMAGE), image[0]);
	cas[0] = forge_ca_pem(FORGE_THIS);
	crls[0] = forge_crl_pem(FORGE_THIS, 9, FORGE_NOW - 1, FORGE_NOW + 1);
	policy = (struct cl_policy){
		.size = sizeof(policy),
		.digests = (const uint8_t(*)[CL_DIGEST_SIZE])digests,
		.nr_digests = 1,
		.nonce = data,
		.spki = data + CL_REPORT_NONCE_SIZE,
		.cas = cas,
		.nr_cas = 1,
		.crls = crls,
		.nr_crls = 1,
		.firmware = (const uint8_t(*)[CL_PCR_SIZE])pcrs[0],
		.nr_firmware = 1,
		.option_roms = (const uint8_t(*)[CL_PCR_SIZE])pcrs[1],
		.nr_option_roms = 1,
		.boot_images = (const uint8_t(*)[CL_HASH_SIZE])image,
		.nr_boot_images = 1,
		.boot_commands = commands,
		.nr_boot_commands = sizeof(commands) / sizeof(commands[0]),
		.now = FORGE_NOW,
	};
}

static void make_floor(void)
{
	EVP_PKEY_CTX *ctx;

	floor_key = EVP_EC_gen("P-256");
	ctx = EVP_PKEY_CTX_new(floor_key, NULL);
	if (!ctx || EVP_PKEY_sign_init(ctx) != 1 ||
	    EVP_PKEY_sign(ctx, floor_der, &floor_size, floor_digest, sizeof(floor_digest)) != 1)
		die("OpenSSL");
	EVP_PKEY_CTX_free(ctx);
}

/* ---- what is measured; each leaves a verdict that is looked at ---- */

static struct cl_verifier *verifier;

static void bare(unsigned int signatures)
{
	for (unsigned int i = 0; i < signatures; i++) {
		EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(floor_key, NULL);

		if (EVP_PKEY_verify_init(ctx) != 1 ||
		    EVP_PKEY_verify(ctx, floor_der, floor_size, floor_digest,
				    sizeof(floor_digest)) != 1)
			die("a bare signature");
		EVP_PKEY_CTX_free(ctx);
	}
}

static void two(unsigned int i)
{
	bare(2);
}

static void three(unsigned int i)
{
	bare(3);
}

static void good(int rc)
{
	if (rc || result.verdict != CL_VERDICT_AFFIRMING)
		die("a good bundle");
}

static void seen(unsigned int i)
{
	good(cl_verifier_check(verifier, bundle[0].bytes, bundle[0].size, policy.nonce, policy.spki,
			       &result));
}

static void new (unsigned int i)
{
	good(cl_verifier_check(verifier, bundle[i].bytes, bundle[i].size, policy.nonce, policy.spki,
			       &result));
}

static void alone(unsigned int i)
{
	good(cl_verify_evidence(bundle[0].bytes, bundle[0].size, &policy, &result));
}

static const struct contender {
	const char *name, *what;
	void (*run)(unsigned int i);
	unsigned int rounds, warm_up;
} contenders[] = {
	{"floor_2", "2 bare signatures", two, ROUNDS, WARM_UP},
	{"seen", "bundle of a node seen before", seen, ROUNDS, WARM_UP},
	{"floor_3", "3 bare signatures", three, ROUNDS, WARM_UP},
	{"new", "bundle of a new node", new, NEW_NODES, 0},
	{"alone", "bundle, without a kept verifier", alone, ROUNDS, WARM_UP},
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

static json_t *measure(const struct contender *c)
{
	static double us[ROUNDS];
	double sum = 0;

	for (unsigned int i = 0; i < c->warm_up; i++)
		c->run(0);
	for (unsigned int i = 0; i < c->rounds; i++) {
		double start = now_us();

		c->run(i);
		us[i] = now_us() - start;
		sum += us[i];
	}
	qsort(us, c->rounds, sizeof(us[0]), by_size);
	printf("  %-34s %8.0f %9.1f %9.1f %9.1f\n", c->what, 1e6 * c->rounds / sum,
	       us[c->rounds / 2], us[c->rounds * 99 / 100], us[c->rounds - 1]);
	return json_pack("{s:f,s:f,s:f,s:f,s:i}", "per_second", 1e6 * c->rounds / sum, "median_us",
			 us[c->rounds / 2], "p99_us", us[c->rounds * 99 / 100], "max_us",
			 us[c->rounds - 1], "rounds", (int)c->rounds);
}

int main(int argc, char **argv)
{
	char error[CL_ERROR_SIZE];
	json_t *json = json_object();
	cpu_set_t one;

	if (argc != 2) {
		fprintf(stderr, "usage: verify_bench RESULT.json\n");
		return 2;
	}
	CPU_ZERO(&one);
	CPU_SET((size_t)sched_getcpu(), &one);
	if (sched_setaffinity(0, sizeof(one), &one))
		die("sched_setaffinity");
	make_bundles();
	make_policy();
	make_floor();
	if (cl_verifier_create(&policy, &verifier, error))
		die(error);
	printf("One core; a bundle of %zu bytes with %u events.\n\n", bundle[0].size, LOG_EVENTS);
	printf("  %-34s %8s %9s %9s %9s\n", "", "a second", "median us", "99 % us", "worst us");
	json_object_set_new(json, "bundle_bytes", json_integer((json_int_t)bundle[0].size));
	json_object_set_new(json, "log_events", json_integer(LOG_EVENTS));
	for (size_t i = 0; i < sizeof(contenders) / sizeof(contenders[0]); i++)
		json_object_set_new(json, contenders[i].name, measure(&contenders[i]));
	cl_verifier_free(verifier);
	if (json_dump_file(json, argv[1], JSON_INDENT(2)))
		die("writing the result");
	json_decref(json);
	return 0;
}
