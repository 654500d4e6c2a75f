// SPDX-License-Identifier: Apache-2.0
// The issuer's service: zones with forged evidence come, ask, and are sent away; strangers take
// every place they can get, and zones still come in.
#include <assert.h>
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>
#include <openssl/err.h>
#include "../../issuer/keyring_file.h"
#include "../../issuer/serve.h"
#include "../../spiffe/key.h"
#include "evidence_test.h"

#define WAIT_MS 20000u
#define SPAN(text)                                                                                 \
	(struct wire_span)                                                                         \
	{                                                                                          \
		(const uint8_t *)(text), sizeof(text) - 1                                          \
	}

static char path[] = "/tmp/cloister-serve-XXXXXX";
static int dir, listener, stop;
static uint16_t port;
static pthread_t thread;
static struct issuer issuer;
static struct channel_key server_key, zone_key;
static struct cl_verifier *verifier;
static struct wire_grants grants;
static bool no_grants;
static int held; // grants that were not given back
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char log_text[65536];

static void log_line(const char *line)
{
	pthread_mutex_lock(&lock);
	strncat(log_text, line, sizeof(log_text) - strlen(log_text) - 2);
	strcat(log_text, "\n");
	pthread_mutex_unlock(&lock);
}

static bool logged(const char *text)
{
	pthread_mutex_lock(&lock);
	bool found = strstr(log_text, text);
	pthread_mutex_unlock(&lock);
	return found;
}

static const struct wire_grants *hold(struct issuer_authority *a,
				      const struct cl_verdict_result *zone)
{
	assert(!memcmp(zone->report.digest, digest, sizeof(digest)));
	if (no_grants)
		return NULL;
	__atomic_add_fetch(&held, 1, __ATOMIC_SEQ_CST);
	return &grants;
}

static void release(struct issuer_authority *a, const struct wire_grants *g)
{
	assert(g == &grants);
	__atomic_sub_fetch(&held, 1, __ATOMIC_SEQ_CST);
}

static struct issuer_authority authority = {hold, release};

static void *serve(void *unused)
{
	assert(issuer_serve(&issuer, listener, stop) == 0);
	return NULL;
}

static int prove(void *context, const uint8_t binding[CL_EVIDENCE_NONCE_SIZE],
		 const uint8_t spki[CL_REPORT_SPKI_SIZE], uint8_t out[CL_EVIDENCE_MAX],
		 char error[CL_ERROR_SIZE])
{
	uint8_t words[CL_REPORT_DATA];
	struct evidence_forge f;

	memcpy(words, binding, CL_EVIDENCE_NONCE_SIZE);
	memcpy(words + CL_EVIDENCE_NONCE_SIZE, spki, CL_REPORT_SPKI_SIZE);
	evidence_forge_default(&f, words, context ? context : digest);
	return (int)evidence_forge_make(&f, out, CL_EVIDENCE_MAX);
}

static int setup(void **state)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(in);
	char error[CL_ERROR_SIZE];

	evidence_setup(state);
	policy.nonce = policy.spki = NULL;
	memcpy(path + strlen(path) - 6, "XXXXXX", 6);
	if (!mkdtemp(path))
		return -1;
	dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	memset(&issuer, 0, sizeof(issuer));
	if (keyring_open(dir, "example.org", 36000, time(NULL), &issuer.keyring, error) ||
	    cl_verifier_create(&policy, &verifier, error) || channel_key_make(&server_key) ||
	    channel_key_make(&zone_key))
		return -1;
	issuer.authority = &authority;
	issuer.self.key = &server_key;
	issuer.trust = (struct channel_trust){.verifier = verifier, .least = CL_VERDICT_AFFIRMING};
	issuer.x509_ttl = 600;
	issuer.jwt_ttl = 60;
	issuer.log = log_line;
	grants = (struct wire_grants){.trust_domain = SPAN("example.org"), .nr_grants = 1};
	grants.grant[0].id = SPAN("spiffe://example.org/web");
	grants.grant[0].hint = SPAN("");
	no_grants = false;
	log_text[0] = '\0';
	listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (bind(listener, (struct sockaddr *)&in, size) || listen(listener, 128) ||
	    getsockname(listener, (struct sockaddr *)&in, &size))
		return -1;
	port = ntohs(in.sin_port);
	stop = eventfd(0, EFD_CLOEXEC);
	return pthread_create(&thread, NULL, serve, NULL);
}

static void end_server(void)
{
	assert_int_equal(eventfd_write(stop, 1), 0);
	pthread_join(thread, NULL);
}

static int teardown(void **state)
{
	if (stop >= 0)
		end_server();
	close(stop);
	close(listener);
	keyring_close(issuer.keyring);
	cl_verifier_free(verifier);
	channel_key_free(&server_key);
	channel_key_free(&zone_key);
	unlinkat(dir, KEYRING_FILE, 0);
	close(dir);
	return held || rmdir(path);
}

