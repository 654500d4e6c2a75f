// SPDX-License-Identifier: Apache-2.0
/*
 * cl-search: what does somebody find who holds a copy of a machine's memory?
 *
 * Searches dumps for fragments of a canary, for AES key schedules and for known keys, and prints
 * one JSON object. See docs/demo.md for what is counted.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include "canary.h"
#include "classes.h"
#include "cleanup.h"
#include "feed.h"
#include "json.h"
#include "schedule.h"
#include "tally.h"

#define CHUNK	  (256u << 10) /* fits the second-level cache beside the canary's filter */
#define KEYS_MAX  16u
#define LIST_MAX  64u
#define EXIT_FAIL 1
#define EXIT_ARGS 2

struct raw_key {
	const char *name;
	struct canary key;
	struct canary_scan scan;
	struct tally tally;
};

struct search {
	bool with_canary, with_keys, show_keys;
	const char *frames_out;
	struct classes classes;
	struct canary canary;
	struct canary_scan scan;
	struct tally tally;
	struct schedule_scan schedules;
	unsigned int keys;
	struct raw_key key[KEYS_MAX];
	struct feed feed;
};

static const char usage[] =
	"usage: cl-search [OPTION]... DUMP[@ADDRESS]...\n"
	"       cl-search --split CANARY SHARES\n"
	"\n"
	"Search memory dumps; DUMP is a file, or - for standard input, whose first byte stands at\n"
	"ADDRESS (default: after the dump before it; the first, 0). Prints JSON.\n"
	"\n"
	"  --canary FILE      find fragments of FILE's bytes, 32 bytes and up, at any offset\n"
	"  --keys             find AES key schedules\n"
	"  --raw-key FILE     find these 16 to 64 bytes, and parts from 16 bytes (repeatable)\n"
	"  --classify FILE    tell hits by named sets of 4 KiB frames: lines NAME FIRST[-LAST]\n"
	"  --frames-out FILE  list the frames that hold canary bytes\n"
	"  --show-keys        print the keys found by --keys\n"
	"  --split            write the canary as two random shares, for a searcher that runs in\n"
	"                     the machine under search and must not find itself\n";

static int fail(const char *what, const char *name, int err)
{
	const char *why = strerror(-err);

	if (err == -EDOM)
		why = "not random enough to be told from other memory; use random bytes";
	fprintf(stderr, "cl-search: %s %s: %s\n", what, name, why);
	return EXIT_FAIL;
}

/* Split "name@address"; the address is optional. */
static bool parse_dump(char *arg, bool *has_addr, uint64_t *addr)
{
	char *at = strrchr(arg, '@'), *end;

	*has_addr = false;
	if (!at)
		return true;
	errno = 0;
	*addr = strtoull(at + 1, &end, 0);
	if (at[1] < '0' || at[1] > '9' || *end || errno || *addr > INT64_MAX)
		return false;
	*at = '\0';
	*has_addr = true;
	return true;
}

