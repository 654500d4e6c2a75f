// SPDX-License-Identifier: Apache-2.0
// The agent's worker, its files and its tokens, against the real issuer on real channels.
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <openssl/pem.h>
#include "../../zone/agent/config.h"
#include "../../zone/agent/files.h"
#include "../../zone/agent/tokens.h"
#include "issuer_play.h"

#define TURN_MS	 100
#define TURNS	 600 /* a minute, for a machine that has much else to do */
#define TTL	 4   /* seconds */
#define AUDIENCE "api"

static char dir[] = "/tmp/cloister-agent-XXXXXX";
static struct loop *loop;
static struct loop_waker waker;
static struct worker *worker;
static struct worker_plan plan;
static struct files files;
static struct tokens tokens;
static struct worker_news news;
static unsigned int changes;
static char lines[4096];
static pthread_mutex_t lines_lock = PTHREAD_MUTEX_INITIALIZER;

/* In place of the Workload API: what came of the one question. */
static char *answer;
static int answered; /* -1: not yet, else a status */

void jwt_fetch_done(struct jwt_fetch *fetch, const char *const *got)
{
	answer = strdup(got[0]);
	answered = GRPC_OK;
}

void jwt_fetch_failed(struct jwt_fetch *fetch, enum grpc_status status, const char *why)
{
	answer = strdup(why);
	answered = (int)status;
}

static uid_t some_uid(void)
{
	return geteuid() ?: 1000;
}

static void write_passwd(const char *path)
{
	FILE *f = fopen(path, "we");

	assert_non_null(f);
	fprintf(f, "root:x:0:0::/:/bin/false\napp:x:%u:%u::/:/bin/false\n", some_uid(),
		getgid() ?: 1000);
	fprintf(f, "front:x:%u:%u::/:/bin/false\n", geteuid() ? some_uid() : 33, getgid() ?: 1000);
	fclose(f);
}

static int find(const char *name, uid_t *uid)
{
	struct user user;
	int rc = users_by_name(name, &user);

	if (!rc)
		*uid = user.uid;
	return rc;
}

static int keep(void *context, const struct fetched *fetched, char error[CL_ERROR_SIZE])
{
	return files_put(context, fetched, error);
}

static void say_line(const char *line)
{
	pthread_mutex_lock(&lines_lock);
	strncat(lines, line, sizeof(lines) - strlen(lines) - 2);
	strcat(lines, "\n");
	pthread_mutex_unlock(&lines_lock);
}

static bool said(const char *text)
{
	pthread_mutex_lock(&lines_lock);
	bool found = strstr(lines, text);
	pthread_mutex_unlock(&lines_lock);
	return found;
}

static void woken(struct loop_waker *w)
{
	struct worker_news more;
	struct token_job *next;

	worker_take(worker, &more);
	if (more.changed) {
		changes++;
		identities_unref(news.identities);
		news.identities = more.identities;
		tokens_update(&tokens, news.identities);
	}
	for (struct token_job *job = more.done; job; job = next) {
		next = job->next;
		tokens_done(job);
	}
}

static int begin(void **state)
{
	char path[64];
	struct user app;

	issuer_x509_ttl = *state ? TTL : 600;
	*state = NULL;
	memcpy(dir + strlen(dir) - 6, "XXXXXX", 6);
	if (issuer_begin(state) || !mkdtemp(dir))
		return -1;
	snprintf(path, sizeof(path), "%s/passwd", dir);
	write_passwd(path);
	if (users_load(path) || users_by_name("app", &app) || unlink(path) ||
	    files_open(&files, dir, &app))
		return -1;
	lines[0] = '\0';
	changes = 0;
	news = (struct worker_news){0};
	answered = -1;
	waker = (struct loop_waker){.woken = woken};
	loop = loop_new();
	plan = (struct worker_plan){.host = "127.0.0.1",
				    .port = issuer_port,
				    .issuer = issuer_key(),
				    .self = issuer_zone(),
				    .users = {app.uid, find},
				    .keep = keep,
				    .context = &files,
				    .say = say_line};
	return loop_add_waker(loop, &waker);
}

static void start(void)
{
	worker = worker_start(&plan, &waker);
	assert_non_null(worker);
	tokens.worker = worker;
}

static int end(void **state)
{
	char command[64];

	worker_end(worker);
	identities_unref(news.identities);
	tokens_update(&tokens, NULL);
	loop_remove_waker(loop, &waker);
	loop_free(loop);
	close(files.dir);
	free(answer);
	answer = NULL;
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command) || issuer_end(state);
}

static void wait_for_change(unsigned int which)
{
	for (int i = 0; i < TURNS && changes < which; i++)
		loop_turn(loop, TURN_MS);
	if (changes < which)
		fail_msg("%u changes, not %u; %s", changes, which, lines);
}

