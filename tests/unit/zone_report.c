// SPDX-License-Identifier: Apache-2.0
// The zone's report service: its parser alone, then the real service over loopback with a fake
// Core behind it.
#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include "core.h"
#include "http.h"
#include "report.h"

#define NONCE "00112233445566778899aabbccddeeff00112233445566778899AABBCCDDEEFF"

static const uint8_t spki[CL_REPORT_SPKI_SIZE] = {0xaa, 0xbb};

// The fake Core: first byte of the nonce decides.
int core_report(const uint8_t data[CL_REPORT_DATA], uint8_t report[CL_REPORT_MAX], uint32_t *size)
{
	if (data[0] == 0x01)
		return CORE_NOT_A_ZONE;
	if (data[0] == 0x02)
		return -EBUSY;
	memset(report, 0xd2, CL_REPORT_MAX);
	memcpy(report, data, CL_REPORT_DATA);
	*size = CL_REPORT_MAX;
	return 0;
}

static int parse(const char *text)
{
	uint8_t nonce[CL_REPORT_NONCE_SIZE];
	return http_parse(text, strlen(text), nonce);
}

static void parser(void **state)
{
	uint8_t nonce[CL_REPORT_NONCE_SIZE];
	char text[HTTP_REQUEST_MAX + 1];
	const char *good = "GET /report?nonce=" NONCE " HTTP/1.1\r\nHost: x\r\n\r\n";

	assert_int_equal(http_parse(good, strlen(good), nonce), 200);
	assert_int_equal(nonce[1], 0x11);
	assert_int_equal(nonce[31], 0xff);
	for (size_t i = 0; i < strlen(good); i++)
		assert_int_equal(http_parse(good, i, nonce), 0);
	assert_int_equal(parse("GET /report?nonce=" NONCE " HTTP/1.0\r\n\r\n"), 200);
	assert_int_equal(parse("GET /report?nonce=" NONCE "0 HTTP/1.1\r\n\r\n"), 400);
	assert_int_equal(parse("GET /report?nonce=" NONCE "&a=b HTTP/1.1\r\n\r\n"), 400);
	assert_int_equal(parse("GET /report?nonce= HTTP/1.1\r\n\r\n"), 400);
	assert_int_equal(parse("GET /report?n HTTP/1.1\r\n\r\n"), 400);
	assert_int_equal(parse("GET /report HTTP/1.1\r\n\r\n"), 400);
	assert_int_equal(parse("GET /reports HTTP/1.1\r\n\r\n"), 404);
	assert_int_equal(parse("GET /repor HTTP/1.1\r\n\r\n"), 404);
	assert_int_equal(parse("GET / HTTP/1.1\r\n\r\n"), 404);
	assert_int_equal(parse("POST /report?nonce=" NONCE " HTTP/1.1\r\n\r\n"), 405);
	assert_int_equal(parse("GE / HTTP/1.1\r\n\r\n"), 405);
	assert_int_equal(parse("GET  / HTTP/1.1\r\n\r\n"), 400);
	assert_int_equal(parse(" GET / HTTP/1.1\r\n\r\n"), 400);
	assert_int_equal(parse("GET / HTTP/2.0\r\n\r\n"), 400);
	assert_int_equal(parse("GET / HTTP/1.x\r\n\r\n"), 400);
	assert_int_equal(parse("GET / HTTP/1.1 \r\n\r\n"), 400);
	assert_int_equal(parse("GET /\r\n\r\n"), 400);
	assert_int_equal(parse("GET\r\n\r\n"), 400);
	assert_int_equal(parse("\r\n\r\n"), 400);
	memset(text, 'a', sizeof(text));
	assert_int_equal(http_parse(text, HTTP_REQUEST_MAX - 1, nonce), 0);
	assert_int_equal(http_parse(text, HTTP_REQUEST_MAX, nonce), 431);
}

static void parser_fuzz(void **state)
{
	static const char good[] = "GET /report?nonce=" NONCE " HTTP/1.1\r\nHost: x\r\n\r\n";
	uint8_t nonce[CL_REPORT_NONCE_SIZE];
	char *text = malloc(sizeof(good)); // on the heap, where every overrun is seen

	assert_non_null(text);
	srand(4);
	for (unsigned round = 0; round < 50000; round++) {
		memcpy(text, good, sizeof(good));
		for (unsigned n = (unsigned)rand() % 6; n > 0; n--)
			text[(size_t)rand() % sizeof(good)] = (char)rand();
		int status = http_parse(text, sizeof(good), nonce);
		assert_true(status == 0 || status == 200 || status == 400 || status == 404 ||
			    status == 405);
	}
	free(text);
}

static pid_t server;
static struct sockaddr_in address;

static int start(void **state)
{
	socklen_t size = sizeof(address);
	int listener = report_listen(0);
	assert_true(listener >= 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &size), 0);
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	server = fork();
	assert_true(server >= 0);
	if (server == 0) {
		report_serve(listener, spki);
		_exit(1);
	}
	close(listener);
	return 0;
}

static int stop(void **state)
{
	int status;
	kill(server, SIGTERM);
	assert_int_equal(waitpid(server, &status, 0), server);
	// Ended by this signal: it was alive and well until now.
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM ? 0 : -1;
}

