// SPDX-License-Identifier: Apache-2.0
#include "wire.h"
#include <string.h>
#include "../channel/array.h"

#define REFUSAL 0 /* in the place of a kind */

static int wrong(const char **why, const char *reason)
{
	*why = reason;
	return -EPROTO;
}

static void put_span(struct cbor_out *out, const struct wire_span *s)
{
	cbor_put_bytes(out, s->size ? s->data : (const uint8_t *)"", s->size);
}

static int take_span(struct clv_cbor *in, struct wire_span *s)
{
	return clv_cbor_take_string(in, CLV_BYTES, &s->data, &s->size);
}

// The head of an array of at most `max` items.
static int take_count(struct clv_cbor *in, size_t max, size_t *count)
{
	uint64_t n;

	if (clv_cbor_take(in, CLV_ARRAY, &n) || n > max)
		return -1;
	*count = (size_t)n;
	return 0;
}

static int take_array(struct clv_cbor *in, size_t items)
{
	size_t count;

	return take_count(in, items, &count) || count != items ? -1 : 0;
}

static void put_spans(struct cbor_out *out, const struct wire_span *s, size_t count)
{
	cbor_put_array(out, count);
	for (size_t i = 0; i < count; i++)
		put_span(out, &s[i]);
}

static int take_spans(struct clv_cbor *in, struct wire_span *s, size_t max, size_t *count)
{
	int rc = take_count(in, max, count);

	for (size_t i = 0; !rc && i < *count; i++)
		rc = take_span(in, &s[i]);
	return rc;
}

static void put_keys(struct cbor_out *out, const struct wire_keys *k)
{
	cbor_put_array(out, k->nr_keys);
	for (size_t i = 0; i < k->nr_keys; i++) {
		cbor_put_array(out, 2);
		cbor_put_uint(out, k->key[i].grant);
		put_span(out, &k->key[i].content);
	}
}

static int take_keys(struct clv_cbor *in, struct wire_keys *k)
{
	int rc = take_count(in, WIRE_GRANTS_MAX, &k->nr_keys);

	for (size_t i = 0; !rc && i < k->nr_keys; i++)
		rc = take_array(in, 2) || clv_cbor_take(in, CLV_UINT, &k->key[i].grant) ||
		     take_span(in, &k->key[i].content);
	return rc;
}

int wire_put_request(const struct wire_request *r, uint8_t *data, size_t max)
{
	struct cbor_out out;

	switch (r->kind) {
	case WIRE_SIGN:
		array_begin(&out, data, max, 2, WIRE_SIGN);
		put_keys(&out, &r->sign);
		break;
	case WIRE_TOKEN:
		array_begin(&out, data, max, 3, WIRE_TOKEN);
		cbor_put_uint(&out, r->token.grant);
		put_spans(&out, r->token.audience, r->token.nr_audiences);
		break;
	default:
		array_begin(&out, data, max, 1, r->kind);
		break;
	}
	return array_end(&out);
}

int wire_take_request(struct wire_request *r, const uint8_t *data, size_t size, const char **why)
{
	static const uint64_t members[] = {
		[WIRE_GRANTS] = 1, [WIRE_SIGN] = 2, [WIRE_TOKEN] = 3, [WIRE_BUNDLES] = 1};
	struct clv_cbor in;
	uint64_t items, kind;
	int rc = 0;

	if (array_open(&in, data, size, &items, &kind) || kind < WIRE_GRANTS ||
	    kind > WIRE_BUNDLES || items != members[kind])
		return wrong(why, "no request of this protocol");
	memset(r, 0, sizeof(*r));
	r->kind = (enum wire_kind)kind;
	if (r->kind == WIRE_SIGN)
		rc = take_keys(&in, &r->sign);
	else if (r->kind == WIRE_TOKEN)
		rc = clv_cbor_take(&in, CLV_UINT, &r->token.grant) ||
		     take_spans(&in, r->token.audience, WIRE_AUDIENCES_MAX, &r->token.nr_audiences);
	return rc || clv_cbor_take_end(&in) ? wrong(why, "the request is malformed") : 0;
}

static void put_grants(struct cbor_out *out, const struct wire_grants *g)
{
	put_span(out, &g->trust_domain);
	cbor_put_array(out, g->nr_grants);
	for (size_t i = 0; i < g->nr_grants; i++) {
		const struct wire_grant *one = &g->grant[i];
		cbor_put_array(out, 4);
		put_span(out, &one->id);
		put_span(out, &one->hint);
		put_spans(out, one->users, one->nr_users);
		put_spans(out, one->names, one->nr_names);
	}
	cbor_put_array(out, g->nr_files);
	for (size_t i = 0; i < g->nr_files; i++) {
		cbor_put_array(out, 3);
		put_span(out, &g->file[i].name);
		put_span(out, &g->file[i].user);
		put_span(out, &g->file[i].content);
	}
}