static int dial(struct channel *channel, void *other_digest, char error[CL_ERROR_SIZE])
{
	const struct channel_self self = {&zone_key, prove, other_digest};
	const uint8_t keys[1][CL_REPORT_SPKI_SIZE] = {{0}};
	struct channel_trust trust = {.keys = keys, .nr_keys = 1};
	struct clv_socket socket;

	trust.keys = (const uint8_t(*)[CL_REPORT_SPKI_SIZE]) & server_key.spki;
	assert_int_equal(clv_connect(&socket, "127.0.0.1", port, WAIT_MS, error), 0);
	return channel_open(channel, socket, CHANNEL_INITIATOR, WIRE_PROTOCOL, &self, &trust,
			    error);
}

static void come_in(struct channel *channel)
{
	char error[CL_ERROR_SIZE];

	if (dial(channel, NULL, error))
		fail_msg("%s", error);
}

static uint8_t answer_bytes[WIRE_ANSWER_MAX];

static void ask(struct channel *channel, const struct wire_request *request,
		struct wire_answer *answer)
{
	uint8_t bytes[4096];
	const char *why = "";
	int n = wire_put_request(request, bytes, sizeof(bytes));

	assert_int_equal(channel_send(channel, bytes, (size_t)n, WAIT_MS), 0);
	n = channel_receive(channel, answer_bytes, sizeof(answer_bytes), WAIT_MS);
	assert_true(n > 0);
	if (wire_take_answer(answer, answer_bytes, (size_t)n, &why))
		fail_msg("%s", why);
}

static void serves(void **state)
{
	static struct channel channel;
	static struct wire_request request;
	static struct wire_answer answer;

	come_in(&channel);
	request.kind = WIRE_GRANTS;
	ask(&channel, &request, &answer);
	assert_int_equal(answer.grants.nr_grants, 1);
	request = (struct wire_request){.kind = WIRE_TOKEN};
	request.token.nr_audiences = 1;
	request.token.audience[0] = SPAN("them");
	ask(&channel, &request, &answer);
	assert_false(answer.refused);
	assert_true(answer.token.size > 100);
	request.token.grant = 1;
	ask(&channel, &request, &answer);
	assert_true(answer.refused);
	channel_close(&channel);
	assert_true(logged("which has grants"));
	assert_true(logged("on node node-1"));
	assert_true(logged("a token for spiffe://example.org/web"));
	assert_true(logged("refused: this zone has no such identity"));
}

static void strangers_digest(void **state)
{
	static struct channel channel;
	static uint8_t other[CL_DIGEST_SIZE];
	char error[CL_ERROR_SIZE];

	memcpy(other, digest, sizeof(other));
	other[5] ^= 4;
	assert_int_equal(dial(&channel, other, error), -EACCES);
	assert_non_null(strstr(error, "the peer refuses: digest: "));
	come_in(&channel);
	channel_close(&channel);
}

static void without_grants(void **state)
{
	static struct channel channel;
	static struct wire_request request = {.kind = WIRE_GRANTS};
	static struct wire_answer answer;

	no_grants = true;
	come_in(&channel);
	ask(&channel, &request, &answer);
	assert_int_equal(answer.grants.nr_grants, 0);
	request.kind = WIRE_SIGN;
	request.sign.nr_keys = 1;
	request.sign.key[0].content = SPAN("x");
	ask(&channel, &request, &answer);
	assert_true(answer.refused);
	assert_int_equal(answer.refusal.code, WIRE_DENIED);
	channel_close(&channel);
}

/* Twice as many as there is room for say nothing, and a zone comes in; so do those that came
 * before. */
static void strangers(void **state)
{
	static struct channel first, second;
	static struct wire_request request = {.kind = WIRE_GRANTS};
	static struct wire_answer answer;
	int silent[2 * ISSUER_STRANGERS_MAX];
	char error[CL_ERROR_SIZE];
	size_t ended = 0;

	come_in(&first);
	for (size_t i = 0; i < COUNT(silent); i++) {
		struct clv_socket s;
		assert_int_equal(clv_connect(&s, "127.0.0.1", port, WAIT_MS, error), 0);
		silent[i] = s.fd;
	}
	come_in(&second);
	ask(&first, &request, &answer);
	ask(&second, &request, &answer);
	for (size_t i = 0; i < COUNT(silent); i++) {
		struct pollfd p = {.fd = silent[i], .events = POLLIN};
		ended += poll(&p, 1, 0) == 1;
		close(silent[i]);
	}
	assert_in_range(ended, ISSUER_STRANGERS_MAX, COUNT(silent));
	channel_close(&first);
	channel_close(&second);
}

/* It ends while zones are there, and they learn of it. */
static void stops(void **state)
{
	static struct channel channel;
	uint8_t byte;

	come_in(&channel);
	end_server();
	stop = -1;
	assert_true(channel_receive(&channel, &byte, 1, WAIT_MS) <= 0);
	channel_close(&channel);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(serves), TEST(strangers_digest), TEST(without_grants), TEST(strangers),
		TEST(stops),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
