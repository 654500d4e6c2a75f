// SPDX-License-Identifier: Apache-2.0
// From the supervisor to QEMU: a process in new namespaces and in its control group from its first
// instruction on, which locks itself in step by step and then executes the program. What fails on
// the way comes back as text over a socket; if all goes well the socket brings the filter's gate.
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <linux/close_range.h>
#include <linux/sched.h>
#include "../cloister/cleanup.h"
#include "jail.h"

pid_t jail_fork(int cgroup, uint64_t flags)
{
	struct clone_args args = {.flags = flags | CLONE_INTO_CGROUP,
				  .exit_signal = SIGCHLD,
				  .cgroup = (unsigned int)cgroup};
	long pid = syscall(SYS_clone3, &args, sizeof(args));
	return pid < 0 ? -errno : (pid_t)pid;
}

static int set_descriptors(const struct jail_plan *plan, const char **what)
{
	*what = "its descriptors";
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(plan->output, STDOUT_FILENO) < 0 ||
	    dup2(plan->output, STDERR_FILENO) < 0)
		return -errno;
	// Ours are closed at execve anyhow; this is for what our own caller left open.
	if (close_range(3, ~0U, CLOSE_RANGE_CLOEXEC))
		return -errno;
	for (size_t i = 0; i < plan->nr_keep; i++)
		if (plan->keep[i] >= 0 && fcntl(plan->keep[i], F_SETFD, 0))
			return -errno;
	return 0;
}

static int reset_signals(void)
{
	sigset_t none;

	for (int i = 1; i < NSIG; i++)
		signal(i, SIG_DFL);
	sigemptyset(&none);
	return sigprocmask(SIG_SETMASK, &none, NULL) ? -errno : 0;
}

static int lock_in(const struct jail_plan *plan, const char **what)
{
	// A group of its own: Ctrl-C is the supervisor's to act on.
	*what = "a session of its own";
	if (setsid() < 0)
		return -errno;
	umask(022); // whatever ours is, the tree's directories are for another user
	*what = "a host name of its own";
	if (sethostname("jail", 4) || setdomainname("", 0))
		return -errno;
	int rc = root_make(plan, what);
	if (!rc)
		rc = set_descriptors(plan, what);
	if (!rc)
		rc = privileges_drop(plan->id, what);
	return rc ? rc : reset_signals();
}

static bool send_gate(int to, int gate)
{
	char word = 'g';
	struct iovec iov = {&word, 1};
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = {0};
	struct msghdr msg = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = control.bytes,
			     .msg_controllen = sizeof(control.bytes)};
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &gate, sizeof(gate));
	return sendmsg(to, &msg, MSG_NOSIGNAL) == 1;
}

__attribute__((noreturn)) static void in_jail(const struct jail_plan *plan, int report)
{
	char libraries[NEEDS_PATHS_SIZE + 32];
	char *environment[] = {libraries, NULL};
	char text[JAIL_ERROR];
	const char *what = "";

	snprintf(libraries, sizeof(libraries), "LD_LIBRARY_PATH=%s", plan->needs->directories);
	int rc = lock_in(plan, &what);
	int gate = rc ? rc : filter_load(plan, &what);
	if (gate >= 0) {
		if (send_gate(report, gate)) {
			// The supervisor's copy is the only one: if it ends, so does the waiting.
			close(gate);
			execve(plan->argv[0], plan->argv, environment);
			dprintf(STDERR_FILENO, "cannot run %s: %s\n", plan->argv[0],
				strerror(errno));
		}
		_exit(127);
	}
	snprintf(text, sizeof(text), "%s: %s", what, strerror(-gate));
	if (send(report, text, strlen(text), MSG_NOSIGNAL) < 0)
		_exit(126);
	_exit(127);
}

// 0 with the gate open, or -ECANCELED and err.
static int receive(int from, struct gate *gate, char err[JAIL_ERROR])
{
	struct iovec iov = {err, JAIL_ERROR - 1};
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = {0};
	struct msghdr msg = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = control.bytes,
			     .msg_controllen = sizeof(control.bytes)};
	ssize_t n = recvmsg(from, &msg, MSG_CMSG_CLOEXEC);
	struct cmsghdr *c = n > 0 ? CMSG_FIRSTHDR(&msg) : NULL;

	if (c && c->cmsg_type == SCM_RIGHTS) {
		memcpy(&gate->notify, CMSG_DATA(c), sizeof(gate->notify));
		return 0;
	}
	if (n <= 0)
		snprintf(err, JAIL_ERROR, "it ended while it was being locked in");
	else
		err[n] = '\0';
	return -ECANCELED;
}

pid_t jail_spawn(const struct jail_plan *plan, struct gate *gate, char err[JAIL_ERROR])
{
	int pair[2];
	uint64_t spaces = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS |
			  CLONE_NEWCGROUP | (plan->host_network ? 0 : CLONE_NEWNET);

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair)) {
		snprintf(err, JAIL_ERROR, "no socket pair: %s", strerror(errno));
		return -errno;
	}
	pid_t pid = jail_fork(plan->cgroup, spaces);
	if (pid == 0) {
		close(pair[0]);
		in_jail(plan, pair[1]);
	}
	close(pair[1]);
	int rc = pid;
	if (pid < 0)
		snprintf(err, JAIL_ERROR, "no new namespaces: %s", strerror(-pid));
	else
		rc = receive(pair[0], gate, err);
	close(pair[0]);
	if (rc < 0 && pid > 0) {
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
	return rc < 0 ? rc : pid;
}
