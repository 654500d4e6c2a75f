// SPDX-License-Identifier: Apache-2.0
/*
 * libFuzzer target for X509-SVIDs and requests: any bytes; genuine ones with bytes changed, which
 * are refused or say the same; leaves of all kinds, rightly signed, against what the standard says
 * of each; and what is issued for any request is taken, with the grant's name and no other.
 */
#include <errno.h>

#include <openssl/x509v3.h>

#include "csr.h"
#include "key.h"
#include "spiffe_change.h"
#include "spiffe_forge.h"
#include "x509_ca.h"
#include "x509_check.h"
#include "x509_rules.h"

#define WEB "spiffe://" FORGE_DOMAIN "/web"

int LLVMFuzzerInitialize(int *argc, char ***argv);

static struct spiffe_bundle bundle;
static const struct spiffe_bundle *const list[] = {&bundle};
static const struct spiffe_bundles bundles = {list, 1};
static struct forged root, between;
static struct spiffe_ca ca;
static struct spiffe_id web, id;
static EVP_PKEY *key;
static uint8_t chain[8192], request[2048];
static size_t chain_size, request_size;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	const struct spiffe_validity day = {FORGE_NOW, 60, 86400};
	EVP_PKEY *ca_key = spiffe_key_new();
	uint8_t bytes[4096], *der;
	const char *why;
	int size;

	key = forge_key("P-256");
	root = forge_ca(NULL, NULL);
	between = forge_ca(&root, &(struct forge_rules){.subject = "Between"});
	require(!spiffe_bundle_init(&bundle, FORGE_DOMAIN, &why));
	X509_up_ref(root.cert);
	require(!spiffe_bundle_add_x509(&bundle, bytes,
					forge_append(bytes, 0, sizeof(bytes), root.cert), &why));
	size = spiffe_ca_self(FORGE_DOMAIN, ca_key, &day, &der, &why);
	require(size > 0 && !spiffe_ca_open(&ca, ca_key, der, (size_t)size, &why));
	require(!spiffe_bundle_add_x509(&bundle, der, (size_t)size, &why));
	OPENSSL_free(der);
	EVP_PKEY_free(ca_key);
	chain_size = forge_append(chain, 0, sizeof(chain), forge_leaf(key, &between, NULL));
	X509_up_ref(between.cert);
	chain_size = forge_append(chain, chain_size, sizeof(chain), between.cert);
	request_size = forge_csr(key, "DNS:web.example.org,URI:spiffe://other.org/admin", "SHA256",
				 request, sizeof(request));
	return spiffe_id_make(&web, FORGE_DOMAIN, "/web", &why);
}

static bool taken(const uint8_t *bytes, size_t size)
{
	const char *why = NULL;
	int rc = spiffe_x509_check(bytes, size, &bundles, FORGE_NOW, &id, &why);

	require(rc == 0 || (rc == -EINVAL && why));
	return rc == 0;
}

/* ---- a leaf with what the input says, and what is to be thought of it ---- */

static void add_usage(X509 *cert, unsigned bits, bool critical)
{
	ASN1_BIT_STRING *usage = ASN1_BIT_STRING_new();

	require(usage);
	for (int i = 0; i < 9; i++)
		if (bits >> i & 1)
			ASN1_BIT_STRING_set_bit(usage, i, 1);
	require(X509_add1_ext_i2d(cert, NID_key_usage, usage, critical, 0) == 1);
	ASN1_BIT_STRING_free(usage);
}

static void add_purposes(X509 *cert, unsigned bits)
{
	static const int nids[] = {NID_server_auth, NID_client_auth, NID_code_sign};
	EXTENDED_KEY_USAGE *purposes = EXTENDED_KEY_USAGE_new();

	require(purposes);
	for (unsigned i = 0; i < 3; i++)
		if (bits >> i & 1)
			sk_ASN1_OBJECT_push(purposes, OBJ_nid2obj(nids[i]));
	require(X509_add1_ext_i2d(cert, NID_ext_key_usage, purposes, 0, 0) == 1);
	EXTENDED_KEY_USAGE_free(purposes);
}

static void push_name(GENERAL_NAMES *names, int type, const char *text, size_t size)
{
	GENERAL_NAME *name = GENERAL_NAME_new();
	ASN1_IA5STRING *value = ASN1_IA5STRING_new();

	require(name && value && ASN1_STRING_set(value, text, (int)size) == 1);
	GENERAL_NAME_set0_value(name, type, value);
	require(sk_GENERAL_NAME_push(names, name) > 0);
}

