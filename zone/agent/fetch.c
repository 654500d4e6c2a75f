// SPDX-License-Identifier: Apache-2.0
#include "fetch.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <openssl/crypto.h>
#include <openssl/x509.h>
#include "../../spiffe/bundle.h"
#include "../../spiffe/key.h"
#include "../../spiffe/x509_check.h"
#include "csr.h"

#define REFRESH_MIN 10	 /* seconds, whatever the hint says */
#define REFRESH_MAX 3600 /* where there is no hint */

struct work {
	struct channel *channel;
	const struct fetch_users *users;
	time_t now;
	struct fetched *out;
	struct wire_request request;
	struct wire_answer answer; // to the request that was made last
	struct wire_grants grants;
	EVP_PKEY *key[WIRE_GRANTS_MAX];
	uint8_t *csr[WIRE_GRANTS_MAX];
	struct wire_keys chains;
	uint8_t *room[2]; // for answers: where chains are, and bundles
	struct spiffe_bundle own;
	char *error;
};

static int ask(struct work *w, uint8_t *room)
{
	uint8_t request[WIRE_REQUEST_MAX];
	const char *why = "";
	int n = wire_put_request(&w->request, request, sizeof(request));

	if (n < 0)
		return clv_error(w->error, n, "the request does not fit");
	int rc = channel_send(w->channel, request, (size_t)n, FETCH_MS);
	if (rc)
		return clv_error(w->error, rc, "the issuer: %s", strerror(-rc));
	n = channel_receive(w->channel, room, WIRE_ANSWER_MAX, FETCH_MS);
	if (n <= 0)
		return clv_error(w->error, n ?: -EPROTO, "the issuer: %s",
				 n ? strerror(-n) : "it has ended the channel");
	if (wire_take_answer(&w->answer, room, (size_t)n, &why))
		return clv_error(w->error, -EPROTO, "the issuer: %s", why);
	if (w->answer.refused) {
		int code = w->answer.refusal.code == WIRE_DENIED    ? -EACCES
			   : w->answer.refusal.code == WIRE_INVALID ? -EINVAL
								    : -EAGAIN;
		return clv_error(w->error, code, "the issuer refuses: %.*s",
				 (int)w->answer.refusal.reason.size,
				 (const char *)w->answer.refusal.reason.data);
	}
	if (w->answer.kind != w->request.kind)
		return clv_error(w->error, -EPROTO, "the issuer answers another request");
	return 0;
}

// A copy that ends with a NUL; NULL if it has one within, or there is no memory.
static char *text_of(const struct wire_span *s)
{
	return !s->data || memchr(s->data, '\0', s->size) ? NULL
							  : strndup((const char *)s->data, s->size);
}

static int wrong(struct work *w, const char *what, const char *why)
{
	return clv_error(w->error, -EPROTO, "the issuer: %s: %s", what, why);
}

static int no_memory(struct work *w)
{
	return clv_error(w->error, -ENOMEM, "no memory");
}

static int keep_names(struct work *w)
{
	struct fetched *out = w->out;

	for (; out->nr_ids < w->grants.nr_grants; out->nr_ids++)
		if (!(out->id[out->nr_ids] = text_of(&w->grants.grant[out->nr_ids].id)))
			return wrong(w, "an identity", "it is no text");
	for (; out->nr_files < w->grants.nr_files; out->nr_files++) {
		const struct wire_file *from = &w->grants.file[out->nr_files];
		struct fetch_file *to = &out->file[out->nr_files];
		*to = (struct fetch_file){text_of(&from->name), text_of(&from->user),
					  from->content.data, from->content.size};
		if (!to->name || !to->user)
			return wrong(w, "a file", "its name is no text");
	}
	return 0;
}

static int get_grants(struct work *w)
{
	w->request = (struct wire_request){.kind = WIRE_GRANTS};
	int rc = ask(w, w->out->memory);
	if (rc)
		return rc;
	w->grants = w->answer.grants;
	if (!w->grants.nr_grants && !w->grants.nr_files)
		return clv_error(w->error, -EACCES,
				 "the issuer knows nothing that this zone may have");
	return keep_names(w);
}

