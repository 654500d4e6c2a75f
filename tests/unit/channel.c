// SPDX-License-Identifier: Apache-2.0
// The attested channel: both sides for real, on a socket pair, with evidence from the forge; then
// an attacker between them, who speaks the protocol as well and has whatever evidence passed by.
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include "../../channel/channel.h"
#include "evidence_test.h"

#define WAIT_MS	 20000u
#define PROTOCOL "test/1"

/* Evidence of a zone, for whatever binding and key: what the real thing does by Core and TPM. */
struct zone {
	bool spliced;	  // its report answers another binding than its quote
	bool foreign_key; // its report names a key that is not this side's
	int failure;
	uint8_t last[CL_EVIDENCE_MAX];
	int last_size;
};

struct side {
	enum channel_role role;
	struct channel_key key;
	struct zone zone;
	struct channel_self self;
	struct channel_trust trust;
	const char *protocol;
	int fd;
	struct channel channel;
	int rc;
	char error[CL_ERROR_SIZE];
	pthread_t thread;
};

static struct cl_verifier *verifier;
static struct side alice, bob;

static int prove(void *context, const uint8_t binding[CL_EVIDENCE_NONCE_SIZE],
		 const uint8_t spki[CL_REPORT_SPKI_SIZE], uint8_t out[CL_EVIDENCE_MAX],
		 char error[CL_ERROR_SIZE])
{
	struct zone *z = context;
	struct evidence_forge f;
	uint8_t words[CL_REPORT_DATA];

	if (z->failure)
		return clv_error(error, z->failure, "the node's service is silent");
	memcpy(words, binding, CL_EVIDENCE_NONCE_SIZE);
	memcpy(words + CL_EVIDENCE_NONCE_SIZE, spki, CL_REPORT_SPKI_SIZE);
	words[CL_EVIDENCE_NONCE_SIZE] ^= z->foreign_key;
	evidence_forge_default(&f, words, digest);
	f.nonce[0] ^= z->spliced;
	z->last_size = (int)evidence_forge_make(&f, out, CL_EVIDENCE_MAX);
	memcpy(z->last, out, (size_t)z->last_size);
	return z->last_size;
}

static struct clv_socket socket_of(int fd)
{
	struct clv_socket s = {.fd = fd};

	fcntl(fd, F_SETFL, O_NONBLOCK);
	clv_deadline(&s, WAIT_MS);
	return s;
}

static void side_init(struct side *s, enum channel_role role)
{
	memset(s, 0, sizeof(*s));
	s->role = role;
	assert_int_equal(channel_key_make(&s->key), 0);
	s->self = (struct channel_self){.key = &s->key, .prove = prove, .context = &s->zone};
	s->trust = (struct channel_trust){.verifier = verifier, .least = CL_VERDICT_AFFIRMING};
	s->protocol = PROTOCOL;
	s->fd = -1;
}

static int setup(void **state)
{
	char error[CL_ERROR_SIZE];

	evidence_setup(state);
	policy.nonce = policy.spki = NULL;
	assert_int_equal(cl_verifier_create(&policy, &verifier, error), 0);
	side_init(&alice, CHANNEL_INITIATOR);
	side_init(&bob, CHANNEL_RESPONDER);
	return 0;
}

static int teardown(void **state)
{
	channel_key_free(&alice.key);
	channel_key_free(&bob.key);
	cl_verifier_free(verifier);
	return 0;
}

static void *open_side(void *argument)
{
	struct side *s = argument;

	s->rc = channel_open(&s->channel, socket_of(s->fd), s->role, s->protocol, &s->self,
			     &s->trust, s->error);
	ERR_clear_error();
	return NULL;
}

static void start(struct side *s, int fd)
{
	s->fd = fd;
	assert_int_equal(pthread_create(&s->thread, NULL, open_side, s), 0);
}

static void join(struct side *s)
{
	assert_int_equal(pthread_join(s->thread, NULL), 0);
}

