// SPDX-License-Identifier: Apache-2.0
// Ask a zone's report service for a report: one HTTP/1.1 request (RFC 9112), strictly.
#include <errno.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>

#include "hex.h"
#include "socket.h"

#define HEAD_MAX   4096u

#define AUTO_CLOSE __attribute__((cleanup(clv_close)))

int cl_fresh_nonce(uint8_t nonce[CL_REPORT_NONCE_SIZE])
{
	size_t have = 0;

	while (have < CL_REPORT_NONCE_SIZE) {
		ssize_t n = getrandom(nonce + have, CL_REPORT_NONCE_SIZE - have, 0);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0)
			have += (size_t)n;
	}
	return 0;
}

static int send_request(struct clv_socket *s, const char *host, uint16_t port,
			const uint8_t nonce[CL_REPORT_NONCE_SIZE], char error[CL_ERROR_SIZE])
{
	/* An IPv6 literal stands in brackets in Host (RFC 9112, section 3.2). */
	const char *open = strchr(host, ':') ? "[" : "", *close = *open ? "]" : "";
	char hex[2 * CL_REPORT_NONCE_SIZE + 1];
	char request[512];
	int size, rc;

	clv_hex(hex, nonce, CL_REPORT_NONCE_SIZE);
	size = snprintf(request, sizeof(request),
			"GET /report?nonce=%s HTTP/1.1\r\n"
			"Host: %s%s%s:%u\r\n"
			"Accept: application/cose\r\n"
			"Connection: close\r\n"
			"\r\n",
			hex, open, host, close, port);
	rc = clv_send(s, request, (size_t)size);
	if (rc)
		return clv_error(error, rc, "cannot ask %s: %s", host, strerror(-rc));
	return 0;
}

/*
 * Read until the end of the head and whatever came with it. head[] gets a NUL after the head's last
 * field; *extra and *extra_size tell what of the body is in it.
 */
static int read_head(struct clv_socket *s, char head[HEAD_MAX], size_t *extra, size_t *extra_size,
		     char error[CL_ERROR_SIZE])
{
	size_t have = 0;

	for (;;) {
		ssize_t n;
		char *end;

		if (have == HEAD_MAX)
			return clv_error(error, -EPROTO, "the answer's head is longer than %u",
					 HEAD_MAX);
		n = clv_receive(s, head + have, HEAD_MAX - have);
		if (n < 0)
			return clv_error(error, (int)n, "no answer: %s", strerror((int)-n));
		if (n == 0)
			return clv_error(error, -EPROTO, "the answer ends in its head");
		have += (size_t)n;
		end = memmem(head, have, "\r\n\r\n", 4);
		if (end) {
			*extra = (size_t)(end - head) + 4;
			*extra_size = have - *extra;
			end[2] = '\0';
			/* A NUL would hide the rest of the head from the code below. */
			if (strlen(head) != *extra - 2)
				return clv_error(error, -EPROTO, "the answer's head has a NUL");
			return 0;
		}
	}
}

/* The value of the only field of this name; NULL if there is none, "" if there are more. */
static char *field(char *head, const char *name)
{
	size_t size = strlen(name);
	char *found = NULL;

	for (char *line = strstr(head, "\r\n"); line && line[2]; line = strstr(line + 2, "\r\n")) {
		char *at = line + 2;

		if (strncasecmp(at, name, size) != 0 || at[size] != ':')
			continue;
		if (found)
			return at + strcspn(at, "\r"); /* empty */
		found = at + size + 1;
		found += strspn(found, " \t");
	}
	return found;
}

/* Content-Length as a number from 1 to CL_REPORT_MAX; 0 if it is anything else. */
static size_t content_length(char *head)
{
	const char *value = field(head, "Content-Length");
	size_t digits = value ? strspn(value, "0123456789") : 0;
	size_t length = 0;

	if (digits == 0 || digits > 9 || value[digits + strspn(value + digits, " \t")] != '\r')
		return 0;
	for (size_t i = 0; i < digits; i++)
		length = length * 10 + (size_t)(value[i] - '0');
	return length <= CL_REPORT_MAX ? length : 0;
}

/* application/cose with or without parameters (RFC 9052, section 11.3.1). */
static bool is_cose(char *head)
{
	static const char type[] = "application/cose";
	const char *value = field(head, "Content-Type");

	return value && strncasecmp(value, type, sizeof(type) - 1) == 0 &&
	       strchr("; \t\r", value[sizeof(type) - 1]) != NULL;
}

static int check_head(char head[HEAD_MAX], size_t *length, char error[CL_ERROR_SIZE])
{
	if (strncmp(head, "HTTP/1.1 200", 12) != 0 || (head[12] != ' ' && head[12] != '\r'))
		return clv_error(error, -EPROTO, "the report service answers: %.*s",
				 (int)strcspn(head, "\r\n"), head);
	if (field(head, "Transfer-Encoding") || field(head, "Content-Encoding"))
		return clv_error(error, -EPROTO, "the answer has a transfer or content encoding");
	if (!is_cose(head))
		return clv_error(error, -EPROTO, "the answer is not of type application/cose");
	*length = content_length(head);
	if (*length == 0)
		return clv_error(error, -EPROTO, "the answer's Content-Length is not 1 to %u",
				 CL_REPORT_MAX);
	return 0;
}

static int read_body(struct clv_socket *s, uint8_t out[CL_REPORT_MAX], size_t have, size_t length,
		     char error[CL_ERROR_SIZE])
{
	while (have < length) {
		ssize_t n = clv_receive(s, out + have, length - have);

		if (n < 0)
			return clv_error(error, (int)n, "the answer stops: %s", strerror((int)-n));
		if (n == 0)
			return clv_error(error, -EPROTO, "the answer ends after %zu of %zu bytes",
					 have, length);
		have += (size_t)n;
	}
	return (int)length;
}

int cl_fetch_report(const char *host, uint16_t port, const uint8_t nonce[CL_REPORT_NONCE_SIZE],
		    unsigned int timeout_ms, uint8_t out[CL_REPORT_MAX], char error[CL_ERROR_SIZE])
{
	AUTO_CLOSE struct clv_socket s = {.fd = -1};
	char head[HEAD_MAX];
	size_t extra = 0, extra_size = 0, length = 0;
	int rc;

	if (!error)
		return -EINVAL;
	/* Characters that names and addresses consist of: nothing that could end a header line. */
	if (!host || !*host || strlen(host) > 255 || !port || !nonce || !timeout_ms || !out ||
	    host[strspn(host, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
			      ".:%-_")])
		return clv_error(error, -EINVAL, "bad host, port or time-out");
	rc = clv_connect(&s, host, port, timeout_ms, error);
	if (rc == 0)
		rc = send_request(&s, host, port, nonce, error);
	if (rc == 0)
		rc = read_head(&s, head, &extra, &extra_size, error);
	if (rc == 0)
		rc = check_head(head, &length, error);
	if (rc)
		return rc;
	if (extra_size > length)
		return clv_error(error, -EPROTO, "the answer is longer than its Content-Length");
	memcpy(out, head + extra, extra_size);
	return read_body(&s, out, extra_size, length, error);
}