static int get_certificates(struct work *w)
{
	w->request = (struct wire_request){.kind = WIRE_SIGN};
	for (size_t i = 0; i < w->grants.nr_grants; i++) {
		const struct wire_grant *g = &w->grants.grant[i];
		w->key[i] = spiffe_key_new();
		int size =
			w->key[i] ? csr_make(w->key[i], g->names, g->nr_names, &w->csr[i]) : -EIO;
		if (size < 0)
			return clv_error(w->error, size, "no key can be made");
		w->request.sign.key[i].grant = i;
		w->request.sign.key[i].content = (struct wire_span){w->csr[i], (size_t)size};
	}
	w->request.sign.nr_keys = w->grants.nr_grants;
	if (!w->grants.nr_grants)
		return 0;
	int rc = ask(w, w->room[0]);
	if (rc)
		return rc;
	w->chains = w->answer.sign;
	if (w->chains.nr_keys != w->grants.nr_grants)
		return wrong(w, "certificates", "they are not those that were asked for");
	for (size_t i = 0; i < w->chains.nr_keys; i++)
		if (w->chains.key[i].grant != i)
			return wrong(w, "certificates", "they are not those that were asked for");
	return 0;
}

// One trust domain's bundle, for both of the Workload API's forms.
static int add_bundle(struct work *w, const struct wire_span *domain, const struct wire_span *jwks,
		      bool own)
{
	char *name = text_of(domain), *keys = NULL;
	const char *why = "no memory";
	struct spiffe_bundle bundle;
	struct spiffe_id id;
	uint8_t *der = NULL;
	int rc = -EINVAL;

	if (!name || spiffe_id_make(&id, name, "", &why) ||
	    spiffe_bundle_read(&bundle, name, (const char *)jwks->data, jwks->size, &why)) {
		free(name);
		return wrong(w, "a bundle", why);
	}
	if (own && !(w->out->identities = identities_new(id.text)))
		rc = -ENOMEM;
	else
		rc = spiffe_bundle_der(&bundle, &der);
	if (rc > 0)
		rc = identities_add_x509(w->out->identities, id.text,
					 (struct bytes){der, (size_t)rc});
	if (!rc)
		rc = (keys = spiffe_bundle_write_jwt(&bundle)) ? 0 : -ENOMEM;
	if (!rc)
		rc = identities_add_jwt(w->out->identities, id.text,
					(struct bytes){(const uint8_t *)keys, strlen(keys)});
	OPENSSL_free(der);
	free(keys);
	free(name);
	if (own)
		w->own = bundle;
	else
		spiffe_bundle_free(&bundle);
	return rc ? wrong(w, "a bundle", strerror(-rc)) : 0;
}

static int get_bundles(struct work *w)
{
	w->request = (struct wire_request){.kind = WIRE_BUNDLES};
	int rc = ask(w, w->room[1]);
	if (!rc && !w->answer.bundles.nr_bundles)
		rc = wrong(w, "bundles", "there is none");
	for (size_t i = 0; !rc && i < w->answer.bundles.nr_bundles; i++)
		rc = add_bundle(w, &w->answer.bundles.bundle[i].trust_domain,
				&w->answer.bundles.bundle[i].jwks, i == 0);
	return rc;
}

// A certificate, or a chain, that is for this grant and this key: its end, or a negative errno.
static int64_t check_chain(struct work *w, size_t i)
{
	const struct wire_span *chain = &w->chains.key[i].content;
	const struct spiffe_bundle *list[] = {&w->own};
	const struct spiffe_bundles bundles = {list, 1};
	const uint8_t *at = chain->data;
	const char *why = "it is for another identity or key";
	struct spiffe_id id;
	struct tm until;
	int64_t end = -1;

	if (spiffe_x509_check(chain->data, chain->size, &bundles, w->now, &id, &why))
		return wrong(w, "a certificate", why);
	X509 *leaf = d2i_X509(NULL, &at, (long)chain->size);
	if (leaf && !strcmp(id.text, w->out->id[i]) && X509_get0_pubkey(leaf) &&
	    EVP_PKEY_eq(X509_get0_pubkey(leaf), w->key[i]) == 1 &&
	    ASN1_TIME_to_tm(X509_get0_notAfter(leaf), &until) == 1)
		end = timegm(&until);
	X509_free(leaf);
	return end > w->now ? end : wrong(w, "a certificate", why);
}

// For one of the zone's users.
static int add_identity(struct work *w, size_t i, uid_t uid, const char *hint)
{
	const struct wire_span *chain = &w->chains.key[i].content;
	uint8_t *der = NULL;
	int size = spiffe_key_to_der(w->key[i], &der);

	if (size < 0)
		return no_memory(w);
	const struct identity identity = {.uid = uid,
					  .spiffe_id = w->out->id[i],
					  .hint = hint,
					  .chain = {chain->data, chain->size},
					  .key = {der, (size_t)size}};
	int rc = identities_add(w->out->identities, &identity);
	OPENSSL_clear_free(der, (size_t)size);
	return rc ? wrong(w, "an identity", strerror(-rc)) : 0;
}

