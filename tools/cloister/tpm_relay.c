// SPDX-License-Identifier: Apache-2.0
// A process of its own, since a TPM may take seconds for a command; with nothing but two
// descriptors and the calls to read and write them.
#include "tpm_relay.h"
#include <errno.h>
#include <fcntl.h>
#include <seccomp.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>
#include <linux/close_range.h>
#include "../jail/jail.h"

#define ZONE_FD 3
#define TPM_FD	4

// The answer to a command that does not go on: TPM_RC_COMMAND_CODE.
static const uint8_t refusal[TPM_HEADER] = {0x80, 0x01, 0, 0, 0, TPM_HEADER, 0, 0, 0x01, 0x43};

static bool read_all(int fd, uint8_t *to, size_t size)
{
	size_t done = 0;

	while (done < size) {
		ssize_t n = read(fd, to + done, size - done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		done += (size_t)n;
	}
	return true;
}

static bool write_all(int fd, const uint8_t *from, size_t size)
{
	size_t done = 0;

	while (done < size) {
		ssize_t n = write(fd, from + done, size - done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		done += (size_t)n;
	}
	return true;
}

// A device gives an answer in one read(2) or, asked for less, the rest at the next; a socket as it
// comes.
static size_t read_frame(int fd, uint8_t frame[TPM_COMMAND_MAX])
{
	if (!read_all(fd, frame, TPM_HEADER))
		return 0;
	size_t size = tpm_frame(frame);
	return size && read_all(fd, frame + TPM_HEADER, size - TPM_HEADER) ? size : 0;
}

static void relay(void)
{
	static uint8_t frame[TPM_COMMAND_MAX];
	struct tpm_filter filter = {0};
	size_t size;

	while ((size = read_frame(ZONE_FD, frame)) > 0) {
		const uint8_t *answer = refusal;
		size_t answer_size = sizeof(refusal);
		if (tpm_allowed(&filter, frame, size)) {
			// A command is one write(2), or the driver takes it for two.
			if (write(TPM_FD, frame, size) != (ssize_t)size)
				return;
			answer = frame;
			answer_size = read_frame(TPM_FD, frame);
		}
		if (!answer_size || !write_all(ZONE_FD, answer, answer_size))
			return;
	}
}

static int confine(uint32_t jail_id)
{
	static const int calls[] = {SCMP_SYS(read), SCMP_SYS(write), SCMP_SYS(exit_group)};
	const char *what;
	int rc = 0;

	if (jail_id)
		rc = privileges_drop(jail_id, &what);
	else if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
		 prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0))
		rc = -errno;
	scmp_filter_ctx ctx = rc ? NULL : seccomp_init(SCMP_ACT_KILL_PROCESS);
	if (!rc && !ctx)
		rc = -ENOMEM;
	for (size_t i = 0; !rc && i < sizeof(calls) / sizeof(calls[0]); i++)
		rc = seccomp_rule_add_array(ctx, SCMP_ACT_ALLOW, calls[i], 0, NULL);
	if (!rc)
		rc = seccomp_load(ctx);
	if (ctx)
		seccomp_release(ctx);
	return rc;
}

pid_t tpm_relay_start(int zone, int tpm, uint32_t jail_id, int cgroup)
{
	pid_t pid = cgroup < 0 ? fork() : jail_fork(cgroup, 0);

	if (pid != 0)
		return pid == -1 && cgroup < 0 ? -errno : pid;
	// Above both, so that neither is closed by the other's move.
	int a = fcntl(zone, F_DUPFD, TPM_FD + 1);
	int b = fcntl(tpm, F_DUPFD, TPM_FD + 1);
	setsid();
	for (int i = 0; i < ZONE_FD; i++)
		close(i);
	if (a < 0 || b < 0 || dup2(a, ZONE_FD) < 0 || dup2(b, TPM_FD) < 0 ||
	    close_range(TPM_FD + 1, ~0u, 0) || confine(jail_id))
		_exit(1);
	relay();
	_exit(0);
}