static void both(void)
{
	int fd[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd), 0);
	start(&alice, fd[0]);
	start(&bob, fd[1]);
	join(&alice);
	join(&bob);
}

static void closed(struct side *s)
{
	if (s->rc == 0)
		channel_close(&s->channel);
}

static void expect_error(const struct side *s, int rc, const char *text)
{
	if (s->rc != rc || !strstr(s->error, text))
		fail_msg("%d, %s", s->rc, s->error);
}

static void expect_open(void)
{
	if (alice.rc || bob.rc)
		fail_msg("%s / %s", alice.error, bob.error);
}

/* ---- two good ones ---- */

static void opens(void **state)
{
	static uint8_t sent[100000], got[100000];

	both();
	expect_open();
	assert_memory_equal(alice.channel.peer, bob.key.spki, CL_REPORT_SPKI_SIZE);
	assert_memory_equal(bob.channel.peer, alice.key.spki, CL_REPORT_SPKI_SIZE);
	assert_int_equal(alice.channel.verdict.verdict, CL_VERDICT_AFFIRMING);
	assert_memory_equal(bob.channel.verdict.report.digest, digest, sizeof(digest));
	memset(sent, 'a', sizeof(sent));
	assert_int_equal(channel_send(&alice.channel, sent, sizeof(sent), WAIT_MS), 0);
	assert_int_equal(channel_receive(&bob.channel, got, sizeof(got), WAIT_MS), sizeof(sent));
	assert_memory_equal(sent, got, sizeof(sent));
	assert_int_equal(channel_send(&bob.channel, sent, 1, WAIT_MS), 0);
	assert_int_equal(channel_send(&bob.channel, sent, 2, WAIT_MS), 0);
	assert_int_equal(channel_receive(&alice.channel, got, sizeof(got), WAIT_MS), 1);
	assert_int_equal(channel_receive(&alice.channel, got, 1, WAIT_MS), -EMSGSIZE);
	channel_close(&bob.channel);
	channel_close(&alice.channel);
}

static void ends(void **state)
{
	uint8_t got[8];

	both();
	expect_open();
	channel_close(&alice.channel);
	assert_int_equal(channel_receive(&bob.channel, got, sizeof(got), WAIT_MS), 0);
	channel_close(&bob.channel);
	both();
	expect_open();
	/* Cut off, which anybody on the way can do, is not an end. */
	shutdown(alice.fd, SHUT_RDWR);
	assert_int_equal(channel_receive(&bob.channel, got, sizeof(got), WAIT_MS), -EPROTO);
	closed(&alice);
	closed(&bob);
}

static void silent(void **state)
{
	uint8_t got[8];

	both();
	expect_open();
	assert_int_equal(channel_receive(&bob.channel, got, sizeof(got), 50), -ETIMEDOUT);
	closed(&alice);
	closed(&bob);
}

/* A responder that is no zone, but whose key is known. */
static void pinned(void **state)
{
	uint8_t keys[2][CL_REPORT_SPKI_SIZE] = {{1}};

	memcpy(keys[1], bob.key.spki, CL_REPORT_SPKI_SIZE);
	bob.self.prove = NULL;
	alice.trust = (struct channel_trust){.keys = (const uint8_t(*)[CL_REPORT_SPKI_SIZE])keys,
					     .nr_keys = 2};
	both();
	expect_open();
	assert_int_equal(alice.channel.verdict.verdict, CL_VERDICT_NONE);
	closed(&alice);
	closed(&bob);
	keys[1][31] ^= 1;
	both();
	expect_error(&alice, -EACCES, "its key is none of those");
	/* Before it has seen any proof. */
	expect_error(&bob, -EACCES, "the peer refuses: its key is none of those");
	assert_int_equal(bob.channel.verdict.verdict, CL_VERDICT_NONE);
	alice.trust.nr_keys = 0;
	both();
	expect_error(&alice, -EACCES, "its key is none of those");
}

/* ---- who is not believed ---- */

