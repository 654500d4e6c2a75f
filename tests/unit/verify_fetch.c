// SPDX-License-Identifier: Apache-2.0
// Fetching reports and TLS keys from servers that answer well, badly, slowly, or not at all.
#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <cloister/verify.h>

/* Plenty, even on a busy machine; and little, for those that are to run out of it. */
#define PLENTY_MS 20000u
#define LITTLE_MS 300u
#define OK	  "HTTP/1.1 200 OK\r\nContent-Type: application/cose\r\n"

/* One server, one connection. */
static struct server {
	pthread_t thread;
	int listener;
	uint16_t port;
	void (*serve)(int fd);
} server;

/* What the next server says, and what it was asked. */
static const char *answer;
static size_t answer_size;
static char request[2048];
static uint8_t nonce[CL_REPORT_NONCE_SIZE], out[CL_REPORT_MAX], spki[CL_REPORT_SPKI_SIZE];
static char error[CL_ERROR_SIZE];
static unsigned int timeout_ms;
static const char *starttls;

/* "two.example" is 127.0.0.2, then 127.0.0.1; other names are what they are. */
static struct sockaddr_in two_address[2];
static struct addrinfo two[2];

int getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
		struct addrinfo **list)
{
	int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **) =
		dlsym(RTLD_NEXT, "getaddrinfo");

	if (strcmp(host, "two.example") != 0)
		return real(host, service, hints, list);
	for (unsigned int i = 0; i < 2; i++) {
		two_address[i] = (struct sockaddr_in){.sin_family = AF_INET,
						      .sin_port = htons((uint16_t)atoi(service)),
						      .sin_addr.s_addr = htonl(0x7f000002 - i)};
		two[i] = (struct addrinfo){.ai_family = AF_INET,
					   .ai_socktype = SOCK_STREAM,
					   .ai_addr = (struct sockaddr *)&two_address[i],
					   .ai_addrlen = sizeof(two_address[i])};
	}
	two[0].ai_next = &two[1];
	*list = two;
	return 0;
}

void freeaddrinfo(struct addrinfo *list)
{
	void (*real)(struct addrinfo *) = dlsym(RTLD_NEXT, "freeaddrinfo");

	if (list != two)
		real(list);
}

static void *server_main(void *arg)
{
	int fd = accept(server.listener, NULL, NULL);

	if (fd >= 0) {
		server.serve(fd);
		close(fd);
	}
	return NULL;
}

static void start(void (*serve)(int fd))
{
	struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t size = sizeof(addr);

	server.serve = serve;
	server.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(server.listener, (struct sockaddr *)&addr, size), 0);
	assert_int_equal(listen(server.listener, 1), 0);
	assert_int_equal(getsockname(server.listener, (struct sockaddr *)&addr, &size), 0);
	server.port = ntohs(addr.sin_port);
	assert_int_equal(pthread_create(&server.thread, NULL, server_main, NULL), 0);
}

static void stop(void)
{
	shutdown(server.listener, SHUT_RDWR);
	pthread_join(server.thread, NULL);
	close(server.listener);
}

static void put(int fd, const char *data, size_t size)
{
	while (size > 0) {
		ssize_t n = send(fd, data, size, MSG_NOSIGNAL);

		if (n <= 0)
			return;
		data += n;
		size -= (size_t)n;
	}
}

static void read_request(int fd)
{
	size_t have = 0;

	while (have < sizeof(request) - 1) {
		ssize_t n = recv(fd, request + have, sizeof(request) - 1 - have, 0);

		if (n <= 0)
			break;
		have += (size_t)n;
		request[have] = '\0';
		if (strstr(request, "\r\n\r\n"))
			break;
	}
}

static void serve_answer(int fd)
{
	read_request(fd);
	put(fd, answer, answer_size);
}

static void wait_for_close(int fd)
{
	char byte;

	while (recv(fd, &byte, 1, 0) > 0)
		;
}

static void pause_ms(long ms)
{
	nanosleep(&(struct timespec){.tv_nsec = ms * 1000000}, NULL);
}

static void serve_byte_by_byte(int fd)
{
	read_request(fd);
	for (size_t i = 0; i < answer_size; i++) {
		put(fd, answer + i, 1);
		pause_ms(1);
	}
}

static void serve_silence(int fd)
{
	wait_for_close(fd);
}

/* Each byte in time, but all of them not. */
static void serve_drip(int fd)
{
	read_request(fd);
	for (int i = 0; i < 100; i++) {
		put(fd, "x", 1);
		pause_ms(20);
	}
}

