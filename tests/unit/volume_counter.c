// SPDX-License-Identifier: Apache-2.0
// The counter's code and a TPM (swtpm), with the host's relay in between, which may lie.
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include <openssl/sha.h>
#include "counter.h"
#include "tcti.h"
#include "tpm_relay.h"

#define CC_DEFINE      0x12au
#define CC_INCREMENT   0x134u
#define CC_PRIMARY     0x131u
#define CC_READ	       0x14eu
#define CC_READ_PUBLIC 0x169u
#define TIMEOUT_MS     3000

enum lie { HONEST, FLIP, REPLAY, CUT, SILENT, HANG_UP, NO_INDEX, UNRAISED, RENAMED };

static struct relay {
	int zone, tpm;
	enum lie lie;
	uint32_t about; /* this command */
	size_t at;	/* FLIP: which byte */
	bool unfiltered;
	uint8_t kept[TPM_COMMAND_MAX]; /* the first answer to `about` */
	size_t kept_size;
	size_t answer_size; /* of the last answer to `about` */
	const uint8_t *secret;
	bool secret_seen;
} relay;

static char dir[] = "/tmp/cloister-tpm-XXXXXX";
static pid_t swtpm;
static pthread_t thread;
static int guest;
static struct volume_keys keys;

static size_t read_frame(int fd, uint8_t *frame)
{
	size_t size = TPM_HEADER;
	for (size_t done = 0; done < size;) {
		ssize_t n = read(fd, frame + done, size - done);
		if (n <= 0)
			return 0;
		done += (size_t)n;
		if (done == TPM_HEADER)
			size = tpm_frame(frame);
	}
	return size;
}

static void put(int fd, const uint8_t *bytes, size_t size)
{
	if (send(fd, bytes, size, MSG_NOSIGNAL) != (ssize_t)size)
		return;
}

// False: hang up.
static bool answer(uint32_t code, uint8_t *frame, size_t size)
{
	// An answer in no session is the only one that can be forged, and one in a session the only
	// one that matters.
	bool in_session = frame[1] == 0x02;
	bool about_none = relay.lie == UNRAISED || relay.lie == RENAMED || relay.lie == NO_INDEX;
	if (code != relay.about || (relay.about == CC_READ_PUBLIC && in_session == about_none)) {
		put(relay.zone, frame, size);
		return true;
	}
	relay.answer_size = size;
	if (!relay.kept_size) {
		memcpy(relay.kept, frame, size);
		relay.kept_size = size;
	}
	switch (relay.lie) {
	case FLIP:
		if (relay.at < size)
			frame[relay.at] ^= 0x01;
		break;
	case REPLAY:
		memcpy(frame, relay.kept, relay.kept_size);
		size = relay.kept_size;
		break;
	case CUT:
		size /= 2;
		break;
	case SILENT:
		return true;
	case HANG_UP:
		return false;
	case NO_INDEX: // TPM_RC_HANDLE, handle 1
		memcpy(frame, (const uint8_t[]){0x80, 1, 0, 0, 0, 10, 0, 0, 0x01, 0x8b}, 10);
		size = 10;
		break;
	case UNRAISED: // TPMA_NV_WRITTEN, bit 29 of the attributes
		frame[10 + 2 + 4 + 2] &= 0xdf;
		break;
	case RENAMED: // and the name that goes with it
		frame[10 + 2 + 4 + 2] &= 0xdf;
		SHA256(frame + 10 + 2, 14, frame + size - 32);
		break;
	case HONEST:
		break;
	}
	put(relay.zone, frame, size);
	return true;
}

static void *serve(void *unused)
{
	struct tpm_filter filter = {0};
	uint8_t frame[TPM_COMMAND_MAX];
	size_t size;

	while ((size = read_frame(relay.zone, frame)) > 0) {
		uint32_t code = (uint32_t)frame[8] << 8 | frame[9];
		if (relay.secret && memmem(frame, size, relay.secret, 16))
			relay.secret_seen = true;
		filter.defines = 0; // one context after the other plays several zones
		if (!relay.unfiltered && !tpm_allowed(&filter, frame, size))
			break;
		put(relay.tpm, frame, size);
		size = read_frame(relay.tpm, frame);
		if (!size || !answer(code, frame, size))
			break;
	}
	shutdown(relay.zone, SHUT_RDWR);
	return NULL;
}

static int connect_tpm(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s/sock", dir);
	for (int i = 0; i < 500; i++) {
		if (!connect(fd, (struct sockaddr *)&address, sizeof(address)))
			return fd;
		usleep(10000);
	}
	close(fd);
	return -1;
}

