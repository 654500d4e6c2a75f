// SPDX-License-Identifier: Apache-2.0
#include "identity.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <openssl/crypto.h>

#define SCHEME "spiffe://"

// SPIFFE-ID.md, section 2.1: lower-case letters, digits, dots, dashes and underscores.
size_t trust_domain_size(const char *spiffe_id)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789.-_";
	const size_t scheme = sizeof(SCHEME) - 1;

	if (strncmp(spiffe_id, SCHEME, scheme) != 0)
		return 0;
	size_t name = strspn(spiffe_id + scheme, allowed);
	char after = spiffe_id[scheme + name];
	return name && name <= 255 && (!after || after == '/') ? scheme + name : 0;
}

static bool is_domain(const char *id)
{
	size_t size = trust_domain_size(id);

	return size && !id[size];
}

// Copy, and count. The copy has a NUL behind it.
static int copy(struct identities *ids, struct bytes *to, const void *data, size_t size)
{
	if (ids->sealed)
		return -EPERM;
	if (size >= SNAPSHOT_MAX - ids->size)
		return -E2BIG;
	uint8_t *bytes = malloc(size + 1);
	if (!bytes)
		return -ENOMEM;
	if (size)
		memcpy(bytes, data, size);
	bytes[size] = 0;
	ids->size += size + 1;
	*to = (struct bytes){bytes, size};
	return 0;
}

static int copy_text(struct identities *ids, const char **to, const char *text)
{
	struct bytes bytes;
	int rc = copy(ids, &bytes, text, strlen(text));

	if (!rc)
		*to = (const char *)bytes.data;
	return rc;
}

static void wipe(const void *data, size_t size)
{
	void *bytes = (void *)(uintptr_t)data;

	OPENSSL_clear_free(bytes, size);
}

static void wipe_text(const char *text)
{
	if (text)
		wipe(text, strlen(text));
}

struct identities *identities_new(const char *own_domain)
{
	struct identities *ids = calloc(1, sizeof(*ids));

	if (!ids)
		return NULL;
	ids->references = 1;
	if (!is_domain(own_domain) || copy_text(ids, &ids->own_domain, own_domain)) {
		free(ids);
		return NULL;
	}
	return ids;
}

static bool entry_ok(const struct identity *e)
{
	size_t domain = trust_domain_size(e->spiffe_id);

	// A trust domain's own ID is nobody's; a chain has its key.
	return domain && e->spiffe_id[domain] && strlen(e->spiffe_id) <= SPIFFE_ID_MAX &&
	       strlen(e->hint) <= HINT_MAX && !e->chain.size == !e->key.size;
}

static void entry_free(struct identity *e)
{
	wipe_text(e->spiffe_id);
	wipe_text(e->hint);
	wipe(e->chain.data, e->chain.size);
	wipe(e->key.data, e->key.size);
}

int identities_add(struct identities *ids, const struct identity *entry)
{
	struct identity new = {.everyone = entry->everyone, .uid = entry->uid};

	if (ids->count == IDENTITIES_MAX)
		return -E2BIG;
	if (!entry_ok(entry))
		return -EINVAL;
	int rc = copy_text(ids, &new.spiffe_id, entry->spiffe_id);
	if (!rc)
		rc = copy_text(ids, &new.hint, entry->hint);
	if (!rc)
		rc = copy(ids, &new.chain, entry->chain.data, entry->chain.size);
	if (!rc)
		rc = copy(ids, &new.key, entry->key.data, entry->key.size);
	if (rc) {
		entry_free(&new);
		return rc;
	}
	ids->entries[ids->count++] = new;
	return 0;
}

