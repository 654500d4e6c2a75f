// SPDX-License-Identifier: Apache-2.0
/*
 * libFuzzer target for what is said on attested channels: hellos, proofs, and the issuer's requests
 * and answers. What is taken lies in the message, within the bounds that the headers promise, and
 * has this one encoding.
 */
#include <errno.h>
#include <string.h>

#include "../../channel/message.h"
#include "../../issuer/wire.h"
#include "fuzz.h"

static const uint8_t *start, *end;

static void inside(const struct wire_span *s)
{
	require(!s->size || (s->data >= start && s->size <= (size_t)(end - s->data)));
}

static void all_inside(const struct wire_span *s, size_t count, size_t max)
{
	require(count <= max);
	for (size_t i = 0; i < count; i++)
		inside(&s[i]);
}

static void check_keys(const struct wire_keys *k)
{
	require(k->nr_keys <= WIRE_GRANTS_MAX);
	for (size_t i = 0; i < k->nr_keys; i++)
		inside(&k->key[i].content);
}

static void check_grants(const struct wire_grants *g)
{
	inside(&g->trust_domain);
	require(g->nr_grants <= WIRE_GRANTS_MAX && g->nr_files <= WIRE_FILES_MAX);
	for (size_t i = 0; i < g->nr_grants; i++) {
		inside(&g->grant[i].id);
		inside(&g->grant[i].hint);
		all_inside(g->grant[i].users, g->grant[i].nr_users, WIRE_USERS_MAX);
		all_inside(g->grant[i].names, g->grant[i].nr_names, WIRE_NAMES_MAX);
	}
	for (size_t i = 0; i < g->nr_files; i++) {
		inside(&g->file[i].name);
		inside(&g->file[i].user);
		inside(&g->file[i].content);
	}
}

static void check_answer(const struct wire_answer *a)
{
	if (a->refused) {
		inside(&a->refusal.reason);
	} else if (a->kind == WIRE_GRANTS) {
		check_grants(&a->grants);
	} else if (a->kind == WIRE_SIGN) {
		check_keys(&a->sign);
	} else if (a->kind == WIRE_TOKEN) {
		inside(&a->token);
	} else {
		require(a->kind == WIRE_BUNDLES && a->bundles.nr_bundles <= WIRE_BUNDLES_MAX);
		for (size_t i = 0; i < a->bundles.nr_bundles; i++) {
			inside(&a->bundles.bundle[i].trust_domain);
			inside(&a->bundles.bundle[i].jwks);
		}
	}
}

static void same(const uint8_t *data, size_t size, const uint8_t *again, int n)
{
	require(n == (int)size && !memcmp(data, again, size));
}

static void take_hello(const uint8_t *data, size_t size)
{
	uint8_t nonce[CHANNEL_NONCE_SIZE], again[CHANNEL_HELLO_MAX];
	char protocol[CHANNEL_PROTOCOL_MAX + 1];
	const char *why = NULL;

	if (message_take_hello(data, size, nonce, protocol, &why)) {
		require(why);
		return;
	}
	same(data, size, again, message_put_hello(nonce, protocol, again, sizeof(again)));
}

static void take_proof(const uint8_t *data, size_t size)
{
	static uint8_t again[CHANNEL_PROOF_MAX];
	static struct message_proof proof;
	const char *why = NULL;

	if (message_take_proof(data, size, &proof, &why)) {
		require(why);
		return;
	}
	if (proof.refusal[0]) {
		// What is not printable was replaced: shown to people, it can do no harm.
		for (const char *c = proof.refusal; *c; c++)
			require(*c >= ' ' && *c <= '~');
		require(message_put_refusal(proof.refusal, again, sizeof(again)) == (int)size);
		return;
	}
	const struct wire_span evidence = {proof.evidence, proof.size};
	inside(&evidence);
	same(data, size, again,
	     message_put_proof(proof.evidence, proof.size, again, sizeof(again)));
}

static void take_request(const uint8_t *data, size_t size)
{
	static uint8_t again[WIRE_REQUEST_MAX];
	static struct wire_request r;
	const char *why = NULL;

	if (wire_take_request(&r, data, size, &why)) {
		require(why);
		return;
	}
	if (r.kind == WIRE_SIGN)
		check_keys(&r.sign);
	if (r.kind == WIRE_TOKEN)
		all_inside(r.token.audience, r.token.nr_audiences, WIRE_AUDIENCES_MAX);
	same(data, size, again, wire_put_request(&r, again, sizeof(again)));
}

static void take_answer(const uint8_t *data, size_t size)
{
	static uint8_t again[WIRE_ANSWER_MAX];
	static struct wire_answer a;
	const char *why = NULL;

	if (wire_take_answer(&a, data, size, &why)) {
		require(why);
		return;
	}
	check_answer(&a);
	same(data, size, again, wire_put_answer(&a, again, sizeof(again)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const takers[])(const uint8_t *, size_t) = {take_hello, take_proof,
								  take_request, take_answer};

	if (!size || size > WIRE_REQUEST_MAX)
		return 0;
	uint8_t *message = exact_copy(data + 1, size - 1);
	start = message;
	end = message + size - 1;
	takers[data[0] % 4](message, size - 1);
	free(message);
	return 0;
}