static void refused_by_bob(const char *reason)
{
	both();
	expect_error(&bob, -EACCES, reason);
	expect_error(&alice, -EACCES, reason);
	if (!strstr(alice.error, "the peer refuses: "))
		fail_msg("%s", alice.error);
}

static void bad_initiator(void **state)
{
	alice.zone.spliced = true;
	refused_by_bob("nonce: ");
	alice.zone.spliced = false;
	alice.zone.foreign_key = true;
	refused_by_bob("tls-key: ");
	alice.zone.foreign_key = false;
	digest[0] ^= 1;
	refused_by_bob("digest: ");
	digest[0] ^= 1;
	alice.self.prove = NULL;
	refused_by_bob("it is to be a zone, and has no evidence");
	alice.self.prove = prove;
	alice.zone.failure = -EHOSTUNREACH;
	both();
	expect_error(&alice, -EHOSTUNREACH, "the node's service is silent");
	expect_error(&bob, -EPROTO, "the peer ended the channel");
	alice.zone.failure = 0;
	both();
	expect_open();
	closed(&alice);
	closed(&bob);
}

static void bad_responder(void **state)
{
	uint8_t got[8];

	bob.zone.foreign_key = true;
	both();
	expect_error(&alice, -EACCES, "the peer is refused: tls-key: ");
	/* It has believed alice, and learns of the refusal when it listens. */
	assert_int_equal(bob.rc, 0);
	assert_true(channel_receive(&bob.channel, got, sizeof(got), WAIT_MS) != 0);
	closed(&bob);
}

/* "warning" is accepted where that is asked for, and nothing worse. */
static void least_verdict(void **state)
{
	struct cl_verifier *lax;
	char error[CL_ERROR_SIZE];

	policy.nr_crls = 0;
	assert_int_equal(cl_verifier_create(&policy, &lax, error), 0);
	bob.trust.verifier = lax;
	refused_by_bob("ak: ");
	bob.trust.least = CL_VERDICT_WARNING;
	both();
	expect_open();
	closed(&alice);
	closed(&bob);
	alice.zone.foreign_key = true;
	refused_by_bob("tls-key: ");
	bob.trust.least = CL_VERDICT_NONE;
	alice.zone.foreign_key = false;
	refused_by_bob("ak: ");
	cl_verifier_free(lax);
}

static void other_protocol(void **state)
{
	alice.protocol = "other/1";
	both();
	expect_error(&bob, -EPROTO, "the peer wants \"other/1\", not \"test/1\"");
	expect_error(&alice, -EPROTO, "the peer wants \"test/1\", not \"other/1\"");
}

static void two_of_a_role(void **state)
{
	bob.role = CHANNEL_INITIATOR;
	both();
	assert_int_not_equal(alice.rc, 0);
	assert_int_not_equal(bob.rc, 0);
}

/* ---- the attacker: has a key of its own, speaks the protocol, and is believed by nobody ---- */

struct mallory {
	struct channel_key key;
	struct channel_tls tls;
	struct channel_session session;
	enum channel_role role;
};

static void exchange_hellos(struct mallory *m, const uint8_t nonce[CHANNEL_NONCE_SIZE],
			    uint8_t theirs[CHANNEL_NONCE_SIZE])
{
	uint8_t hello[CHANNEL_HELLO_MAX];
	char protocol[CHANNEL_PROTOCOL_MAX + 1];
	const char *why;
	int size = message_put_hello(nonce, PROTOCOL, hello, sizeof(hello));

	assert_int_equal(tls_send(&m->tls, hello, (size_t)size), 0);
	size = tls_receive(&m->tls, hello, sizeof(hello));
	assert_true(size > 0);
	assert_int_equal(message_take_hello(hello, (size_t)size, theirs, protocol, &why), 0);
}

static void mallory_open(struct mallory *m, enum channel_role role, int fd)
{
	char error[CL_ERROR_SIZE];

	m->role = role;
	assert_int_equal(channel_key_make(&m->key), 0);
	if (tls_open(&m->tls, socket_of(fd), &m->key, role, error))
		fail_msg("%s", error);
}

