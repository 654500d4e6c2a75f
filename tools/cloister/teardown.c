// SPDX-License-Identifier: Apache-2.0
// The frames of a zone's RAM may go back to the host only after the Core has scrubbed them and
// given them up: until then the host could put a page there that DMA fills, and the Core would
// wipe it. So: QEMU first, then the Core is told, and the RAM, which someone held all the time,
// goes last.
#include "teardown.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include "cleanup.h"
#include "corecall.h"
#include "message.h"
#include "qmp.h"
#include "../jail/lease.h"

// What the Core may take to scrub the memory of a large zone.
#define GUARDIAN_MS 60000

void qemu_end(const struct state *st, int pidfd, int grace_ms)
{
	if (!process_wait(pidfd, 0) && !qmp_quit(st->name, grace_ms) &&
	    process_wait(pidfd, grace_ms))
		return;
	if (!process_wait(pidfd, 0)) {
		process_signal(pidfd, SIGKILL);
		process_wait(pidfd, -1);
	}
}

static void set_reason(struct state *st, const char *reason)
{
	snprintf(st->reason, sizeof(st->reason), "%s", reason);
}

bool zone_ended(struct state *st, const char *otherwise)
{
	struct cl_zone_info info;
	bool by_core = false;

	st->phase = PHASE_ENDED;
	st->ended = (int64_t)time(NULL);
	set_reason(st, otherwise);
	if (st->plain || !st->handle || core_zone_by_handle(st->handle, &info))
		return false;
	st->instance = info.instance;
	if (info.state == CL_ZONE_DEAD) {
		by_core = true;
		if (info.reason[0])
			set_reason(st, info.reason);
	} else {
		int rc = core_zone_end(info.instance);
		if (rc && rc != -ENOENT)
			note("%s: the Core did not take the end of instance %llu: %s", st->name,
			     (unsigned long long)info.instance, strerror(-rc));
	}
	return by_core;
}

// The guardian of a supervisor that was killed is to finish first. Without one: what is left.
static void jail_settle(const struct state *st)
{
	cleanup_close int guardian = process_open(&st->guardian);

	if (guardian >= 0)
		process_wait(guardian, GUARDIAN_MS);
	if (st->jail_id)
		lease_sweep(st->jail_id);
}

void orphan_end(struct state *st, int grace_ms)
{
	char path[64];
	cleanup_close int pidfd = process_open(&st->qemu);

	if (pidfd >= 0) {
		// Hold the RAM in the dead supervisor's place.
		snprintf(path, sizeof(path), "/proc/%d/fd/%d", st->qemu.pid, st->ram_fd);
		cleanup_close int ram = open(path, O_RDWR | O_CLOEXEC);
		(void)ram; // held, not used
		qemu_end(st, pidfd, grace_ms);
		zone_ended(st, "stopped");
		jail_settle(st);
		return;
	}
	zone_ended(st, "supervisor and QEMU were killed");
}

void state_settle(struct state *st)
{
	struct state now;

	if (st->phase == PHASE_ENDED || state_status(st) != STATUS_ENDED)
		return;
	jail_settle(st);
	if (!state_load(&now, st->name) && now.phase == PHASE_ENDED) {
		*st = now;
		return;
	}
	zone_ended(st, "supervisor and QEMU were killed");
	state_save(st);
}