static int take_grant(struct clv_cbor *in, struct wire_grant *g)
{
	return take_array(in, 4) || take_span(in, &g->id) || take_span(in, &g->hint) ||
	       take_spans(in, g->users, WIRE_USERS_MAX, &g->nr_users) ||
	       take_spans(in, g->names, WIRE_NAMES_MAX, &g->nr_names);
}

static int take_file(struct clv_cbor *in, struct wire_file *f)
{
	return take_array(in, 3) || take_span(in, &f->name) || take_span(in, &f->user) ||
	       take_span(in, &f->content);
}

static int take_grants(struct clv_cbor *in, struct wire_grants *g)
{
	int rc = take_span(in, &g->trust_domain) || take_count(in, WIRE_GRANTS_MAX, &g->nr_grants);

	for (size_t i = 0; !rc && i < g->nr_grants; i++)
		rc = take_grant(in, &g->grant[i]);
	rc = rc || take_count(in, WIRE_FILES_MAX, &g->nr_files);
	for (size_t i = 0; !rc && i < g->nr_files; i++)
		rc = take_file(in, &g->file[i]);
	return rc;
}

static void put_bundles(struct cbor_out *out, const struct wire_bundles *b)
{
	cbor_put_array(out, b->nr_bundles);
	for (size_t i = 0; i < b->nr_bundles; i++) {
		cbor_put_array(out, 2);
		put_span(out, &b->bundle[i].trust_domain);
		put_span(out, &b->bundle[i].jwks);
	}
}

static int take_bundles(struct clv_cbor *in, struct wire_bundles *b)
{
	int rc = take_count(in, WIRE_BUNDLES_MAX, &b->nr_bundles);

	for (size_t i = 0; !rc && i < b->nr_bundles; i++)
		rc = take_array(in, 2) || take_span(in, &b->bundle[i].trust_domain) ||
		     take_span(in, &b->bundle[i].jwks);
	return rc;
}

int wire_put_answer(const struct wire_answer *a, uint8_t *data, size_t max)
{
	struct cbor_out out;

	if (a->refused) {
		array_begin(&out, data, max, 3, REFUSAL);
		cbor_put_uint(&out, a->refusal.code);
		put_span(&out, &a->refusal.reason);
		return array_end(&out);
	}
	array_begin(&out, data, max, a->kind == WIRE_GRANTS ? 4 : 2, a->kind);
	switch (a->kind) {
	case WIRE_GRANTS:
		put_grants(&out, &a->grants);
		break;
	case WIRE_SIGN:
		put_keys(&out, &a->sign);
		break;
	case WIRE_TOKEN:
		put_span(&out, &a->token);
		break;
	case WIRE_BUNDLES:
		put_bundles(&out, &a->bundles);
		break;
	}
	return array_end(&out);
}

static int take_refusal(struct clv_cbor *in, struct wire_answer *a)
{
	uint64_t code;

	if (clv_cbor_take(in, CLV_UINT, &code) || take_span(in, &a->refusal.reason) ||
	    (code != WIRE_INVALID && code != WIRE_DENIED && code != WIRE_UNAVAILABLE))
		return -1;
	a->refused = true;
	a->refusal.code = (enum wire_code)code;
	for (size_t i = 0; i < a->refusal.reason.size; i++)
		if (a->refusal.reason.data[i] < ' ' || a->refusal.reason.data[i] > '~')
			return -1;
	return 0;
}

int wire_take_answer(struct wire_answer *a, const uint8_t *data, size_t size, const char **why)
{
	static const uint64_t members[] = {[REFUSAL] = 3,
					   [WIRE_GRANTS] = 4,
					   [WIRE_SIGN] = 2,
					   [WIRE_TOKEN] = 2,
					   [WIRE_BUNDLES] = 2};
	struct clv_cbor in;
	uint64_t items, kind;
	int rc;

	if (array_open(&in, data, size, &items, &kind) || kind > WIRE_BUNDLES ||
	    items != members[kind])
		return wrong(why, "no answer of this protocol");
	memset(a, 0, sizeof(*a));
	a->kind = (enum wire_kind)kind;
	switch (kind) {
	case WIRE_GRANTS:
		rc = take_grants(&in, &a->grants);
		break;
	case WIRE_SIGN:
		rc = take_keys(&in, &a->sign);
		break;
	case WIRE_TOKEN:
		rc = take_span(&in, &a->token);
		break;
	case WIRE_BUNDLES:
		rc = take_bundles(&in, &a->bundles);
		break;
	default:
		rc = take_refusal(&in, a);
		break;
	}
	return rc || clv_cbor_take_end(&in) ? wrong(why, "the answer is malformed") : 0;
}
