// SPDX-License-Identifier: Apache-2.0
// `cloister node enroll` and `renew`. The CA is locked only while it is changed, so that a node
// that answers slowly keeps nobody else waiting; what was looked up before is looked up again then.
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include "../../verify/hex.h"
#include "../../verify/socket.h"
#include "../cloister/cleanup.h"
#include "../cloister/message.h"
#include "../cloister/verbs.h"
#include "../launch/size.h"
#include "ca.h"
#include "enroll.h"
#include "verbs.h"
#include <cloister/evidence.h>

#define TIMEOUT_S 60u // a TPM may take many seconds to make an RSA key

static const char enroll_help[] =
	"usage: cloister node enroll --name NAME [OPTIONS] HOST[:PORT]\n"
	"       cloister node renew --name NAME [OPTIONS] HOST[:PORT]\n"
	"\n"
	"Talk to the evidence service of a node (default port: 7444): check the certificate of\n"
	"its TPM's endorsement key (EK), let the TPM prove that it holds the attestation key\n"
	"(AK), and give the AK a certificate. `renew` does the same for a node that is enrolled\n"
	"and still has that EK. The first `enroll` begins a CA.\n"
	"\n"
	"  --name NAME            the node's name: letters, digits, '.', '_', '-', at most 63\n"
	"  --ca DIR               the CA's directory (default: " CA_DEFAULT ")\n"
	"  --ek-roots PATH        a file or directory with the TPM makers' root and intermediate\n"
	"                         certificates (PEM); may be repeated\n"
	"  --test-ek-roots PATH   the same for software TPMs: the node's certificate then says\n"
	"                         so, and verifiers refuse it but under a test policy\n"
	"  --ek KIND              with `enroll`, the kind of EK: ecc (the default), or rsa for a\n"
	"                         TPM without a certificate of an ECC key; `renew` asks for the\n"
	"                         kind that was enrolled\n"
	"  --days N               how long the certificate is good for (default: 30, at most 365)\n"
	"  --timeout S            how long to wait for each of the node's three answers\n"
	"                         (default: 60)\n"
	"  --json                 print the node's record as JSON\n"
	"  --help                 this text\n";

struct order {
	bool renew;
	const char *name;
	const char *ca;
	struct ek_roots real;
	struct ek_roots test;
	enum public_kind ek;
	unsigned int days;
	unsigned int timeout_ms;
	bool json;
	struct address node;
};

// The SHA-256 of two SPKIs, in hex.
struct keys {
	char ek[2 * SPKI_HASH_SIZE + 1];
	char ak[2 * SPKI_HASH_SIZE + 1];
};

// May this EK be enrolled, or renewed, under this name?
static int may(const struct nodes *nodes, const struct order *o, const struct keys *keys,
	       char error[CL_ERROR_SIZE])
{
	const struct node_record *named = nodes_by_name(nodes, o->name);
	const struct node_record *same = nodes_by_ek(nodes, keys->ek);
	const struct node_record *signer = nodes_by_ak(nodes, keys->ak);

	if (same && same->revoked)
		return clv_error(error, -EPERM,
				 "this TPM was enrolled as %s and is revoked; it cannot come back",
				 same->name);
	if (named && named->revoked)
		return clv_error(error, -EPERM, "%s is revoked; take another name", o->name);
	if (o->renew && !named)
		return ca_not_enrolled(o->name, error);
	if (o->renew && named != same)
		return clv_error(error, -EPERM,
				 "%s was enrolled with another TPM; enrol this one under a name of "
				 "its own",
				 o->name);
	if (!o->renew && same)
		return clv_error(error, -EEXIST,
				 "this TPM is enrolled already, as %s; `cloister node renew --name "
				 "%s` renews its certificate",
				 same->name, same->name);
	if (!o->renew && named)
		return clv_error(error, -EEXIST,
				 "%s is the name of another node; take another name", o->name);
	if (signer && signer != same)
		return clv_error(error, -EEXIST,
				 "this TPM's attestation key is that of %s, which was enrolled by "
				 "another endorsement key%s",
				 signer->name,
				 signer->revoked ? " and is revoked; it cannot come back"
						 : "; renew that one");
	return 0;
}

