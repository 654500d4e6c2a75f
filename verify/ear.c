// SPDX-License-Identifier: Apache-2.0
// A verdict for others to rely on: an EAT Attestation Result (draft-ietf-rats-ear-00) as a JWT
// (RFC 7519), signed with ES256 (RFC 7518, section 3.4).
#include <stdlib.h>

#include <jansson.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "auto.h"
#include "base64url.h"
#include "checks.h"
#include "hex.h"

#define EAR_PROFILE "tag:github.com,2023:veraison/ear"
/* Claims of our own have names that nobody else uses (RFC 7519, section 4.2). */
#define CLAIM_CHECKS "tag:cloister.example,2026:checks"
#define CLAIM_RESULT "tag:cloister.example,2026:result"
#define DEVELOPER    "https://cloister.example"

/* Trustworthiness claims (draft-ietf-rats-ar4si, section 2.3). */
enum vector {
	INSTANCE_IDENTITY,
	CONFIGURATION,
	EXECUTABLES,
	HARDWARE,
	NR_VECTOR,
	NO_VECTOR,
};

static const char *const vector_names[NR_VECTOR] = {"instance-identity", "configuration",
						    "executables", "hardware"};

/* What each check speaks of, and what it makes of the claim if it fails. */
#define AFFIRMING	2 /* 2 of each claim: known, approved, genuine */
#define WARNING		32
#define CONTRAINDICATED 96
#define NOT_RECOGNIZED	97 /* of an identity or hardware */
#define CRYPTO_FAILED	99 /* section 2.3.2: the evidence did not verify */

static const struct {
	const char *check;
	enum vector vector;
	int failed;
} meaning[] = {
	{"format", INSTANCE_IDENTITY, CRYPTO_FAILED},
	{"signature", INSTANCE_IDENTITY, CRYPTO_FAILED},
	{"ak", INSTANCE_IDENTITY, NOT_RECOGNIZED},
	{"test-tpm", HARDWARE, NOT_RECOGNIZED},
	{"quote", INSTANCE_IDENTITY, CRYPTO_FAILED},
	{"nonce", INSTANCE_IDENTITY, CONTRAINDICATED},
	{"boot-log", EXECUTABLES, CONTRAINDICATED},
	{"firmware", EXECUTABLES, CONTRAINDICATED},
	{"option-roms", EXECUTABLES, CONTRAINDICATED},
	{"boot-image", EXECUTABLES, CONTRAINDICATED},
	{"boot-commands", CONFIGURATION, CONTRAINDICATED},
	{"core-key", INSTANCE_IDENTITY, CONTRAINDICATED},
	{"root", INSTANCE_IDENTITY, CONTRAINDICATED},
	{"digest", EXECUTABLES, CONTRAINDICATED},
	{"tls-key", INSTANCE_IDENTITY, CONTRAINDICATED},
	{"debug", CONFIGURATION, CONTRAINDICATED},
	{"policy", CONFIGURATION, CONTRAINDICATED},
	{"vcpus", CONFIGURATION, CONTRAINDICATED},
	{"memory", CONFIGURATION, CONTRAINDICATED},
	{"window", CONFIGURATION, CONTRAINDICATED},
	{"idle", CONFIGURATION, CONTRAINDICATED},
	{"core-version", EXECUTABLES, CONTRAINDICATED},
	{"core-build", EXECUTABLES, CONTRAINDICATED},
	{"iommu", CONFIGURATION, CONTRAINDICATED},
	{"remapping", CONFIGURATION, CONTRAINDICATED},
};

static int value_of(const struct cl_check *c, size_t i)
{
	switch (c->status) {
	case CL_CHECK_PASS:
		return AFFIRMING;
	case CL_CHECK_WARN:
		return WARNING;
	case CL_CHECK_SKIP:
		return 0;
	case CL_CHECK_FAIL:
		break;
	}
	return meaning[i].failed;
}

/* The worst of the checks that speak of each claim; 0: none does. */
static void make_vector(const struct cl_verdict_result *r, int vector[NR_VECTOR])
{
	memset(vector, 0, NR_VECTOR * sizeof(vector[0]));
	for (size_t n = 0; n < r->nr_checks; n++) {
		for (size_t i = 0; i < sizeof(meaning) / sizeof(meaning[0]); i++) {
			int *claim = &vector[meaning[i].vector];

			if (strcmp(meaning[i].check, r->checks[n].name) == 0 &&
			    value_of(&r->checks[n], i) > *claim)
				*claim = value_of(&r->checks[n], i);
		}
	}
	/* Of a software TPM nobody can say what hardware is under it. */
	if (r->node.test_tpm && vector[HARDWARE] == AFFIRMING)
		vector[HARDWARE] = 0;
}

static json_t *vector_json(const struct cl_verdict_result *r)
{
	int vector[NR_VECTOR], err = 0;
	json_t *o = json_object();

	make_vector(r, vector);
	for (size_t i = 0; i < NR_VECTOR; i++)
		if (vector[i])
			err |= json_object_set_new(o, vector_names[i], json_integer(vector[i]));
	if (!err)
		return o;
	json_decref(o);
	return NULL;
}

/* All of the verdict, as cl_result_json has it: checks with reasons, node, report. */
static json_t *result_json(const struct cl_verdict_result *r)
{
	char *text = cl_result_json(r);
	json_t *json = text ? json_loads(text, 0, NULL) : NULL;

	free(text);
	return json;
}