static void serve_and_hold(int fd)
{
	serve_answer(fd);
	wait_for_close(fd);
}

static void serve_nothing(int fd)
{
}

static void serve_unasked(int fd)
{
	put(fd, answer, answer_size);
	wait_for_close(fd);
}

static int fetch_from(void (*serve)(int fd), const char *text, size_t size)
{
	int rc;

	answer = text;
	answer_size = size;
	start(serve);
	RAND_bytes(nonce, sizeof(nonce));
	memset(out, 0, sizeof(out));
	error[0] = '\0';
	rc = cl_fetch_report("127.0.0.1", server.port, nonce, timeout_ms, out, error);
	stop();
	return rc;
}

static void expect_refused(const char *text, size_t size, const char *reason)
{
	assert_int_equal(fetch_from(serve_answer, text, size), -EPROTO);
	if (!strstr(error, reason))
		fail_msg("%s", error);
}

static void good_answer(void **state)
{
	static const char text[] = OK "Content-Length: 5\r\n\r\nh\0llo";
	char line[128], *at = line + sprintf(line, "GET /report?nonce=");

	assert_int_equal(fetch_from(serve_answer, text, sizeof(text) - 1), 5);
	assert_memory_equal(out, "h\0llo", 5);
	for (size_t i = 0; i < sizeof(nonce); i++)
		at += sprintf(at, "%02x", nonce[i]);
	strcpy(at, " HTTP/1.1\r\nHost: 127.0.0.1:");
	assert_memory_equal(request, line, strlen(line));
}

static void good_answers_of_other_shapes(void **state)
{
	static const char plain[] =
		"HTTP/1.1 200\r\ncontent-LENGTH:3 \r\n"
		"content-type:Application/COSE; cose-type=\"cose-sign1\"\r\n\r\nabc";
	static const char slow[] = OK "Content-Length: 3\r\n\r\nabc";
	static char big[sizeof(OK) + 64 + CL_REPORT_MAX];
	size_t size = (size_t)sprintf(big, OK "Content-Length: %u\r\n\r\n", CL_REPORT_MAX);

	assert_int_equal(fetch_from(serve_answer, plain, sizeof(plain) - 1), 3);
	assert_memory_equal(out, "abc", 3);
	assert_int_equal(fetch_from(serve_byte_by_byte, slow, sizeof(slow) - 1), 3);
	assert_memory_equal(out, "abc", 3);
	/* a server that keeps the connection open has nonetheless answered */
	assert_int_equal(fetch_from(serve_and_hold, slow, sizeof(slow) - 1), 3);
	memset(big + size, 'x', CL_REPORT_MAX);
	assert_int_equal(fetch_from(serve_answer, big, size + CL_REPORT_MAX), CL_REPORT_MAX);
	assert_int_equal(out[CL_REPORT_MAX - 1], 'x');
}

#define REFUSE(text, reason) expect_refused(text, sizeof(text) - 1, reason)

static void bad_answers(void **state)
{
	REFUSE("HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n", "answers: HTTP/1.1 503 Busy");
	REFUSE("HTTP/1.1 503 \033[2J\r\n\r\n", "answers: HTTP/1.1 503 ?[2J");
	REFUSE("HTTP/1.0 200 OK\r\n\r\n", "answers: HTTP/1.0 200 OK");
	REFUSE("HTTP/1.1 2000 OK\r\n\r\n", "answers: HTTP/1.1 2000");
	REFUSE("SSH-2.0-OpenSSH_9.2\r\n\r\n", "answers: SSH");
	REFUSE("", "ends in its head");
	REFUSE("HTTP/1.1 200 OK\r\nContent-Le", "ends in its head");
	REFUSE("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", "application/cose");
	REFUSE("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 3\r\n\r\nabc",
	       "application/cose");
	REFUSE("HTTP/1.1 200 OK\r\nContent-Type: application/cose-key\r\n"
	       "Content-Length: 3\r\n\r\nabc",
	       "application/cose");
	REFUSE(OK "Content-Type: text/html\r\nContent-Length: 3\r\n\r\nabc", "application/cose");
	REFUSE(OK "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", "encoding");
	REFUSE(OK "Content-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc", "encoding");
	REFUSE(OK "\r\nabc", "Content-Length is not 1 to 1024");
	REFUSE(OK "Content-Length: 0\r\n\r\n", "Content-Length");
	REFUSE(OK "Content-Length: 1025\r\n\r\n", "Content-Length");
	REFUSE(OK "Content-Length: -1\r\n\r\n", "Content-Length");
	REFUSE(OK "Content-Length: 3x\r\n\r\nabc", "Content-Length");
	REFUSE(OK "Content-Length: 0x3\r\n\r\nabc", "Content-Length");
	REFUSE(OK "Content-Length: 99999999999999999999\r\n\r\n", "Content-Length");
	REFUSE(OK "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", "Content-Length");
	REFUSE(OK "Content-Length: 4\r\n\r\nabc", "ends after 3 of 4");
	REFUSE(OK "Content-Length: 3\r\n\r\nabcd", "longer than its Content-Length");
	REFUSE(OK "X: \0\r\nContent-Length: 3\r\n\r\nabc", "NUL");
}