// Sorted by domain, so that the same bundles make the same message in whatever order they came.
static int add_bundle(struct identities *ids, struct bundle *list, size_t *count,
		      const char *domain, struct bytes content)
{
	struct bundle new = {0};
	size_t at = 0;

	if (*count == BUNDLES_MAX)
		return -E2BIG;
	if (!is_domain(domain) || !content.size)
		return -EINVAL;
	while (at < *count && strcmp(list[at].domain, domain) < 0)
		at++;
	if (at < *count && !strcmp(list[at].domain, domain))
		return -EEXIST;
	int rc = copy_text(ids, &new.domain, domain);
	if (!rc)
		rc = copy(ids, &new.content, content.data, content.size);
	if (rc) {
		wipe_text(new.domain);
		return rc;
	}
	memmove(list + at + 1, list + at, (*count - at) * sizeof(*list));
	list[at] = new;
	++*count;
	return 0;
}

int identities_add_x509(struct identities *ids, const char *domain, struct bytes certificates)
{
	return add_bundle(ids, ids->x509, &ids->x509_count, domain, certificates);
}

int identities_add_jwt(struct identities *ids, const char *domain, struct bytes jwks)
{
	return add_bundle(ids, ids->jwt, &ids->jwt_count, domain, jwks);
}

int identities_add_crl(struct identities *ids, struct bytes crl)
{
	if (ids->crl_count == CRLS_MAX)
		return -E2BIG;
	if (!crl.size)
		return -EINVAL;
	int rc = copy(ids, &ids->crls[ids->crl_count], crl.data, crl.size);
	if (!rc)
		ids->crl_count++;
	return rc;
}

const struct bundle *identities_x509_of(const struct identities *ids, const char *spiffe_id)
{
	size_t size = trust_domain_size(spiffe_id);

	for (size_t i = 0; i < ids->x509_count; i++) {
		const struct bundle *b = &ids->x509[i];

		if (strlen(b->domain) == size && !memcmp(b->domain, spiffe_id, size))
			return b;
	}
	return NULL;
}

static bool meet(const struct identity *a, const struct identity *b)
{
	return a->everyone || b->everyone || a->uid == b->uid;
}

int identities_seal(struct identities *ids, const char **why)
{
	*why = "there is no X.509 bundle of the own trust domain";
	if (!identities_x509_of(ids, ids->own_domain))
		return -EINVAL;
	for (size_t i = 0; i < ids->count; i++) {
		const struct identity *e = &ids->entries[i];

		*why = "there is no X.509 bundle of an identity's trust domain";
		if (!identities_x509_of(ids, e->spiffe_id))
			return -EINVAL;
		*why = "two identities of one uid have the same hint";
		for (size_t k = 0; k < i; k++) {
			if (e->hint[0] && !strcmp(e->hint, ids->entries[k].hint) &&
			    meet(e, &ids->entries[k]))
				return -EINVAL;
		}
	}
	ids->sealed = true;
	return 0;
}

struct identities *identities_ref(struct identities *ids)
{
	ids->references++;
	return ids;
}

void identities_unref(struct identities *ids)
{
	if (!ids || --ids->references)
		return;
	for (size_t i = 0; i < ids->count; i++)
		entry_free(&ids->entries[i]);
	for (size_t i = 0; i < ids->x509_count; i++) {
		wipe_text(ids->x509[i].domain);
		wipe(ids->x509[i].content.data, ids->x509[i].content.size);
	}
	for (size_t i = 0; i < ids->jwt_count; i++) {
		wipe_text(ids->jwt[i].domain);
		wipe(ids->jwt[i].content.data, ids->jwt[i].content.size);
	}
	for (size_t i = 0; i < ids->crl_count; i++)
		wipe(ids->crls[i].data, ids->crls[i].size);
	wipe_text(ids->own_domain);
	free(ids);
}

bool identity_is_for(const struct identity *entry, uid_t uid)
{
	return entry->everyone || entry->uid == uid;
}

bool identities_any_for(const struct identities *ids, uid_t uid)
{
	for (size_t i = 0; i < ids->count; i++) {
		if (identity_is_for(&ids->entries[i], uid))
			return true;
	}
	return false;
}
