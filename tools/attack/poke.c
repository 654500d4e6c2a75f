// SPDX-License-Identifier: Apache-2.0
/*
 * cl-poke: the host's root changes bytes in the memory of a process, through /proc/PID/mem.
 *
 * Aimed at a guest's QEMU it changes guest RAM; if that page is a zone's, what is changed is
 * ciphertext.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <cloister/launch.h>
#include "cleanup.h"
#include "maps.h"

#define EXIT_FAIL 1
#define EXIT_ARGS 2
#define PAGE	  4096u

static const char usage[] =
	"usage: cl-poke [OPTION]... PID ADDRESS\n"
	"       cl-poke [OPTION]... PID --gpa ADDRESS | --pfn FRAME | --random-page-of-ram\n"
	"\n"
	"Flip all bits of one byte at an address of the process, at a guest-physical address, in\n"
	"the page of guest RAM that stands in a host frame, or in a random page of guest RAM.\n"
	"Prints one line of JSON for each.\n"
	"\n"
	"  --count N          N random pages (default 1)\n"
	"  --ram-name NAME    guest RAM is the mappings whose name holds NAME (default: the\n"
	"                     largest mapping)\n";

enum target { AT_ADDRESS, AT_GPA, AT_PFN, AT_RANDOM };

struct poke {
	pid_t pid;
	enum target target;
	uint64_t where;
	uint64_t count;
	const char *ram_name;
	struct maps maps;
};

static int fail(const char *what, const char *name, int err)
{
	fprintf(stderr, "cl-poke: %s %s: %s\n", what, name, strerror(-err));
	return EXIT_FAIL;
}

static int flip(const struct poke *p, int fd, uint64_t addr, uint64_t gpa)
{
	uint8_t before, after;

	if (pread(fd, &before, 1, (off_t)addr) != 1)
		return fail("cannot read", "the byte", errno ? -errno : -ESRCH);
	after = before ^ 0xff;
	if (pwrite(fd, &after, 1, (off_t)addr) != 1)
		return fail("cannot write", "the byte", errno ? -errno : -ESRCH);
	printf("{\"pid\": %d, \"address\": \"0x%" PRIx64 "\"", (int)p->pid, addr);
	if (gpa != UINT64_MAX)
		printf(", \"gpa\": \"0x%" PRIx64 "\"", gpa);
	printf(", \"before\": %u, \"after\": %u}\n", before, after);
	return 0;
}

/* The process's address of a byte at an offset of RAM; 0: none. */
static uint64_t ram_address(const struct poke *p, uint64_t offset)
{
	for (size_t i = 0; i < p->maps.nr; i++) {
		const struct mapping *m = &p->maps.map[i];
		uint64_t base;

		if (!m->ram)
			continue;
		base = maps_ram_offset(&p->maps, m);
		if (offset >= base && offset - base < m->end - m->start)
			return m->start + (offset - base);
	}
	return 0;
}

static int flip_ram(const struct poke *p, int fd, uint64_t offset)
{
	uint64_t addr = ram_address(p, offset);

	if (addr == 0)
		return fail("outside", "guest RAM", -EINVAL);
	return flip(p, fd, addr, ram_offset_to_gpa(p->maps.ram_bytes, offset));
}

static int gpa_to_offset(const struct poke *p, uint64_t gpa, uint64_t *offset)
{
	uint64_t low = ram_low_bytes(p->maps.ram_bytes);

	*offset = gpa < low ? gpa : gpa - CL_ZONE_HIGH_RAM + low;
	return gpa >= low && gpa < CL_ZONE_HIGH_RAM ? -EINVAL : 0;
}