static void long_head(void **state)
{
	static char text[8192];

	memset(text, 'x', sizeof(text));
	memcpy(text, OK "X: ", sizeof(OK "X: ") - 1);
	expect_refused(text, sizeof(text), "head is longer than 4096");
}

static void slow_answers_end_in_time(void **state)
{
	struct timespec a, b;

	timeout_ms = LITTLE_MS;
	clock_gettime(CLOCK_MONOTONIC, &a);
	assert_int_equal(fetch_from(serve_silence, NULL, 0), -ETIMEDOUT);
	assert_int_equal(fetch_from(serve_drip, NULL, 0), -ETIMEDOUT);
	assert_int_equal(fetch_from(serve_and_hold, OK, sizeof(OK) - 1), -ETIMEDOUT);
	clock_gettime(CLOCK_MONOTONIC, &b);
	assert_true(b.tv_sec - a.tv_sec < 15);
}

static void nobody_there(void **state)
{
	start(serve_nothing);
	stop();
	assert_int_equal(cl_fetch_report("127.0.0.1", server.port, nonce, timeout_ms, out, error),
			 -ECONNREFUSED);
	assert_non_null(strstr(error, "cannot connect to 127.0.0.1"));
	assert_int_equal(cl_fetch_spki("127.0.0.1", server.port, starttls, timeout_ms, spki, error),
			 -ECONNREFUSED);
}

static void bad_arguments(void **state)
{
	assert_int_equal(cl_fetch_report("a\r\nX: y", 1, nonce, 1, out, error), -EINVAL);
	assert_int_equal(cl_fetch_report("a b", 1, nonce, 1, out, error), -EINVAL);
	assert_int_equal(cl_fetch_report("", 1, nonce, 1, out, error), -EINVAL);
	assert_int_equal(cl_fetch_report(NULL, 1, nonce, 1, out, error), -EINVAL);
	assert_int_equal(cl_fetch_report("localhost", 0, nonce, 1, out, error), -EINVAL);
	assert_int_equal(cl_fetch_report("localhost", 1, nonce, 0, out, error), -EINVAL);
	assert_int_equal(cl_fetch_report("localhost", 1, NULL, 1, out, error), -EINVAL);
	assert_int_equal(cl_fetch_report("localhost", 1, nonce, 1, NULL, error), -EINVAL);
	assert_int_equal(cl_fetch_report("localhost", 1, nonce, 1, out, NULL), -EINVAL);
	assert_int_equal(cl_fetch_spki("", 1, NULL, 1, spki, error), -EINVAL);
	assert_int_equal(cl_fetch_spki("localhost", 1, NULL, 1, NULL, error), -EINVAL);
	assert_int_equal(cl_fetch_spki("localhost", 1, "smtp", 1, spki, error), -EINVAL);
}

static void nonces_differ(void **state)
{
	uint8_t a[CL_REPORT_NONCE_SIZE] = {0}, b[CL_REPORT_NONCE_SIZE] = {0};

	assert_int_equal(cl_fresh_nonce(a), 0);
	assert_int_equal(cl_fresh_nonce(b), 0);
	assert_memory_not_equal(a, b, sizeof(a));
}

static int setup(void **state)
{
	timeout_ms = PLENTY_MS;
	starttls = NULL;
	return 0;
}

/* A TLS server with a certificate that it made itself, as a zone's. */
static EVP_PKEY *tls_key;
static X509 *tls_cert;
static int tls_version;

