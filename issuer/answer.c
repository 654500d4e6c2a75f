// SPDX-License-Identifier: Apache-2.0
// The zone names grants by their number; what is in a certificate or token is the grant's alone.
#include "answer.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <openssl/crypto.h>
#include "../spiffe/csr.h"
#include "../spiffe/jwt.h"
#include "../verify/socket.h"

#define SLACK 60u /* of certificates: clocks of peers may be that late */

struct work {
	const struct answer_terms *terms;
	struct wire_request request;
	struct wire_answer answer;
	struct spiffe_svid svid[WIRE_GRANTS_MAX];
	char *token;
	char *jwks[WIRE_BUNDLES_MAX]; // of others
	char *note;
};

static struct wire_span span(const char *text)
{
	return (struct wire_span){(const uint8_t *)text, strlen(text)};
}

static void refuse(struct work *w, enum wire_code code, const char *reason)
{
	w->answer = (struct wire_answer){.refused = true};
	clv_error(w->note, 0, "refused: %s", reason);
	w->answer.refusal = (struct wire_refusal){code, span(w->note + strlen("refused: "))};
}

static const struct wire_grant *granted(struct work *w, uint64_t number)
{
	if (number < w->terms->grants->nr_grants)
		return &w->terms->grants->grant[number];
	refuse(w, WIRE_DENIED, "this zone has no such identity");
	return NULL;
}

static bool grant_id(struct work *w, const struct wire_grant *grant, struct spiffe_id *id)
{
	const char *why = "";

	if (!spiffe_id_parse(id, (const char *)grant->id.data, grant->id.size, &why))
		return true;
	refuse(w, WIRE_UNAVAILABLE, why); // the policy checked it
	return false;
}

static int sign_one(struct work *w, size_t i)
{
	const struct wire_grant *grant = granted(w, w->request.sign.key[i].grant);
	const struct wire_span *request = &w->request.sign.key[i].content;
	const char *names[WIRE_NAMES_MAX], *why = "";
	struct spiffe_csr csr;
	struct spiffe_id id;

	if (!grant || !grant_id(w, grant, &id))
		return 0;
	if (spiffe_csr_read(&csr, request->data, request->size, &why)) {
		refuse(w, WIRE_INVALID, why);
		return 0;
	}
	for (size_t n = 0; n < grant->nr_names; n++)
		names[n] = (const char *)grant->names[n].data;
	const struct spiffe_grant what = {
		.id = &id,
		.dns = names,
		.nr_dns = grant->nr_names,
		.validity = {.now = w->terms->now, .slack = SLACK, .lifetime = w->terms->x509_ttl}};
	int rc = spiffe_ca_issue(&w->terms->authorities->ca, &csr, &what, &w->svid[i], &why);
	spiffe_csr_free(&csr);
	if (rc == -EINVAL) {
		refuse(w, WIRE_INVALID, why);
		return 0;
	}
	if (rc)
		return rc;
	w->answer.sign.key[i].grant = w->request.sign.key[i].grant;
	w->answer.sign.key[i].content = (struct wire_span){w->svid[i].der, w->svid[i].size};
	w->answer.sign.nr_keys = i + 1;
	return 0;
}

static int sign(struct work *w)
{
	if (!w->request.sign.nr_keys)
		refuse(w, WIRE_INVALID, "no key is to be signed");
	for (size_t i = 0; i < w->request.sign.nr_keys && !w->answer.refused; i++) {
		int rc = sign_one(w, i);
		if (rc)
			return rc;
	}
	if (!w->answer.refused)
		clv_error(w->note, 0, "%zu certificates", w->answer.sign.nr_keys);
	return 0;
}

static int issue_token(struct work *w)
{
	const struct wire_token *t = &w->request.token;
	const struct wire_grant *grant = granted(w, t->grant);
	char *audience[WIRE_AUDIENCES_MAX] = {NULL};
	const char *why = "no memory";
	struct spiffe_id id;
	bool good = true;

	if (!grant || !grant_id(w, grant, &id))
		return 0;
	for (size_t i = 0; i < t->nr_audiences; i++) {
		audience[i] = strndup((const char *)t->audience[i].data, t->audience[i].size);
		if (!audience[i] || strlen(audience[i]) != t->audience[i].size)
			good = false;
	}
	const struct spiffe_jwt_grant what = {.sub = &id,
					      .aud = (const char *const *)audience,
					      .nr_aud = t->nr_audiences,
					      .now = w->terms->now,
					      .lifetime = w->terms->jwt_ttl};
	if (good)
		w->token = spiffe_jwt_issue(w->terms->authorities->jwt_key,
					    w->terms->authorities->kid, &what, &why);
	else
		why = "an audience is no text";
	for (size_t i = 0; i < t->nr_audiences; i++)
		free(audience[i]);
	if (!w->token) {
		refuse(w, WIRE_INVALID, why);
		return 0;
	}
	w->answer.token = span(w->token);
	clv_error(w->note, 0, "a token for %s", id.text);
	return 0;
}

static int put_bundles(struct work *w)
{
	const struct authorities *a = w->terms->authorities;
	struct wire_bundles *b = &w->answer.bundles;

	b->bundle[0].trust_domain = span(a->bundle.domain);
	b->bundle[0].jwks = (struct wire_span){(const uint8_t *)a->jwks, a->jwks_size};
	b->nr_bundles = 1;
	for (size_t i = 0; i < w->terms->nr_foreign && b->nr_bundles < WIRE_BUNDLES_MAX; i++) {
		const struct spiffe_bundle *f = w->terms->foreign[i];
		char *jwks = w->jwks[i] = spiffe_bundle_write(f);
		if (!jwks)
			return -ENOMEM;
		b->bundle[b->nr_bundles].trust_domain = span(f->domain);
		b->bundle[b->nr_bundles++].jwks = span(jwks);
	}
	clv_error(w->note, 0, "%zu bundles", b->nr_bundles);
	return 0;
}

static int work(struct work *w, const uint8_t *request, size_t size)
{
	const char *why = "";

	if (wire_take_request(&w->request, request, size, &why)) {
		refuse(w, WIRE_INVALID, why);
		return 0;
	}
	w->answer.kind = w->request.kind;
	switch (w->request.kind) {
	case WIRE_GRANTS:
		w->answer.grants = *w->terms->grants;
		clv_error(w->note, 0, "%zu identities and %zu files", w->answer.grants.nr_grants,
			  w->answer.grants.nr_files);
		return 0;
	case WIRE_SIGN:
		return sign(w);
	case WIRE_TOKEN:
		return issue_token(w);
	case WIRE_BUNDLES:
		return put_bundles(w);
	}
	return -EINVAL;
}

int answer_request(const struct answer_terms *terms, const uint8_t *request, size_t size,
		   uint8_t out[WIRE_ANSWER_MAX], char note[CL_ERROR_SIZE])
{
	struct work *w = calloc(1, sizeof(*w));

	note[0] = '\0';
	if (!w)
		return -ENOMEM;
	w->terms = terms;
	w->note = note;
	int rc = work(w, request, size);
	if (!rc)
		rc = wire_put_answer(&w->answer, out, WIRE_ANSWER_MAX);
	for (size_t i = 0; i < WIRE_GRANTS_MAX; i++)
		OPENSSL_free(w->svid[i].der);
	for (size_t i = 0; i < WIRE_BUNDLES_MAX; i++)
		free(w->jwks[i]);
	free(w->token);
	free(w);
	return rc;
}