static void mallory_close(struct mallory *m)
{
	tls_close(&m->tls);
	channel_key_free(&m->key);
}

/* The evidence in the next message. */
static size_t take_evidence(struct mallory *m, uint8_t evidence[CL_EVIDENCE_MAX])
{
	static uint8_t message[CHANNEL_PROOF_MAX];
	struct message_proof proof;
	const char *why;
	int size = tls_receive(&m->tls, message, sizeof(message));

	assert_true(size > 0);
	assert_int_equal(message_take_proof(message, (size_t)size, &proof, &why), 0);
	assert_non_null(proof.evidence);
	memcpy(evidence, proof.evidence, proof.size);
	return proof.size;
}

static void give_evidence(struct mallory *m, const uint8_t *evidence, size_t size)
{
	static uint8_t message[CHANNEL_PROOF_MAX];
	int length = message_put_proof(evidence, size, message, sizeof(message));

	assert_true(length > 0);
	assert_int_equal(tls_send(&m->tls, message, (size_t)length), 0);
}

static void pair(int fd[2])
{
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd), 0);
}

/* Between the two, with TLS of its own to each; all else is passed on, nonces and evidence. */
static void relay(void **state)
{
	static uint8_t evidence[CL_EVIDENCE_MAX];
	uint8_t nonce_a[CHANNEL_NONCE_SIZE], nonce_b[CHANNEL_NONCE_SIZE];
	struct mallory to_alice, to_bob;
	uint8_t hello[2][CHANNEL_HELLO_MAX];
	char protocol[CHANNEL_PROTOCOL_MAX + 1];
	int a[2], b[2], size[2];
	const char *why;

	pair(a);
	pair(b);
	start(&alice, a[0]);
	start(&bob, b[0]);
	mallory_open(&to_alice, CHANNEL_RESPONDER, a[1]);
	mallory_open(&to_bob, CHANNEL_INITIATOR, b[1]);
	size[0] = tls_receive(&to_alice.tls, hello[0], sizeof(hello[0]));
	size[1] = tls_receive(&to_bob.tls, hello[1], sizeof(hello[1]));
	assert_true(size[0] > 0 && size[1] > 0);
	assert_int_equal(message_take_hello(hello[0], (size_t)size[0], nonce_a, protocol, &why), 0);
	assert_int_equal(message_take_hello(hello[1], (size_t)size[1], nonce_b, protocol, &why), 0);
	assert_int_equal(tls_send(&to_bob.tls, hello[0], (size_t)size[0]), 0);
	assert_int_equal(tls_send(&to_alice.tls, hello[1], (size_t)size[1]), 0);
	size_t length = take_evidence(&to_alice, evidence);
	give_evidence(&to_bob, evidence, length);
	join(&bob);
	expect_error(&bob, -EACCES, "nonce: ");
	mallory_close(&to_alice);
	mallory_close(&to_bob);
	join(&alice);
	assert_int_not_equal(alice.rc, 0);
}

/* A zone lets itself be asked for evidence by anybody; that is good for that connection only. */
static void diversion(void **state)
{
	static uint8_t evidence[CL_EVIDENCE_MAX];
	uint8_t theirs[CHANNEL_NONCE_SIZE], ours[CHANNEL_NONCE_SIZE] = {1};
	struct mallory from_alice, to_bob;
	int a[2], b[2];

	pair(a);
	start(&alice, a[0]);
	mallory_open(&from_alice, CHANNEL_RESPONDER, a[1]);
	exchange_hellos(&from_alice, ours, theirs);
	size_t size = take_evidence(&from_alice, evidence);
	pair(b);
	start(&bob, b[0]);
	mallory_open(&to_bob, CHANNEL_INITIATOR, b[1]);
	exchange_hellos(&to_bob, theirs, ours);
	give_evidence(&to_bob, evidence, size);
	join(&bob);
	expect_error(&bob, -EACCES, "nonce: ");
	mallory_close(&from_alice);
	mallory_close(&to_bob);
	join(&alice);
}