static int dial(void)
{
	const struct timeval limit = {5, 0};
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	assert_true(fd >= 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

// Everything until the server closes; returns the size.
static size_t receive(int fd, char *text, size_t size)
{
	size_t used = 0;
	ssize_t n = -1;
	while (used < size - 1 && (n = recv(fd, text + used, size - 1 - used, 0)) > 0)
		used += (size_t)n;
	assert_true(used == size - 1 || n == 0);
	text[used] = '\0';
	close(fd);
	return used;
}

static size_t ask(const char *request, char *text, size_t size)
{
	int fd = dial();
	assert_int_equal(send(fd, request, strlen(request), MSG_NOSIGNAL), strlen(request));
	return receive(fd, text, size);
}

static void expect(const char *request, const char *status_line, const char *body)
{
	char text[4096];
	ask(request, text, sizeof(text));
	assert_memory_equal(text, status_line, strlen(status_line));
	assert_non_null(strstr(text, body));
}

static void answers(void **state)
{
	char zeros[63] = {0};
	char request[256];
	char text[4096];

	memset(zeros, '0', 62);
	snprintf(request, sizeof(request), "GET /report?nonce=03%s HTTP/1.1\r\n\r\n", zeros);
	size_t size = ask(request, text, sizeof(text));
	assert_non_null(strstr(text, "HTTP/1.1 200 OK\r\nContent-Type: application/cose\r\n"));
	assert_non_null(strstr(text, "Content-Length: 1024\r\n"));
	const uint8_t *body = (const uint8_t *)strstr(text, "\r\n\r\n") + 4;
	assert_int_equal(text + size - (const char *)body, CL_REPORT_MAX);
	assert_int_equal(body[0], 3);
	assert_memory_equal(body + CL_REPORT_NONCE_SIZE, spki, sizeof(spki));

	snprintf(request, sizeof(request), "GET /report?nonce=01%s HTTP/1.1\r\n\r\n", zeros);
	expect(request, "HTTP/1.1 503 ", "not a zone");
	snprintf(request, sizeof(request), "GET /report?nonce=02%s HTTP/1.1\r\n\r\n", zeros);
	expect(request, "HTTP/1.1 503 ", strerror(EBUSY));
	expect("GET /report HTTP/1.1\r\n\r\n", "HTTP/1.1 400 ", "want GET");
	expect("GET /etc HTTP/1.1\r\n\r\n", "HTTP/1.1 404 ", "only /report");
	expect("PUT /report HTTP/1.1\r\n\r\n", "HTTP/1.1 405 ", "Allow: GET");
}

static void byte_by_byte(void **state)
{
	const char *request = "GET /report?nonce=" NONCE " HTTP/1.1\r\n\r\n";
	char text[4096];
	int fd = dial();

	for (size_t i = 0; i < strlen(request); i++)
		assert_int_equal(send(fd, request + i, 1, MSG_NOSIGNAL), 1);
	receive(fd, text, sizeof(text));
	assert_memory_equal(text, "HTTP/1.1 200 ", 13);
}

static void too_large(void **state)
{
	char request[HTTP_REQUEST_MAX];
	memset(request, 'a', sizeof(request));
	char text[4096];
	int fd = dial();

	assert_int_equal(send(fd, request, sizeof(request), MSG_NOSIGNAL), sizeof(request));
	receive(fd, text, sizeof(text));
	assert_memory_equal(text, "HTTP/1.1 431 ", 13);
}

// Far more silent clients than there are places: a good one is answered at once all the same.
static void slow_clients(void **state)
{
	int idle[100];
	for (unsigned i = 0; i < 100; i++) {
		idle[i] = dial();
		if (i % 2)
			assert_int_equal(send(idle[i], "GET ", 4, MSG_NOSIGNAL), 4);
	}
	expect("GET /report?nonce=" NONCE " HTTP/1.1\r\n\r\n", "HTTP/1.1 200 ", "cose");
	for (unsigned i = 0; i < 100; i++)
		close(idle[i]);
	expect("GET /report?nonce=" NONCE " HTTP/1.1\r\n\r\n", "HTTP/1.1 200 ", "cose");
}

// Clients that reset the connection, or never read the answer.
static void rude_clients(void **state)
{
	const struct linger reset = {1, 0};
	const char *request = "GET /report?nonce=" NONCE " HTTP/1.1\r\n\r\n";

	for (unsigned i = 0; i < 50; i++) {
		int fd = dial();
		send(fd, request, i % (strlen(request) + 1), MSG_NOSIGNAL);
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
		close(fd);
	}
	expect(request, "HTTP/1.1 200 ", "cose");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parser),
		cmocka_unit_test(parser_fuzz),
		cmocka_unit_test_setup_teardown(answers, start, stop),
		cmocka_unit_test_setup_teardown(byte_by_byte, start, stop),
		cmocka_unit_test_setup_teardown(too_large, start, stop),
		cmocka_unit_test_setup_teardown(slow_clients, start, stop),
		cmocka_unit_test_setup_teardown(rude_clients, start, stop),
	};
	return cmocka_run_group_tests_name("zone_report", tests, NULL, NULL);
}
