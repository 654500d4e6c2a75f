// SPDX-License-Identifier: Apache-2.0
// The token: its three parts, its header and its claims.
#include "jwt.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "../verify/auto.h"
#include "../verify/base64url.h"
#include "base64.h"
#include "json.h"
#include "jws.h"

struct part {
	const char *text;
	size_t size;
};

static int refuse(const char **why, const char *reason)
{
	*why = reason;
	return -EINVAL;
}

/* ---- issuing ---- */

static json_t *claims_of(const struct spiffe_jwt_grant *grant)
{
	json_t *aud = json_array();
	json_int_t now = grant->now;

	for (size_t i = 0; i < grant->nr_aud; i++)
		if (json_array_append_new(aud, json_string(grant->aud[i]))) {
			json_decref(aud);
			return NULL;
		}
	return json_pack("{s:s, s:o, s:I, s:I}", "sub", grant->sub->text, "aud", aud, "iat", now,
			 "exp", now + grant->lifetime);
}

// Takes json over. NULL if there is no memory, or it holds what is no UTF-8.
static char *print(json_t *json)
{
	char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;

	json_decref(json);
	return text;
}

static char *assemble(EVP_PKEY *key, const char *header, const char *claims, const char **why)
{
	size_t size = CLV_BASE64URL_SIZE(strlen(header)) + CLV_BASE64URL_SIZE(strlen(claims)) +
		      CLV_BASE64URL_SIZE(SPIFFE_ES256_SIZE);
	uint8_t sig[SPIFFE_ES256_SIZE];
	char *token, *at;

	if (size > SPIFFE_JWT_MAX) {
		*why = "the token would be longer than 16 KiB";
		return NULL;
	}
	token = malloc(size);
	if (!token) {
		*why = "no memory";
		return NULL;
	}
	at = clv_base64url(token, (const uint8_t *)header, strlen(header));
	*at++ = '.';
	at = clv_base64url(at, (const uint8_t *)claims, strlen(claims));
	if (spiffe_es256_sign(key, token, (size_t)(at - token), sig)) {
		free(token);
		*why = "the key is not of P-256, or OpenSSL cannot sign with it";
		return NULL;
	}
	*at++ = '.';
	clv_base64url(at, sig, sizeof(sig));
	return token;
}

static bool has_empty(const char *const *texts, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (!*texts[i])
			return true;
	return false;
}

char *spiffe_jwt_issue(EVP_PKEY *key, const char *kid, const struct spiffe_jwt_grant *grant,
		       const char **why)
{
	char *header, *claims, *token = NULL;

	*why = NULL;
	if (spiffe_id_is_domain(grant->sub))
		*why = "a workload's SPIFFE ID has a path, this one has none";
	else if (!grant->nr_aud || grant->nr_aud > SPIFFE_AUD_MAX ||
		 has_empty(grant->aud, grant->nr_aud))
		*why = "a token needs an audience, and has room for 64 that are not empty";
	else if (!grant->lifetime)
		*why = "the token would end at once";
	else if (!*kid || strlen(kid) > SPIFFE_KID_MAX)
		*why = "the kid is empty or longer than 255 bytes";
	if (*why)
		return NULL;
	header = print(json_pack("{s:s, s:s, s:s}", "alg", "ES256", "kid", kid, "typ", "JWT"));
	claims = print(claims_of(grant));
	if (header && claims)
		token = assemble(key, header, claims, why);
	else
		*why = "no memory, or the kid or an audience is no UTF-8";
	free(header);
	free(claims);
	return token;
}

/* ---- checking ---- */

// header.claims.signature (RFC 7515, section 3.1). Whatever else is in a part, base64 refuses.
static bool split(const char *token, size_t size, struct part part[3])
{
	for (size_t i = 0; i < 3; i++) {
		const char *end = i < 2 ? memchr(token, '.', size) : token + size;

		if (!end)
			return false;
		part[i] = (struct part){token, (size_t)(end - token)};
		if (i < 2) {
			size -= part[i].size + 1;
			token = end + 1;
		}
	}
	return true;
}

static json_t *read_part(const struct part *part, const char **why)
{
	uint8_t *bytes = malloc(SPIFFE_BASE64_ROOM(part->size));
	json_t *json = NULL;
	ssize_t size;

	*why = "no memory";
	if (!bytes)
		return NULL;
	size = spiffe_base64_decode(SPIFFE_BASE64URL, part->text, part->size, bytes);
	if (size < 0)
		*why = "the token is no base64url";
	else
		json = spiffe_json_object((const char *)bytes, (size_t)size, why);
	free(bytes);
	return json;
}

struct header {
	const struct spiffe_alg *alg;
	const char *kid; // NULL: none
};

