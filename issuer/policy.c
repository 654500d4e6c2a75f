// SPDX-License-Identifier: Apache-2.0
// The JSON value keeps the texts, one block for each file its content; what zones get points there.
#include "policy.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <jansson.h>
#include <openssl/crypto.h>
#include "../spiffe/id.h"
#include "../spiffe/json.h"
#include "../tools/node/files.h"
#include "../verify/socket.h"

#define TTL_MIN	     60 /* seconds: less, and rotation is all that an agent does */
#define X509_TTL     3600
#define X509_TTL_MAX (30 * 86400)
#define JWT_TTL	     300 /* JWT-SVID.md, section 3.3: short */
#define JWT_TTL_MAX  86400
#define NAME_MAX_    64u
#define HINT_MAX_    255u
#define DNS_MAX	     253u /* RFC 1035, section 2.3.4 */

struct zone {
	uint8_t digest[CL_DIGEST_SIZE];
	struct wire_grants grants;
};

struct issuer_policy {
	json_t *json;
	const char *trust_domain;
	uint32_t x509_ttl, jwt_ttl;
	struct zone *zone;
	size_t nr_zones;
	struct content {
		uint8_t *data;
		size_t size;
	} * content; // of files: secrets, among them
	size_t nr_content;
};

struct reader {
	struct issuer_policy *policy;
	int dir;
	char *error;
};

static struct wire_span span(const char *text)
{
	return (struct wire_span){(const uint8_t *)text, strlen(text)};
}

static int take_hex(const char *text, uint8_t *out, size_t size)
{
	static const char digits[] = "0123456789abcdef";

	if (strlen(text) != 2 * size || strspn(text, digits) != 2 * size)
		return -EINVAL;
	for (size_t i = 0; i < size; i++)
		out[i] = (uint8_t)((strchr(digits, text[2 * i]) - digits) << 4 |
				   (strchr(digits, text[2 * i + 1]) - digits));
	return 0;
}

// Of names that become a file's or a user's: nothing that could be a path or an option.
static bool plain_name(const char *text)
{
	size_t length = strlen(text);

	return length && length <= NAME_MAX_ && text[0] != '.' && text[0] != '-' &&
	       strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") ==
		       length;
}

static bool dns_name(const char *text)
{
	size_t length = strlen(text);

	return length && length <= DNS_MAX && text[0] != '.' && text[0] != '-' &&
	       !strstr(text, "..") && text[length - 1] != '.' &&
	       strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789.-") == length;
}

static bool printable(const char *text, size_t max)
{
	size_t length = strlen(text);

	for (size_t i = 0; i < length; i++)
		if (text[i] < ' ' || text[i] > '~')
			return false;
	return length <= max;
}

// A list of texts, each of which `good` takes.
static int take_texts(const struct reader *r, json_t *list, const char *where, size_t max,
		      bool (*good)(const char *), struct wire_span *out, size_t *count)
{
	if (json_array_size(list) > max)
		return clv_error(r->error, -EINVAL, "%s: at most %zu expected", where, max);
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *text = json_string_value(json_array_get(list, i));
		if (!text || !good(text))
			return clv_error(r->error, -EINVAL, "%s: \"%.80s\" is no such name", where,
					 text ?: "");
		out[(*count)++] = span(text);
	}
	return 0;
}

static int take_identity(const struct reader *r, json_t *json, struct wire_grant *grant)
{
	const char *id, *hint = "", *why = "";
	json_t *users = NULL, *dns = NULL;
	json_error_t at;
	struct spiffe_id parsed;

	if (json_unpack_ex(json, &at, 0, "{s:s,s?s,s?o,s?o!}", "id", &id, "hint", &hint, "users",
			   &users, "dns", &dns))
		return clv_error(r->error, -EINVAL, "identities: %s", at.text);
	if ((users && !json_is_array(users)) || (dns && !json_is_array(dns)))
		return clv_error(r->error, -EINVAL, "%.80s: users and dns are lists", id);
	if (spiffe_id_parse(&parsed, id, strlen(id), &why))
		return clv_error(r->error, -EINVAL, "%.80s: %s", id, why);
	if (spiffe_id_is_domain(&parsed) || !spiffe_id_in(&parsed, r->policy->trust_domain))
		return clv_error(r->error, -EINVAL,
				 "%.80s: not a workload's ID in the trust domain %.80s", id,
				 r->policy->trust_domain);
	if (!printable(hint, HINT_MAX_))
		return clv_error(r->error, -EINVAL,
				 "%.80s: a hint has at most %u printable characters", id,
				 HINT_MAX_);
	grant->id = span(id);
	grant->hint = span(hint);
	return take_texts(r, users, "users", WIRE_USERS_MAX, plain_name, grant->users,
			  &grant->nr_users)
		       ?: take_texts(r, dns, "dns", WIRE_NAMES_MAX, dns_name, grant->names,
				     &grant->nr_names);
}

