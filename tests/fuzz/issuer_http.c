// SPDX-License-Identifier: Apache-2.0
/*
 * libFuzzer target for what cloister-issuer reads of HTTP, and of an administrator's --federate:
 * what is taken of these goes into requests that it sends.
 */
#include <ctype.h>
#include <errno.h>

#include "fuzz.h"
#include "tools/issuer/http_head.h"
#include "tools/issuer/relation.h"

static void request(const uint8_t *data, size_t size)
{
	static const char path[] = "GET " HTTP_BUNDLE_PATH;
	char *copy = exact_copy(data, size);
	size_t end = http_head_end(copy, size);

	require(end <= size);
	require(!end || !memcmp(copy + end - 4, "\r\n\r\n", 4));
	unsigned int status = http_request_status(copy, end ? end : size);
	require(status == 200 || status == 400 || status == 404 || status == 405);
	if (status == 200)
		require(size > sizeof(path) && !memcmp(copy, path, sizeof(path) - 1) &&
			(copy[sizeof(path) - 1] == ' ' || copy[sizeof(path) - 1] == '?'));
	free(copy);
}

static void response(const uint8_t *data, size_t size)
{
	char *copy = exact_copy(data, size);
	size_t end = http_head_end(copy, size);
	struct http_response r;
	const char *why = NULL;
	int rc = http_response_read(&r, copy, end, &why);

	require(rc == 0 || (rc == -EPROTO && why));
	if (!rc && end) {
		require(r.status <= 999 && r.length <= 999999999 && (r.has_length || !r.length));
		require(!memcmp(copy, "HTTP/1.", 7));
		require(!memmem(copy, end, "\r\nTransfer-Encoding:", 20));
	}
	free(copy);
}

static void relation(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1), error[CL_ERROR_SIZE] = "";
	struct relation r;

	require(text);
	memcpy(text, data, size);
	text[size] = '\0';
	int rc = relation_parse(&r, text, error);
	require(rc == 0 || (rc == -EINVAL && *error));
	if (!rc) {
		require(r.port && *r.host && r.target[0] == '/' && *r.domain);
		for (const char *c = r.host; *c; c++)
			require(isalnum((unsigned char)*c) || strchr(".:-", *c));
		for (const char *c = r.target; *c; c++)
			require(*c > ' ' && *c <= '~' && *c != '#');
		require(!r.spiffe || (r.endpoint.size && *r.bundle_file));
	}
	relation_free(&r);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!size)
		return 0;
	switch (*data % 3) {
	case 0:
		request(data + 1, size - 1);
		break;
	case 1:
		response(data + 1, size - 1);
		break;
	default:
		relation(data + 1, size - 1);
		break;
	}
	return 0;
}