/* Look through the page map for a frame (Documentation/admin-guide/mm/pagemap.rst). */
static int find_frame(const struct poke *p, uint64_t frame, uint64_t *offset)
{
	cleanup_close int fd = -1;
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/%d/pagemap", (int)p->pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	for (size_t i = 0; i < p->maps.nr; i++) {
		const struct mapping *m = &p->maps.map[i];

		for (uint64_t at = m->start; m->ram && at < m->end; at += PAGE) {
			uint64_t entry;

			if (pread(fd, &entry, sizeof(entry), (off_t)(at / PAGE * 8)) !=
			    sizeof(entry))
				return -EIO;
			if (entry >> 63 && (entry & ((1ull << 55) - 1)) == frame) {
				*offset = maps_ram_offset(&p->maps, m) + (at - m->start);
				return 0;
			}
		}
	}
	return -ENOENT;
}

static int flip_random(const struct poke *p, int fd)
{
	for (uint64_t i = 0; i < p->count; i++) {
		uint64_t r[2];
		int rc;

		if (getrandom(r, sizeof(r), 0) != sizeof(r))
			return fail("no", "randomness", -EIO);
		rc = flip_ram(p, fd, r[0] % (p->maps.ram_bytes / PAGE) * PAGE + r[1] % PAGE);
		if (rc)
			return rc;
	}
	return 0;
}

static int run(struct poke *p)
{
	cleanup_close int fd = -1;
	uint64_t offset = 0;
	char path[64];
	int rc = 0;

	(void)snprintf(path, sizeof(path), "/proc/%d/mem", (int)p->pid);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return fail("cannot open", path, -errno);
	if (p->target == AT_ADDRESS)
		return flip(p, fd, p->where, UINT64_MAX);
	rc = maps_load(&p->maps, p->pid, p->ram_name);
	if (rc)
		return fail("cannot find guest RAM in", "the process's mappings", rc);
	if (p->target == AT_RANDOM)
		return flip_random(p, fd);
	if (p->target == AT_PFN)
		rc = find_frame(p, p->where, &offset);
	else
		rc = gpa_to_offset(p, p->where, &offset);
	return rc ? fail("no such page in", "guest RAM", rc) : flip_ram(p, fd, offset);
}

static bool parse_number(const char *text, uint64_t *v)
{
	char *end;

	errno = 0;
	*v = strtoull(text, &end, 0);
	return text[0] >= '0' && text[0] <= '9' && *end == '\0' && errno == 0 && *v <= INT64_MAX;
}

static bool parse(struct poke *p, int argc, char **argv)
{
	static const struct option options[] = {
		{"gpa", required_argument, NULL, 'g'},
		{"pfn", required_argument, NULL, 'p'},
		{"random-page-of-ram", no_argument, NULL, 'r'},
		{"count", required_argument, NULL, 'c'},
		{"ram-name", required_argument, NULL, 'n'},
		{NULL, 0, NULL, 0},
	};
	uint64_t pid;
	bool ok = true;
	int opt;

	while (ok && (opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (opt) {
		case 'g':
			p->target = AT_GPA;
			ok = parse_number(optarg, &p->where);
			break;
		case 'p':
			p->target = AT_PFN;
			ok = parse_number(optarg, &p->where);
			break;
		case 'r':
			p->target = AT_RANDOM;
			break;
		case 'c':
			ok = parse_number(optarg, &p->count);
			break;
		case 'n':
			p->ram_name = optarg;
			break;
		default:
			ok = false;
		}
	}
	if (!ok || argc - optind != (p->target == AT_ADDRESS ? 2 : 1) ||
	    !parse_number(argv[optind], &pid) || pid == 0 || pid > INT32_MAX)
		return false;
	p->pid = (pid_t)pid;
	return p->target != AT_ADDRESS || parse_number(argv[optind + 1], &p->where);
}

int main(int argc, char **argv)
{
	struct poke p = {.count = 1};
	int rc;

	if (!parse(&p, argc, argv)) {
		fputs(usage, stderr);
		return EXIT_ARGS;
	}
	rc = run(&p);
	maps_free(&p.maps);
	return rc;
}