// `renew` asks for the key that was enrolled.
static int kind_of_record(struct order *o, char error[CL_ERROR_SIZE])
{
	struct ca ca;
	int rc = ca_open(&ca, o->ca, false, error);

	if (rc)
		return rc;
	const struct node_record *named = nodes_by_name(&ca.nodes, o->name);
	if (named)
		o->ek = named->rsa ? PUBLIC_EK_RSA : PUBLIC_EK_ECC;
	else
		rc = ca_not_enrolled(o->name, error);
	ca_close(&ca);
	return rc;
}

static int early_look(const struct order *o, const struct keys *keys, char error[CL_ERROR_SIZE])
{
	struct ca ca;
	int rc = ca_open(&ca, o->ca, false, error);

	if (rc)
		return rc;
	rc = may(&ca.nodes, o, keys, error);
	ca_close(&ca);
	return rc;
}

static int record(struct ca *ca, const struct order *o, const struct candidate *c,
		  const struct keys *keys, const struct node_cert *cert, time_t now,
		  char error[CL_ERROR_SIZE])
{
	struct node_record *node = nodes_by_name(&ca->nodes, o->name);

	if (!node && ca->nodes.count < NODES_MAX) {
		node = nodes_add(&ca->nodes);
		if (!node)
			return clv_error(error, -ENOMEM, "no memory");
		memcpy(node->name, o->name, strlen(o->name));
		memcpy(node->ek, keys->ek, sizeof(node->ek));
		node->rsa = c->ek.kind == PUBLIC_EK_RSA;
		node->enrolled = now;
	}
	if (!node || node_add_cert(node, cert, now))
		return clv_error(error, -ENOSPC,
				 node ? "%s has too many certificates that are still in time; wait "
					"until one of them is not"
				      : "the CA has no room for %s",
				 o->name);
	int rc = ca_room(ca, error);
	if (rc)
		return rc;
	node->test = c->checked.test;
	memcpy(node->ak, keys->ak, sizeof(node->ak));
	return ca_commit(ca, now, error);
}

// Under the lock: look again, sign, write down.
static int certify(const struct order *o, const struct candidate *c, const struct keys *keys,
		   X509 **cert, json_t **json, char error[CL_ERROR_SIZE])
{
	time_t now = time(NULL);
	struct ak_subject subject = {.name = o->name,
				     .ek = keys->ek,
				     .test = c->checked.test,
				     .not_after = now + (time_t)o->days * 86400};
	struct node_cert issued;
	struct ca ca;
	int rc = ca_open(&ca, o->ca, true, error);

	if (rc)
		return rc;
	if (c->checked.not_after < subject.not_after)
		subject.not_after = c->checked.not_after;
	rc = may(&ca.nodes, o, keys, error);
	if (!rc) {
		subject.ak = public_pkey(&c->ak);
		rc = ca_issue(&ca, &subject, now, cert, &issued, error);
		EVP_PKEY_free(subject.ak);
	}
	// Written down before anyone has it: a certificate that the list does not know could not
	// be revoked.
	if (!rc)
		rc = record(&ca, o, c, keys, &issued, now, error);
	if (!rc)
		*json = node_json(nodes_by_name(&ca.nodes, o->name));
	ca_close(&ca);
	return rc;
}

static int deliver(const struct order *o, X509 *cert)
{
	char error[CL_ERROR_SIZE];
	unsigned char *der = NULL;
	int size = i2d_X509(cert, &der);
	int rc = size > 0 ? candidate_deliver(&o->node, der, (size_t)size, o->timeout_ms, error)
			  : clv_error(error, -EIO, "OpenSSL cannot encode it");

	OPENSSL_free(der);
	return rc ? fail(EXIT_ERROR,
			 "%s: is enrolled, but has not taken its certificate: %s; `cloister node "
			 "renew --name %s` tries again",
			 o->name, error, o->name)
		  : EXIT_OK;
}

