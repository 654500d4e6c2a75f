// SPDX-License-Identifier: Apache-2.0
/*
 * libFuzzer target for an enrolment: whatever a node says to the registrar, whatever anybody says
 * to a node, the evidence that a client takes apart, and the CA's own list. Besides memory, the
 * promises are: what is taken is within its bounds and would be written the same way again; and a
 * node's words about itself, changed in any place, are refused or leave the endorsement key what
 * its certificate says that it is.
 */
#include <time.h>

#include <openssl/x509.h>

#include "ak_cert.h"
#include "bundle.h"
#include "ca.h"
#include "enrol_make.h"
#include "enroll.h"
#include "../../verify/http.h"
#include "fuzz.h"
#include "nodes.h"
#include "serve_route.h"
#include "wire.h"

#define NOW ((time_t)1800000000)

int LLVMFuzzerInitialize(int *argc, char ***argv);

static struct ek_roots roots;
static struct public_key genuine;
static uint8_t genuine_hash[SPKI_HASH_SIZE], ak_area[PUBLIC_MAX], ak_der[CL_AK_CERT_MAX];
static uint8_t message[WIRE_ENROL_MAX];
static size_t message_size, ak_area_size, ak_der_size;
static X509 *ca_cert;

/* answers.c is not here: what it answers needs a TPM. */
void answer_evidence(struct node *node, const char *nonce, struct answer *a)
{
}

void answer_enrol(struct node *node, const char *ek, struct answer *a)
{
}

void answer_activate(struct node *node, const uint8_t *body, size_t size, struct answer *a)
{
}

void answer_ak(struct node *node, const uint8_t *body, size_t size, struct answer *a)
{
}

/* enroll.c asks nobody here. */
int clv_http(const struct clv_request *r, uint8_t *out, size_t max, char error[CL_ERROR_SIZE])
{
	return -1;
}

/* A maker, its root, a genuine TPM's answer; and an AK's certificate. */
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	const struct made_rules rules = {.constraints = "critical,CA:FALSE",
					 .usage = "critical,keyEncipherment",
					 .eku = "2.23.133.8.1",
					 .from = NOW - 1000,
					 .to = NOW + 1000,
					 .version = X509_VERSION_3};
	struct made_rules ak_rules = rules;
	struct made root = make_authority("root", NULL, NOW);
	EVP_PKEY *ek = make_key(true), *ak = make_key(false);
	X509 *cert = make_cert(ek, "tpm", &root, &rules);
	uint8_t ek_area[PUBLIC_MAX], der[4096];
	const char *why;

	ak_rules.usage = "critical,digitalSignature";
	ak_rules.eku = CL_OID_AK_EKU;
	X509 *ak_cert = make_cert(ak, "node", &root, &ak_rules);
	roots.roots = X509_STORE_new();
	roots.between = sk_X509_new_null();
	roots.count = 1;
	require(X509_STORE_add_cert(roots.roots, root.cert) == 1);
	size_t ek_size = make_area(PUBLIC_EK_RSA, ek, ek_area);
	ak_area_size = make_area(PUBLIC_AK, ak, ak_area);
	require(!public_parse(&genuine, PUBLIC_EK_RSA, ek_area, ek_size, &why));
	require(!spki_hash(ek, genuine_hash));
	const struct wire_enrol enrol = {{ak_area, ak_area_size},
					 {ek_area, ek_size},
					 {der, make_der(cert, der, sizeof(der))}};
	int n = wire_put_enrol(&enrol, message, sizeof(message));
	require(n > 0);
	message_size = (size_t)n;
	ak_der_size = make_der(ak_cert, ak_der, sizeof(ak_der));
	ca_cert = root.cert;
	X509_free(cert);
	X509_free(ak_cert);
	EVP_PKEY_free(root.key);
	EVP_PKEY_free(ek);
	EVP_PKEY_free(ak);
	return 0;
}

/* Some bytes changed, cut short or with one more: as the input says. */
static uint8_t *changed(struct input *in, const uint8_t *data, size_t *size)
{
	uint8_t *copy = malloc(*size + 1);

	require(copy);
	memcpy(copy, data, *size);
	copy[*size] = 0;
	for (unsigned turn = take(in, 1) % 8; turn; turn--) {
		size_t at = take(in, 2) % *size;

		copy[at] = (uint8_t)take(in, 1);
	}
	uint8_t end = (uint8_t)take(in, 1) % 8;

	if (end == 7)
		*size = take(in, 2) % (*size + 1);
	else if (end == 6)
		*size += 1;
	uint8_t *exact = exact_copy(copy, *size);

	free(copy);
	return exact;
}

