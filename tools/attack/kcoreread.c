// SPDX-License-Identifier: Apache-2.0
/*
 * cl-kcoreread: the host's root reads all RAM that its kernel knows, through /proc/kcore.
 *
 * That takes in the page cache, network buffers, the kernel's own memory and all processes'. The
 * frames of this program's read buffer are left out: else whatever is found would be found again.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include "cleanup.h"
#include "reader.h"

#define EXIT_FAIL    1
#define EXIT_ARGS    2
#define SEGMENTS_MAX 256u
#define OWN_MAX	     ((READER_CHUNK + FEED_HISTORY) / 4096u + 2u)
#define PAGE	     4096u
/* Where Linux maps its own text; that is RAM once more (Documentation/x86/x86_64/mm.rst). */
#define KERNEL_TEXT 0xffffffff80000000ull

static const char usage[] =
	"usage: cl-kcoreread [OPTION]...\n"
	"\n"
	"Read all of the host's RAM and search it for a canary. Prints JSON.\n"
	"\n"
	"  --canary FILE      the canary, or its shares (cl-search --split): with the bare canary\n"
	"                     the page cache holds a copy of it, which is found\n"
	"  --classify FILE    tell hits by physical frame: lines NAME FIRST[-LAST]\n"
	"  --frames-out FILE  list the physical frames that hold canary bytes\n"
	"  --kcore FILE       another file than /proc/kcore\n";

struct segment {
	uint64_t addr, bytes, offset; /* physical; in the file */
};

struct kcoreread {
	const char *kcore, *canary_path, *frames_out;
	struct classes classes;
	struct canary canary;
	struct reader reader;
	size_t segments;
	struct segment segment[SEGMENTS_MAX];
	size_t own;
	uint64_t own_frame[OWN_MAX];
};

static int fail(const char *what, const char *name, int err)
{
	fprintf(stderr, "cl-kcoreread: %s %s: %s\n", what, name,
		err == -EDOM ? "not random enough" : strerror(-err));
	return EXIT_FAIL;
}

static int by_addr(const void *a, const void *b)
{
	const struct segment *x = a, *y = b;

	return x->addr < y->addr ? -1 : x->addr > y->addr;
}

static int by_number(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* RAM in /proc/kcore is the loadable segments that name a physical address (fs/proc/kcore.c). */
static int load_segments(struct kcoreread *k, int fd)
{
	Elf64_Ehdr head;

	if (pread(fd, &head, sizeof(head), 0) != sizeof(head) ||
	    memcmp(head.e_ident, ELFMAG, SELFMAG) != 0 || head.e_ident[EI_CLASS] != ELFCLASS64 ||
	    head.e_phentsize != sizeof(Elf64_Phdr))
		return -EINVAL;
	for (unsigned int i = 0; i < head.e_phnum; i++) {
		struct segment *s = &k->segment[k->segments];
		Elf64_Phdr p;

		if (pread(fd, &p, sizeof(p), (off_t)(head.e_phoff + i * sizeof(p))) != sizeof(p))
			return -EINVAL;
		if (p.p_type != PT_LOAD || p.p_paddr == UINT64_MAX || p.p_vaddr >= KERNEL_TEXT)
			continue;
		if (k->segments == SEGMENTS_MAX)
			return -E2BIG;
		if (p.p_memsz == 0 || p.p_paddr > INT64_MAX || p.p_memsz > INT64_MAX ||
		    p.p_offset > INT64_MAX)
			return -EINVAL;
		s->addr = p.p_paddr;
		s->bytes = p.p_memsz;
		s->offset = p.p_offset;
		k->segments++;
	}
	qsort(k->segment, k->segments, sizeof(k->segment[0]), by_addr);
	return k->segments ? 0 : -ENOENT;
}

/* The frames of the read buffer (Documentation/admin-guide/mm/pagemap.rst). */
static int find_own_frames(struct kcoreread *k)
{
	uint64_t first = (uint64_t)(uintptr_t)k->reader.feed.buffer / PAGE;
	uint64_t last = ((uint64_t)(uintptr_t)feed_room(&k->reader.feed) + READER_CHUNK - 1) / PAGE;
	cleanup_close int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);

	if (fd < 0 || mlock(k->reader.feed.buffer, (last - first + 1) * PAGE) < 0)
		return -errno;
	for (uint64_t i = first; i <= last && k->own < OWN_MAX; i++) {
		uint64_t entry;

		if (pread(fd, &entry, sizeof(entry), (off_t)(i * 8)) != sizeof(entry))
			return -EIO;
		k->own_frame[k->own++] = entry & ((1ull << 55) - 1);
	}
	qsort(k->own_frame, k->own, sizeof(k->own_frame[0]), by_number);
	return 0;
}

