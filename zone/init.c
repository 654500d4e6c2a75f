// SPDX-License-Identifier: Apache-2.0
// The first process of a zone: from the initrd to a running workload, then its supervisor.
//
// All it relies on is measured: this program and the kernel's modules are in the initrd, the root
// hash and the network's address are on the command line, and everything else comes through
// dm-verity from the root file system, the volume's program (zone/volume) among it. Disks, network,
// console and clock are the host's.
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <linux/reboot.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <unistd.h>
#include "agent.h"
#include "cleanup.h"
#include "cmdline.h"
#include "core.h"
#include "modules.h"
#include "net.h"
#include "report.h"
#include "run.h"
#include "say.h"
#include "tls.h"
#include "verity.h"
#include "workload.h"

#define NEW_ROOT     "/root"
#define ROOT_FS	     "erofs"
#define MODULES_LIST "/etc/modules.load"
#define TLS_DIR	     "/run/cloister"
#define VOLUME	     "/usr/lib/cloister/volume"
#define TEXT_MAX     16384u
#define FDS_MAX	     16

static const char *const default_env[] = {
	"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
	"LANG=C.UTF-8",
};

static int in_zone;

// Every way out: tell the Core, which ends the zone at once; without a Core, restart the guest,
// which ends QEMU when it runs with -no-reboot. (Power-off would need the host's ACPI.)
__attribute__((noreturn)) static void end(uint32_t status)
{
	say("end, status %u", status);
	say_flush();
	if (in_zone)
		core_exit(status);
	reboot(LINUX_REBOOT_CMD_RESTART);
	for (;;)
		pause();
}

__attribute__((noreturn)) static void fail(const char *what, int error)
{
	if (error)
		say("%s: %s", what, strerror(-error));
	else
		say("%s", what);
	end(1);
}

static void mount_or_fail(const char *type, const char *where, unsigned long flags,
			  const char *options)
{
	if (mount(type, where, type, flags, options))
		fail(where, -errno);
}

// A small text file, NUL-terminated. Returns its size.
static size_t read_text(const char *path, char text[TEXT_MAX])
{
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t size = 0;
	ssize_t n;

	if (fd < 0)
		fail(path, -errno);
	while ((n = read(fd, text + size, TEXT_MAX - size)) > 0)
		size += (size_t)n;
	if (n < 0)
		fail(path, -errno);
	if (size == TEXT_MAX)
		fail(path, -E2BIG);
	text[size] = '\0';
	return size;
}

// The host owns both ends of the console and of every virtual key: no magic SysRq, which could
// print registers, and no Ctrl-Alt-Del.
static void close_doors(void)
{
	cleanup_close int fd = open("/proc/sys/kernel/sysrq", O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, "0", 1) != 1)
		fail("/proc/sys/kernel/sysrq", -errno);
	reboot(LINUX_REBOOT_CMD_CAD_OFF);
}

static void find_core(void)
{
	static const uint8_t data[CL_REPORT_DATA];
	static uint8_t report[CL_REPORT_MAX];
	uint32_t size;

	int error = core_open();
	if (error)
		fail("cannot use the call port", error);
	in_zone = core_report(data, report, &size) == 0;
	if (in_zone)
		say("this guest is a zone");
	else
		say("this guest is NOT a zone: nothing here is kept from the host");
}

static void open_root(const struct cmdline *cmdline)
{
	const char *why;
	int error = verity_open(cmdline, &why);
	if (error)
		fail(why, error);
	if (mount(VERITY_NODE, NEW_ROOT, ROOT_FS, MS_RDONLY | MS_NOSUID | MS_NODEV, NULL))
		fail("the root file system is not the one that was measured, or is damaged",
		     -errno);
}

static int delete_one(const char *path, const struct stat *stat, int type, struct FTW *at)
{
	(void)(type == FTW_DP ? rmdir(path) : unlink(path));
	return 0;
}

// As switch_root(8): give the initrd's memory back, then make the new root the only one.
static void enter_root(void)
{
	static const char *const moved[] = {"/dev", "/proc", "/sys"};
	char to[32];

	for (unsigned i = 0; i < sizeof(moved) / sizeof(moved[0]); i++) {
		snprintf(to, sizeof(to), "%s%s", NEW_ROOT, moved[i]);
		if (mount(moved[i], to, NULL, MS_MOVE, NULL))
			fail(to, -errno);
	}
	nftw("/", delete_one, FDS_MAX, FTW_DEPTH | FTW_MOUNT | FTW_PHYS);
	if (chdir(NEW_ROOT) || mount(".", "/", NULL, MS_MOVE, NULL) || chroot(".") || chdir("/"))
		fail("cannot enter the root file system", -errno);
}

static void load_workload(struct workload *workload, uint32_t *uid, uint32_t *gid)
{
	static char text[TEXT_MAX];
	unsigned line;

	size_t size = read_text(WORKLOAD_FILE, text);
	if (workload_parse(workload, text, size, &line)) {
		say("%s, line %u: malformed (0: argv, user or port is missing)", WORKLOAD_FILE,
		    line);
		end(1);
	}
	for (unsigned i = 0; i < sizeof(default_env) / sizeof(default_env[0]); i++)
		if (workload->env_count < WORKLOAD_WORDS_MAX)
			workload->env[workload->env_count++] = strdup(default_env[i]);
	read_text("/etc/passwd", text);
	int error = passwd_find(text, workload->user, uid, gid);
	if (error)
		fail("the workload's user in /etc/passwd", error);
}

