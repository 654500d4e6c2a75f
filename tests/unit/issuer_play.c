// SPDX-License-Identifier: Apache-2.0
#include "issuer_play.h"
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
#include "../../spiffe/key.h"

static char path[] = "/tmp/cloister-serve-XXXXXX";
static int dir, listener, stop;
uint16_t issuer_port;
static pthread_t thread;
static struct issuer issuer;
static struct channel_key server_key, zone_key;
static struct cl_verifier *verifier;
struct wire_grants grants;
bool no_grants;
uint32_t issuer_x509_ttl = 600;
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

bool issuer_logged(const char *text)
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

static struct issuer_terms terms;
static int terms_held;

static const struct issuer_terms *hold_terms(struct issuer_authority *a)
{
	__atomic_add_fetch(&terms_held, 1, __ATOMIC_SEQ_CST);
	return &terms;
}

static void release_terms(struct issuer_authority *a, const struct issuer_terms *t)
{
	assert(t == &terms);
	__atomic_sub_fetch(&terms_held, 1, __ATOMIC_SEQ_CST);
}

static struct issuer_authority authority = {hold_terms, release_terms, hold, release};

struct spiffe_bundles foreign;
static int foreign_held;

static const struct spiffe_bundles *hold_foreign(struct issuer_foreign *f)
{
	__atomic_add_fetch(&foreign_held, 1, __ATOMIC_SEQ_CST);
	return &foreign;
}

static void release_foreign(struct issuer_foreign *f, const struct spiffe_bundles *b)
{
	assert(b == &foreign);
	__atomic_sub_fetch(&foreign_held, 1, __ATOMIC_SEQ_CST);
}

static struct issuer_foreign who_knows_others = {hold_foreign, release_foreign};

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

int issuer_begin(void **state)
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
	issuer.foreign = &who_knows_others;
	foreign = (struct spiffe_bundles){.count = 0};
	issuer.self.key = &server_key;
	terms = (struct issuer_terms){
		.trust = {.verifier = verifier, .least = CL_VERDICT_AFFIRMING},
		.x509_ttl = issuer_x509_ttl,
		.jwt_ttl = 60,
	};
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
	issuer_port = ntohs(in.sin_port);
	stop = eventfd(0, EFD_CLOEXEC);
	return pthread_create(&thread, NULL, serve, NULL);
}

void issuer_stop(void)
{
	assert_int_equal(eventfd_write(stop, 1), 0);
	pthread_join(thread, NULL);
	close(stop);
	stop = -1;
}

int issuer_end(void **state)
{
	if (stop >= 0)
		issuer_stop();
	close(listener);
	keyring_close(issuer.keyring);
	cl_verifier_free(verifier);
	channel_key_free(&server_key);
	channel_key_free(&zone_key);
	unlinkat(dir, KEYRING_FILE, 0);
	close(dir);
	return held || terms_held || foreign_held || rmdir(path);
}

const uint8_t (*issuer_key(void))[CL_REPORT_SPKI_SIZE]
{
	return (const uint8_t(*)[CL_REPORT_SPKI_SIZE]) & server_key.spki;
}

struct channel_self issuer_zone(void)
{
	return (struct channel_self){&zone_key, prove, NULL};
}

int issuer_dial(struct channel *channel, void *other_digest, char error[CL_ERROR_SIZE])
{
	const struct channel_self self = {&zone_key, prove, other_digest};
	const struct channel_trust trust = {.keys = issuer_key(), .nr_keys = 1};
	struct clv_socket socket;

	assert_int_equal(clv_connect(&socket, "127.0.0.1", issuer_port, WAIT_MS, error), 0);
	return channel_open(channel, socket, CHANNEL_INITIATOR, WIRE_PROTOCOL, &self, &trust,
			    error);
}

void issuer_come_in(struct channel *channel)
{
	char error[CL_ERROR_SIZE];

	if (issuer_dial(channel, NULL, error))
		fail_msg("%s", error);
}