static int add_users(struct work *w, size_t i)
{
	const struct wire_grant *g = &w->grants.grant[i];
	char *hint = text_of(&g->hint);
	int rc = hint ? 0 : wrong(w, "a hint", "it is no text");

	if (!rc && !g->nr_users)
		rc = add_identity(w, i, w->users->workload, hint);
	for (size_t u = 0; !rc && u < g->nr_users; u++) {
		char *name = text_of(&g->users[u]);
		uid_t uid;
		if (!name || w->users->find(name, &uid))
			rc = clv_error(w->error, -ENOENT,
				       "%s is for the user \"%s\", whom this zone does not know",
				       w->out->id[i], name ?: "?");
		else
			rc = add_identity(w, i, uid, hint);
		free(name);
	}
	free(hint);
	return rc;
}

static int put_together(struct work *w)
{
	const char *why = "";
	int64_t first = w->now + REFRESH_MAX;

	for (size_t i = 0; i < w->grants.nr_grants; i++) {
		int64_t end = check_chain(w, i);
		int rc = end < 0 ? (int)end : add_users(w, i);
		if (rc)
			return rc;
		int64_t half = w->now + (end - w->now) / 2;
		first = !i || half < first ? half : first;
	}
	if (identities_seal(w->out->identities, &why))
		return wrong(w, "identities", why);
	int64_t hint = w->own.refresh_hint ?: REFRESH_MAX;
	int64_t refresh = w->now + (hint < REFRESH_MIN ? REFRESH_MIN : hint);
	w->out->renew = (time_t)first;
	w->out->refresh = (time_t)(refresh < first ? refresh : first);
	return 0;
}

static void free_room(uint8_t *room)
{
	if (room)
		OPENSSL_clear_free(room, WIRE_ANSWER_MAX);
}

static void free_work(struct work *w)
{
	for (size_t i = 0; i < WIRE_GRANTS_MAX; i++) {
		EVP_PKEY_free(w->key[i]);
		OPENSSL_free(w->csr[i]);
	}
	spiffe_bundle_free(&w->own);
	free_room(w->room[0]);
	free_room(w->room[1]);
	free(w);
}

int fetch_all(struct channel *channel, const struct fetch_users *users, time_t now,
	      struct fetched *fetched, char error[CL_ERROR_SIZE])
{
	struct work *w = calloc(1, sizeof(*w));

	memset(fetched, 0, sizeof(*fetched));
	if (!w)
		return clv_error(error, -ENOMEM, "no memory");
	w->channel = channel;
	w->users = users;
	w->now = now;
	w->out = fetched;
	w->error = error;
	w->room[0] = OPENSSL_malloc(WIRE_ANSWER_MAX);
	w->room[1] = OPENSSL_malloc(WIRE_ANSWER_MAX);
	fetched->memory = OPENSSL_malloc(WIRE_ANSWER_MAX);
	int rc = w->room[0] && w->room[1] && fetched->memory ? 0 : no_memory(w);
	rc = rc ?: get_grants(w) ?: get_certificates(w) ?: get_bundles(w) ?: put_together(w);
	free_work(w);
	if (rc)
		fetched_free(fetched);
	return rc;
}

void fetched_free(struct fetched *f)
{
	if (f->identities)
		identities_unref(f->identities);
	for (size_t i = 0; i < f->nr_ids; i++)
		free(f->id[i]);
	for (size_t i = 0; i < WIRE_FILES_MAX; i++) {
		free(f->file[i].name);
		free(f->file[i].user);
	}
	free_room(f->memory);
	memset(f, 0, sizeof(*f));
}

int fetch_token(struct channel *channel, size_t grant, const char *const *audiences,
		size_t nr_audiences, char **token, char error[CL_ERROR_SIZE])
{
	struct work *w = nr_audiences > WIRE_AUDIENCES_MAX ? NULL : calloc(1, sizeof(*w));
	int rc;

	*token = NULL;
	if (!w)
		return clv_error(error, nr_audiences > WIRE_AUDIENCES_MAX ? -EINVAL : -ENOMEM,
				 "at most %u audiences", WIRE_AUDIENCES_MAX);
	w->channel = channel;
	w->error = error;
	w->request = (struct wire_request){.kind = WIRE_TOKEN};
	w->request.token.grant = grant;
	w->request.token.nr_audiences = nr_audiences;
	for (size_t i = 0; i < nr_audiences; i++)
		w->request.token.audience[i] =
			(struct wire_span){(const uint8_t *)audiences[i], strlen(audiences[i])};
	w->room[0] = OPENSSL_malloc(WIRE_ANSWER_MAX);
	rc = w->room[0] ? ask(w, w->room[0]) : no_memory(w);
	if (!rc && !(*token = text_of(&w->answer.token)))
		rc = wrong(w, "a token", "it is no text");
	free_work(w);
	return rc;
}