static void leaf(struct input *in)
{
	const struct forge_rules bare = {.san = "", .constraints = "", .usage = "", .eku = ""};
	struct forge_rules rules = bare;
	unsigned flags = (unsigned)take(in, 1), usage = (unsigned)take(in, 2) & 0x1ff;
	unsigned uris = (unsigned)take(in, 1) % 4, purposes = (unsigned)take(in, 1) & 15;
	bool critical = flags & 1, subject = flags & 2, authority = flags & 4, early = flags & 8;
	GENERAL_NAMES *names = GENERAL_NAMES_new();
	bool good_name = false, expected;
	uint8_t bytes[8192];
	const char *why;
	X509 *cert;
	size_t size;

	rules.constraints = authority ? "CA:TRUE" : flags & 16 ? "critical,CA:FALSE" : "";
	rules.subject = subject ? "leaf" : "";
	rules.from = early ? FORGE_NOW + 1 : 0;
	cert = forge_leaf(key, &root, &rules);
	if (flags & 32)
		push_name(names, GEN_DNS, "web.example.org", 15);
	for (unsigned i = 0; i < uris; i++) {
		char text[128];
		size_t n = take(in, 1) % 64;
		bool begin = take(in, 1) & 1;

		memcpy(text, WEB, sizeof(WEB));
		size = begin ? strlen(WEB) : 0;
		take_bytes(in, text + size, n);
		size += n;
		push_name(names, GEN_URI, text, size);
		good_name = !spiffe_id_parse(&id, text, size, &why) && !spiffe_id_is_domain(&id) &&
			    spiffe_id_in(&id, FORGE_DOMAIN);
	}
	if (sk_GENERAL_NAME_num(names))
		require(X509_add1_ext_i2d(cert, NID_subject_alt_name, names, critical, 0) == 1);
	GENERAL_NAMES_free(names);
	if (!(flags & 64))
		add_usage(cert, usage, !(flags & 128));
	if (purposes & 8)
		add_purposes(cert, purposes);
	require(X509_sign(cert, root.key, EVP_sha256()) > 0);
	size = forge_append(bytes, 0, sizeof(bytes), cert);
	/* Bits of RFC 5280, section 4.2.1.3: digitalSignature, keyCertSign, cRLSign. */
	expected = uris == 1 && good_name && (critical || subject) && !authority && !early &&
		   !(flags & 64) && !(flags & 128) && usage & 1 && !(usage & (1 << 5 | 1 << 6)) &&
		   (!(purposes & 8) || (purposes & 3) == 3);
	require(taken(bytes, size) == expected);
}

/* ---- requests ---- */

static void issue(const struct spiffe_csr *csr)
{
	static const char *const dns[] = {"web.example.org"};
	const struct spiffe_grant grant = {&web, dns, 1, {FORGE_NOW, 60, 300}};
	struct spiffe_svid svid;
	const char *why;
	const uint8_t *at;
	GENERAL_NAMES *names;
	X509 *cert;

	require(!spiffe_ca_issue(&ca, csr, &grant, &svid, &why));
	require(taken(svid.der, svid.size) && spiffe_id_equal(&id, &web));
	at = svid.der;
	cert = spiffe_x509_read(&at, svid.size, &why);
	names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
	require(sk_GENERAL_NAME_num(names) == 1 + spiffe_csr_asks(csr, dns[0]));
	require(EVP_PKEY_eq(X509_get0_pubkey(cert), csr->key) == 1);
	GENERAL_NAMES_free(names);
	X509_free(cert);
	OPENSSL_free(svid.der);
}

static void ask(const uint8_t *bytes, size_t size)
{
	struct spiffe_csr csr;
	const char *why = NULL;

	if (spiffe_csr_read(&csr, bytes, size, &why)) {
		require(why && !csr.key && !csr.names);
		return;
	}
	require(spiffe_key_kind(csr.key) == SPIFFE_KEY_P256);
	issue(&csr);
	spiffe_csr_free(&csr);
}

static void changed_request(struct input *in)
{
	size_t size = request_size;
	uint8_t *bytes = changed(in, request, &size);
	struct spiffe_csr csr;
	const char *why;

	/* A signature has one encoding, so no other bytes are a request of this key. */
	if (!spiffe_csr_read(&csr, bytes, size, &why)) {
		require(size == request_size && !memcmp(bytes, request, size));
		spiffe_csr_free(&csr);
	}
	free(bytes);
}

/* Extensions from the input, rightly signed. */
static void named_request(struct input *in)
{
	X509_REQ *req = X509_REQ_new();
	STACK_OF(X509_EXTENSION) *extensions = sk_X509_EXTENSION_new_null();
	ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_new();
	unsigned char *der = NULL;
	uint8_t *exact;
	int size;

	require(req && extensions && value && X509_REQ_set_pubkey(req, key) == 1);
	require(ASN1_OCTET_STRING_set(value, in->at, (int)in->left) == 1);
	sk_X509_EXTENSION_push(extensions,
			       X509_EXTENSION_create_by_NID(NULL, NID_subject_alt_name, 0, value));
	require(X509_REQ_add_extensions(req, extensions) == 1);
	require(X509_REQ_sign(req, key, EVP_sha256()) > 0);
	size = i2d_X509_REQ(req, &der);
	require(size > 0);
	exact = exact_copy(der, (size_t)size);
	ask(exact, (size_t)size);
	free(exact);
	OPENSSL_free(der);
	ASN1_OCTET_STRING_free(value);
	sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
	X509_REQ_free(req);
}

static void changed_chain(struct input *in)
{
	size_t size = chain_size;
	uint8_t *bytes = changed(in, chain, &size);

	if (taken(bytes, size))
		require(spiffe_id_equal(&id, &web));
	free(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {data, size};
	unsigned what = (unsigned)take(&in, 1) % 6;
	uint8_t *exact = exact_copy(in.at, in.left);

	switch (what) {
	case 0:
		require(!taken(exact, in.left));
		break;
	case 1:
		ask(exact, in.left);
		break;
	case 2:
		changed_chain(&in);
		break;
	case 3:
		changed_request(&in);
		break;
	case 4:
		leaf(&in);
		break;
	default:
		named_request(&in);
		break;
	}
	free(exact);
	return 0;
}