/* What alice has just said is said back to her. */
static void reflection(void **state)
{
	static uint8_t evidence[CL_EVIDENCE_MAX];
	uint8_t theirs[CHANNEL_NONCE_SIZE], ours[CHANNEL_NONCE_SIZE] = {1};
	struct mallory m;
	int fd[2];

	pair(fd);
	start(&alice, fd[0]);
	mallory_open(&m, CHANNEL_RESPONDER, fd[1]);
	exchange_hellos(&m, ours, theirs);
	give_evidence(&m, evidence, take_evidence(&m, evidence));
	join(&alice);
	expect_error(&alice, -EACCES, "nonce: ");
	mallory_close(&m);
}

/* Even with alice's own key, which the attacker cannot have. */
static void own_key(void **state)
{
	bob.self.key = &alice.key;
	both();
	expect_error(&alice, -EPROTO, "this side's own key");
	expect_error(&bob, -EPROTO, "this side's own key");
}

/* A zone's evidence from an earlier connection, by one who has even got hold of the zone's key. */
static void replay(void **state)
{
	struct mallory m = {.role = CHANNEL_INITIATOR};
	uint8_t theirs[CHANNEL_NONCE_SIZE], ours[CHANNEL_NONCE_SIZE] = {1};
	char error[CL_ERROR_SIZE];
	int fd[2];

	both();
	expect_open();
	closed(&alice);
	closed(&bob);
	pair(fd);
	start(&bob, fd[0]);
	assert_int_equal(tls_open(&m.tls, socket_of(fd[1]), &alice.key, CHANNEL_INITIATOR, error),
			 0);
	exchange_hellos(&m, ours, theirs);
	give_evidence(&m, alice.zone.last, (size_t)alice.zone.last_size);
	join(&bob);
	expect_error(&bob, -EACCES, "nonce: ");
	tls_close(&m.tls);
}

/* Each member of the binding counts. */
static void binding_members(void **state)
{
	struct channel_session s;
	uint8_t was[CL_EVIDENCE_NONCE_SIZE], now[CL_EVIDENCE_NONCE_SIZE];
	uint8_t *bytes = (uint8_t *)&s;

	for (size_t i = 0; i < sizeof(s); i++)
		bytes[i] = (uint8_t)(i * 7);
	assert_int_equal(channel_binding(&s, CHANNEL_INITIATOR, was), 0);
	assert_int_equal(channel_binding(&s, CHANNEL_INITIATOR, now), 0);
	assert_memory_equal(was, now, sizeof(was));
	for (size_t i = 0; i < sizeof(s); i++) {
		bytes[i] ^= 1;
		assert_int_equal(channel_binding(&s, CHANNEL_INITIATOR, now), 0);
		assert_memory_not_equal(was, now, sizeof(was));
		bytes[i] ^= 1;
	}
	assert_int_equal(channel_binding(&s, CHANNEL_RESPONDER, now), 0);
	assert_memory_not_equal(was, now, sizeof(was));
}

/* ---- malformed messages ---- */

/* After good hellos bob gets this in the place of a proof. */
static void bob_gets(const uint8_t *message, size_t size, int rc, const char *reason)
{
	uint8_t theirs[CHANNEL_NONCE_SIZE], ours[CHANNEL_NONCE_SIZE] = {1};
	struct mallory m;
	int fd[2];

	pair(fd);
	start(&bob, fd[0]);
	mallory_open(&m, CHANNEL_INITIATOR, fd[1]);
	exchange_hellos(&m, ours, theirs);
	if (size)
		assert_int_equal(tls_send(&m.tls, message, size), 0);
	else
		tls_close(&m.tls);
	join(&bob);
	expect_error(&bob, rc, reason);
	mallory_close(&m);
}

