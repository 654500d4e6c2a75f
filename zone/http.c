// SPDX-License-Identifier: Apache-2.0
// Parser of report requests. No connection is kept open, so header fields do not matter; they are
// only read to their end, within HTTP_REQUEST_MAX.
#include <stdio.h>
#include <string.h>
#include "cmdline.h"
#include "http.h"

#define REPORT_PATH  "/report"
#define REPORT_QUERY "?nonce="

static int starts(const char *text, size_t size, const char *with)
{
	size_t n = strlen(with);
	return size >= n && memcmp(text, with, n) == 0;
}

// request-line = method SP request-target SP HTTP-version (RFC 9112, section 3)
static int parse_line(const char *line, size_t size, uint8_t nonce[CL_REPORT_NONCE_SIZE])
{
	const char *end = line + size;
	const char *target = memchr(line, ' ', size);
	if (!target || target == line)
		return 400;
	size_t method_size = (size_t)(target - line);
	target++;
	const char *version = memchr(target, ' ', (size_t)(end - target));
	if (!version || version == target)
		return 400;
	size_t target_size = (size_t)(version - target);
	version++;
	size_t version_size = (size_t)(end - version);
	if (version_size != 8 || !starts(version, version_size, "HTTP/1.") || version[7] < '0' ||
	    version[7] > '9')
		return 400;
	if (method_size != 3 || memcmp(line, "GET", 3) != 0)
		return 405;
	if (!starts(target, target_size, REPORT_PATH))
		return 404;
	const char *query = target + sizeof(REPORT_PATH) - 1;
	size_t query_size = target_size - (sizeof(REPORT_PATH) - 1);
	if (query_size && query[0] != '?')
		return 404;
	if (!starts(query, query_size, REPORT_QUERY))
		return 400;
	if (hex_decode(query + sizeof(REPORT_QUERY) - 1, query_size - (sizeof(REPORT_QUERY) - 1),
		       nonce, CL_REPORT_NONCE_SIZE))
		return 400;
	return 200;
}

int http_parse(const char *text, size_t size, uint8_t nonce[CL_REPORT_NONCE_SIZE])
{
	const char *end = memmem(text, size, "\r\n\r\n", 4);
	if (!end)
		return size >= HTTP_REQUEST_MAX ? 431 : 0;
	const char *line_end = memmem(text, size, "\r\n", 2);
	return parse_line(text, (size_t)(line_end - text), nonce);
}

static const char *reason(int status)
{
	switch (status) {
	case 200:
		return "OK";
	case 400:
		return "Bad Request";
	case 404:
		return "Not Found";
	case 405:
		return "Method Not Allowed";
	case 431:
		return "Request Header Fields Too Large";
	default:
		return "Service Unavailable";
	}
}

size_t http_head(int status, size_t body_size, char *text, size_t text_size)
{
	int n = snprintf(text, text_size,
			 "HTTP/1.1 %d %s\r\n"
			 "Content-Type: %s\r\n"
			 "Content-Length: %zu\r\n"
			 "Cache-Control: no-store\r\n"
			 "%s"
			 "Connection: close\r\n\r\n",
			 status, reason(status),
			 status == 200 ? "application/cose" : "text/plain; charset=utf-8",
			 body_size, status == 405 ? "Allow: GET\r\n" : "");
	return n > 0 && (size_t)n < text_size ? (size_t)n : 0;
}
