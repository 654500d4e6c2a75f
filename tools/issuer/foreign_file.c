// SPDX-License-Identifier: Apache-2.0
#include "foreign_file.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <jansson.h>
#include "../../verify/socket.h"
#include "../cloister/cleanup.h"
#include "../node/files.h"

// The file is our own, in a directory that is ours alone: it may nest and hold what it wants.
static json_t *read_map(int dir, int *rc)
{
	cleanup_free char *text = malloc(FOREIGN_FILE_MAX);

	*rc = text ? file_read(dir, FOREIGN_FILE, text, FOREIGN_FILE_MAX) : -ENOMEM;
	json_t *json = *rc > 0 ? json_loadb(text, (size_t)*rc, JSON_REJECT_DUPLICATES, NULL) : NULL;
	if (*rc >= 0 && !json)
		*rc = -EINVAL;
	return json;
}

int foreign_file_read(int dir, const char *domain, struct spiffe_bundle *bundle,
		      char error[CL_ERROR_SIZE])
{
	const char *why = "this is no SPIFFE Bundle Map";
	int rc;
	cleanup_json json_t *json = read_map(dir, &rc);

	if (!json)
		return rc == -ENOENT
			       ? rc
			       : clv_error(error, rc, "%s: %s; remove it, and it will be fetched",
					   FOREIGN_FILE, rc == -EINVAL ? why : strerror(-rc));
	json_t *found = json_object_get(json_object_get(json, "trust_domains"), domain);
	if (!found)
		return -ENOENT;
	cleanup_free char *text = json_dumps(found, JSON_COMPACT);
	rc = text ? spiffe_bundle_read(bundle, domain, text, strlen(text), &why) : -EINVAL;
	return rc ? clv_error(error, rc, "%s: %.100s: %s; remove it, and it will be fetched",
			      FOREIGN_FILE, domain, why)
		  : 0;
}

static int add(json_t *map, const struct spiffe_bundle *bundle)
{
	cleanup_free char *text = spiffe_bundle_write(bundle);
	json_t *json = text ? json_loads(text, 0, NULL) : NULL;

	return json_object_set_new(map, bundle->domain, json);
}

int foreign_file_write(int dir, const struct spiffe_bundles *bundles, char error[CL_ERROR_SIZE])
{
	cleanup_json json_t *map = json_object();
	int bad = !map;

	for (size_t i = 0; !bad && i < bundles->count; i++)
		bad = add(map, bundles->list[i]);
	cleanup_json json_t *json = bad ? NULL : json_pack("{s:O}", "trust_domains", map);
	cleanup_free char *text = json ? json_dumps(json, JSON_INDENT(1)) : NULL;
	int rc = text ? file_replace(dir, FOREIGN_FILE, text, strlen(text), 0600) : -ENOMEM;
	return rc ? clv_error(error, rc, "%s: it cannot be written: %s", FOREIGN_FILE,
			      strerror(-rc))
		  : 0;
}

int foreign_bundle_read(const char *path, const char *domain, struct spiffe_bundle *bundle,
			char error[CL_ERROR_SIZE])
{
	cleanup_free char *text = malloc(SPIFFE_BUNDLE_JSON_MAX);
	int n = text ? file_read(AT_FDCWD, path, text, SPIFFE_BUNDLE_JSON_MAX) : -ENOMEM;
	const char *why = "";

	if (n < 0)
		return clv_error(error, n, "%.200s: %s", path, strerror(-n));
	n = spiffe_bundle_read(bundle, domain, text, (size_t)n, &why);
	return n ? clv_error(error, n, "%.200s: %s", path, why) : 0;
}
