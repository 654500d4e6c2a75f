// SPDX-License-Identifier: Apache-2.0
// The issuer's service: zones with forged evidence come, ask, and are sent away; strangers take
// every place they can get, and zones still come in.
#include <errno.h>
#include <poll.h>
#include <unistd.h>
#include "issuer_play.h"

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

	issuer_come_in(&channel);
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
	assert_true(issuer_logged("which has grants"));
	assert_true(issuer_logged("on node node-1"));
	assert_true(issuer_logged("a token for spiffe://example.org/web"));
	assert_true(issuer_logged("refused: this zone has no such identity"));
}

static void foreign_bundles(void **state)
{
	static const struct spiffe_bundle other = {.domain = "other.org", .sequence = 7};
	static const struct spiffe_bundle *const list[] = {&other};
	static struct channel channel;
	static struct wire_request request = {.kind = WIRE_BUNDLES};
	static struct wire_answer answer;

	issuer_come_in(&channel);
	ask(&channel, &request, &answer);
	assert_int_equal(answer.bundles.nr_bundles, 1);
	/* Learned while the channel is open. */
	foreign = (struct spiffe_bundles){list, 1};
	ask(&channel, &request, &answer);
	assert_int_equal(answer.bundles.nr_bundles, 2);
	assert_memory_equal(answer.bundles.bundle[0].trust_domain.data, "example.org", 11);
	assert_memory_equal(answer.bundles.bundle[1].trust_domain.data, "other.org", 9);
	assert_non_null(memmem(answer.bundles.bundle[1].jwks.data,
			       answer.bundles.bundle[1].jwks.size, "\"spiffe_sequence\":7", 19));
	channel_close(&channel);
}

static void strangers_digest(void **state)
{
	static struct channel channel;
	static uint8_t other[CL_DIGEST_SIZE];
	char error[CL_ERROR_SIZE];

	memcpy(other, digest, sizeof(other));
	other[5] ^= 4;
	assert_int_equal(issuer_dial(&channel, other, error), -EACCES);
	assert_non_null(strstr(error, "the peer refuses: digest: "));
	issuer_come_in(&channel);
	channel_close(&channel);
}

static void without_grants(void **state)
{
	static struct channel channel;
	static struct wire_request request = {.kind = WIRE_GRANTS};
	static struct wire_answer answer;

	no_grants = true;
	issuer_come_in(&channel);
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

	issuer_come_in(&first);
	for (size_t i = 0; i < COUNT(silent); i++) {
		struct clv_socket s;
		assert_int_equal(clv_connect(&s, "127.0.0.1", issuer_port, WAIT_MS, error), 0);
		silent[i] = s.fd;
	}
	issuer_come_in(&second);
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

	issuer_come_in(&channel);
	issuer_stop();
	assert_true(channel_receive(&channel, &byte, 1, WAIT_MS) <= 0);
	channel_close(&channel);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, issuer_begin, issuer_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(serves),	      TEST(foreign_bundles), TEST(strangers_digest),
		TEST(without_grants), TEST(strangers),	     TEST(stops),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
