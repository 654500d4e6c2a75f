// SPDX-License-Identifier: Apache-2.0
// A jailed QEMU dies with its supervisor. But the zone's RAM must not go back to the host before
// the Core has let go of it (teardown.c), and someone has to remove what the jail was made of. So a
// second process waits next to the supervisor, holding the RAM, for nothing else than that.
#include "guardian.h"
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include "../jail/cgroup.h"
#include "../jail/lease.h"
#include "cleanup.h"
#include "message.h"
#include "teardown.h"

static bool same_zone(const struct state *a, const struct state *b)
{
	return a->supervisor.pid == b->supervisor.pid && a->supervisor.start == b->supervisor.start;
}

static void clean_up(const struct state *st, int cgroup)
{
	struct state now;
	struct lease lease = {.id = st->jail_id, .dir = cgroup};

	// QEMU has its own order to die with the supervisor; this waits until it has.
	cgroup_kill(cgroup);
	{
		// Whoever looks at the zone meanwhile may have put it down as ended, or have put
		// another in its place.
		cleanup_close int lock = state_lock();
		if (lock >= 0 && !state_load(&now, st->name) && same_zone(&now, st) &&
		    now.phase != PHASE_ENDED) {
			zone_ended(&now, "its supervisor was killed");
			state_save(&now);
		} else {
			now = *st;
			zone_ended(&now, "its supervisor was killed");
		}
	}
	lease_drop(&lease);
}

int guardian_start(struct guardian *g, const struct state *st, int cgroup)
{
	char word;
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		return -errno;
	pid_t pid = fork();
	if (pid == 0) {
		close(pair[1]);
		setsid();
		message_to(pair[0]); // to nobody
		ssize_t n;
		do
			n = read(pair[0], &word, 1);
		while (n < 0 && errno == EINTR);
		if (n <= 0)
			clean_up(st, cgroup);
		_exit(0);
	}
	int rc = pid < 0 ? -errno : 0;
	close(pair[0]);
	if (rc) {
		close(pair[1]);
		return rc;
	}
	*g = (struct guardian){.pid = pid, .line = pair[1]};
	return 0;
}

void guardian_dismiss(struct guardian *g)
{
	if (!g->pid)
		return;
	if (send(g->line, "k", 1, MSG_NOSIGNAL) < 0)
		kill(g->pid, SIGKILL);
	close(g->line);
	waitpid(g->pid, NULL, 0);
	*g = (struct guardian)GUARDIAN_NONE;
}