static void mount_tmpfs(const struct workload *workload, uint32_t uid, uint32_t gid)
{
	char options[128];

	mount_or_fail("tmpfs", "/run", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0755,size=32m");
	for (uint32_t i = 0; i < workload->tmpfs_count; i++) {
		const struct workload_tmpfs *t = &workload->tmpfs[i];
		snprintf(options, sizeof(options), "mode=%s,size=%s,uid=%u,gid=%u", t->mode,
			 t->size, t->owned_by_user ? uid : 0, t->owned_by_user ? gid : 0);
		mount_or_fail("tmpfs", t->path, MS_NOSUID | MS_NODEV | MS_NOEXEC, options);
	}
	if (mkdir(TLS_DIR, 0755))
		fail(TLS_DIR, -errno);
}

static void open_volume(const struct cmdline *cmdline, uint32_t uid, uint32_t gid)
{
	char name[CMDLINE_VOLUME_MAX + 1], path[CMDLINE_PATH_MAX + 1], user[16], group[16];
	char program[] = VOLUME, verb[] = "open";
	char *const argv[] = {program, verb, name, path, user, group, NULL};

	snprintf(name, sizeof(name), "%s", cmdline->volume);
	snprintf(path, sizeof(path), "%s", cmdline->volume_path);
	snprintf(user, sizeof(user), "%u", uid);
	snprintf(group, sizeof(group), "%u", gid);
	int status = run_and_wait(argv);
	if (status)
		fail("the volume cannot be opened", status < 0 ? status : 0);
}

// After the workload's end. 0, or a status to end with.
static uint32_t close_volume(const struct cmdline *cmdline)
{
	char name[CMDLINE_VOLUME_MAX + 1], path[CMDLINE_PATH_MAX + 1];
	char program[] = VOLUME, verb[] = "close";
	char *const argv[] = {program, verb, name, path, NULL};

	snprintf(name, sizeof(name), "%s", cmdline->volume);
	snprintf(path, sizeof(path), "%s", cmdline->volume_path);
	run_end_all();
	return run_and_wait(argv) ? 1 : 0;
}

// The report service; and where an issuer is named, the agent, until it has put files there.
static void start_services(struct services *services, struct workload *workload,
			   const uint8_t spki[CL_REPORT_SPKI_SIZE])
{
	services->spki = spki;
	services->listener = report_listen(CL_REPORT_PORT);
	int error = services->listener < 0 ? services->listener : services_start_report(services);
	if (error)
		fail("report service", error);
	if (access(AGENT_CONFIG, F_OK))
		return;
	if (workload->env_count == WORKLOAD_WORDS_MAX)
		fail("no room for SPIFFE_ENDPOINT_SOCKET in the workload's environment", 0);
	workload->env[workload->env_count++] =
		strdup("SPIFFE_ENDPOINT_SOCKET=unix://" AGENT_SOCKET);
	error = services_start_agent(services, workload->user);
	if (error)
		fail("agent", error);
	say("waiting for an identity");
	error = run_wait_for_files(services);
	if (error == -EINTR)
		end(128 + SIGTERM);
	if (error)
		fail("there is no agent, and so no identity", 0);
}

int main(void)
{
	static char text[TEXT_MAX];
	static struct workload workload;
	static struct cmdline cmdline;
	static struct services services;
	uint8_t spki[CL_REPORT_SPKI_SIZE];
	char spki_hex[2 * CL_REPORT_SPKI_SIZE + 1];
	uint32_t uid, gid;
	const char *why;

	if (getpid() != 1) {
		fputs("cloister: init: it is the first process of a zone; start it as such\n",
		      stderr);
		return 1;
	}
	run_block_signals();
	mount_or_fail("devtmpfs", "/dev", MS_NOSUID | MS_NOEXEC, "mode=0755");
	mount_or_fail("proc", "/proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
	mount_or_fail("sysfs", "/sys", MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RDONLY, NULL);
	close_doors();
	find_core();
	read_text("/proc/cmdline", text);
	if (cmdline_parse(text, &cmdline, &why))
		fail(why, 0);
	int error = modules_load(MODULES_LIST);
	if (error)
		fail(MODULES_LIST, error);
	open_root(&cmdline);
	enter_root();

	load_workload(&workload, &uid, &gid);
	mount_tmpfs(&workload, uid, gid);
	if (cmdline.volume[0])
		open_volume(&cmdline, uid, gid);
	error = net_up(&cmdline, &why);
	if (error)
		fail(why, error);
	error = tls_make(TLS_DIR, uid, gid, spki);
	if (error)
		fail("cannot make the TLS key", error);
	hex_encode(spki, sizeof(spki), spki_hex);
	say("TLS key: SHA-256 of SubjectPublicKeyInfo %s", spki_hex);

	start_services(&services, &workload, spki);
	pid_t pid = run_workload(&workload, uid, gid);
	if (pid < 0)
		fail("workload", pid);
	if (!cmdline.volume[0])
		end(run_supervise(&workload, pid, &services));
	pid_t stop = run_stop_service();
	if (stop < 0)
		fail("stop service", stop);
	uint32_t status = run_supervise(&workload, pid, &services);
	uint32_t closed = close_volume(&cmdline);
	end(status ? status : closed);
}
