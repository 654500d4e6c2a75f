// SPDX-License-Identifier: Apache-2.0
// The PostgreSQL zone's workload: makes the database at the first start, then becomes its server.
// What initdb has not finished has another name, and is thrown away at the next start.
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define ROOT	 "/var/lib/postgresql"
#define DATA	 ROOT "/data"
#define UNMADE	 ROOT "/unmade"
#define PROGRAMS "/usr/lib/postgresql/15/bin"
#define FDS_MAX	 16

static const char *const environment[] = {"PATH=" PROGRAMS, "LANG=C",	  "LC_ALL=C",
					  "TZ=UTC",	    "HOME=" ROOT, NULL};

static int fail(const char *what)
{
	fprintf(stderr, "postgres: %s: %s\n", what, strerror(errno));
	return 1;
}

// execve(2) changes neither, whatever its prototype says.
static void become(const char *const argv[])
{
	union {
		const char *const *in;
		char *const *out;
	} args = {argv}, env = {environment};

	execve(argv[0], args.out, env.out);
}

static int delete_one(const char *path, const struct stat *stat, int type, struct FTW *at)
{
	return type == FTW_DP ? rmdir(path) : unlink(path);
}

// What initdb says goes nowhere: it is advice, and the names of its settings.
static int make_database(void)
{
	const char *const argv[] = {PROGRAMS "/initdb",
				    "--pgdata=" UNMADE,
				    "--username=postgres",
				    "--encoding=UTF8",
				    "--locale=C",
				    "--auth=reject",
				    "--no-instructions",
				    "--no-sync",
				    "--wal-segsize=4",
				    "--data-checksums",
				    NULL};
	int status;

	if (nftw(UNMADE, delete_one, FDS_MAX, FTW_DEPTH | FTW_PHYS) && errno != ENOENT)
		return fail(UNMADE);
	pid_t pid = fork();
	if (pid == 0) {
		int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
		if (null >= 0)
			dup2(null, STDOUT_FILENO);
		become(argv);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return fail("initdb");
	if (!WIFEXITED(status) || WEXITSTATUS(status)) {
		fprintf(stderr, "postgres: initdb failed, status %d\n", WEXITSTATUS(status));
		return 1;
	}
	sync(); // all of it, then its name
	if (rename(UNMADE, DATA))
		return fail(DATA);
	sync();
	return 0;
}

int main(void)
{
	const char *const argv[] = {PROGRAMS "/postgres", "-c",
				    "config_file=/etc/postgresql/zone.conf", NULL};

	umask(077);
	if (access(DATA, F_OK) && make_database())
		return 1;
	become(argv);
	return fail(argv[0]);
}