static void print_record(const struct order *o, const struct candidate *c, json_t *json)
{
	json_t *certs = json_object_get(json, "certificates");
	json_t *newest = json_array_get(certs, json_array_size(certs) - 1);
	time_t end = (time_t)json_integer_value(json_object_get(newest, "not_after"));
	char until[32] = "";
	struct tm tm;

	if (o->json) {
		json_dumpf(json, stdout, JSON_INDENT(2));
		putchar('\n');
		return;
	}
	if (gmtime_r(&end, &tm))
		strftime(until, sizeof(until), "%Y-%m-%d %H:%M UTC", &tm);
	printf("%s  %s until %s\n", o->name, o->renew ? "renewed" : "enrolled", until);
	printf("  endorsement key  %s, SHA-256 %s\n",
	       c->ek.kind == PUBLIC_EK_RSA ? "RSA 2048" : "ECC P-256",
	       json_string_value(json_object_get(json, "ek")));
	printf("  certificate      %s\n", json_string_value(json_object_get(newest, "serial")));
	if (c->checked.test)
		puts("  a software TPM: verifiers refuse it but under a test policy");
}

static int ak_hash(const struct candidate *c, uint8_t hash[SPKI_HASH_SIZE],
		   char error[CL_ERROR_SIZE])
{
	EVP_PKEY *ak = public_pkey(&c->ak);
	int rc = ak ? spki_hash(ak, hash) : -EIO;

	EVP_PKEY_free(ak);
	return rc ? clv_error(error, rc, "OpenSSL cannot encode the attestation key") : 0;
}

static int enroll(struct order *o)
{
	uint8_t hash[SPKI_HASH_SIZE];
	char error[CL_ERROR_SIZE];
	cleanup_json json_t *json = NULL;
	struct candidate c;
	struct keys keys;
	X509 *cert = NULL;

	if (o->renew && kind_of_record(o, error))
		return fail(EXIT_ERROR, "%s", error);
	if (candidate_ask(&c, o->ek, &o->node, o->timeout_ms, &o->real, &o->test, time(NULL),
			  error) ||
	    ak_hash(&c, hash, error))
		return fail(EXIT_ERROR, "%s: %s", o->node.host, error);
	clv_hex(keys.ek, c.checked.hash, SPKI_HASH_SIZE);
	clv_hex(keys.ak, hash, SPKI_HASH_SIZE);
	if (early_look(o, &keys, error))
		return fail(EXIT_ERROR, "%s", error);
	if (candidate_activate(&c, &o->node, o->timeout_ms, error))
		return fail(EXIT_ERROR, "%s: %s", o->node.host, error);
	int rc = certify(o, &c, &keys, &cert, &json, error);
	if (rc) {
		X509_free(cert);
		return fail(EXIT_ERROR, "%s", error);
	}
	int code = deliver(o, cert);
	X509_free(cert);
	if (!code)
		print_record(o, &c, json);
	return code;
}

static int begin_ca(const struct order *o)
{
	char error[CL_ERROR_SIZE];
	int rc;

	if (o->renew)
		return EXIT_OK;
	rc = ca_create(o->ca, time(NULL), error);
	if (!rc)
		note("node: a new CA was begun in %s; keep its ca.key safe, and put `cloister node "
		     "ca` into your policies",
		     o->ca);
	return rc && rc != -EEXIST ? fail(EXIT_ERROR, "--ca %s", error) : EXIT_OK;
}

static int take_number(const char *option, uint64_t max, unsigned int *to)
{
	uint64_t n;

	if (parse_number(optarg, max, &n) || !n)
		return fail(EXIT_USAGE, "--%s %s: a number from 1 to %" PRIu64 " expected", option,
			    optarg, max);
	*to = (unsigned int)n;
	return EXIT_OK;
}

