// SPDX-License-Identifier: Apache-2.0
#include "services.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "agent.h"
#include "core.h"
#include "report.h"
#include "run.h"
#include "say.h"

#define NOBODY	     65534u
#define RESTARTS_MAX 8u // of both: one that ends at once is not started for ever

// The service needs the call port and its listener, and nothing else. Leave to use the port stays
// with the process when its capabilities go (ioperm(2)).
int services_start_report(struct services *s)
{
	pid_t pid = fork();

	if (pid != 0) {
		s->report = pid < 0 ? 0 : pid;
		return pid < 0 ? -errno : 0;
	}
	int error = core_open();
	if (!error)
		error = run_drop_rights(NOBODY, NOBODY);
	if (!error) {
		report_serve(s->listener, s->spki);
		error = -errno;
	}
	say("report service: %s", strerror(-error));
	_exit(1);
}

static int run_agent(struct services *s)
{
	char program[] = AGENT_PROGRAM, user[64];
	char *const argv[] = {program, user, NULL}, *const environment[] = {NULL};
	sigset_t none;
	pid_t pid = fork();

	if (pid != 0) {
		s->agent = pid < 0 ? 0 : pid;
		return pid < 0 ? -errno : 0;
	}
	snprintf(user, sizeof(user), "%s", s->user);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	int fd = fcntl(s->notify, F_DUPFD, AGENT_NOTICE_FD + 1);
	if (fd >= 0 && dup2(fd, AGENT_NOTICE_FD) >= 0) {
		close_range(AGENT_NOTICE_FD + 1, ~0u, 0);
		execve(program, argv, environment);
	}
	say("%s: %s", program, strerror(errno));
	_exit(127);
}

int services_start_agent(struct services *s, const char *user)
{
	int ends[2];

	if ((mkdir(AGENT_DIR, 0755) && errno != EEXIST) || chown(AGENT_DIR, AGENT_UID, AGENT_UID) ||
	    pipe2(ends, O_CLOEXEC | O_NONBLOCK))
		return -errno;
	s->notice = ends[0];
	s->notify = ends[1];
	s->user = user;
	if (fcntl(s->notice, F_SETOWN, getpid()) || fcntl(s->notice, F_SETFL, O_ASYNC | O_NONBLOCK))
		return -errno;
	return run_agent(s);
}

bool services_new_files(struct services *s)
{
	char bytes[64];
	bool any = false;

	while (s->agent && read(s->notice, bytes, sizeof(bytes)) > 0)
		any = true;
	return any;
}

void services_ended(struct services *s, pid_t pid, int status)
{
	bool report = pid == s->report;

	if (!report && pid != s->agent)
		return;
	const char *name = report ? "report service" : "agent";
	*(report ? &s->report : &s->agent) = 0;
	if (s->restarts++ == RESTARTS_MAX) {
		say("the %s ended with status %u, and stays so", name, run_shell_status(status));
		return;
	}
	say("the %s ended with status %u, starting it again", name, run_shell_status(status));
	int error = report ? services_start_report(s) : run_agent(s);
	if (error)
		say("%s: %s", name, strerror(-error));
}
