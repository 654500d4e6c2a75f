// SPDX-License-Identifier: Apache-2.0
// What a zone proves itself with, from a node's service and a Core that are played here, judged
// by the real verifier.
#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>
#include "../../channel/prove.h"
#include "../../zone/core.h"
#include "evidence_test.h"

static struct {
	int core;	    // what the Core says
	bool spliced;	    // the node answers with evidence for another nonce
	const char *answer; // the node's, in the place of evidence
	bool has_report;    // the node's evidence has one already
	int listener;
	uint16_t port;
	pthread_t thread;
} node;

static uint8_t spki[CL_REPORT_SPKI_SIZE], binding[CL_EVIDENCE_NONCE_SIZE];

static size_t forge(const uint8_t words[CL_REPORT_DATA], bool no_report, uint8_t *out)
{
	struct evidence_forge f;

	evidence_forge_default(&f, words, digest);
	f.no_report = no_report;
	return evidence_forge_make(&f, out, CL_EVIDENCE_MAX);
}

int core_report(const uint8_t words[CL_REPORT_DATA], uint8_t report[CL_REPORT_MAX], uint32_t *size)
{
	struct evidence_forge f;

	if (node.core)
		return node.core;
	evidence_forge_default(&f, words, digest);
	*size = (uint32_t)forge_make(&f.report, report, CL_REPORT_MAX);
	return 0;
}

// One request.
static void *serve(void *unused)
{
	static uint8_t body[CL_EVIDENCE_MAX];
	char request[1024], head[256], hex[3] = "";
	uint8_t words[CL_REPORT_DATA] = {0};
	int fd = accept(node.listener, NULL, NULL);
	ssize_t n = recv(fd, request, sizeof(request) - 1, 0);

	request[n > 0 ? n : 0] = '\0';
	const char *nonce = strstr(request, "GET /evidence?nonce=");
	for (size_t i = 0; nonce && i < CL_EVIDENCE_NONCE_SIZE; i++) {
		memcpy(hex, nonce + 20 + 2 * i, 2);
		words[i] = (uint8_t)strtoul(hex, NULL, 16);
	}
	words[0] ^= node.spliced;
	if (node.answer) {
		send(fd, node.answer, strlen(node.answer), MSG_NOSIGNAL);
	} else {
		size_t size = forge(words, !node.has_report, body);
		int length = snprintf(head, sizeof(head),
				      "HTTP/1.1 200 OK\r\nContent-Type: %s\r\n"
				      "Content-Length: %zu\r\nConnection: close\r\n\r\n",
				      CL_EVIDENCE_MEDIA_TYPE, size);
		send(fd, head, (size_t)length, MSG_NOSIGNAL);
		send(fd, body, size, MSG_NOSIGNAL);
	}
	close(fd);
	return NULL;
}

static int setup(void **state)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(in);

	evidence_setup(state);
	memset(&node, 0, sizeof(node));
	memcpy(binding, data, sizeof(binding));
	memcpy(spki, data + CL_REPORT_NONCE_SIZE, sizeof(spki));
	node.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(node.listener, (struct sockaddr *)&in, size) || listen(node.listener, 1) ||
	    getsockname(node.listener, (struct sockaddr *)&in, &size))
		return -1;
	node.port = ntohs(in.sin_port);
	return 0;
}

static int teardown(void **state)
{
	return close(node.listener);
}

static int prove(uint8_t out[CL_EVIDENCE_MAX], char error[CL_ERROR_SIZE])
{
	struct prover p = {.host = "127.0.0.1", .port = node.port, .timeout_ms = 20000};

	assert_int_equal(pthread_create(&node.thread, NULL, serve, NULL), 0);
	int rc = prover_prove(&p, binding, spki, out, error);
	pthread_join(node.thread, NULL);
	return rc;
}

static void affirming(void **state)
{
	static uint8_t out[CL_EVIDENCE_MAX];
	char error[CL_ERROR_SIZE];
	int size = prove(out, error);

	assert_true(size > 0);
	if (verdict_of(out, (size_t)size) != CL_VERDICT_AFFIRMING)
		fail_msg("it is not believed");
	assert_memory_equal(result.report.data, data, CL_REPORT_DATA);
	/* A report that the node adds is not what the Core says. */
	node.has_report = true;
	size = prove(out, error);
	assert_true(size > 0);
	assert_int_equal(verdict_of(out, (size_t)size), CL_VERDICT_AFFIRMING);
	/* The host may lie; then the verifier refuses. */
	node.spliced = true;
	size = prove(out, error);
	assert_true(size > 0);
	verdict_of(out, (size_t)size);
	expect_only_failure("nonce", "");
}

static void refused(int code, const char *reason)
{
	static uint8_t out[CL_EVIDENCE_MAX];
	char error[CL_ERROR_SIZE];
	int rc = prove(out, error);

	if (rc != code || !strstr(error, reason))
		fail_msg("%d, %s", rc, error);
}

static void failures(void **state)
{
	node.core = CORE_NOT_A_ZONE;
	refused(-ENODEV, "no Core beneath this guest");
	node.core = -EBUSY;
	refused(-EBUSY, "the Core gives no report: ");
	node.core = 0;
	node.answer = "HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain\r\n"
		      "Content-Length: 8\r\nConnection: close\r\n\r\nno TPM!\n";
	refused(-EPROTO, "the node's evidence service");
	node.answer = "HTTP/1.1 200 OK\r\nContent-Type: " CL_EVIDENCE_MEDIA_TYPE
		      "\r\nContent-Length: 1\r\nConnection: close\r\n\r\n\xa0";
	refused(-EPROTO, "is no evidence: ");
	node.answer = "";
	refused(-EPROTO, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(affirming, setup, teardown),
		cmocka_unit_test_setup_teardown(failures, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