static int start(void **state)
{
	char state_dir[80], server[80];
	int pair[2];

	strcpy(dir, "/tmp/cloister-tpm-XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	snprintf(state_dir, sizeof(state_dir), "dir=%s", dir);
	snprintf(server, sizeof(server), "type=unixio,path=%s/sock", dir);
	swtpm = fork();
	if (swtpm == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		execlp("swtpm", "swtpm", "socket", "--tpm2", "--tpmstate", state_dir, "--server",
		       server, "--flags", "not-need-init,startup-clear", "--log", "level=0", NULL);
		_exit(127);
	}
	memset(&relay, 0, sizeof(relay));
	relay.tpm = connect_tpm();
	if (relay.tpm < 0 || socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
		return -1;
	relay.zone = pair[0];
	guest = pair[1];
	memset(&keys, 0x5a, sizeof(keys));
	for (uint8_t i = 0; i < sizeof(keys.auth); i++)
		keys.auth[i] = (uint8_t)(i * 7 + 1);
	keys.index = 0x01812345;
	return pthread_create(&thread, NULL, serve, NULL);
}

static int end(void **state)
{
	char command[128];

	shutdown(guest, SHUT_RDWR);
	pthread_join(thread, NULL);
	close(guest);
	close(relay.zone);
	close(relay.tpm);
	kill(swtpm, SIGKILL);
	waitpid(swtpm, NULL, 0);
	snprintf(command, sizeof(command), "rm -rf '%s'", dir);
	return system(command);
}

// One opening of the volume, as far as the counter goes.
struct visit {
	struct port_tcti tcti;
	struct counter c;
	char why[COUNTER_WHY];
};

static int visit(struct visit *v)
{
	v->why[0] = '\0';
	tcti_init(&v->tcti, guest, TIMEOUT_MS);
	return counter_open(&v->c, (TSS2_TCTI_CONTEXT *)&v->tcti, NULL, NULL, &keys, v->why);
}

// What the host's resource manager does when the zone is gone: after a wrong answer the library
// flushes nothing any more.
static void flush(uint8_t kind, uint8_t number)
{
	uint8_t frame[TPM_COMMAND_MAX] = {0x80, 1,    0,    0,	  0, 14, 0,
					  0,	0x01, 0x65, kind, 0, 0,	 number};

	put(relay.tpm, frame, 14);
	assert_int_not_equal(read_frame(relay.tpm, frame), 0);
}

static void leave(struct visit *v)
{
	relay.lie = HONEST;
	counter_close(&v->c);
	for (uint8_t i = 0; i < 3; i++) {
		flush(0x80, i);
		flush(0x02, i);
	}
}

static void find(enum counter_state expected, uint64_t expected_value)
{
	enum counter_state counter;
	struct visit v;
	uint64_t value;

	assert_int_equal(visit(&v), 0);
	assert_int_equal(counter_find(&v.c, &counter, &value, v.why), 0);
	assert_int_equal(counter, expected);
	assert_true(value == expected_value);
	leave(&v);
}

// Define it and raise it `times` times. What it then is.
static uint64_t make(unsigned times)
{
	enum counter_state counter;
	struct visit v;
	uint64_t value = 0;

	assert_int_equal(visit(&v), 0);
	assert_int_equal(counter_find(&v.c, &counter, &value, v.why), 0);
	assert_int_equal(counter, COUNTER_NONE);
	assert_int_equal(counter_define(&v.c, v.why), 0);
	while (times--)
		assert_int_equal(counter_raise(&v.c, &value, v.why), 0);
	leave(&v);
	return value;
}

static void counts(void **state)
{
	relay.secret = keys.auth;
	find(COUNTER_NONE, 0);
	make(0);
	find(COUNTER_NEW, 0);

	enum counter_state counter;
	struct visit v;
	uint64_t first, value;
	assert_int_equal(visit(&v), 0);
	assert_int_equal(counter_find(&v.c, &counter, &value, v.why), 0);
	assert_int_equal(counter_raise(&v.c, &first, v.why), 0);
	for (uint64_t i = 1; i < 4; i++) {
		assert_int_equal(counter_raise(&v.c, &value, v.why), 0);
		assert_true(value == first + i);
	}
	leave(&v);
	find(COUNTER_SET, first + 3);
	assert_false(relay.secret_seen);
}

static void another_tpm(void **state)
{
	static const uint8_t x[32] = {1}, y[32] = {2};
	struct visit v = {0};

	tcti_init(&v.tcti, guest, TIMEOUT_MS);
	assert_int_not_equal(counter_open(&v.c, (TSS2_TCTI_CONTEXT *)&v.tcti, x, y, &keys, v.why),
			     0);
	assert_non_null(strstr(v.why, "not the TPM that the Core knows"));
	leave(&v);
}

// The right point is taken, with one bit changed it is not.
static void same_tpm(void **state)
{
	struct visit v = {0};
	uint8_t point[64];

	relay.about = CC_PRIMARY;
	assert_int_equal(visit(&v), 0);
	leave(&v);
	// The end of outPublic: TPM2B x, TPM2B y; then empty creation data, behind the handle,
	// parameterSize and outPublic's size.
	size_t at = 10 + 4 + 4;
	size_t public_end = at + 2 + (size_t)(relay.kept[at] << 8 | relay.kept[at + 1]);
	assert_in_range(public_end, 80, relay.kept_size);
	memcpy(point, relay.kept + public_end - 66, 32);
	memcpy(point + 32, relay.kept + public_end - 32, 32);
	for (int bit = -1; bit < 512; bit += 73) {
		if (bit >= 0)
			point[bit / 8] ^= (uint8_t)(1 << bit % 8);
		tcti_init(&v.tcti, guest, TIMEOUT_MS);
		int rc = counter_open(&v.c, (TSS2_TCTI_CONTEXT *)&v.tcti, point, point + 32, &keys,
				      v.why);
		assert_int_equal(rc == 0, bit < 0);
		leave(&v);
		if (bit >= 0)
			point[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
}

// Each byte of the TPM's answer in turn. False if all went well although it was changed.
static bool refused_with_flip(uint32_t about, size_t at, uint64_t expected)
{
	enum counter_state counter = COUNTER_NONE;
	struct visit v;
	uint64_t value = 0;

	relay.lie = HONEST;
	assert_int_equal(visit(&v), 0);
	relay.about = about;
	relay.at = at;
	relay.lie = FLIP;
	int rc = counter_find(&v.c, &counter, &value, v.why);
	if (!rc && about == CC_INCREMENT)
		rc = counter_raise(&v.c, &value, v.why);
	bool as_it_is = !rc && counter == COUNTER_SET && value == expected;
	if (rc)
		assert_true(v.why[0]);
	leave(&v);
	return !as_it_is && rc != 0;
}

static void changed_reading(void **state)
{
	uint64_t value = make(3);
	size_t size = 93;

	for (size_t at = 0; at < size; at++) {
		assert_true(refused_with_flip(CC_READ, at, value));
		// What is longer than the TPM says is taken for the next answer: start over.
		if (at < 6) {
			end(state);
			assert_int_equal(start(state), 0);
			value = make(3);
		}
	}
	assert_int_equal(relay.answer_size, size);
	find(COUNTER_SET, value);
}

static void changed_raising(void **state)
{
	uint64_t value = make(1);

	// Raised it was, each time; but nobody may take that for an answer.
	for (size_t at = 10; at < relay.answer_size || at == 10; at += 5) {
		assert_true(refused_with_flip(CC_INCREMENT, at, ++value));
		assert_in_range(relay.answer_size, 60, 100);
	}
}

static void replayed(void **state)
{
	enum counter_state counter;
	struct visit v;
	uint64_t value;

	uint64_t old = make(1);
	relay.about = CC_READ;
	relay.kept_size = 0;
	find(COUNTER_SET, old); // the host keeps this answer
	assert_int_equal(visit(&v), 0);
	assert_int_equal(counter_find(&v.c, &counter, &value, v.why), 0);
	assert_int_equal(counter_raise(&v.c, &value, v.why), 0);
	// Within the session, and in another.
	relay.lie = REPLAY;
	assert_int_not_equal(counter_raise(&v.c, &value, v.why), 0);
	assert_non_null(strstr(v.why, "not the TPM's"));
	leave(&v);
	assert_int_equal(visit(&v), 0);
	relay.lie = REPLAY;
	assert_int_not_equal(counter_find(&v.c, &counter, &value, v.why), 0);
	assert_non_null(strstr(v.why, "not the TPM's"));
	leave(&v);
	find(COUNTER_SET, old + 2);
}

static void no_answer(void **state)
{
	static const enum lie lies[] = {CUT, SILENT, HANG_UP};

	for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		enum counter_state counter;
		struct visit v;
		uint64_t value;
		if (i) {
			end(state);
			assert_int_equal(start(state), 0);
		}
		make(1);
		assert_int_equal(visit(&v), 0);
		v.tcti.timeout_ms = 300;
		relay.about = CC_READ;
		relay.lie = lies[i];
		assert_int_not_equal(counter_find(&v.c, &counter, &value, v.why), 0);
		assert_non_null(strstr(v.why, "no answer from the TPM"));
		leave(&v);
	}
}

static void denied_index(void **state)
{
	enum counter_state counter;
	struct visit v;
	uint64_t old = make(2), value;

	assert_int_equal(visit(&v), 0);
	relay.about = CC_READ_PUBLIC;
	relay.lie = NO_INDEX;
	assert_int_equal(counter_find(&v.c, &counter, &value, v.why), 0);
	assert_int_equal(counter, COUNTER_NONE);
	// It is believed, and the TPM refuses.
	assert_int_not_equal(counter_define(&v.c, v.why), 0);
	leave(&v);
	find(COUNTER_SET, old);
}

static void denied_raising(void **state)
{
	enum counter_state counter;
	struct visit v;
	uint64_t old = make(2), value;

	// What the library learns outside of a session says nothing about the counter.
	relay.about = CC_READ_PUBLIC;
	assert_int_equal(visit(&v), 0);
	relay.lie = UNRAISED;
	assert_int_equal(counter_find(&v.c, &counter, &value, v.why), 0);
	assert_int_equal(counter, COUNTER_SET);
	assert_true(value == old);
	leave(&v);
	assert_int_equal(visit(&v), 0);
	relay.lie = RENAMED;
	assert_int_not_equal(counter_find(&v.c, &counter, &value, v.why), 0);
	leave(&v);
	for (size_t at = 10; at < relay.answer_size || at == 10; at++)
		assert_true(refused_with_flip(CC_READ_PUBLIC, at, old));
	assert_in_range(relay.answer_size, 100, 150);
	find(COUNTER_SET, old);
}

// Someone else's index of this number: the same kind with another auth value, then another kind.
static void collision(void **state)
{
	enum counter_state counter;
	struct visit v;
	uint64_t value;

	make(2);
	keys.auth[0] ^= 1;
	assert_int_equal(visit(&v), 0);
	assert_int_not_equal(counter_find(&v.c, &counter, &value, v.why), 0);
	assert_true(v.why[0]);
	leave(&v);

	keys.index++;
	relay.unfiltered = true;
	assert_int_equal(visit(&v), 0);
	TPM2B_NV_PUBLIC public = {0};
	public.nvPublic.nvIndex = keys.index;
	public.nvPublic.nameAlg = TPM2_ALG_SHA256;
	public.nvPublic.attributes = TPMA_NV_AUTHREAD | TPMA_NV_AUTHWRITE | TPMA_NV_NO_DA;
	public.nvPublic.dataSize = 8;
	assert_int_equal(Esys_NV_DefineSpace(v.c.esys, ESYS_TR_RH_OWNER, v.c.session, ESYS_TR_NONE,
					     ESYS_TR_NONE, &v.c.auth, &public, &v.c.index),
			 0);
	leave(&v);
	assert_int_equal(visit(&v), 0);
	assert_int_not_equal(counter_find(&v.c, &counter, &value, v.why), 0);
	assert_non_null(strstr(v.why, "is taken"));
	leave(&v);
}

// The host removes the counter and the zone makes another: it starts above what it ever was.
static void made_anew(void **state)
{
	struct visit v;
	uint64_t old = make(5), value;

	relay.unfiltered = true;
	assert_int_equal(visit(&v), 0);
	enum counter_state counter;
	assert_int_equal(counter_find(&v.c, &counter, &value, v.why), 0);
	assert_int_equal(Esys_NV_UndefineSpace(v.c.esys, ESYS_TR_RH_OWNER, v.c.index,
					       ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE),
			 0);
	v.c.index = ESYS_TR_NONE;
	leave(&v);
	relay.unfiltered = false;
	assert_true(make(1) > old);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(counts, start, end),
		cmocka_unit_test_setup_teardown(another_tpm, start, end),
		cmocka_unit_test_setup_teardown(same_tpm, start, end),
		cmocka_unit_test_setup_teardown(changed_reading, start, end),
		cmocka_unit_test_setup_teardown(changed_raising, start, end),
		cmocka_unit_test_setup_teardown(replayed, start, end),
		cmocka_unit_test_setup_teardown(no_answer, start, end),
		cmocka_unit_test_setup_teardown(denied_index, start, end),
		cmocka_unit_test_setup_teardown(denied_raising, start, end),
		cmocka_unit_test_setup_teardown(collision, start, end),
		cmocka_unit_test_setup_teardown(made_anew, start, end),
	};
	return cmocka_run_group_tests_name("volume_counter", tests, NULL, NULL);
}