/* The submodule's ear.appraisal-policy-id. */
static int add_policy_id(json_t *zone, const struct cl_verdict_result *r)
{
	char text[sizeof("sha-256:") + 2 * (size_t)CL_HASH_SIZE] = "sha-256:";

	clv_hex(text + strlen(text), r->policy_id, CL_HASH_SIZE);
	return json_object_set_new(zone, "ear.appraisal-policy-id", json_string(text));
}

static char *claims(const struct cl_verdict_result *r, time_t now)
{
	AUTO(clv_free_json) json_t *o = NULL;
	char nonce[CLV_BASE64URL_SIZE(CL_REPORT_NONCE_SIZE)];
	json_t *result = result_json(r), *checks = json_incref(json_object_get(result, "checks"));
	json_t *vector = vector_json(r);

	json_object_del(result, "checks");
	o = json_pack("{s:s, s:I, s:{s:s, s:s}, s:{s:{s:s, s:o, s:o, s:o}}}", "eat_profile",
		      EAR_PROFILE, "iat", (json_int_t)now, "ear.verifier-id", "developer",
		      DEVELOPER, "build", "libcloister-verify " CLOISTER_VERSION, "submods", "zone",
		      "ear.status", cl_verdict_name(r->verdict), "ear.trustworthiness-vector",
		      vector, CLAIM_CHECKS, checks, CLAIM_RESULT, result);
	if (o && r->has_policy_id &&
	    add_policy_id(json_object_get(json_object_get(o, "submods"), "zone"), r))
		return NULL;
	/* RFC 9711, section 4.1: what the relying party asked with; only a report knows it. */
	if (o && r->authentic) {
		clv_base64url(nonce, r->report.data, CL_REPORT_NONCE_SIZE);
		if (json_object_set_new(o, "eat_nonce", json_string(nonce)))
			return NULL;
	}
	return o ? json_dumps(o, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
}

static EVP_PKEY *read_key(const char *pem)
{
	AUTO(clv_free_bio) BIO *in = BIO_new_mem_buf(pem, -1);
	AUTO(clv_free_pkey) EVP_PKEY *key = NULL;
	char no_phrase[] = "", group[32] = "";
	EVP_PKEY *good;

	/* An empty pass phrase, so that nobody is asked for one. */
	key = in ? PEM_read_bio_PrivateKey(in, NULL, NULL, no_phrase) : NULL;
	if (!key || EVP_PKEY_get_base_id(key) != EVP_PKEY_EC ||
	    EVP_PKEY_get_utf8_string_param(key, OSSL_PKEY_PARAM_GROUP_NAME, group, sizeof(group),
					   NULL) != 1 ||
	    strcmp(group, SN_X9_62_prime256v1) != 0)
		return NULL;
	good = key;
	key = NULL;
	return good;
}

/* r ‖ s, 32 bytes each. */
static bool sign(EVP_PKEY *key, const char *text, uint8_t raw[CLV_SIG_SIZE])
{
	AUTO(clv_free_md_ctx) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	AUTO(clv_free_sig) ECDSA_SIG *sig = NULL;
	uint8_t der[80];
	const uint8_t *at = der;
	size_t size = sizeof(der);

	if (!ctx || EVP_DigestSignInit_ex(ctx, NULL, "SHA256", NULL, NULL, key, NULL) != 1 ||
	    EVP_DigestSign(ctx, der, &size, (const uint8_t *)text, strlen(text)) != 1)
		return false;
	sig = d2i_ECDSA_SIG(NULL, &at, (long)size);
	return sig && BN_bn2binpad(ECDSA_SIG_get0_r(sig), raw, 32) == 32 &&
	       BN_bn2binpad(ECDSA_SIG_get0_s(sig), raw + 32, 32) == 32;
}

/* header.payload.signature (RFC 7515, section 3.1). */
static char *jwt(EVP_PKEY *key, const char *payload)
{
	static const char header[] = "{\"alg\":\"ES256\",\"typ\":\"JWT\"}";
	size_t size = CLV_BASE64URL_SIZE(sizeof(header)) + CLV_BASE64URL_SIZE(strlen(payload)) +
		      CLV_BASE64URL_SIZE(CLV_SIG_SIZE);
	uint8_t raw[CLV_SIG_SIZE];
	char *text = malloc(size);
	char *at = text;

	if (!text)
		return NULL;
	at = clv_base64url(at, (const uint8_t *)header, strlen(header));
	*at++ = '.';
	at = clv_base64url(at, (const uint8_t *)payload, strlen(payload));
	if (!sign(key, text, raw)) {
		free(text);
		return NULL;
	}
	*at++ = '.';
	clv_base64url(at, raw, sizeof(raw));
	return text;
}

char *cl_ear_jwt(const struct cl_verdict_result *result, const char *key_pem, time_t now,
		 char error[CL_ERROR_SIZE])
{
	AUTO(clv_free_pkey) EVP_PKEY *key = NULL;
	char *payload, *text = NULL;

	if (!error)
		return NULL;
	ERR_set_mark();
	key = result && key_pem ? read_key(key_pem) : NULL;
	if (!key) {
		snprintf(error, CL_ERROR_SIZE,
			 "the key is no unencrypted P-256 private key in PEM");
	} else {
		payload = claims(result, now ? now : time(NULL));
		text = payload ? jwt(key, payload) : NULL;
		free(payload);
		if (!text)
			snprintf(error, CL_ERROR_SIZE, "out of memory, or OpenSSL failed");
	}
	ERR_pop_to_mark();
	return text;
}