static int take_option(struct order *o, int id)
{
	char error[CL_ERROR_SIZE];
	unsigned int seconds = 0;
	int code;

	switch (id) {
	case 'n':
		o->name = optarg;
		return name_valid(optarg) ? EXIT_OK
					  : fail(EXIT_USAGE,
						 "--name: letters, digits, '.', '_', '-', at most "
						 "%u, beginning with a letter or digit",
						 NAME_MAX_LENGTH);
	case 'c':
		o->ca = optarg;
		return EXIT_OK;
	case 'e':
	case 't':
		return ek_roots_add(id == 'e' ? &o->real : &o->test, optarg, error)
			       ? fail(EXIT_USAGE, "--%sek-roots %s", id == 't' ? "test-" : "",
				      error)
			       : EXIT_OK;
	case 'k':
		if (o->renew)
			return fail(EXIT_USAGE, "--ek: `renew` asks for the kind of key that was "
						"enrolled; leave it out");
		if (strcmp(optarg, "ecc") != 0 && strcmp(optarg, "rsa") != 0)
			return fail(EXIT_USAGE, "--ek %s: ecc or rsa expected", optarg);
		o->ek = strcmp(optarg, "rsa") == 0 ? PUBLIC_EK_RSA : PUBLIC_EK_ECC;
		return EXIT_OK;
	case 'd':
		return take_number("days", AK_DAYS_MAX, &o->days);
	case 's':
		code = take_number("timeout", 3600, &seconds);
		o->timeout_ms = seconds * 1000;
		return code;
	case 'j':
		o->json = true;
		return EXIT_OK;
	default:
		return verb_usage(o->renew ? "node renew" : "node enroll");
	}
}

static int take_arguments(struct order *o, int argc, char **argv)
{
	static const struct option options[] = {{"name", required_argument, NULL, 'n'},
						{"ca", required_argument, NULL, 'c'},
						{"ek-roots", required_argument, NULL, 'e'},
						{"test-ek-roots", required_argument, NULL, 't'},
						{"ek", required_argument, NULL, 'k'},
						{"days", required_argument, NULL, 'd'},
						{"timeout", required_argument, NULL, 's'},
						{"json", no_argument, NULL, 'j'},
						{"help", no_argument, NULL, 'h'},
						{NULL, 0, NULL, 0}};
	int id;

	opterr = 0;
	while ((id = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (id == 'h') {
			verb_help(enroll_help);
			return -1;
		}
		int code = take_option(o, id);
		if (code)
			return code;
	}
	if (optind + 1 != argc)
		return verb_usage(o->renew ? "node renew" : "node enroll");
	if (address_parse(&o->node, argv[optind], CL_EVIDENCE_PORT))
		return fail(EXIT_USAGE, "%s: HOST[:PORT] expected", argv[optind]);
	if (!o->name)
		return fail(EXIT_USAGE, "--name is needed; see `cloister node enroll --help`");
	if (!o->real.count && !o->test.count)
		return fail(EXIT_USAGE, "no root certificate of a TPM's maker given; --ek-roots "
					"takes them, from the maker's site");
	return EXIT_OK;
}

static int run(bool renew, int argc, char **argv)
{
	struct order o = {.renew = renew,
			  .ca = CA_DEFAULT,
			  .ek = PUBLIC_EK_ECC,
			  .days = AK_DAYS,
			  .timeout_ms = TIMEOUT_S * 1000};
	int code = take_arguments(&o, argc, argv);

	if (!code)
		code = begin_ca(&o);
	if (!code)
		code = enroll(&o);
	ek_roots_free(&o.real);
	ek_roots_free(&o.test);
	return code < 0 ? EXIT_OK : code;
}

int node_verb_enroll(int argc, char **argv)
{
	return run(false, argc, argv);
}

int node_verb_renew(int argc, char **argv)
{
	return run(true, argc, argv);
}