// JWT-SVID.md, section 2: alg, kid and typ, and nothing else.
static int read_header(const json_t *json, struct header *header, const char **why)
{
	const json_t *alg = json_object_get(json, "alg"), *kid = json_object_get(json, "kid");
	const json_t *typ = json_object_get(json, "typ");

	if (json_object_size(json) !=
	    (size_t)(alg != NULL) + (size_t)(kid != NULL) + (size_t)(typ != NULL))
		return refuse(why, "the token's header has more than alg, kid and typ");
	header->alg = json_is_string(alg) ? spiffe_alg_find(json_string_value(alg)) : NULL;
	if (!header->alg)
		return refuse(why, "the token's alg is none that JWT-SVIDs may have");
	if (typ && (!json_is_string(typ) || (strcmp(json_string_value(typ), "JWT") != 0 &&
					     strcmp(json_string_value(typ), "JOSE") != 0)))
		return refuse(why, "the token's typ is neither JWT nor JOSE");
	if (kid && !json_is_string(kid))
		return refuse(why, "the token's kid is no string");
	header->kid = json_string_value(kid);
	return 0;
}

static int check_signature(const struct part part[3], const struct header *header,
			   const struct spiffe_bundle *bundle, const char **why)
{
	const char *text = part[0].text;
	size_t size = part[0].size + 1 + part[1].size;
	uint8_t sig[SPIFFE_BASE64_ROOM(CLV_BASE64URL_SIZE(SPIFFE_SIG_MAX))];
	ssize_t sig_size = -1;
	bool tried = false;

	if (part[2].size < CLV_BASE64URL_SIZE(SPIFFE_SIG_MAX))
		sig_size = spiffe_base64_decode(SPIFFE_BASE64URL, part[2].text, part[2].size, sig);
	if (sig_size < 0)
		return refuse(why, "the token's signature is no base64url, or too long");
	for (size_t i = 0; i < bundle->nr_jwt; i++) {
		const struct spiffe_jwt_authority *by = &bundle->jwt[i];

		if ((header->kid && strcmp(header->kid, by->kid) != 0) ||
		    !spiffe_alg_fits(header->alg, by->key))
			continue;
		tried = true;
		if (spiffe_jws_verify(header->alg, by->key, text, size, sig, (size_t)sig_size))
			return 0;
	}
	return refuse(why, tried ? "the token's signature does not match"
				 : "its trust domain has no key of the token's kid and alg");
}

static bool has_audience(const json_t *aud, const char *audience)
{
	bool found = false;

	if (json_is_string(aud))
		return strcmp(json_string_value(aud), audience) == 0;
	if (!json_is_array(aud) || json_array_size(aud) > SPIFFE_AUD_MAX)
		return false;
	for (size_t i = 0; i < json_array_size(aud); i++) {
		const char *value = json_string_value(json_array_get(aud, i));

		if (!value)
			return false;
		found |= strcmp(value, audience) == 0;
	}
	return found;
}

// NumericDate: seconds, with a fraction perhaps (RFC 7519, section 2).
static int check_times(const json_t *claims, const struct spiffe_jwt_question *q, const char **why)
{
	const json_t *exp = json_object_get(claims, "exp"), *nbf = json_object_get(claims, "nbf");
	const json_t *iat = json_object_get(claims, "iat");

	if (!json_is_number(exp))
		return refuse(why, "the token has no exp that is a number");
	if ((nbf && !json_is_number(nbf)) || (iat && !json_is_number(iat)))
		return refuse(why, "the token's nbf or iat is no number");
	if ((double)q->now - q->leeway >= json_number_value(exp))
		return refuse(why, "the token's time is over");
	if (nbf && (double)q->now + q->leeway < json_number_value(nbf))
		return refuse(why, "the token's time has not come");
	return 0;
}

static int check_claims(const json_t *claims, const struct part part[3],
			const struct header *header, const struct spiffe_jwt_question *q,
			struct spiffe_id *sub, const char **why)
{
	const json_t *name = json_object_get(claims, "sub");
	const struct spiffe_bundle *bundle;

	// Whose key it has to be is said by what that key has to prove.
	if (!json_is_string(name))
		return refuse(why, "the token has no sub");
	if (spiffe_id_parse(sub, json_string_value(name), json_string_length(name), why))
		return -EINVAL;
	if (spiffe_id_is_domain(sub))
		return refuse(why, "the token's sub names a trust domain, not a workload");
	bundle = spiffe_bundle_of(q->bundles, sub);
	if (!bundle)
		return refuse(why, "the trust domain is not known: there is no bundle of it");
	if (check_signature(part, header, bundle, why) || check_times(claims, q, why))
		return -EINVAL;
	if (!has_audience(json_object_get(claims, "aud"), q->audience))
		return refuse(why, "the token's aud does not name this audience");
	return 0;
}

int spiffe_jwt_check(const char *token, size_t size, const struct spiffe_jwt_question *question,
		     struct spiffe_id *sub, json_t **claims, const char **why)
{
	AUTO(clv_free_json) json_t *json = NULL;
	struct header header;
	struct part part[3];

	*claims = NULL;
	if (size > SPIFFE_JWT_MAX)
		return refuse(why, "the token is longer than 16 KiB");
	if (!split(token, size, part))
		return refuse(why, "the token has no three parts with dots between them");
	json = read_part(&part[0], why);
	if (!json || read_header(json, &header, why))
		return -EINVAL;
	*claims = read_part(&part[1], why);
	if (*claims && !check_claims(*claims, part, &header, question, sub, why))
		return 0;
	json_decref(*claims);
	*claims = NULL;
	return -EINVAL;
}
