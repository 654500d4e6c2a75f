// SPDX-License-Identifier: Apache-2.0
// Taking and giving back user ids. The lock of a jail's control group is held by the supervisor and
// by the zone's keeper (guardian.c): an unlocked group is one that nobody looks after any more, and
// an empty one of these is free. An id whose QEMU still lives is never given out again.
#include "lease.h"
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>
#include "../cloister/cleanup.h"
#include "../launch/size.h"
#include "cgroup.h"

// Above what containers and users with subordinate ids get (systemd's UIDS-GIDS document), and
// below what some programs take for negative.
#define FIRST_DEFAULT 1879048192u // 0x70000000
#define LAST_DEFAULT  1879113727u // 65536 of them
#define FIRST_MIN     1000u
#define LAST_MAX      4294967293u

int lease_range(uint32_t *first, uint32_t *last)
{
	const char *given = getenv("CLOISTER_JAIL_IDS");
	char a[16], b[16], rest;
	uint64_t from, to;

	*first = FIRST_DEFAULT;
	*last = LAST_DEFAULT;
	if (!given)
		return 0;
	if (sscanf(given, "%15[0-9]-%15[0-9]%c", a, b, &rest) != 2 ||
	    parse_number(a, LAST_MAX, &from) || parse_number(b, LAST_MAX, &to) ||
	    from < FIRST_MIN || from > to)
		return -EINVAL;
	*first = (uint32_t)from;
	*last = (uint32_t)to;
	return 0;
}

static void id_name(char name[16], uint32_t id)
{
	snprintf(name, 16, "%u", id);
}

// Someone who can log in or owns files of his own is no one to run QEMU as.
static bool id_known(uint32_t id)
{
	return getpwuid(id) || getgrgid(id);
}

// A locked directory of this group if it is free, or negative. The base is locked.
static int take_group(int base, uint32_t id)
{
	char name[16];

	id_name(name, id);
	for (int tries = 0; tries < 2; tries++) {
		bool made = !mkdirat(base, name, 0755);
		if (!made && errno != EEXIST)
			return -errno;
		int dir = openat(base, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (dir < 0)
			return -errno;
		if (!flock(dir, LOCK_EX | LOCK_NB)) {
			if (made)
				return dir;
			// Left over: a new one has no old limits and counters. This fails if
			// there is a process in it.
			if (unlinkat(base, name, AT_REMOVEDIR)) {
				close(dir);
				return -EBUSY;
			}
		} else {
			tries = 2;
		}
		close(dir);
	}
	return -EBUSY;
}

static int lock_base(const char **why)
{
	int base = cgroup_open_base(why);

	if (base < 0)
		return base;
	while (flock(base, LOCK_EX))
		if (errno != EINTR) {
			int rc = -errno;
			close(base);
			return rc;
		}
	return base;
}

int lease_take(struct lease *lease, const char **why)
{
	uint32_t first, last, start;

	*why = "CLOISTER_JAIL_IDS is not FIRST-LAST from 1000 on";
	if (lease_range(&first, &last))
		return -EINVAL;
	cleanup_close int base = lock_base(why);
	if (base < 0)
		return base;
	*why = "no random numbers";
	if (getrandom(&start, sizeof(start), 0) != sizeof(start))
		return -EIO;
	// From anywhere in the range: an id is rarely used again soon.
	*why = "all user ids of CLOISTER_JAIL_IDS are in use";
	uint64_t count = (uint64_t)last - first + 1;
	for (uint64_t i = 0; i < count; i++) {
		uint32_t id = (uint32_t)(first + (start + i) % count);
		if (id_known(id))
			continue;
		int dir = take_group(base, id);
		if (dir >= 0) {
			*lease = (struct lease){.id = id, .dir = dir};
			return 0;
		}
		if (dir != -EBUSY) {
			*why = "a control group cannot be made";
			return dir;
		}
	}
	return -EUSERS;
}

// With the base locked, nobody takes the id between the removal and the end of our lock.
void lease_drop(struct lease *lease)
{
	char name[16];
	const char *why;

	if (lease->dir < 0)
		return;
	cgroup_kill(lease->dir);
	cleanup_close int base = lock_base(&why);
	id_name(name, lease->id);
	if (base >= 0)
		unlinkat(base, name, AT_REMOVEDIR);
	close(lease->dir);
	*lease = (struct lease)LEASE_NONE;
}

void lease_sweep(uint32_t id)
{
	char name[16];
	const char *why;
	cleanup_close int base = lock_base(&why);

	if (base < 0)
		return;
	id_name(name, id);
	cleanup_close int dir = openat(base, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir >= 0 && !flock(dir, LOCK_EX | LOCK_NB) && !cgroup_kill(dir))
		unlinkat(base, name, AT_REMOVEDIR);
}
