// SPDX-License-Identifier: Apache-2.0
// The characters and shape of SPIFFE IDs (SPIFFE-ID.md, sections 2.1 to 2.3).
#include "id.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define SCHEME_SIZE (sizeof(SPIFFE_SCHEME) - 1)

static int refuse(const char **why, const char *reason)
{
	*why = reason;
	return -EINVAL;
}

static bool domain_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_';
}

static bool path_char(char c)
{
	return domain_char(c) || (c >= 'A' && c <= 'Z');
}

int spiffe_domain_check(const char *name, size_t size, const char **why)
{
	if (!size)
		return refuse(why, "the trust domain has no name");
	if (size > SPIFFE_DOMAIN_MAX)
		return refuse(why, "the trust domain's name is longer than 255 bytes");
	for (size_t i = 0; i < size; i++)
		if (!domain_char(name[i]))
			return refuse(why,
				      "the trust domain's name has a character that is none of "
				      "a-z, 0-9, '.', '-' and '_'");
	return 0;
}

// From a slash on, to the end of the ID.
static int check_path(const char *path, size_t size, const char **why)
{
	size_t start = 1; // of the segment

	for (size_t i = 1; i <= size; i++) {
		if (i < size && path[i] != '/') {
			if (!path_char(path[i]))
				return refuse(why,
					      "the path has a character that is none of a-z, A-Z, "
					      "0-9, '.', '-' and '_'");
			continue;
		}
		if (i == start)
			return refuse(why, i == size ? "the path ends with a slash"
						     : "the path has an empty segment");
		if ((i - start == 1 && path[start] == '.') ||
		    (i - start == 2 && path[start] == '.' && path[start + 1] == '.'))
			return refuse(why, "the path has a segment '.' or '..'");
		start = i + 1;
	}
	return 0;
}

int spiffe_id_parse(struct spiffe_id *id, const char *text, size_t size, const char **why)
{
	const char *domain = text + SCHEME_SIZE, *slash;

	if (size > SPIFFE_ID_MAX)
		return refuse(why, "the SPIFFE ID is longer than 2048 bytes");
	if (size < SCHEME_SIZE || memcmp(text, SPIFFE_SCHEME, SCHEME_SIZE) != 0)
		return refuse(why, "the SPIFFE ID does not begin with spiffe://");
	slash = memchr(domain, '/', size - SCHEME_SIZE);
	id->domain_size = slash ? (size_t)(slash - domain) : size - SCHEME_SIZE;
	if (spiffe_domain_check(domain, id->domain_size, why))
		return -EINVAL;
	if (slash && check_path(slash, size - SCHEME_SIZE - id->domain_size, why))
		return -EINVAL;
	id->size = size;
	memcpy(id->text, text, size);
	id->text[size] = '\0';
	return 0;
}

int spiffe_id_make(struct spiffe_id *id, const char *domain, const char *path, const char **why)
{
	char text[SPIFFE_ID_MAX + 1];
	int size;

	// Before it is put together: a name with a slash would move the border.
	if (spiffe_domain_check(domain, strlen(domain), why))
		return -EINVAL;
	if (*path && *path != '/')
		return refuse(why, "the path does not begin with a slash");
	size = snprintf(text, sizeof(text), SPIFFE_SCHEME "%s%s", domain, path);
	if (size < 0 || size > (int)SPIFFE_ID_MAX)
		return refuse(why, "the SPIFFE ID is longer than 2048 bytes");
	return spiffe_id_parse(id, text, (size_t)size, why);
}

const char *spiffe_id_path(const struct spiffe_id *id)
{
	return id->text + SCHEME_SIZE + id->domain_size;
}

bool spiffe_id_is_domain(const struct spiffe_id *id)
{
	return id->size == SCHEME_SIZE + id->domain_size;
}

bool spiffe_id_equal(const struct spiffe_id *a, const struct spiffe_id *b)
{
	return a->size == b->size && memcmp(a->text, b->text, a->size) == 0;
}

bool spiffe_id_in(const struct spiffe_id *id, const char *domain)
{
	return strlen(domain) == id->domain_size &&
	       memcmp(id->text + SCHEME_SIZE, domain, id->domain_size) == 0;
}
