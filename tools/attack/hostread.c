// SPDX-License-Identifier: Apache-2.0
/*
 * cl-hostread: the host's root reads all memory of a process, through /proc/PID/mem.
 *
 * Aimed at a guest's QEMU: all of the guest's RAM, the pages that it shares with the host, and
 * everything that QEMU itself keeps. Guest RAM is counted apart and by guest-physical address.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>
#include "cleanup.h"
#include "json.h"
#include "maps.h"
#include "reader.h"

#define EXIT_FAIL 1
#define EXIT_ARGS 2
#define LIST_MAX  32u

static const char usage[] =
	"usage: cl-hostread [OPTION]... PID\n"
	"\n"
	"Read every mapping of a process and search it for a canary.\n"
	"\n"
	"  --canary FILE      the canary, or its shares (cl-search --split)\n"
	"  --ram-name NAME    guest RAM is the mappings whose name holds NAME (default: the\n"
	"                     largest mapping)\n"
	"  --classify FILE    tell hits in guest RAM by guest frame: lines NAME FIRST[-LAST]\n"
	"  --frames-out FILE  list the guest frames that hold canary bytes\n"
	"  --range FROM-TO    only these addresses of the process (hexadecimal)\n"
	"  --json             print JSON\n";

/* What could not be read, by mapping. */
struct refusal {
	char name[128];
	uint64_t pages;
};

struct hostread {
	pid_t pid;
	uint64_t from, to;
	const char *canary_path, *ram_name, *frames_out;
	bool json;
	struct classes classes;
	struct canary canary;
	struct maps maps;
	struct reader ram, rest;
	size_t refusals;
	struct refusal refusal[LIST_MAX];
};

static int fail(const char *what, const char *name, int err)
{
	fprintf(stderr, "cl-hostread: %s %s: %s\n", what, name,
		err == -EDOM ? "not random enough" : strerror(-err));
	return EXIT_FAIL;
}

static void refused(struct hostread *h, const char *name, uint64_t pages)
{
	if (pages == 0)
		return;
	for (size_t i = 0; i < h->refusals; i++) {
		if (strcmp(h->refusal[i].name, name) == 0) {
			h->refusal[i].pages += pages;
			return;
		}
	}
	if (h->refusals == LIST_MAX)
		return; /* still in the sum */
	snprintf(h->refusal[h->refusals].name, sizeof(h->refusal[0].name), "%s", name);
	h->refusal[h->refusals++].pages = pages;
}

/* A mapping of RAM may cross the hole below 4 GiB: then it is read in two parts. */
static int read_ram(struct hostread *h, int fd, const struct mapping *m, uint64_t start,
		    uint64_t len)
{
	uint64_t low = ram_low_bytes(h->maps.ram_bytes);
	uint64_t offset = maps_ram_offset(&h->maps, m) + (start - m->start);
	uint64_t part = len;
	int rc = 0;

	if (offset < low && part > low - offset)
		part = low - offset;
	rc = reader_range(&h->ram, fd, start, part, ram_offset_to_gpa(h->maps.ram_bytes, offset),
			  true);
	if (!rc && part < len)
		rc = reader_range(&h->ram, fd, start + part, len - part,
				  ram_offset_to_gpa(h->maps.ram_bytes, offset + part), true);
	return rc;
}

static int read_all(struct hostread *h, int fd)
{
	for (size_t i = 0; i < h->maps.nr; i++) {
		const struct mapping *m = &h->maps.map[i];
		uint64_t start = m->start < h->from ? h->from : m->start;
		uint64_t end = m->end > h->to ? h->to : m->end;
		uint64_t before = h->ram.errors + h->rest.errors;
		int rc;

		if (start >= end)
			continue;
		if (m->ram)
			rc = read_ram(h, fd, m, start, end - start);
		else
			rc = reader_range(&h->rest, fd, start, end - start, start, true);
		if (rc)
			return rc;
		refused(h, m->name[0] ? m->name : "anonymous",
			h->ram.errors + h->rest.errors - before);
	}
	feed_end(&h->ram.feed);
	feed_end(&h->rest.feed);
	return 0;
}