static int read_dump(struct search *s, char *arg)
{
	cleanup_close int fd = -1;
	bool has_addr;
	uint64_t addr;

	if (!parse_dump(arg, &has_addr, &addr))
		return fail("bad address in", arg, -EINVAL);
	if (has_addr && feed_seek(&s->feed, addr) < 0)
		return fail("addresses of dumps must ascend", arg, -EINVAL);
	fd = strcmp(arg, "-") == 0 ? dup(STDIN_FILENO) : open(arg, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return fail("cannot open", arg, -errno);
	for (;;) {
		ssize_t n = read(fd, feed_room(&s->feed), s->feed.room);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return fail("cannot read", arg, -errno);
		if (n == 0)
			return 0;
		feed_commit(&s->feed, (size_t)n);
	}
}

static int load_key(struct search *s, const char *path)
{
	struct raw_key *k = &s->key[s->keys];
	int rc;

	if (s->keys == KEYS_MAX)
		return fail("too many --raw-key, at", path, -E2BIG);
	rc = canary_load(&k->key, path, KEY_FRAGMENT);
	if (rc)
		return fail("cannot use key", path, rc);
	s->keys++;
	k->name = path;
	tally_init(&k->tally, KEY_FRAGMENT);
	canary_scan_init(&k->scan, &k->key, tally_run, &k->tally);
	if (k->key.len > 64)
		return fail("longer than 64 bytes:", path, -EINVAL);
	return 0;
}

static int load_canary(struct search *s, const char *path)
{
	int rc;

	if (s->with_canary)
		return fail("only one --canary, not also", path, -EINVAL);
	rc = canary_load(&s->canary, path, CANARY_FRAGMENT);
	if (rc)
		return fail("cannot use canary", path, rc);
	s->with_canary = true;
	canary_scan_init(&s->scan, &s->canary, tally_run, &s->tally);
	return 0;
}

static int load_classes(struct search *s, const char *path)
{
	unsigned int line;
	int rc;

	classes_free(&s->classes);
	rc = classes_load(&s->classes, path, &line);
	if (rc == -EINVAL && line)
		fprintf(stderr, "cl-search: line %u is not NAME FIRST[-LAST]\n", line);
	else if (rc == -EINVAL)
		fprintf(stderr, "cl-search: ranges of different names overlap\n");
	return rc ? fail("cannot use classes", path, rc) : 0;
}

static int split(const char *from, const char *to)
{
	struct canary c;
	int rc = canary_load(&c, from, CANARY_FRAGMENT);

	if (rc)
		return fail("cannot use canary", from, rc);
	rc = canary_save(&c, to);
	canary_free(&c);
	return rc ? fail("cannot write", to, rc) : 0;
}

static void print_schedule(const struct search *s, const struct schedule *f)
{
	printf("\n  {\"address\": \"0x%" PRIx64 "\", \"class\": \"%s\"", f->addr,
	       s->classes.name[classes_of(&s->classes, f->addr >> 12)]);
	printf(", \"bits\": %u, \"copies\": %u, \"swapped\": %s", f->bits, f->copies,
	       f->swapped ? "true" : "false");
	if (s->show_keys) {
		printf(", \"key\": \"");
		for (unsigned int i = 0; i < f->bits / 8; i++)
			printf("%02x", f->key[i]);
		printf("\"");
	}
	printf("}");
}

static void print_schedules(const struct search *s)
{
	const struct schedule_scan *k = &s->schedules;
	uint64_t by_class[CLASS_MAX] = {0};

	for (size_t i = 0; i < k->nr; i++)
		by_class[classes_of(&s->classes, k->found[i].addr >> 12)]++;
	printf(",\n \"schedules\": {\"found\": %zu, \"distinct_keys\": %zu", k->nr,
	       schedule_distinct(k));
	if (s->classes.nr > 1) {
		printf(", \"classes\": {");
		for (unsigned int i = 0; i < s->classes.nr; i++)
			printf("%s\"%s\": %" PRIu64, i ? ", " : "", s->classes.name[i],
			       by_class[i]);
		printf("}");
	}
	printf(", \"list\": [");
	for (size_t i = 0; i < k->nr && i < LIST_MAX; i++) {
		printf("%s", i ? "," : "");
		print_schedule(s, &k->found[i]);
	}
	printf("]}");
}

static void print_raw_key(const struct search *s, const struct raw_key *k)
{
	size_t whole = 0;

	for (size_t i = 0; i < k->tally.nr; i++)
		whole += k->tally.run[i].len == k->key.len;
	printf("{\"name\": ");
	json_string(stdout, k->name);
	printf(", \"bytes\": %zu, \"whole\": %zu, \"partial\": %zu, ", k->key.len, whole,
	       k->tally.nr - whole);
	tally_print(stdout, &k->tally, &s->classes);
	printf(", \"addresses\": [");
	for (size_t i = 0; i < k->tally.nr && i < LIST_MAX; i++)
		printf("%s\"0x%" PRIx64 "\"", i ? ", " : "", k->tally.run[i].addr);
	printf("]}");
}

static void print_result(const struct search *s, double seconds)
{
	printf("{\"bytes\": %" PRIu64 ", \"seconds\": %.3f", s->feed.bytes, seconds);
	if (s->with_canary) {
		printf(",\n \"canary_bytes\": %zu, ", s->canary.len);
		tally_print(stdout, &s->tally, &s->classes);
	}
	if (s->with_keys)
		print_schedules(s);
	if (s->keys) {
		printf(",\n \"raw_keys\": [");
		for (unsigned int i = 0; i < s->keys; i++) {
			printf("%s\n  ", i ? "," : "");
			print_raw_key(s, &s->key[i]);
		}
		printf("]");
	}
	printf("}\n");
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int attach(struct search *s)
{
	int rc = feed_init(&s->feed, CHUNK);

	if (!rc && s->with_canary)
		rc = feed_add(&s->feed, canary_scan, &s->scan);
	if (!rc && s->with_keys)
		rc = feed_add(&s->feed, schedule_scan, &s->schedules);
	for (unsigned int i = 0; !rc && i < s->keys; i++)
		rc = feed_add(&s->feed, canary_scan, &s->key[i].scan);
	return rc ? fail("cannot", "start", rc) : 0;
}

static int lost(const struct search *s)
{
	int rc = s->tally.error ? s->tally.error : s->schedules.error;

	for (unsigned int i = 0; !rc && i < s->keys; i++)
		rc = s->key[i].tally.error;
	return rc;
}

static int run(struct search *s, char **dump)
{
	double from = now();
	int rc = attach(s);

	for (; !rc && *dump; dump++)
		rc = read_dump(s, *dump);
	if (rc)
		return rc;
	feed_end(&s->feed);
	if (lost(s))
		return fail("cannot keep all", "hits", lost(s));
	if (s->frames_out) {
		rc = tally_write_frames(&s->tally, s->frames_out);
		if (rc)
			return fail("cannot write", s->frames_out, rc);
	}
	print_result(s, now() - from);
	return fflush(stdout) == 0 ? 0 : fail("cannot write", "the result", -EIO);
}

static int parse(struct search *s, int argc, char **argv)
{
	static const struct option options[] = {
		{"canary", required_argument, NULL, 'c'},
		{"keys", no_argument, NULL, 'k'},
		{"raw-key", required_argument, NULL, 'r'},
		{"classify", required_argument, NULL, 'l'},
		{"frames-out", required_argument, NULL, 'f'},
		{"show-keys", no_argument, NULL, 's'},
		{"split", no_argument, NULL, 'S'},
		{"help", no_argument, NULL, 'h'},
		{"version", no_argument, NULL, 'v'},
		{NULL, 0, NULL, 0},
	};
	bool splitting = false;
	int opt, rc = 0;

	while (!rc && (opt = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		switch (opt) {
		case 'c':
			rc = load_canary(s, optarg);
			break;
		case 'k':
			s->with_keys = true;
			break;
		case 'r':
			rc = load_key(s, optarg);
			break;
		case 'l':
			rc = load_classes(s, optarg);
			break;
		case 'f':
			s->frames_out = optarg;
			break;
		case 's':
			s->show_keys = true;
			break;
		case 'S':
			splitting = true;
			break;
		case 'h':
			fputs(usage, stdout);
			return -1;
		case 'v':
			puts("cl-search " CLOISTER_VERSION);
			return -1;
		default:
			return EXIT_ARGS;
		}
	}
	if (rc)
		return rc;
	if (splitting && argc - optind == 2) {
		rc = split(argv[optind], argv[optind + 1]);
		return rc ? rc : -1;
	}
	if (splitting || optind == argc || (!s->with_canary && !s->with_keys && !s->keys) ||
	    (s->frames_out && !s->with_canary)) {
		fputs(usage, stderr);
		return EXIT_ARGS;
	}
	return 0;
}

static void release(struct search *s)
{
	feed_free(&s->feed);
	canary_free(&s->canary);
	tally_free(&s->tally);
	schedule_scan_free(&s->schedules);
	classes_free(&s->classes);
	for (unsigned int i = 0; i < s->keys; i++) {
		canary_free(&s->key[i].key);
		tally_free(&s->key[i].tally);
	}
}

int main(int argc, char **argv)
{
	struct search s = {0};
	int rc;

	classes_init(&s.classes);
	tally_init(&s.tally, CANARY_FRAGMENT);
	schedule_scan_init(&s.schedules);
	rc = parse(&s, argc, argv);
	if (rc == 0)
		rc = run(&s, argv + optind);
	else if (rc < 0)
		rc = 0;
	release(&s);
	return rc;
}
