// SPDX-License-Identifier: Apache-2.0
// spiffe/ on the command line, for tests/host/spiffe.sh, which holds other programs against it.
// Files are DER; times are seconds since 1970.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../../spiffe/csr.h"
#include "../../spiffe/jwt.h"
#include "../../spiffe/key.h"
#include "../../spiffe/x509_ca.h"
#include "../../spiffe/x509_check.h"

#define FILE_MAX 1048576u

struct file {
	uint8_t *bytes;
	size_t size;
};

static _Noreturn void die(const char *why)
{
	fprintf(stderr, "%s\n", why);
	exit(1);
}

static struct file load(const char *path)
{
	struct file file = {malloc(FILE_MAX), 0};
	FILE *f = fopen(path, "re");

	if (!f || !file.bytes)
		die(path);
	file.size = fread(file.bytes, 1, FILE_MAX, f);
	fclose(f);
	return file;
}

static void store(const char *path, const uint8_t *bytes, int size)
{
	FILE *f = fopen(path, "we");

	if (!f || size <= 0 || fwrite(bytes, 1, (size_t)size, f) != (size_t)size || fclose(f))
		die(path);
}

static EVP_PKEY *load_key(const char *path)
{
	struct file file = load(path);
	EVP_PKEY *key;
	const char *why;

	if (spiffe_key_from_der(file.bytes, file.size, &key, &why))
		die(why);
	return key;
}

static time_t number(const char *text)
{
	return (time_t)strtoll(text, NULL, 10);
}

// key KEY
static int make_key(char **arg)
{
	uint8_t *der;
	int size = spiffe_key_to_der(spiffe_key_new(), &der);

	store(arg[0], der, size);
	return 0;
}

// kid KEY
static int kid(char **arg)
{
	char text[SPIFFE_KID_SIZE];

	if (spiffe_key_kid(load_key(arg[0]), text))
		die("no kid");
	puts(text);
	return 0;
}

// ca DOMAIN KEY NOW CERT
static int make_ca(char **arg)
{
	const struct spiffe_validity validity = {number(arg[2]), 60, 86400};
	const char *why;
	uint8_t *der;
	int size = spiffe_ca_self(arg[0], load_key(arg[1]), &validity, &der, &why);

	if (size < 0)
		die(why);
	store(arg[3], der, size);
	return 0;
}

// issue KEY CERT CSR ID DNS NOW LEAF
static int issue(char **arg)
{
	const char *dns[] = {arg[4]}, *why;
	struct file cert = load(arg[1]), request = load(arg[2]);
	struct spiffe_id id;
	struct spiffe_grant grant = {&id, dns, 1, {number(arg[5]), 60, 3600}};
	struct spiffe_svid svid;
	struct spiffe_csr csr;
	struct spiffe_ca ca;

	if (spiffe_ca_open(&ca, load_key(arg[0]), cert.bytes, cert.size, &why) ||
	    spiffe_csr_read(&csr, request.bytes, request.size, &why) ||
	    spiffe_id_parse(&id, arg[3], strlen(arg[3]), &why) ||
	    spiffe_ca_issue(&ca, &csr, &grant, &svid, &why))
		die(why);
	store(arg[6], svid.der, (int)svid.size);
	return 0;
}

static struct spiffe_bundle bundle;
static const struct spiffe_bundle *const list[] = {&bundle};
static const struct spiffe_bundles bundles = {list, 1};

static void load_bundle(const char *domain, const char *path)
{
	struct file file = load(path);
	const char *why;

	if (spiffe_bundle_read(&bundle, domain, (const char *)file.bytes, file.size, &why))
		die(why);
}

// x509 DOMAIN BUNDLE CHAIN NOW
static int check_x509(char **arg)
{
	struct file chain = load(arg[2]);
	struct spiffe_id id;
	const char *why;

	load_bundle(arg[0], arg[1]);
	if (spiffe_x509_check(chain.bytes, chain.size, &bundles, number(arg[3]), &id, &why))
		die(why);
	puts(id.text);
	return 0;
}

// bundle|jwks DOMAIN CERT KEY: with the certificate, and the key under its thumbprint
static int write_bundle(char **arg, char *(*how)(const struct spiffe_bundle *))
{
	struct file cert = load(arg[1]);
	EVP_PKEY *key = load_key(arg[2]);
	char name[SPIFFE_KID_SIZE];
	const char *why;

	if (spiffe_bundle_init(&bundle, arg[0], &why) ||
	    spiffe_bundle_add_x509(&bundle, cert.bytes, cert.size, &why) ||
	    spiffe_key_kid(key, name) || spiffe_bundle_add_jwt(&bundle, name, key, 0, &why))
		die(why);
	bundle.refresh_hint = 300;
	puts(how(&bundle));
	return 0;
}

// counts DOMAIN BUNDLE: certificates, keys, sequence
static int counts(char **arg)
{
	load_bundle(arg[0], arg[1]);
	printf("%zu %zu %lld\n", bundle.nr_x509, bundle.nr_jwt, (long long)bundle.sequence);
	return 0;
}

// sign KEY ID AUD NOW
static int sign(char **arg)
{
	const char *aud[] = {arg[2]}, *why;
	EVP_PKEY *key = load_key(arg[0]);
	struct spiffe_id id;
	struct spiffe_jwt_grant grant = {&id, aud, 1, number(arg[3]), 300};
	char name[SPIFFE_KID_SIZE], *token = NULL;

	if (!spiffe_key_kid(key, name) && !spiffe_id_parse(&id, arg[1], strlen(arg[1]), &why))
		token = spiffe_jwt_issue(key, name, &grant, &why);
	if (!token)
		die(why);
	puts(token);
	return 0;
}

// jwt DOMAIN BUNDLE TOKEN AUD NOW
static int check_jwt(char **arg)
{
	const struct spiffe_jwt_question question = {arg[3], &bundles, number(arg[4]), 0};
	struct spiffe_id id;
	json_t *claims;
	const char *why;

	load_bundle(arg[0], arg[1]);
	if (spiffe_jwt_check(arg[2], strlen(arg[2]), &question, &id, &claims, &why))
		die(why);
	puts(json_dumps(claims, JSON_COMPACT | JSON_SORT_KEYS));
	return 0;
}

int main(int argc, char **argv)
{
	const char *verb = argc > 1 ? argv[1] : "";
	char **arg = argv + 2;

	argc -= 2;
	if (!strcmp(verb, "key") && argc == 1)
		return make_key(arg);
	if (!strcmp(verb, "kid") && argc == 1)
		return kid(arg);
	if (!strcmp(verb, "ca") && argc == 4)
		return make_ca(arg);
	if (!strcmp(verb, "issue") && argc == 7)
		return issue(arg);
	if (!strcmp(verb, "x509") && argc == 4)
		return check_x509(arg);
	if (!strcmp(verb, "bundle") && argc == 3)
		return write_bundle(arg, spiffe_bundle_write);
	if (!strcmp(verb, "jwks") && argc == 3)
		return write_bundle(arg, spiffe_bundle_write_jwt);
	if (!strcmp(verb, "counts") && argc == 2)
		return counts(arg);
	if (!strcmp(verb, "sign") && argc == 4)
		return sign(arg);
	if (!strcmp(verb, "jwt") && argc == 5)
		return check_jwt(arg);
	die("what?");
}
