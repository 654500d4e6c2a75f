// SPDX-License-Identifier: Apache-2.0
#include "messages.h"
#include <string.h>
#include <workload.pb-c.h>
#include "account.h"
#include "arena.h"
#include "blob.h"
#include "claims.h"
#include "limits.h"

enum grpc_status message_admits(const struct identities *ids, uid_t uid, const char **why)
{
	if (!ids) {
		*why = "there are no identities yet";
		return GRPC_UNAVAILABLE;
	}
	if (!identities_any_for(ids, uid)) {
		*why = "no identity issued";
		return GRPC_PERMISSION_DENIED;
	}
	return GRPC_OK;
}

static struct message failed(enum grpc_status status, const char *why)
{
	return (struct message){.status = status, .why = why};
}

static struct message no_memory(void)
{
	return failed(GRPC_RESOURCE_EXHAUSTED, "too much waits to be read by this uid");
}

// protobuf-c's types have no const; packing changes nothing.
static ProtobufCBinaryData binary(struct bytes bytes)
{
	return (ProtobufCBinaryData){.len = bytes.size, .data = (uint8_t *)(uintptr_t)bytes.data};
}

static char *text(const char *s)
{
	return (char *)(uintptr_t)s;
}

static struct message pack(struct account *account, const ProtobufCMessage *message)
{
	struct blob *blob = blob_pack(account, message);

	return blob ? (struct message){.status = GRPC_OK, .blob = blob} : no_memory();
}

static ProtobufCBinaryData *crl_list(const struct identities *ids, struct arena *arena)
{
	ProtobufCBinaryData *list = arena_array(arena, ids->crl_count, sizeof(*list));

	for (size_t i = 0; list && i < ids->crl_count; i++)
		list[i] = binary(ids->crls[i]);
	return list;
}

// A map's entries are messages of a type of their own for each map, all of one shape.
typedef X509BundlesResponse__BundlesEntry map_entry;

_Static_assert(sizeof(map_entry) == sizeof(X509SVIDResponse__FederatedBundlesEntry) &&
		       sizeof(map_entry) == sizeof(JWTBundlesResponse__BundlesEntry),
	       "map entries have one shape");

static void *map_of(const struct bundle *bundles, size_t count, const char *but,
		    const ProtobufCMessageDescriptor *type, size_t *n, struct arena *arena)
{
	map_entry **list = arena_array(arena, count, sizeof(void *));

	*n = 0;
	for (size_t i = 0; list && i < count; i++) {
		if (but && !strcmp(bundles[i].domain, but))
			continue;
		map_entry *entry = arena_take(arena, sizeof(*entry));
		if (!entry)
			return NULL;
		protobuf_c_message_init(type, entry);
		entry->key = text(bundles[i].domain);
		entry->value = binary(bundles[i].content);
		list[(*n)++] = entry;
	}
	return list;
}

static X509SVID *make_svid(const struct identities *ids, const struct identity *e,
			   struct arena *arena)
{
	X509SVID *svid = arena_take(arena, sizeof(*svid));

	if (!svid)
		return NULL;
	x509_svid__init(svid);
	svid->spiffe_id = text(e->spiffe_id);
	svid->x509_svid = binary(e->chain);
	svid->x509_svid_key = binary(e->key);
	svid->bundle = binary(identities_x509_of(ids, e->spiffe_id)->content);
	svid->hint = text(e->hint);
	return svid;
}

static struct message x509_svids(const struct identities *ids, struct account *account,
				 struct arena *arena)
{
	X509SVIDResponse r = X509_SVIDRESPONSE__INIT;

	r.svids = arena_array(arena, ids->count, sizeof(void *));
	r.crl = crl_list(ids, arena);
	r.n_crl = ids->crl_count;
	r.federated_bundles = map_of(ids->x509, ids->x509_count, ids->own_domain,
				     &x509_svidresponse__federated_bundles_entry__descriptor,
				     &r.n_federated_bundles, arena);
	if (!r.svids || !r.crl || !r.federated_bundles)
		return no_memory();
	for (size_t i = 0; i < ids->count; i++) {
		const struct identity *e = &ids->entries[i];

		if (!identity_is_for(e, account->uid) || !e->chain.size)
			continue;
		r.svids[r.n_svids] = make_svid(ids, e, arena);
		if (!r.svids[r.n_svids++])
			return no_memory();
	}
	if (!r.n_svids)
		return failed(GRPC_PERMISSION_DENIED, "no X.509 identity issued");
	return pack(account, &r.base);
}