static void ask(const char *id, const char *audience)
{
	const struct identity identity = {.spiffe_id = id};
	const struct identity *wanted[] = {&identity};
	struct jwt_fetch fetch = {
		.wanted = wanted, .count = 1, .audiences = &audience, .audience_count = 1};

	free(answer);
	answer = NULL;
	answered = -1;
	tokens_fetch(&tokens, &fetch);
	for (int i = 0; i < TURNS && answered < 0; i++)
		loop_turn(loop, TURN_MS);
}

static char *slurp(const char *name, struct stat *st)
{
	int fd = openat(files.dir, name, O_RDONLY | O_CLOEXEC);
	char *text = calloc(1, 65536);

	if (fd < 0 || fstat(fd, st) || read(fd, text, 65535) < 0)
		fail_msg("%s: %s", name, strerror(errno));
	close(fd);
	return text;
}

static void check_file(const char *name, mode_t mode, const char *with)
{
	struct stat st;
	char *text = slurp(name, &st);

	if ((st.st_mode & 07777) != mode || !strstr(text, with))
		fail_msg("%s: mode %o, \"%.40s…\"", name, st.st_mode & 07777, text);
	free(text);
}

static void all(void **state)
{
	grants.nr_grants = 2;
	grants.grant[1].id = SPAN("spiffe://example.org/front");
	grants.grant[1].hint = SPAN("outside");
	grants.grant[1].users[0] = SPAN("front");
	grants.grant[1].nr_users = 1;
	grants.nr_files = 2;
	grants.file[0] = (struct wire_file){SPAN("password"), SPAN(""), SPAN("s3cret")};
	grants.file[1] = (struct wire_file){SPAN("other"), SPAN("front"), SPAN("more")};
	start();
	wait_for_change(1);
	assert_int_equal(news.identities->count, 2);
	check_file("app/svid.pem", 0444, "-----BEGIN CERTIFICATE-----");
	check_file("app/svid_bundle.pem", 0444, "-----BEGIN CERTIFICATE-----");
	check_file("app/svid_key.pem", 0400, "-----BEGIN PRIVATE KEY-----");
	check_file("app/files/password", 0400, "s3cret");
	check_file("front/hint/outside/svid_key.pem", 0400, "-----BEGIN PRIVATE KEY-----");
	check_file("front/files/other", 0400, "more");
	assert_int_equal(faccessat(files.dir, "app/files/other", F_OK, 0), -1);
	if (!geteuid()) {
		struct stat st;
		free(slurp("app/svid_key.pem", &st));
		assert_int_equal(st.st_uid, 1000);
		free(slurp("front/svid_key.pem", &st));
		assert_int_equal(st.st_uid, 33);
	}
}