static int make_certificate(void **state)
{
	X509_NAME *name;

	signal(SIGPIPE, SIG_IGN); /* for the servers; the library does without */
	tls_key = EVP_EC_gen("P-256");
	tls_cert = X509_new();
	name = X509_get_subject_name(tls_cert);
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const uint8_t *)"zone", -1, -1, 0);
	X509_set_issuer_name(tls_cert, name);
	X509_gmtime_adj(X509_getm_notBefore(tls_cert), -7200);
	X509_gmtime_adj(X509_getm_notAfter(tls_cert), -3600); /* dates are not looked at */
	X509_set_pubkey(tls_cert, tls_key);
	return X509_sign(tls_cert, tls_key, EVP_sha256()) <= 0;
}

static void serve_tls(int fd)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	SSL *ssl;
	char byte;

	SSL_CTX_use_certificate(ctx, tls_cert);
	SSL_CTX_use_PrivateKey(ctx, tls_key);
	SSL_CTX_set_max_proto_version(ctx, tls_version);
	ssl = SSL_new(ctx);
	SSL_set_fd(ssl, fd);
	if (SSL_accept(ssl) == 1)
		SSL_read(ssl, &byte, 1);
	SSL_free(ssl);
	SSL_CTX_free(ctx);
}

static int spki_from(void (*serve)(int fd), const char *text, size_t size)
{
	int rc;

	answer = text;
	answer_size = size;
	start(serve);
	memset(spki, 0, sizeof(spki));
	rc = cl_fetch_spki("127.0.0.1", server.port, starttls, timeout_ms, spki, error);
	stop();
	return rc;
}

static int certificate_from(void (*serve)(int fd), uint8_t *der, size_t capacity)
{
	int rc;

	tls_version = TLS1_3_VERSION;
	start(serve);
	memset(spki, 0, sizeof(spki));
	rc = cl_fetch_certificate("127.0.0.1", server.port, starttls, timeout_ms, der, capacity,
				  spki, error);
	stop();
	return rc;
}

static void spki_of_a_server(void **state)
{
	uint8_t want[SHA256_DIGEST_LENGTH];
	unsigned char *der = NULL;
	int size = i2d_PUBKEY(tls_key, &der);

	SHA256(der, (size_t)size, want);
	OPENSSL_free(der);
	tls_version = TLS1_3_VERSION;
	assert_int_equal(spki_from(serve_tls, NULL, 0), 0);
	assert_memory_equal(spki, want, sizeof(want));
}

/* What a PostgreSQL says to SSLRequest, then perhaps TLS. */
static const char *consent;

static void serve_postgres(int fd)
{
	static const uint8_t want[8] = {0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f};
	uint8_t got[8];

	if (recv(fd, got, sizeof(got), MSG_WAITALL) != (ssize_t)sizeof(got) ||
	    memcmp(got, want, sizeof(got)) != 0)
		return;
	put(fd, consent, strlen(consent));
	if (consent[0] == 'S')
		serve_tls(fd);
}

static void spki_of_a_postgres(void **state)
{
	starttls = "postgres";
	tls_version = TLS1_3_VERSION;
	consent = "S";
	assert_int_equal(spki_from(serve_postgres, NULL, 0), 0);
	consent = "N";
	assert_int_equal(spki_from(serve_postgres, NULL, 0), -EPROTO);
	assert_non_null(strstr(error, "does not agree"));
	consent = "SE"; /* more than the server's one byte, before any TLS */
	assert_int_equal(spki_from(serve_postgres, NULL, 0), -EPROTO);
	consent = "";
	assert_int_equal(spki_from(serve_postgres, NULL, 0), -EPROTO);
	timeout_ms = LITTLE_MS;
	assert_int_equal(spki_from(serve_silence, NULL, 0), -ETIMEDOUT);
}

static void certificate_of_a_server(void **state)
{
	static uint8_t got[CL_CERTIFICATE_MAX];
	uint8_t want[SHA256_DIGEST_LENGTH];
	unsigned char *der = NULL, *key = NULL;
	int size = i2d_X509(tls_cert, &der), key_size = i2d_PUBKEY(tls_key, &key);

	SHA256(key, (size_t)key_size, want);
	assert_int_equal(certificate_from(serve_tls, got, sizeof(got)), size);
	assert_memory_equal(got, der, (size_t)size);
	assert_memory_equal(spki, want, sizeof(want));
	memset(got, 0, sizeof(got));
	assert_int_equal(certificate_from(serve_tls, got, (size_t)size), size);
	assert_memory_equal(got, der, (size_t)size);
	got[0] = 0;
	assert_int_equal(certificate_from(serve_tls, got, (size_t)size - 1), -ENOSPC);
	assert_non_null(strstr(error, "give room for CL_CERTIFICATE_MAX"));
	assert_int_equal(got[0], 0);
	starttls = "postgres";
	consent = "S";
	assert_int_equal(certificate_from(serve_postgres, got, sizeof(got)), size);
	assert_memory_equal(got, der, (size_t)size);
	OPENSSL_free(der);
	OPENSSL_free(key);
}