static struct message x509_bundles(const struct identities *ids, struct account *account,
				   struct arena *arena)
{
	X509BundlesResponse r = X509_BUNDLES_RESPONSE__INIT;

	r.crl = crl_list(ids, arena);
	r.n_crl = ids->crl_count;
	r.bundles = map_of(ids->x509, ids->x509_count, NULL,
			   &x509_bundles_response__bundles_entry__descriptor, &r.n_bundles, arena);
	return r.crl && r.bundles ? pack(account, &r.base) : no_memory();
}

static struct message jwt_bundles(const struct identities *ids, struct account *account,
				  struct arena *arena)
{
	JWTBundlesResponse r = JWTBUNDLES_RESPONSE__INIT;
	bool own = false;

	// The own domain's has to be there (SPIFFE_Workload_API.md, section 6.2.2).
	for (size_t i = 0; i < ids->jwt_count; i++)
		own |= !strcmp(ids->jwt[i].domain, ids->own_domain);
	if (!own)
		return failed(GRPC_PERMISSION_DENIED, "there are no JWT bundles");
	r.bundles = map_of(ids->jwt, ids->jwt_count, NULL,
			   &jwtbundles_response__bundles_entry__descriptor, &r.n_bundles, arena);
	return r.bundles ? pack(account, &r.base) : no_memory();
}

struct message message_make(enum message_kind kind, const struct identities *ids,
			    struct account *account)
{
	struct arena arena = {.left = SCRATCH_MAX};
	struct message m = {.status = GRPC_INTERNAL};

	m.status = message_admits(ids, account->uid, &m.why);
	if (m.status)
		return m;
	switch (kind) {
	case MESSAGE_X509_SVIDS:
		m = x509_svids(ids, account, &arena);
		break;
	case MESSAGE_X509_BUNDLES:
		m = x509_bundles(ids, account, &arena);
		break;
	default:
		m = jwt_bundles(ids, account, &arena);
	}
	arena_empty(&arena);
	return m;
}

static bool fill_tokens(JWTSVIDResponse *r, const struct identity *const *wanted,
			const char *const *tokens, size_t count, struct arena *arena)
{
	r->svids = arena_array(arena, count, sizeof(void *));
	for (size_t i = 0; r->svids && i < count; i++) {
		JWTSVID *svid = arena_take(arena, sizeof(*svid));

		if (!svid)
			return false;
		jwtsvid__init(svid);
		svid->spiffe_id = text(wanted[i]->spiffe_id);
		svid->svid = text(tokens[i]);
		svid->hint = text(wanted[i]->hint);
		r->svids[r->n_svids++] = svid;
	}
	return r->svids != NULL;
}

struct message message_jwt_svids(const struct identity *const *wanted, const char *const *tokens,
				 size_t count, struct account *account)
{
	struct arena arena = {.left = SCRATCH_MAX};
	JWTSVIDResponse r = JWTSVIDRESPONSE__INIT;
	struct message m = fill_tokens(&r, wanted, tokens, count, &arena) ? pack(account, &r.base)
									  : no_memory();

	arena_empty(&arena);
	return m;
}

struct message message_validated(const char *spiffe_id, const json_t *claims,
				 struct account *account)
{
	struct arena arena = {.left = SCRATCH_MAX};
	ValidateJWTSVIDResponse r;

	validate_jwtsvidresponse__init(&r);
	r.spiffe_id = text(spiffe_id);
	r.claims = claims_struct(claims, &arena);
	struct message m = r.claims ? pack(account, &r.base)
				    : failed(GRPC_INVALID_ARGUMENT,
					     "the token's claims cannot be said in this API");
	arena_empty(&arena);
	return m;
}
