// SPDX-License-Identifier: Apache-2.0
// Starting, watching and reaping.
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include "cleanup.h"
#include "port.h"
#include "run.h"
#include "say.h"

#define READY_POLL_MS 100

static void wanted_signals(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGCHLD);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGIO);
}

void run_block_signals(void)
{
	sigset_t set;
	wanted_signals(&set);
	sigprocmask(SIG_BLOCK, &set, NULL);
}

// For good: no capability is left or can come back. The bounding set goes as long as there is
// CAP_SETPCAP; leaving uid 0 clears the other sets (capabilities(7)).
int run_drop_rights(uint32_t uid, uint32_t gid)
{
	const struct rlimit no_core = {0, 0};
	const struct rlimit files = {1024, 65536}; // what servers expect to be able to raise
	for (unsigned long cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++)
		if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0))
			return -errno;
	if (setrlimit(RLIMIT_CORE, &no_core) || setrlimit(RLIMIT_NOFILE, &files) ||
	    setgroups(0, NULL) || setresgid(gid, gid, gid) || setresuid(uid, uid, uid) ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return -errno;
	return 0;
}

pid_t run_workload(struct workload *workload, uint32_t uid, uint32_t gid)
{
	sigset_t none;
	pid_t pid = fork();

	if (pid != 0)
		return pid < 0 ? -errno : pid;
	setsid();
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	int error = null < 0 || dup2(null, STDIN_FILENO) < 0 ? -errno : run_drop_rights(uid, gid);
	if (!error) {
		close_range(STDERR_FILENO + 1, ~0u, 0);
		execve(workload->argv[0], workload->argv, workload->env);
		error = -errno;
	}
	say("%s: %s", workload->argv[0], strerror(-error));
	_exit(127);
}

uint32_t run_shell_status(int status)
{
	return (uint32_t)(WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status));
}

int run_and_wait(char *const argv[])
{
	char *const environment[] = {NULL};
	int status;
	pid_t pid = fork();

	if (pid < 0)
		return -errno;
	if (pid == 0) {
		sigset_t none;
		sigemptyset(&none);
		sigprocmask(SIG_SETMASK, &none, NULL);
		execve(argv[0], argv, environment);
		say("%s: %s", argv[0], strerror(errno));
		_exit(127);
	}
	while (waitpid(pid, &status, 0) != pid)
		if (errno != EINTR)
			return -errno;
	return (int)run_shell_status(status);
}

// The host may end the zone at any time; this is how it can ask first. Whatever comes means that.
pid_t run_stop_service(void)
{
	char word;
	pid_t pid = fork();

	if (pid != 0)
		return pid < 0 ? -errno : pid;
	int port = port_open(PORT_CONTROL);
	// Without a host on its other end a port reads as ended.
	while (port >= 0 && read(port, &word, 1) != 1)
		sleep(1);
	if (port >= 0)
		kill(getppid(), SIGTERM);
	_exit(0);
}

void run_end_all(void)
{
	kill(-1, SIGKILL);
	while (wait(NULL) > 0 || errno == EINTR)
		;
}

// Is anything listening there? Looked up rather than tried: a connection that says nothing would be
// an error in the workload's log. Lines of /proc/net/tcp (proc(5)): "sl: local:port remote:port
// state …", state 0A is TCP_LISTEN.
static int listening(const char *table, uint16_t port)
{
	char line[256];
	cleanup_fclose FILE *file = fopen(table, "re");

	while (file && fgets(line, sizeof(line), file)) {
		unsigned local_port, state;
		if (sscanf(line, " %*u: %*[0-9A-F]:%x %*[0-9A-F]:%*x %x", &local_port, &state) ==
			    2 &&
		    local_port == port && state == TCP_LISTEN)
			return 1;
	}
	return 0;
}

static int accepts(uint16_t port)
{
	return listening("/proc/net/tcp", port) || listening("/proc/net/tcp6", port);
}

int run_wait_for_files(struct services *services)
{
	sigset_t set;

	wanted_signals(&set);
	while (!services_new_files(services)) {
		int status, signal = sigwaitinfo(&set, NULL);
		pid_t pid;

		if (signal == SIGTERM || signal == SIGINT)
			return -EINTR;
		while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
			services_ended(services, pid, status);
		if (!services->agent)
			return -ECHILD;
	}
	return 0;
}

uint32_t run_supervise(const struct workload *workload, pid_t main, struct services *services)
{
	const struct timespec interval = {0, READY_POLL_MS * 1000000L};
	int ready = 0;
	sigset_t set;

	wanted_signals(&set);
	for (;;) {
		int status;
		pid_t pid;

		if (!ready && accepts(workload->port)) {
			ready = 1;
			say("ready");
		}
		// Once ready there is nothing to poll for: an idle zone must be able to sleep.
		int signal = ready ? sigwaitinfo(&set, NULL) : sigtimedwait(&set, NULL, &interval);
		if (signal == SIGTERM || signal == SIGINT)
			kill(main, workload->stop);
		if (services_new_files(services) && workload->reload)
			kill(main, workload->reload);
		while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
			if (pid == main)
				return run_shell_status(status);
			services_ended(services, pid, status);
		}
	}
}
