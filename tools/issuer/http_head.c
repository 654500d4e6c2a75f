// SPDX-License-Identifier: Apache-2.0
#include "http_head.h"
#include <errno.h>
#include <string.h>
#include <strings.h>

#define LENGTH_DIGITS 9u

size_t http_head_end(const char *data, size_t size)
{
	const char *end = memmem(data, size, "\r\n\r\n", 4);

	return end ? (size_t)(end - data) + 4 : 0;
}

static bool equal(const char *data, size_t size, const char *text)
{
	return size == strlen(text) && memcmp(data, text, size) == 0;
}

unsigned int http_request_status(const char *head, size_t size)
{
	const char *line_end = memchr(head, '\r', size);
	size_t line = line_end ? (size_t)(line_end - head) : 0;
	const char *method_end = memchr(head, ' ', line);

	if (!method_end || method_end == head)
		return 400;
	const char *target = method_end + 1;
	size_t left = line - (size_t)(target - head);
	const char *target_end = memchr(target, ' ', left);
	if (!target_end || *target != '/')
		return 400;
	const char *version = target_end + 1;
	size_t version_size = left - (size_t)(version - target);
	if (!equal(version, version_size, "HTTP/1.1") && !equal(version, version_size, "HTTP/1.0"))
		return 400;
	const char *query = memchr(target, '?', (size_t)(target_end - target));
	if (!equal(target, (size_t)((query ?: target_end) - target), HTTP_BUNDLE_PATH))
		return 404;
	return equal(head, (size_t)(method_end - head), "GET") ? 200 : 405;
}

static int wrong(const char **why, const char *reason)
{
	*why = reason;
	return -EPROTO;
}

static int take_length(struct http_response *r, const char *value, size_t size, const char **why)
{
	size_t length = 0;

	if (r->has_length)
		return wrong(why, "the answer has two lengths");
	if (!size || size > LENGTH_DIGITS)
		return wrong(why, "the answer's length is no number, or too great");
	for (size_t i = 0; i < size; i++) {
		if (value[i] < '0' || value[i] > '9')
			return wrong(why, "the answer's length is no number, or too great");
		length = length * 10 + (size_t)(value[i] - '0');
	}
	r->has_length = true;
	r->length = length;
	return 0;
}

static bool named(const char *line, size_t size, const char *name)
{
	return size == strlen(name) && strncasecmp(line, name, size) == 0;
}

static int take_field(struct http_response *r, const char *line, size_t size, const char **why)
{
	const char *colon = memchr(line, ':', size);

	if (!colon || colon == line)
		return wrong(why, "a line of the answer's head is no field");
	size_t name = (size_t)(colon - line);
	const char *value = colon + 1;
	size_t left = size - name - 1;
	while (left && (*value == ' ' || *value == '\t')) {
		value++;
		left--;
	}
	while (left && (value[left - 1] == ' ' || value[left - 1] == '\t'))
		left--;
	if (named(line, name, "Content-Length"))
		return take_length(r, value, left, why);
	if (named(line, name, "Transfer-Encoding"))
		return wrong(why, "the answer has a transfer encoding, which was not asked for");
	if (named(line, name, "Content-Encoding") && !named(value, left, "identity"))
		return wrong(why, "the answer has a content encoding, which was not asked for");
	return 0;
}

// "HTTP/1.1 200 OK"
static int take_status(struct http_response *r, const char *line, size_t size, const char **why)
{
	if (size < 12 || (memcmp(line, "HTTP/1.1 ", 9) != 0 && memcmp(line, "HTTP/1.0 ", 9) != 0) ||
	    (size > 12 && line[12] != ' '))
		return wrong(why, "this is no answer of HTTP/1");
	for (size_t i = 9; i < 12; i++) {
		if (line[i] < '0' || line[i] > '9')
			return wrong(why, "this is no answer of HTTP/1");
		r->status = r->status * 10 + (unsigned int)(line[i] - '0');
	}
	return 0;
}

int http_response_read(struct http_response *r, const char *head, size_t size, const char **why)
{
	const char *at = head, *end = head + size;
	int rc = 0;

	*r = (struct http_response){.status = 0};
	if (memchr(head, '\0', size))
		return wrong(why, "the answer's head has a NUL");
	while (!rc && at < end) {
		const char *line = at, *stop = memmem(at, (size_t)(end - at), "\r\n", 2);
		if (!stop)
			return wrong(why, "the answer's head has no end");
		size_t length = (size_t)(stop - line);
		at = stop + 2;
		if (line == head)
			rc = take_status(r, line, length, why);
		else if (length)
			rc = take_field(r, line, length, why);
	}
	return rc;
}