static int read_content(const struct reader *r, const char *from, struct wire_span *span)
{
	struct issuer_policy *p = r->policy;
	struct content *more = realloc(p->content, (p->nr_content + 1) * sizeof(*more));

	if (!more)
		return -ENOMEM;
	p->content = more;
	struct content *content = &more[p->nr_content];
	*content = (struct content){OPENSSL_malloc(ISSUER_FILE_MAX), ISSUER_FILE_MAX};
	if (!content->data)
		return -ENOMEM;
	p->nr_content++;
	int n = file_read(r->dir, from, content->data, ISSUER_FILE_MAX);
	if (n < 0)
		return clv_error(r->error, n, "files: %.80s: %s", from, strerror(-n));
	*span = (struct wire_span){content->data, (size_t)n};
	return 0;
}

static int take_file(const struct reader *r, json_t *json, struct wire_file *file)
{
	const char *name, *from, *user = "";
	json_error_t at;

	if (json_unpack_ex(json, &at, 0, "{s:s,s:s,s?s!}", "name", &name, "from", &from, "user",
			   &user))
		return clv_error(r->error, -EINVAL, "files: %s", at.text);
	if (!plain_name(name) || (user[0] && !plain_name(user)))
		return clv_error(r->error, -EINVAL, "files: \"%.80s\": name or user is malformed",
				 name);
	file->name = span(name);
	file->user = span(user);
	return read_content(r, from, &file->content);
}

// Two of one name would be one file, and one hint says nothing about two identities.
static int check_unique(const struct reader *r, const struct wire_grants *g)
{
	for (size_t i = 0; i < g->nr_files; i++)
		for (size_t j = 0; j < i; j++)
			if (!strcmp((const char *)g->file[i].name.data,
				    (const char *)g->file[j].name.data))
				return clv_error(r->error, -EINVAL, "files: two have one name");
	for (size_t i = 0; i < g->nr_grants; i++)
		for (size_t j = 0; j < i; j++)
			if (g->grant[i].hint.size && !strcmp((const char *)g->grant[i].hint.data,
							     (const char *)g->grant[j].hint.data))
				return clv_error(r->error, -EINVAL,
						 "identities: two have one hint");
	return 0;
}

static int take_zone(const struct reader *r, json_t *json, struct zone *zone)
{
	struct wire_grants *g = &zone->grants;
	json_t *identities, *files = NULL;
	const char *digest;
	json_error_t at;
	int rc = 0;

	if (json_unpack_ex(json, &at, 0, "{s:s,s:o,s?o!}", "digest", &digest, "identities",
			   &identities, "files", &files))
		return clv_error(r->error, -EINVAL, "zones: %s", at.text);
	if (take_hex(digest, zone->digest, CL_DIGEST_SIZE))
		return clv_error(r->error, -EINVAL,
				 "zones: digest: %u lower-case hex digits expected (see `cloister "
				 "measure`)",
				 2 * CL_DIGEST_SIZE);
	if (!json_is_array(identities) || (files && !json_is_array(files)) ||
	    json_array_size(identities) > WIRE_GRANTS_MAX ||
	    json_array_size(files) > WIRE_FILES_MAX)
		return clv_error(r->error, -EINVAL,
				 "zones: lists of at most %u identities and %u files expected",
				 WIRE_GRANTS_MAX, WIRE_FILES_MAX);
	g->trust_domain = span(r->policy->trust_domain);
	for (; !rc && g->nr_grants < json_array_size(identities); g->nr_grants++)
		rc = take_identity(r, json_array_get(identities, g->nr_grants),
				   &g->grant[g->nr_grants]);
	for (; !rc && g->nr_files < json_array_size(files); g->nr_files++)
		rc = take_file(r, json_array_get(files, g->nr_files), &g->file[g->nr_files]);
	return rc ?: check_unique(r, g);
}

static int take_zones(const struct reader *r, json_t *zones)
{
	struct issuer_policy *p = r->policy;
	size_t count = json_array_size(zones);

	if (!json_is_array(zones) || count > ISSUER_ZONES_MAX)
		return clv_error(r->error, -EINVAL, "zones: a list of at most %u expected",
				 ISSUER_ZONES_MAX);
	p->zone = calloc(count ? count : 1, sizeof(*p->zone));
	if (!p->zone)
		return -ENOMEM;
	for (; p->nr_zones < count; p->nr_zones++) {
		struct zone *zone = &p->zone[p->nr_zones];
		int rc = take_zone(r, json_array_get(zones, p->nr_zones), zone);
		if (rc)
			return rc;
		if (issuer_policy_find(p, zone->digest))
			return clv_error(r->error, -EINVAL, "zones: a digest is there twice");
	}
	return 0;
}

