// SPDX-License-Identifier: Apache-2.0
// Order: handshake, hellos, the initiator's proof, the responder's. Making a proof costs a
// machine's TPM a signature, so nobody gets one from a responder who has not shown what it is.
#include "channel.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>
#include "../verify/hash.h"

struct opening {
	struct channel *channel;
	enum channel_role role;
	const struct channel_self *self;
	const struct channel_trust *trust;
	struct channel_session session;
	uint8_t *room; /* CHANNEL_PROOF_MAX, for one message */
	char *error;
};

static enum channel_role other(enum channel_role role)
{
	return role == CHANNEL_INITIATOR ? CHANNEL_RESPONDER : CHANNEL_INITIATOR;
}

static int lost(struct opening *o, const char *what, int rc)
{
	if (rc == -EMSGSIZE)
		return clv_error(o->error, -EPROTO, "%s: it is too long", what);
	return clv_error(o->error, rc ?: -EPROTO, "%s: %s", what,
			 rc ? strerror(-rc) : "the peer ended the channel");
}

static int shake_keys(struct opening *o)
{
	struct channel *c = o->channel;

	memcpy(o->session.spki[o->role], o->self->key->spki, CL_REPORT_SPKI_SIZE);
	int rc = tls_peer(&c->tls, c->peer);
	if (rc)
		return clv_error(o->error, rc, "TLS: the peer has no key on P-256");
	memcpy(o->session.spki[other(o->role)], c->peer, CL_REPORT_SPKI_SIZE);
	if (!CRYPTO_memcmp(c->peer, o->self->key->spki, CL_REPORT_SPKI_SIZE))
		return clv_error(o->error, -EPROTO, "the peer has this side's own key");
	return 0;
}

// Both hellos go into the exporter's context: each side proves which ones it has seen.
static int shake_hellos(struct opening *o, const char *protocol)
{
	uint8_t hello[CHANNEL_ROLES][CHANNEL_HELLO_MAX], both[2 * CHANNEL_HELLO_MAX];
	uint8_t context[CL_HASH_SIZE];
	char theirs[CHANNEL_PROTOCOL_MAX + 1];
	enum channel_role me = o->role, peer = other(o->role);
	int size[CHANNEL_ROLES];
	const char *why = "";

	if (RAND_bytes(o->session.nonce[me], CHANNEL_NONCE_SIZE) != 1)
		return clv_error(o->error, -EIO, "no random numbers");
	size[me] = message_put_hello(o->session.nonce[me], protocol, hello[me], CHANNEL_HELLO_MAX);
	if (size[me] < 0)
		return clv_error(o->error, -EINVAL, "the protocol's name is too long");
	int rc = tls_send(&o->channel->tls, hello[me], (size_t)size[me]);
	if (rc)
		return lost(o, "sending the hello", rc);
	size[peer] = tls_receive(&o->channel->tls, hello[peer], CHANNEL_HELLO_MAX);
	if (size[peer] <= 0)
		return lost(o, "the peer's hello", size[peer]);
	if (message_take_hello(hello[peer], (size_t)size[peer], o->session.nonce[peer], theirs,
			       &why))
		return clv_error(o->error, -EPROTO, "%s", why);
	if (strcmp(theirs, protocol) != 0)
		return clv_error(o->error, -EPROTO, "the peer wants \"%s\", not \"%s\"", theirs,
				 protocol);
	memcpy(both, hello[CHANNEL_INITIATOR], (size_t)size[CHANNEL_INITIATOR]);
	memcpy(both + size[CHANNEL_INITIATOR], hello[CHANNEL_RESPONDER],
	       (size_t)size[CHANNEL_RESPONDER]);
	clv_sha256(both, (size_t)size[CHANNEL_INITIATOR] + (size_t)size[CHANNEL_RESPONDER],
		   context);
	rc = tls_export(&o->channel->tls, context, o->session.exporter);
	return rc ? clv_error(o->error, rc, "TLS: no exporter") : 0;
}

static int prove(struct opening *o)
{
	uint8_t binding[CL_EVIDENCE_NONCE_SIZE];
	uint8_t *evidence = NULL;
	int size = 0, rc;

	if (o->self->prove) {
		evidence = malloc(CL_EVIDENCE_MAX);
		if (!evidence)
			return clv_error(o->error, -ENOMEM, "no memory");
		rc = channel_binding(&o->session, o->role, binding);
		size = rc ? clv_error(o->error, rc, "no digest")
			  : o->self->prove(o->self->context, binding, o->self->key->spki, evidence,
					   o->error);
	}
	rc = size < 0 ? size
		      : message_put_proof(evidence, (size_t)size, o->room, CHANNEL_PROOF_MAX);
	free(evidence);
	if (rc < 0)
		return size < 0 ? rc : clv_error(o->error, rc, "the evidence is too long");
	rc = tls_send(&o->channel->tls, o->room, (size_t)rc);
	return rc ? lost(o, "sending evidence", rc) : 0;
}

