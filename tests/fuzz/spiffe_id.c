// SPDX-License-Identifier: Apache-2.0
/*
 * libFuzzer target for what all of spiffe/ reads with: SPIFFE IDs, against regular expressions of
 * the standard's rules; base64, which has one encoding; JSON, within its bounds.
 */
#include <regex.h>

#include <openssl/evp.h>

#include "base64.h"
#include "fuzz.h"
#include "id.h"
#include "json.h"
#include "../../verify/base64url.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);

static regex_t shape, dots;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	require(!regcomp(&shape, "^spiffe://([-a-z0-9._]+)(/[-a-zA-Z0-9._]+)*$", REG_EXTENDED));
	require(!regcomp(&dots, "[^/]/\\.\\.?(/|$)", REG_EXTENDED | REG_NOSUB));
	return 0;
}

/* text ends with a NUL at size. */
static bool is_id(const char *text, size_t size)
{
	regmatch_t part[2];

	return size <= 2048 && strlen(text) == size && !strchr(text, '\n') &&
	       !regexec(&shape, text, 2, part, 0) && part[1].rm_eo - part[1].rm_so <= 255 &&
	       regexec(&dots, text, 0, NULL, 0);
}

static void ids(const uint8_t *data, size_t size)
{
	static struct spiffe_id id, again;
	char *text = malloc(size + 1), *copy = exact_copy(data, size), domain[256];
	const char *why = NULL;
	bool good;

	require(text);
	memcpy(text, data, size);
	text[size] = '\0';
	good = !spiffe_id_parse(&id, copy, size, &why);
	require(good == is_id(text, size));
	require(good || why);
	if (good) {
		require(id.size == size && !strcmp(id.text, text));
		memcpy(domain, id.text + 9, id.domain_size);
		domain[id.domain_size] = '\0';
		require(spiffe_id_in(&id, domain));
		require(spiffe_id_is_domain(&id) == !*spiffe_id_path(&id));
		require(!spiffe_id_make(&again, domain, spiffe_id_path(&id), &why));
		require(spiffe_id_equal(&id, &again));
	}
	free(copy);
	free(text);
}

static void base64(const uint8_t *data, size_t size, enum spiffe_base64 kind)
{
	char *copy = exact_copy(data, size), *again = malloc(size + 8);
	uint8_t *out = malloc(SPIFFE_BASE64_ROOM(size));
	ssize_t made;

	require(out && again);
	made = spiffe_base64_decode(kind, copy, size, out);
	require(made <= (ssize_t)SPIFFE_BASE64_ROOM(size));
	if (made >= 0) {
		if (kind == SPIFFE_BASE64)
			EVP_EncodeBlock((unsigned char *)again, out, (int)made);
		else
			clv_base64url(again, out, (size_t)made);
		require(strlen(again) == size && !memcmp(again, copy, size));
	}
	free(again);
	free(out);
	free(copy);
}

/* How many values there are; none lies deeper than it may. */
static size_t values(const json_t *json, size_t depth)
{
	size_t count = 1, i;
	const char *key;
	json_t *value;

	require(depth <= SPIFFE_JSON_DEPTH || !(json_is_object(json) || json_is_array(json)));
	if (json_is_array(json))
		json_array_foreach(json, i, value) count += values(value, depth + 1);
	else if (json_is_object(json))
		json_object_foreach((json_t *)(uintptr_t)json, key, value) count +=
			values(value, depth + 1);
	return count;
}

static void objects(const uint8_t *data, size_t size)
{
	char *copy = exact_copy(data, size);
	const char *why = NULL;
	json_t *json = spiffe_json_object(copy, size, &why);

	require(json ? json_is_object(json) : why != NULL);
	/* The last of a list has no comma behind it. */
	if (json)
		require(values(json, 1) <= 2 * SPIFFE_JSON_VALUES);
	json_decref(json);
	free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!size)
		return 0;
	switch (*data % 4) {
	case 0:
		ids(data + 1, size - 1);
		break;
	case 1:
		base64(data + 1, size - 1, SPIFFE_BASE64);
		break;
	case 2:
		base64(data + 1, size - 1, SPIFFE_BASE64URL);
		break;
	default:
		objects(data + 1, size - 1);
		break;
	}
	return 0;
}