static int take_policy(const struct reader *r)
{
	struct issuer_policy *p = r->policy;
	int version, x509_ttl = X509_TTL, jwt_ttl = JWT_TTL;
	const char *why = "";
	json_error_t at;
	json_t *zones;

	if (json_unpack_ex(p->json, &at, 0, "{s:i,s:s,s?i,s?i,s:o!}", "version", &version,
			   "trust_domain", &p->trust_domain, "x509_ttl", &x509_ttl, "jwt_ttl",
			   &jwt_ttl, "zones", &zones))
		return clv_error(r->error, -EINVAL, "%s", at.text);
	if (version != 1)
		return clv_error(r->error, -EINVAL, "version: this program knows 1");
	if (spiffe_domain_check(p->trust_domain, strlen(p->trust_domain), &why))
		return clv_error(r->error, -EINVAL, "trust_domain: %s", why);
	if (x509_ttl < TTL_MIN || x509_ttl > X509_TTL_MAX)
		return clv_error(r->error, -EINVAL, "x509_ttl: %d to %d seconds expected", TTL_MIN,
				 X509_TTL_MAX);
	if (jwt_ttl < TTL_MIN || jwt_ttl > JWT_TTL_MAX)
		return clv_error(r->error, -EINVAL, "jwt_ttl: %d to %d seconds expected", TTL_MIN,
				 JWT_TTL_MAX);
	p->x509_ttl = (uint32_t)x509_ttl;
	p->jwt_ttl = (uint32_t)jwt_ttl;
	return take_zones(r, zones);
}

// Where the policy is, for the files that it names; `path` without its last part.
static int open_directory(const char *path, const char **name)
{
	const char *slash = strrchr(path, '/');
	char *directory = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");

	*name = slash ? slash + 1 : path;
	int fd = directory ? open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
	int rc = fd >= 0 ? fd : directory ? -errno : -ENOMEM;
	free(directory);
	return rc;
}

static int read_policy(struct reader *r, const char *path)
{
	const char *name, *why = "";
	char *text = malloc(ISSUER_POLICY_MAX);

	r->dir = open_directory(path, &name);
	int n = !text	     ? -ENOMEM
		: r->dir < 0 ? r->dir
			     : file_read(r->dir, name, text, ISSUER_POLICY_MAX);
	if (n >= 0)
		r->policy->json = spiffe_json_object(text, (size_t)n, &why);
	free(text);
	if (n < 0)
		return clv_error(r->error, n, "%s", strerror(-n));
	return r->policy->json ? take_policy(r) : clv_error(r->error, -EINVAL, "%s", why);
}

int issuer_policy_load(const char *path, struct issuer_policy **policy, char error[CL_ERROR_SIZE])
{
	struct reader r = {.policy = calloc(1, sizeof(*r.policy)), .dir = -1, .error = error};

	*policy = NULL;
	if (!r.policy)
		return clv_error(error, -ENOMEM, "no memory");
	error[0] = '\0';
	int rc = read_policy(&r, path);
	if (r.dir >= 0)
		close(r.dir);
	if (!rc) {
		*policy = r.policy;
		return 0;
	}
	issuer_policy_free(r.policy);
	return error[0] ? rc : clv_error(error, rc, "%s", strerror(-rc));
}

void issuer_policy_free(struct issuer_policy *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < p->nr_content; i++)
		OPENSSL_clear_free(p->content[i].data, p->content[i].size);
	free(p->content);
	free(p->zone);
	json_decref(p->json);
	free(p);
}

const char *issuer_policy_trust_domain(const struct issuer_policy *p)
{
	return p->trust_domain;
}

uint32_t issuer_policy_x509_ttl(const struct issuer_policy *p)
{
	return p->x509_ttl;
}

uint32_t issuer_policy_jwt_ttl(const struct issuer_policy *p)
{
	return p->jwt_ttl;
}

size_t issuer_policy_zones(const struct issuer_policy *p)
{
	return p->nr_zones;
}

const struct wire_grants *issuer_policy_find(const struct issuer_policy *p,
					     const uint8_t digest[CL_DIGEST_SIZE])
{
	for (size_t i = 0; i < p->nr_zones; i++)
		if (!memcmp(p->zone[i].digest, digest, CL_DIGEST_SIZE))
			return &p->zone[i].grants;
	return NULL;
}