/* The next own frame in [frame, …], or one past everything. */
static uint64_t next_own(const struct kcoreread *k, uint64_t frame)
{
	for (size_t i = 0; i < k->own; i++)
		if (k->own_frame[i] >= frame)
			return k->own_frame[i];
	return UINT64_MAX / PAGE;
}

static int read_segment(struct kcoreread *k, int fd, const struct segment *s)
{
	uint64_t at = s->addr, end = s->addr + s->bytes;

	if (at < k->reader.feed.addr)
		at = k->reader.feed.addr; /* already seen */
	while (at < end) {
		uint64_t own = next_own(k, at / PAGE) * PAGE, stop = end;
		int rc;

		if (own <= at) {
			at = own + PAGE;
			continue;
		}
		if (own < end)
			stop = own;
		rc = reader_range(&k->reader, fd, s->offset + (at - s->addr), stop - at, at, false);
		if (rc)
			return rc;
		at = stop;
	}
	return 0;
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int prepare(struct kcoreread *k, int fd)
{
	int rc;

	if (k->canary_path) {
		rc = canary_load(&k->canary, k->canary_path, CANARY_FRAGMENT);
		if (rc)
			return fail("cannot use canary", k->canary_path, rc);
	}
	rc = reader_init(&k->reader, k->canary_path ? &k->canary : NULL);
	if (rc)
		return fail("cannot", "start", rc);
	rc = load_segments(k, fd);
	if (rc)
		return fail("no RAM found in", k->kcore, rc);
	rc = find_own_frames(k);
	return rc ? fail("cannot find own frames in", "/proc/self/pagemap", rc) : 0;
}

static int run(struct kcoreread *k)
{
	cleanup_close int fd = open(k->kcore, O_RDONLY | O_CLOEXEC);
	double from = now();
	int rc;

	if (fd < 0)
		return fail("cannot open", k->kcore, -errno);
	rc = prepare(k, fd);
	for (size_t i = 0; !rc && i < k->segments; i++) {
		rc = read_segment(k, fd, &k->segment[i]);
		if (rc)
			rc = fail("stopped reading", k->kcore, rc);
	}
	if (rc)
		return rc;
	feed_end(&k->reader.feed);
	if (k->frames_out) {
		rc = tally_write_frames(&k->reader.tally, k->frames_out);
		if (rc)
			return fail("cannot write", k->frames_out, rc);
	}
	printf("{\"seconds\": %.3f, \"segments\": %zu, ", now() - from, k->segments);
	reader_print(stdout, &k->reader, &k->classes);
	printf("}\n");
	return fflush(stdout) == 0 ? 0 : fail("cannot write", "the result", -EIO);
}

static int parse(struct kcoreread *k, int argc, char **argv)
{
	static const struct option options[] = {
		{"canary", required_argument, NULL, 'c'},
		{"classify", required_argument, NULL, 'l'},
		{"frames-out", required_argument, NULL, 'f'},
		{"kcore", required_argument, NULL, 'k'},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	unsigned int line;
	int opt, rc;

	while ((opt = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		switch (opt) {
		case 'c':
			k->canary_path = optarg;
			break;
		case 'l':
			classes_free(&k->classes);
			rc = classes_load(&k->classes, optarg, &line);
			if (rc)
				return fail("cannot use classes", optarg, rc);
			break;
		case 'f':
			k->frames_out = optarg;
			break;
		case 'k':
			k->kcore = optarg;
			break;
		case 'h':
			fputs(usage, stdout);
			return -1;
		default:
			return EXIT_ARGS;
		}
	}
	if (optind != argc || (k->frames_out && !k->canary_path)) {
		fputs(usage, stderr);
		return EXIT_ARGS;
	}
	return 0;
}

int main(int argc, char **argv)
{
	static struct kcoreread k = {.kcore = "/proc/kcore"};
	int rc;

	classes_init(&k.classes);
	rc = parse(&k, argc, argv);
	if (rc == 0)
		rc = run(&k);
	else if (rc < 0)
		rc = 0;
	reader_free(&k.reader);
	canary_free(&k.canary);
	classes_free(&k.classes);
	return rc;
}