static void print_json(const struct hostread *h, const struct reader_sum *sum, double seconds)
{
	struct classes none;

	classes_init(&none);
	printf("{\"pid\": %d, \"seconds\": %.3f, \"bytes\": %" PRIu64 ", \"errors\": %" PRIu64,
	       (int)h->pid, seconds, sum->bytes, sum->errors);
	printf(", \"fragments\": %" PRIu64 ", \"frames\": %" PRIu64, sum->hits.fragments,
	       sum->hits.frames);
	printf(",\n \"ram\": {\"size\": %" PRIu64 ", ", h->maps.ram_bytes);
	reader_print(stdout, &h->ram, &h->classes);
	printf("},\n \"rest\": {");
	reader_print(stdout, &h->rest, &none);
	printf("},\n \"unreadable\": [");
	for (size_t i = 0; i < h->refusals; i++) {
		printf("%s{\"mapping\": ", i ? ", " : "");
		json_string(stdout, h->refusal[i].name);
		printf(", \"pages\": %" PRIu64 "}", h->refusal[i].pages);
	}
	printf("]}\n");
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int prepare(struct hostread *h)
{
	int rc;

	if (h->canary_path) {
		rc = canary_load(&h->canary, h->canary_path, CANARY_FRAGMENT);
		if (rc)
			return fail("cannot use canary", h->canary_path, rc);
	}
	rc = reader_init(&h->ram, h->canary_path ? &h->canary : NULL);
	if (!rc)
		rc = reader_init(&h->rest, h->canary_path ? &h->canary : NULL);
	if (rc)
		return fail("cannot", "start", rc);
	rc = maps_load(&h->maps, h->pid, h->ram_name);
	return rc ? fail("cannot find guest RAM in", "the process's mappings", rc) : 0;
}

static int run(struct hostread *h)
{
	cleanup_close int fd = -1;
	struct reader_sum sum = {0};
	double from = now();
	char path[64];
	int rc = prepare(h);

	if (rc)
		return rc;
	(void)snprintf(path, sizeof(path), "/proc/%d/mem", (int)h->pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return fail("cannot open", path, -errno);
	rc = read_all(h, fd);
	if (rc)
		return fail("stopped reading", path, rc);
	reader_add(&sum, &h->ram);
	reader_add(&sum, &h->rest);
	if (h->frames_out) {
		rc = tally_write_frames(&h->ram.tally, h->frames_out);
		if (rc)
			return fail("cannot write", h->frames_out, rc);
	}
	if (h->json)
		print_json(h, &sum, now() - from);
	else
		printf("read %" PRIu64 " bytes, %" PRIu64 " pages unreadable, %" PRIu64
		       " fragments in %" PRIu64 " frames\n",
		       sum.bytes, sum.errors, sum.hits.fragments, sum.hits.frames);
	return fflush(stdout) == 0 ? 0 : fail("cannot write", "the result", -EIO);
}

static bool parse_range(struct hostread *h, const char *text)
{
	int end = 0;

	return sscanf(text, "%" SCNx64 "-%" SCNx64 "%n", &h->from, &h->to, &end) == 2 &&
	       text[end] == '\0' && h->from < h->to;
}

static bool parse_pid(struct hostread *h, const char *text)
{
	char *end;
	long pid = strtol(text, &end, 10);

	h->pid = (pid_t)pid;
	return *end == '\0' && pid > 0 && pid <= INT32_MAX;
}

static int load_classes(struct hostread *h, const char *path)
{
	unsigned int line;
	int rc;

	classes_free(&h->classes);
	rc = classes_load(&h->classes, path, &line);
	return rc ? fail("cannot use classes", path, rc) : 0;
}

static int parse(struct hostread *h, int argc, char **argv)
{
	static const struct option options[] = {
		{"canary", required_argument, NULL, 'c'},
		{"ram-name", required_argument, NULL, 'n'},
		{"classify", required_argument, NULL, 'l'},
		{"frames-out", required_argument, NULL, 'f'},
		{"range", required_argument, NULL, 'r'},
		{"json", no_argument, NULL, 'j'},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	int opt;

	while ((opt = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		switch (opt) {
		case 'c':
			h->canary_path = optarg;
			break;
		case 'n':
			h->ram_name = optarg;
			break;
		case 'l':
			if (load_classes(h, optarg))
				return EXIT_FAIL;
			break;
		case 'f':
			h->frames_out = optarg;
			break;
		case 'r':
			if (!parse_range(h, optarg))
				return fail("bad range", optarg, -EINVAL);
			break;
		case 'j':
			h->json = true;
			break;
		case 'h':
			fputs(usage, stdout);
			return -1;
		default:
			return EXIT_ARGS;
		}
	}
	if (argc - optind != 1 || !parse_pid(h, argv[optind]) ||
	    (h->frames_out && !h->canary_path)) {
		fputs(usage, stderr);
		return EXIT_ARGS;
	}
	return 0;
}

int main(int argc, char **argv)
{
	struct hostread h = {.to = UINT64_MAX};
	int rc;

	classes_init(&h.classes);
	rc = parse(&h, argc, argv);
	if (rc == 0)
		rc = run(&h);
	else if (rc < 0)
		rc = 0;
	maps_free(&h.maps);
	reader_free(&h.ram);
	reader_free(&h.rest);
	canary_free(&h.canary);
	classes_free(&h.classes);
	return rc;
}