static void malformed_proofs(void **state)
{
	static uint8_t large[CHANNEL_PROOF_MAX + 1] = {0x82, 2, 0x5a, 0, 2, 0, 1};

	bob_gets(NULL, 0, -EPROTO, "the peer ended the channel");
	bob_gets((const uint8_t *)"\x80", 1, -EPROTO, "neither a proof nor a refusal");
	bob_gets((const uint8_t *)"\x82\x04\x40", 3, -EPROTO, "neither a proof nor a refusal");
	bob_gets((const uint8_t *)"\x82\x02\x40", 3, -EPROTO, "the proof is malformed");
	bob_gets((const uint8_t *)"\x82\x02\x41", 3, -EPROTO, "the proof is malformed");
	bob_gets((const uint8_t *)"\x82\x02\x41\x61\x61", 5, -EPROTO, "the proof is malformed");
	bob_gets((const uint8_t *)"\x82\x02\x61\x61", 4, -EPROTO, "the proof is malformed");
	bob_gets((const uint8_t *)"\x82\x02\xf6\xf6", 4, -EPROTO, "the proof is malformed");
	bob_gets((const uint8_t *)"\x82\x02\x41\x61", 4, -EACCES, "format: ");
	bob_gets((const uint8_t *)"\x82\x03\x60", 3, -EPROTO, "its reason is malformed");
	bob_gets((const uint8_t *)"\x82\x03\x63no\x1b", 6, -EACCES, "the peer refuses: no?");
	bob_gets(large, sizeof(large), -EPROTO, "it is too long");
	bob_gets(large, CL_EVIDENCE_MAX + 1 + 7, -EPROTO, "the proof is malformed");
}

static void malformed_hellos(void **state)
{
	static const struct {
		const char *bytes;
		size_t size;
		const char *reason;
	} bad[] = {
		{"\x83\x02", 2, "no hello"},
		{"\x82\x01\x40", 3, "no hello"},
		{"\x83\x01\x41\x61\x61\x61", 6, "no nonce of 32 bytes"},
		{"\x83\x01\x58\x20"
		 "0123456789abcdef0123456789abcdef"
		 "\x60",
		 37, "no protocol"},
		{"\x83\x01\x58\x20"
		 "0123456789abcdef0123456789abcdef"
		 "\x61\n",
		 38, "no protocol"},
		{"\x83\x01\x58\x20"
		 "0123456789abcdef0123456789abcdef"
		 "\x61yz",
		 39, "no protocol"},
		{"\x83\x01\x58\x20"
		 "0123456789abcdef0123456789abcdef"
		 "\x61y",
		 38, "wants \"y\""},
	};

	for (size_t i = 0; i < COUNT(bad); i++) {
		struct mallory m;
		int fd[2];
		pair(fd);
		start(&bob, fd[0]);
		mallory_open(&m, CHANNEL_INITIATOR, fd[1]);
		assert_int_equal(tls_send(&m.tls, (const uint8_t *)bad[i].bytes, bad[i].size), 0);
		join(&bob);
		expect_error(&bob, -EPROTO, bad[i].reason);
		mallory_close(&m);
	}
}

/* ---- other TLS ---- */

enum flaw { NONE, TLS12, NO_CERTIFICATE, P384, RSA_2048, NO_ALPN, OTHER_ALPN, EARLY_END, GARBAGE };

static EVP_PKEY *key_for(enum flaw flaw)
{
	return flaw == RSA_2048 ? EVP_RSA_gen(2048)
	       : flaw == P384	? EVP_EC_gen("P-384")
				: EVP_EC_gen("P-256");
}

static X509 *certificate_for(EVP_PKEY *key)
{
	X509 *x = X509_new();

	X509_set_version(x, 2);
	X509_gmtime_adj(X509_getm_notBefore(x), 0);
	X509_gmtime_adj(X509_getm_notAfter(x), 100);
	X509_set_pubkey(x, key);
	X509_sign(x, key, EVP_sha256());
	return x;
}