/* Certificate and key always belong together, and of all generations two are left. */
static void rotation(void **state)
{
	unsigned int kept = 0;
	struct dirent *entry;

	start();
	for (unsigned int i = 1; i <= 4; i++) {
		struct stat st;
		wait_for_change(i);
		int at = openat(files.dir, "app", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		int fd = openat(at, "svid.pem", O_RDONLY | O_CLOEXEC);
		FILE *f = fdopen(fd, "re");
		X509 *x = PEM_read_X509(f, NULL, NULL, NULL);
		fclose(f);
		f = fdopen(openat(at, "svid_key.pem", O_RDONLY | O_CLOEXEC), "re");
		EVP_PKEY *k = PEM_read_PrivateKey(f, NULL, NULL, NULL);
		fclose(f);
		assert_int_equal(X509_check_private_key(x, k), 1);
		X509_free(x);
		EVP_PKEY_free(k);
		assert_int_equal(fstat(at, &st), 0);
		close(at);
	}
	DIR *d = opendir(dir);
	while ((entry = readdir(d)))
		kept += !strncmp(entry->d_name, ".app.", 5);
	closedir(d);
	assert_int_equal(kept, 2);
}

/* Nothing is left in the place of a user who has nothing any more, and all of the others. */
static void user_without(void **state)
{
	grants.nr_files = 2;
	grants.file[0] = (struct wire_file){SPAN("password"), SPAN("app"), SPAN("s3cret")};
	grants.file[1] = (struct wire_file){SPAN("other"), SPAN("front"), SPAN("more")};
	start();
	wait_for_change(1);
	check_file("front/files/other", 0400, "more");
	grants.nr_files = 1;
	wait_for_change(changes + 2);
	assert_int_equal(faccessat(files.dir, "front", F_OK, AT_SYMLINK_NOFOLLOW), -1);
	assert_int_equal(faccessat(files.dir, ".front.1", F_OK, 0), -1);
	check_file("app/files/password", 0400, "s3cret");
}

/* No answer for longer than a certificate lives: nothing holds, and then all again. */
static void issuer_away(void **state)
{
	start();
	wait_for_change(1);
	no_grants = true;
	while (news.identities)
		wait_for_change(changes + 1);
	assert_true(said("the certificates' time is over"));
	assert_true(said("knows nothing that this zone may have"));
	ask("spiffe://example.org/web", AUDIENCE);
	assert_int_equal(answered, GRPC_UNAVAILABLE);
	no_grants = false;
	wait_for_change(changes + 1);
	assert_non_null(news.identities);
	ask("spiffe://example.org/web", AUDIENCE);
	assert_int_equal(answered, GRPC_OK);
}

static void tokens_of_issuer(void **state)
{
	char id[SPIFFE_ID_MAX + 1];
	const char *why = "";
	json_t *claims;

	start();
	wait_for_change(1);
	ask("spiffe://example.org/web", AUDIENCE);
	assert_int_equal(answered, GRPC_OK);
	assert_int_equal(
		tokens_validate(&tokens, news.identities, AUDIENCE, answer, id, &claims, &why), 0);
	assert_string_equal(id, "spiffe://example.org/web");
	assert_string_equal(json_string_value(json_object_get(claims, "sub")), id);
	json_decref(claims);
	assert_int_equal(
		tokens_validate(&tokens, news.identities, "another", answer, id, &claims, &why),
		-EINVAL);
	answer[strlen(answer) - 3] ^= 1;
	assert_int_equal(
		tokens_validate(&tokens, news.identities, AUDIENCE, answer, id, &claims, &why),
		-EINVAL);
	ask("spiffe://example.org/not-mine", AUDIENCE);
	assert_int_equal(answered, GRPC_PERMISSION_DENIED);
}

/* Whoever answers in the issuer's place has another key: refused before anything is proven. */
static void another_issuer(void **state)
{
	static const uint8_t key[1][CL_REPORT_SPKI_SIZE] = {{1}};

	plan.issuer = key;
	start();
	for (int i = 0; i < TURNS && !said("identity: "); i++)
		loop_turn(loop, TURN_MS);
	assert_true(said("trying again"));
	assert_false(issuer_logged("a zone of digest"));
	assert_int_equal(changes, 0);
}

/* What cannot be kept is given to nobody. */
static void cannot_be_kept(void **state)
{
	grants.nr_files = 1;
	grants.file[0] = (struct wire_file){SPAN("../etc"), SPAN(""), SPAN("x")};
	start();
	for (int i = 0; i < TURNS && !said("files of the user app: Invalid argument"); i++)
		loop_turn(loop, TURN_MS);
	assert_true(said("files of the user app: Invalid argument"));
	assert_int_equal(changes, 0);
	assert_int_equal(faccessat(files.dir, "app", F_OK, AT_SYMLINK_NOFOLLOW), -1);
	assert_int_equal(faccessat(files.dir, ".app.1", F_OK, 0), -1);
}

static int parse(const char *text, struct config *config, unsigned int *line)
{
	return config_parse(config, text, strlen(text), line);
}

#define KEY64 "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

static void configuration(void **state)
{
	static const struct {
		const char *text;
		unsigned int line;
	} bad[] = {
		{"", 0},
		{"issuer 10.0.2.2:1 " KEY64 "\n", 0},
		{"evidence 10.0.2.2:1\n", 0},
		{"issuer 10.0.2.2:1 " KEY64 "0\n", 1},
		{"issuer 10.0.2.2:1\n", 1},
		{"# x\nevidence host:1\n", 2},
		{"evidence 10.0.2.2:0\n", 1},
		{"evidence 10.0.2.2:65536\n", 1},
		{"evidence 10.0.2.2\n", 1},
		{"evidence 10.0.2.2:+1\n", 1},
		{"evidence 10.0.2.2:1 more\n", 1},
		{"evidence 10.0.2.2:1\nevidence 10.0.2.2:1\n", 2},
		{"else\n", 1},
	};
	struct config config;
	unsigned int line;

	assert_int_equal(parse("# whom to ask\nissuer 10.0.2.2:7446 " KEY64
			       "\n\nevidence  10.0.2.3:65535\n",
			       &config, &line),
			 0);
	assert_string_equal(config.issuer.host, "10.0.2.2");
	assert_int_equal(config.issuer.port, 7446);
	assert_int_equal(config.key[0][31], 0xff);
	assert_string_equal(config.evidence.host, "10.0.2.3");
	assert_int_equal(config.evidence.port, 65535);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (parse(bad[i].text, &config, &line) != -EINVAL || line != bad[i].line)
			fail_msg("\"%s\": line %u", bad[i].text, line);
	}
}

#define TEST(name)	 cmocka_unit_test_setup_teardown(name, begin, end)
#define TEST_SHORT(name) cmocka_unit_test_prestate_setup_teardown(name, begin, end, dir)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(configuration),
		TEST(all),
		TEST_SHORT(rotation),
		TEST_SHORT(user_without),
		TEST_SHORT(issuer_away),
		TEST(tokens_of_issuer),
		TEST(another_issuer),
		TEST(cannot_be_kept),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
