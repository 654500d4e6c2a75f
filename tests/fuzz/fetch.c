// SPDX-License-Identifier: Apache-2.0
/*
 * libFuzzer target for the two ends of the report service: the answer that cl_fetch_report() gets
 * from a zone, in pieces as the input says, and the request that http_parse() gets from anybody.
 */
#include <errno.h>
#include <stdarg.h>

#include <cloister/verify.h>
#include "fuzz.h"
#include "socket.h"
#include "../../zone/http.h"

static struct input net;
static uint8_t pieces;

int clv_connect(struct clv_socket *s, const char *host, uint16_t port, unsigned int timeout_ms,
		char error[CL_ERROR_SIZE])
{
	return 0;
}

void clv_close(struct clv_socket *s)
{
}

int clv_send(struct clv_socket *s, const void *data, size_t size)
{
	return 0;
}

ssize_t clv_receive(struct clv_socket *s, void *data, size_t size)
{
	size_t n = pieces & 1 ? 1 + pieces / 2u : size;

	require(size);
	if (n > size)
		n = size;
	if (n > net.left)
		n = net.left;
	take_bytes(&net, data, n);
	return (ssize_t)n;
}

int clv_error(char error[CL_ERROR_SIZE], int code, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(error, CL_ERROR_SIZE, fmt, args);
	va_end(args);
	return code;
}

static void fetch(void)
{
	const uint8_t nonce[CL_REPORT_NONCE_SIZE] = {0}, *start = net.at;
	uint8_t *out = malloc(CL_REPORT_MAX);
	char error[CL_ERROR_SIZE] = "";
	size_t all = net.left;

	require(out);
	int n = cl_fetch_report("localhost", 7443, nonce, 1000, out, error);

	require(n < 0 ? n == -EPROTO && error[0] : n > 0 && n <= (int)CL_REPORT_MAX);
	if (n > 0) {
		/* The body is what stands behind the first empty line. */
		const uint8_t *body = memmem(start, all, "\r\n\r\n", 4);

		require(body && !memcmp(start, "HTTP/1.1 200", 12));
		body += 4;
		require((size_t)(start + all - body) >= (size_t)n);
		/* More than was announced is no answer, where it was seen. */
		if (!(pieces & 1) && all < 4096)
			require((size_t)(start + all - body) == (size_t)n);
		require(!memcmp(out, body, (size_t)n));
	}
	free(out);
}

static void serve(void)
{
	size_t n = net.left < HTTP_REQUEST_MAX ? net.left : HTTP_REQUEST_MAX;
	char *text = exact_copy(net.at, n), head[512];
	uint8_t nonce[CL_REPORT_NONCE_SIZE];
	int status = http_parse(text, n, nonce);

	require(status == 0 || status == 200 || status == 400 || status == 404 || status == 405 ||
		status == 431);
	require(n < HTTP_REQUEST_MAX || status);
	if (status == 200)
		require(!memcmp(text, "GET /report?nonce=", 18) && text[18 + 64] == ' ');
	if (status)
		require(http_head(status, 10, head, sizeof(head)));
	/* Nothing that comes later changes what a complete request said. */
	for (size_t part = 0; status == 200 && part < n; part += 1 + n / 32) {
		int early = http_parse(text, part, nonce);

		require(early == 0 || early == 200);
	}
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	net = (struct input){data, size};
	uint8_t what = (uint8_t)take(&net, 1);

	pieces = (uint8_t)take(&net, 1);
	if (what & 1)
		fetch();
	else
		serve();
	return 0;
}