static void candidate(const uint8_t *data, size_t size)
{
	static const struct ek_roots none;
	char error[CL_ERROR_SIZE] = "";
	struct candidate c;

	if (candidate_check(&c, PUBLIC_EK_ECC, data, size, &roots, &none, NOW, error) &&
	    candidate_check(&c, PUBLIC_EK_RSA, data, size, &roots, &none, NOW, error)) {
		require(error[0]);
		return;
	}
	/* There is one certificate in this world. */
	require(c.ek.kind == genuine.kind && !memcmp(c.ek.x, genuine.x, sizeof(genuine.x)));
	require(!memcmp(c.checked.hash, genuine_hash, sizeof(genuine_hash)));
	require(!c.checked.test && c.checked.not_after == NOW + 1000);
	require(c.ak.kind == PUBLIC_AK && c.ak.size == 32 && c.ak.name[1] == 0x0b);
}

static void take_messages(const uint8_t *data, size_t size)
{
	uint8_t again[WIRE_ENROL_MAX], secret[SECRET_SIZE];
	struct credential credential;
	struct wire_enrol enrol;
	const char *why = NULL;
	int n;

	if (!wire_take_enrol(&enrol, data, size, &why)) {
		require(enrol.ak_public.size <= PUBLIC_MAX && enrol.ek_public.size <= PUBLIC_MAX);
		require(enrol.ek_certificate.size <= 4096);
		n = wire_put_enrol(&enrol, again, sizeof(again));
		require(n == (int)size && !memcmp(again, data, size));
	}
	if (!wire_take_activate(&credential, data, size, &why)) {
		require(credential.seed_size && credential.seed_size <= SEED_MAX);
		n = wire_put_activate(&credential, again, sizeof(again));
		require(n == (int)size && !memcmp(again, data, size));
	} else {
		require(why);
	}
	if (!wire_take_secret(secret, data, size, &why)) {
		n = wire_put_secret(secret, again);
		require(n == (int)size && !memcmp(again, data, size));
	}
}

static void take_bundle(const uint8_t *data, size_t size)
{
	uint8_t *again = malloc(size + 1);
	struct bundle bundle;
	const char *why = NULL;

	require(again);
	if (!bundle_take(&bundle, data, size, &why)) {
		require(bundle.ak.size <= CL_AK_CERT_MAX && bundle.quote.size <= 2048);
		require(bundle.report.size <= CL_REPORT_MAX);
		require(bundle.boot_log.size <= CL_BOOT_LOG_MAX);
		int n = bundle_put(&bundle, again, size);

		require(n == (int)size && !memcmp(again, data, size));
	} else {
		require(why);
	}
	free(again);
}

static void take_certificate(const uint8_t *data, size_t size, X509 *ca)
{
	const char *why = NULL;

	if (ak_cert_check(data, size, ak_area, ak_area_size, ca, &why)) {
		require(why);
		return;
	}
	const unsigned char *at = data;
	X509 *cert = d2i_X509(NULL, &at, (long)size);

	require(cert && at == data + size && cert_has_eku(cert, CL_OID_AK_EKU));
	require(!ca || X509_verify(cert, X509_get0_pubkey(ca)) == 1);
	X509_free(cert);
}

static void take_list(const uint8_t *data, size_t size)
{
	struct nodes nodes, again;
	char why[160] = "";

	if (nodes_parse(&nodes, (const char *)data, size, why, sizeof(why))) {
		require(why[0] && !nodes.list && !nodes.count);
		return;
	}
	char *text = nodes_print(&nodes);

	require(text && !nodes_parse(&again, text, strlen(text), why, sizeof(why)));
	require(again.count == nodes.count && again.crl_number == nodes.crl_number);
	for (size_t i = 0; i < nodes.count; i++) {
		require(name_valid(nodes.list[i].name));
		require(nodes_by_name(&nodes, nodes.list[i].name) == &nodes.list[i]);
		require(nodes_by_ek(&nodes, nodes.list[i].ek) == &nodes.list[i]);
		require(nodes.list[i].nr_certs <= NODE_CERTS_MAX);
		require(!memcmp(&nodes.list[i], &again.list[i], sizeof(nodes.list[i])));
	}
	free(text);
	nodes_free(&nodes);
	nodes_free(&again);
}

static void routes(const uint8_t *data, size_t size)
{
	char *path = malloc(size + 1);
	unsigned int status = 0;

	require(path);
	memcpy(path, data, size);
	path[size] = '\0';
	const struct route *route = route_find(path, size & 1 ? "GET" : "POST", &status);

	require(route ? route->body_max <= BODY_MAX && route->answer
		      : status == 404 || status == 405);
	free(path);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {data, size};
	unsigned what = (unsigned)take(&in, 1);
	size_t n = what & 8 ? (what & 1 ? ak_der_size : message_size) : in.left;
	uint8_t *block = what & 8 ? changed(&in, what & 1 ? ak_der : message, &n)
				  : exact_copy(in.at, in.left);

	switch (what & 7) {
	case 0:
	case 2:
		candidate(block, n);
		break;
	case 1:
	case 3:
		take_certificate(block, n, what & 2 ? ca_cert : NULL);
		break;
	case 4:
		take_messages(block, n);
		break;
	case 5:
		take_bundle(block, n);
		break;
	case 6:
		take_list(block, n);
		break;
	default:
		routes(block, n);
		break;
	}
	free(block);
	return 0;
}
