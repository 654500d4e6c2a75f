// SPDX-License-Identifier: Apache-2.0
// A strict HTTP/1.1 client, of what two programs of one kind need to say to each other.
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "http.h"
#include "socket.h"

#define HEAD_MAX   4096u
#define WORDS_MAX  160u // of a refusal's text

#define AUTO_CLOSE __attribute__((cleanup(clv_close)))

static int send_request(struct clv_socket *s, const struct clv_request *r,
			char error[CL_ERROR_SIZE])
{
	/* An IPv6 literal stands in brackets in Host (RFC 9112, section 3.2). */
	const char *open = strchr(r->host, ':') ? "[" : "", *close = *open ? "]" : "";
	char head[1024], length[128] = "";
	int size, rc;

	if (r->body)
		snprintf(length, sizeof(length), "Content-Type: %s\r\nContent-Length: %zu\r\n",
			 r->body_type, r->body_size);
	size = snprintf(head, sizeof(head),
			"%s %s HTTP/1.1\r\n"
			"Host: %s%s%s:%u\r\n"
			"Accept: %s\r\n"
			"%s"
			"Connection: close\r\n"
			"\r\n",
			r->body ? "POST" : "GET", r->target, open, r->host, close, r->port, r->type,
			length);
	if (size < 0 || (size_t)size >= sizeof(head))
		return clv_error(error, -EINVAL, "the request is too long");
	rc = clv_send(s, head, (size_t)size);
	if (rc == 0 && r->body)
		rc = clv_send(s, r->body, r->body_size);
	if (rc)
		return clv_error(error, rc, "cannot ask %s: %s", r->host, strerror(-rc));
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

/* Content-Length as a number from 1 to `max`; 0 if it is anything else. */
static size_t content_length(char *head, size_t max)
{
	const char *value = field(head, "Content-Length");
	size_t digits = value ? strspn(value, "0123456789") : 0;
	size_t length = 0;

	if (digits == 0 || digits > 9 || value[digits + strspn(value + digits, " \t")] != '\r')
		return 0;
	for (size_t i = 0; i < digits; i++)
		length = length * 10 + (size_t)(value[i] - '0');
	return length <= max ? length : 0;
}

/* This media type with or without parameters (RFC 9110, section 8.3.1). */
static bool is_type(char *head, const char *type)
{
	const char *value = field(head, "Content-Type");
	size_t size = strlen(type);

	return value && strncasecmp(value, type, size) == 0 && strchr("; \t\r", value[size]);
}

/* Anything but 200, with the first line of a text that says why. */
static int refused(struct clv_socket *s, const struct clv_request *r, char *head, const char *body,
		   size_t have, char error[CL_ERROR_SIZE])
{
	char text[WORDS_MAX] = "";

	if (is_type(head, "text/plain")) {
		ssize_t n = have ? 0 : clv_receive(s, text, sizeof(text) - 1);

		if (have)
			memcpy(text, body, have < sizeof(text) ? have : sizeof(text) - 1);
		text[n < 0 ? 0 : strcspn(text, "\r\n")] = '\0';
	}
	return clv_error(error, -EPROTO, "%s answers: %.*s%s%s", r->service,
			 (int)strcspn(head, "\r\n"), head, *text ? ": " : "", text);
}

static int check_head(const struct clv_request *r, char head[HEAD_MAX], size_t max, size_t *length,
		      char error[CL_ERROR_SIZE])
{
	if (field(head, "Transfer-Encoding") || field(head, "Content-Encoding"))
		return clv_error(error, -EPROTO, "the answer has a transfer or content encoding");
	if (!is_type(head, r->type))
		return clv_error(error, -EPROTO, "the answer is not of type %s", r->type);
	*length = content_length(head, max);
	if (*length == 0)
		return clv_error(error, -EPROTO, "the answer's Content-Length is not 1 to %zu",
				 max);
	return 0;
}

static int read_body(struct clv_socket *s, uint8_t *out, size_t have, size_t length,
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

int clv_http(const struct clv_request *r, uint8_t *out, size_t max, char error[CL_ERROR_SIZE])
{
	AUTO_CLOSE struct clv_socket s = {.fd = -1};
	char head[HEAD_MAX];
	size_t extra = 0, extra_size = 0, length = 0;
	int rc;

	/* Characters that names and addresses consist of: nothing that could end a header line. */
	if (!r->host || !*r->host || strlen(r->host) > 255 || !r->port || !r->timeout_ms ||
	    (r->body && r->body_size > CLV_BODY_MAX) ||
	    r->host[strspn(r->host, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				    ".:%-_")])
		return clv_error(error, -EINVAL, "bad host, port or time-out");
	rc = clv_connect(&s, r->host, r->port, r->timeout_ms, error);
	if (rc == 0)
		rc = send_request(&s, r, error);
	if (rc == 0)
		rc = read_head(&s, head, &extra, &extra_size, error);
	if (rc)
		return rc;
	if (strncmp(head, "HTTP/1.1 200", 12) != 0 || (head[12] != ' ' && head[12] != '\r'))
		return refused(&s, r, head, head + extra, extra_size, error);
	rc = check_head(r, head, max, &length, error);
	if (rc)
		return rc;
	if (extra_size > length)
		return clv_error(error, -EPROTO, "the answer is longer than its Content-Length");
	memcpy(out, head + extra, extra_size);
	return read_body(&s, out, extra_size, length, error);
}