// Tells the peer why, as far as it is its business, and fails with the same reason.
static int refuse(struct opening *o, const char *reason)
{
	uint8_t message[CHANNEL_REASON_MAX + 16];
	int size = message_put_refusal(reason, message, sizeof(message));

	if (size > 0)
		(void)tls_send(&o->channel->tls, message, (size_t)size);
	return clv_error(o->error, -EACCES, "the peer is refused: %s", reason);
}

static int judge_key(struct opening *o)
{
	for (size_t i = 0; i < o->trust->nr_keys; i++)
		if (!CRYPTO_memcmp(o->trust->keys[i], o->channel->peer, CL_REPORT_SPKI_SIZE))
			return 0;
	return refuse(o, "its key is none of those that are expected here");
}

// The check that decided, for people.
static const struct cl_check *worst(const struct cl_verdict_result *r)
{
	const struct cl_check *found = NULL;

	for (size_t i = 0; i < r->nr_checks; i++)
		if (!found || r->checks[i].status > found->status)
			found = &r->checks[i];
	return found;
}

static int judge_zone(struct opening *o, const struct message_proof *proof)
{
	struct cl_verdict_result *r = &o->channel->verdict;
	uint8_t binding[CL_EVIDENCE_NONCE_SIZE];
	char reason[CHANNEL_REASON_MAX + 1];

	if (!proof->evidence)
		return refuse(o, "it is to be a zone, and has no evidence");
	int rc = channel_binding(&o->session, other(o->role), binding);
	if (!rc)
		rc = cl_verifier_check(o->trust->verifier, proof->evidence, proof->size, binding,
				       o->channel->peer, r);
	if (rc)
		return clv_error(o->error, rc, "evidence cannot be judged: %s", strerror(-rc));
	if (r->verdict >= CL_VERDICT_AFFIRMING && r->verdict <= o->trust->least)
		return 0;
	const struct cl_check *check = worst(r);
	snprintf(reason, sizeof(reason), "%s: %.200s", check ? check->name : "evidence",
		 check ? check->reason : "nothing was checked");
	// It travels in ASCII: an ellipsis is three bytes, and three dots.
	for (char *c = reason; *c; c++)
		if ((uint8_t)*c > '~')
			*c = '.';
	return refuse(o, reason);
}

static int believe(struct opening *o)
{
	struct message_proof proof;
	const char *why = "";
	int size = tls_receive(&o->channel->tls, o->room, CHANNEL_PROOF_MAX);

	if (size <= 0)
		return lost(o, "the peer's evidence", size);
	if (message_take_proof(o->room, (size_t)size, &proof, &why))
		return clv_error(o->error, -EPROTO, "%s", why);
	if (proof.refusal[0])
		return clv_error(o->error, -EACCES, "the peer refuses: %s", proof.refusal);
	return o->trust->verifier ? judge_zone(o, &proof) : 0;
}

static int open_channel(struct opening *o, const char *protocol)
{
	int rc = shake_keys(o) ?: shake_hellos(o, protocol);

	// A peer that only its key speaks for is judged before it learns anything of this side.
	if (!rc && !o->trust->verifier)
		rc = judge_key(o);
	if (rc)
		return rc;
	if (o->role == CHANNEL_INITIATOR)
		return prove(o) ?: believe(o);
	return believe(o) ?: prove(o);
}

int channel_open(struct channel *channel, struct clv_socket socket, enum channel_role role,
		 const char *protocol, const struct channel_self *self,
		 const struct channel_trust *trust, char error[CL_ERROR_SIZE])
{
	struct opening o = {
		.channel = channel, .role = role, .self = self, .trust = trust, .error = error};

	memset(channel, 0, sizeof(*channel));
	int rc = tls_open(&channel->tls, socket, self->key, role, error);
	if (rc)
		return rc;
	o.room = malloc(CHANNEL_PROOF_MAX);
	rc = o.room ? open_channel(&o, protocol) : clv_error(error, -ENOMEM, "no memory");
	free(o.room);
	OPENSSL_cleanse(&o.session, sizeof(o.session));
	if (rc)
		channel_close(channel);
	return rc;
}

void channel_close(struct channel *channel)
{
	tls_close(&channel->tls);
}

int channel_send(struct channel *channel, const uint8_t *data, size_t size, unsigned int timeout_ms)
{
	clv_deadline(&channel->tls.socket, timeout_ms);
	return tls_send(&channel->tls, data, size);
}

int channel_receive(struct channel *channel, uint8_t *data, size_t max, unsigned int timeout_ms)
{
	clv_deadline(&channel->tls.socket, timeout_ms);
	return tls_receive(&channel->tls, data, max);
}