static void no_certificate(void **state)
{
	uint8_t der[8];

	assert_true(certificate_from(serve_nothing, der, sizeof(der)) < 0);
	assert_int_equal(cl_fetch_certificate("localhost", 1, NULL, 1, NULL, 8, spki, error),
			 -EINVAL);
	assert_int_equal(cl_fetch_certificate("localhost", 1, NULL, 1, der, 0, spki, error),
			 -EINVAL);
	assert_int_equal(cl_fetch_certificate("localhost", 1, NULL, 1, der, 8, NULL, error),
			 -EINVAL);
	assert_int_equal(cl_fetch_certificate("localhost", 1, NULL, 1, der, 8, spki, NULL),
			 -EINVAL);
}

static void old_tls_is_refused(void **state)
{
	tls_version = TLS1_2_VERSION;
	assert_int_equal(spki_from(serve_tls, NULL, 0), -EPROTO);
	assert_non_null(strstr(error, "protocol version"));
}

static void no_tls_is_refused(void **state)
{
	assert_true(spki_from(serve_nothing, NULL, 0) < 0); /* the end, or a reset */
	assert_int_equal(spki_from(serve_unasked, "HTTP/1.1 400 Bad Request\r\n\r\n", 28), -EPROTO);
	timeout_ms = LITTLE_MS;
	assert_int_equal(spki_from(serve_silence, NULL, 0), -ETIMEDOUT);
}

/* A queue that is full answers no SYN: the address behind it still gets its turn. */
static void a_black_hole_has_its_share(void **state)
{
	int hole = socket(AF_INET, SOCK_STREAM, 0), good = socket(AF_INET, SOCK_STREAM, 0);
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000002)};
	socklen_t size = sizeof(a);
	struct timespec from, to;
	int fill[8];

	assert_int_equal(bind(hole, (struct sockaddr *)&a, size), 0);
	assert_int_equal(listen(hole, 0), 0);
	assert_int_equal(getsockname(hole, (struct sockaddr *)&a, &size), 0);
	for (size_t i = 0; i < 8; i++) {
		fill[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		connect(fill[i], (struct sockaddr *)&a, size);
	}
	uint16_t port = ntohs(a.sin_port);
	a.sin_addr.s_addr = htonl(0x7f000001);
	assert_int_equal(bind(good, (struct sockaddr *)&a, size), 0);
	/* Nobody listens there: it is refused at once, when half of the time is over. */
	clock_gettime(CLOCK_MONOTONIC, &from);
	assert_int_equal(cl_fetch_report("two.example", port, nonce, 10 * LITTLE_MS, out, error),
			 -ECONNREFUSED);
	clock_gettime(CLOCK_MONOTONIC, &to);
	assert_true((to.tv_sec - from.tv_sec) * 1000 + (to.tv_nsec - from.tv_nsec) / 1000000 <
		    9 * LITTLE_MS);
	for (size_t i = 0; i < 8; i++)
		close(fill[i]);
	close(hole);
	close(good);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_black_hole_has_its_share),
		cmocka_unit_test_setup(good_answer, setup),
		cmocka_unit_test_setup(good_answers_of_other_shapes, setup),
		cmocka_unit_test_setup(bad_answers, setup),
		cmocka_unit_test_setup(long_head, setup),
		cmocka_unit_test_setup(slow_answers_end_in_time, setup),
		cmocka_unit_test_setup(nobody_there, setup),
		cmocka_unit_test_setup(bad_arguments, setup),
		cmocka_unit_test_setup(nonces_differ, setup),
		cmocka_unit_test_setup(spki_of_a_server, setup),
		cmocka_unit_test_setup(spki_of_a_postgres, setup),
		cmocka_unit_test_setup(certificate_of_a_server, setup),
		cmocka_unit_test_setup(no_certificate, setup),
		cmocka_unit_test_setup(old_tls_is_refused, setup),
		cmocka_unit_test_setup(no_tls_is_refused, setup),
	};

	return cmocka_run_group_tests(tests, make_certificate, NULL);
}