/* A client of OpenSSL's with one thing wrong; what bob makes of it. */
static void bob_meets(enum flaw flaw, const char *reason)
{
	static const unsigned char alpn[] = "\x11"
					    "cloister-channel1",
				   other[] = "\x02h2";
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());
	EVP_PKEY *key = key_for(flaw);
	X509 *certificate = certificate_for(key);
	int fd[2];

	pair(fd);
	start(&bob, fd[0]);
	if (flaw == TLS12)
		SSL_CTX_set_max_proto_version(context, TLS1_2_VERSION);
	if (flaw != NO_CERTIFICATE) {
		SSL_CTX_use_certificate(context, certificate);
		SSL_CTX_use_PrivateKey(context, key);
	}
	if (flaw == OTHER_ALPN)
		SSL_CTX_set_alpn_protos(context, other, sizeof(other) - 1);
	else if (flaw != NO_ALPN)
		SSL_CTX_set_alpn_protos(context, alpn, sizeof(alpn) - 1);
	SSL *ssl = SSL_new(context);
	SSL_set_fd(ssl, fd[1]);
	if (flaw == GARBAGE)
		assert_int_equal(send(fd[1], "GET / HTTP/1.1\r\n\r\n", 18, 0), 18);
	else if (flaw != EARLY_END)
		SSL_connect(ssl);
	if (flaw == NONE) {
		uint8_t hello[128]; /* bob's: the length, then as many bytes */
		assert_int_equal(SSL_read(ssl, hello, sizeof(hello)), 4);
		int length = hello[3];
		assert_int_equal(SSL_read(ssl, hello, sizeof(hello)), length);
	}
	SSL_free(ssl);
	close(fd[1]);
	join(&bob);
	expect_error(&bob, -EPROTO, reason);
	X509_free(certificate);
	EVP_PKEY_free(key);
	SSL_CTX_free(context);
	ERR_clear_error();
}

static void other_tls(void **state)
{
	bob_meets(NONE, "the peer's hello"); /* the control */
	bob_meets(TLS12, "TLS: ");
	bob_meets(NO_CERTIFICATE, "TLS: ");
	bob_meets(P384, "TLS: ");
	bob_meets(RSA_2048, "TLS: ");
	bob_meets(NO_ALPN, "TLS: the peer does not speak this protocol");
	bob_meets(OTHER_ALPN, "TLS: ");
	bob_meets(EARLY_END, "TLS: the peer ended the handshake");
	bob_meets(GARBAGE, "TLS: ");
}

static void keys(void **state)
{
	struct channel_key k;
	char pem[2048];
	BIO *out = BIO_new(BIO_s_mem());
	EVP_PKEY *rsa = EVP_RSA_gen(2048);

	assert_int_equal(PEM_write_bio_PrivateKey(out, alice.key.key, NULL, NULL, 0, NULL, NULL),
			 1);
	int size = BIO_read(out, pem, sizeof(pem));
	assert_int_equal(channel_key_read(&k, pem, (size_t)size), 0);
	assert_memory_equal(k.spki, alice.key.spki, sizeof(k.spki));
	channel_key_free(&k);
	assert_int_equal(channel_key_read(&k, pem, (size_t)size - 40), -EINVAL);
	assert_int_equal(channel_key_read(&k, "", 0), -EINVAL);
	assert_int_equal(PEM_write_bio_PrivateKey(out, rsa, NULL, NULL, 0, NULL, NULL), 1);
	size = BIO_read(out, pem, sizeof(pem));
	assert_int_equal(channel_key_read(&k, pem, (size_t)size), -EINVAL);
	EVP_PKEY_free(rsa);
	BIO_free(out);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(opens),
		TEST(ends),
		TEST(silent),
		TEST(pinned),
		TEST(bad_initiator),
		TEST(bad_responder),
		TEST(least_verdict),
		TEST(other_protocol),
		TEST(two_of_a_role),
		TEST(relay),
		TEST(diversion),
		TEST(reflection),
		TEST(own_key),
		TEST(replay),
		TEST(binding_members),
		TEST(malformed_proofs),
		TEST(malformed_hellos),
		TEST(other_tls),
		TEST(keys),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
