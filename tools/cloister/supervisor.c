// SPDX-License-Identifier: Apache-2.0
// One process per zone: starts its QEMU, waits until the Core reports the zone, compares digests,
// then sleeps until QEMU ends or someone wants it ended. Whatever happens it is the one place that
// cleans up, so it can be asked to stop at any point.
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <openssl/rand.h>
#include "boot_files.h"
#include "cleanup.h"
#include "confine.h"
#include "console.h"
#include "corecall.h"
#include "message.h"
#include "qmp.h"
#include "run.h"
#include "teardown.h"

#define START_TICK_MS	100
#define RUN_TICK_MS	2000
#define PROGRESS_MS	10000
#define QMP_GREETING_MS 1000
// What a zone with a volume may take to end by itself: a database writes out all that it has.
#define ZONE_GRACE_MS 90000

enum event {
	EVENT_TICK,
	EVENT_QEMU,   /* it ended */
	EVENT_SIGNAL, /* someone wants us to end */
	EVENT_GONE,   /* the one who waits for the zone is gone or has given up */
};

struct supervisor {
	struct run *run;
	struct state st;
	struct ram ram;
	struct confine confine;
	int launch_fd; /* the launch image, a memfd */
	int boot[2];   /* loader; a plain guest: kernel and initrd */
	int qemu;      /* pidfd; -1: not running */
	int signal;    /* the one that came */
	bool waited;   /* the one who waits has been told */
	struct follow console;
	uint8_t digest[CL_DIGEST_SIZE];
	char console_path[IMAGE_MAX];
	char qemu_log[IMAGE_MAX];
};

static void hex(char *to, const uint8_t *from, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		sprintf(to + 2 * i, "%02x", from[i]);
}

static enum event next_event(struct supervisor *s, int ms)
{
	struct run *run = s->run;
	char refused[GATE_TEXT];
	struct pollfd p[5] = {
		{.fd = run->signals, .events = POLLIN},
		{.fd = s->waited ? -1 : run->control, .events = 0}, // POLLHUP comes unasked
		{.fd = s->qemu, .events = POLLIN},
		{.fd = run->opt.foreground ? s->console.notify : -1, .events = POLLIN},
		{.fd = run->gate.notify, .events = POLLIN},
	};
	struct signalfd_siginfo info;

	if (poll(p, 5, ms) <= 0)
		return EVENT_TICK;
	if (p[4].revents & POLLIN) {
		// One in a round, so that it keeps us from nothing else.
		if (gate_serve(&run->gate, refused))
			fail(0, "%s: QEMU may not %s%s", s->st.name, refused,
			     run->gate.nr_refused < GATE_REFUSED_MAX ? "" : "; no more of this");
	} else if (p[4].revents) {
		gate_close(&run->gate); // it has ended
	}
	if (p[0].revents && read(run->signals, &info, sizeof(info)) == sizeof(info)) {
		s->signal = (int)info.ssi_signo;
		return EVENT_SIGNAL;
	}
	if (p[1].revents)
		return EVENT_GONE;
	return p[2].revents ? EVENT_QEMU : EVENT_TICK;
}

// Asked to stop while there was something else to do? An exit code.
static int cancelled(struct supervisor *s)
{
	enum event e = next_event(s, 0);
	if (e == EVENT_SIGNAL)
		return EXIT_SIGNAL + s->signal;
	return e == EVENT_GONE ? EXIT_SIGNAL + SIGINT : EXIT_OK;
}

static int make_state(struct supervisor *s)
{
	struct run *run = s->run;
	struct state *st = &s->st;

	snprintf(st->name, sizeof(st->name), "%s", run->opt.name);
	snprintf(st->image, sizeof(st->image), "%s", run->image);
	st->phase = PHASE_STARTING;
	st->plain = run->opt.plain;
	st->supervisor = process_of(getpid());
	st->memory = run->memory;
	st->window_pages = run->window_pages;
	st->idle_ms = run->opt.idle_ms;
	memcpy(st->publish, run->opt.publish, sizeof(st->publish));
	st->nr_publish = run->opt.nr_publish;
	memcpy(st->connect, run->opt.connect, sizeof(st->connect));
	st->nr_connect = run->opt.nr_connect;
	st->jail_id = s->confine.lease.id;
	st->host_network = run->opt.host_network;
	st->started = (int64_t)time(NULL);
	// 0 means "none" to the Core.
	while (!st->plain && !st->handle)
		if (RAND_bytes((unsigned char *)&st->handle, sizeof(st->handle)) != 1)
			return fail(EXIT_ERROR, "%s: no random numbers; check the kernel's log",
				    st->name);
	int rc = state_create(st);
	if (rc == -EEXIST)
		return fail(EXIT_NAME,
			    "%s: a zone of this name is running; stop it, or give "
			    "another --name",
			    st->name);
	if (rc)
		return fail(EXIT_ERROR, "%s/%s: cannot be made: %s; check the directory",
			    state_base(), st->name, strerror(-rc));
	if (!state_path(s->console_path, sizeof(s->console_path), st->name, CONSOLE_FILE) ||
	    !state_path(s->qemu_log, sizeof(s->qemu_log), st->name, QEMU_LOG))
		return fail(EXIT_ERROR, "%s: path too long; choose a shorter directory",
			    state_base());
	return EXIT_OK;
}

static int make_launch_image(struct supervisor *s)
{
	struct run *run = s->run;
	struct zone_files files;
	char err[LAUNCH_ERR];
	static struct launch launch;

	if (zone_image_launch(&run->img, run->memory, run->opt.vcpus, &files, &launch, err)) {
		zone_files_free(&files);
		return fail(EXIT_IMAGE, "%s: %s; see zone-image(5)", run->opt.image, err);
	}
	int rc = launch_digest(&launch, s->digest);
	s->launch_fd = rc ? -1 : memfd_create("cloister-launch", MFD_CLOEXEC);
	if (!rc && s->launch_fd < 0)
		rc = -errno;
	if (!rc)
		rc = launch_write(&launch, s->launch_fd, run->window_pages, run->opt.idle_ms,
				  s->st.handle);
	zone_files_free(&files);
	if (rc)
		return fail(EXIT_ERROR, "%s: cannot build the launch image: %s; check free memory",
			    s->st.name, strerror(-rc));
	hex(s->st.digest, s->digest, sizeof(s->digest));
	return EXIT_OK;
}

static int make_ram(struct supervisor *s)
{
	int rc = ram_create(&s->ram, s->run->memory, s->confine.lease.dir);

	if (rc)
		return fail(EXIT_MEMORY,
			    "%s: cannot get %" PRIu64 " MiB: %s; stop something, or give --memory",
			    s->st.name, s->run->memory >> 20, strerror(-rc));
	return EXIT_OK;
}

// Without a jail: between fork and exec. What goes wrong is QEMU's log's to tell.
__attribute__((noreturn)) static void exec_qemu(char **argv, const int *keep, size_t nr_keep,
						int log)
{
	sigset_t none;

	// A group of its own: Ctrl-C is ours to act on.
	setpgid(0, 0);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	int null = open("/dev/null", O_RDONLY);
	for (size_t i = 0; i < nr_keep; i++)
		if (keep[i] >= 0)
			fcntl(keep[i], F_SETFD, 0);
	if (null >= 0 && dup2(null, STDIN_FILENO) >= 0 && dup2(log, STDOUT_FILENO) >= 0 &&
	    dup2(log, STDERR_FILENO) >= 0)
		execv(argv[0], argv);
	dprintf(log, "cannot run %s: %s\n", argv[0], strerror(errno));
	_exit(127);
}

// The jail's guardian, which has to hold the RAM before there is a QEMU.
static int start_guardian(struct supervisor *s)
{
	struct guardian *g = &s->confine.guardian;

	if (s->confine.lease.dir < 0)
		return EXIT_OK;
	int rc = guardian_start(g, &s->st, s->confine.lease.dir);
	if (rc)
		return fail(EXIT_ERROR, "%s: cannot fork: %s; check limits", s->st.name,
			    strerror(-rc));
	s->st.guardian = process_of(g->pid);
	return EXIT_OK;
}

// In the jail or without one. Its pid, or an exit code, negated.
static pid_t spawn_qemu(struct supervisor *s, char **argv, int console, int qmp, int log)
{
	struct run *run = s->run;
	char directory[IMAGE_MAX];
	int keep[12 + 2 * GIVEN_MAX] = {s->ram.fd,
					s->launch_fd,
					s->boot[0],
					s->boot[1],
					run->img.fd[ZONE_ROOTFS],
					run->img.fd[ZONE_VERITY],
					console,
					qmp,
					run->opt.volume.fd,
					run->opt.volume.fd_read,
					run->opt.volume.guest_tpm,
					run->opt.volume.guest_control};
	size_t nr_keep = 12;

	for (uint32_t i = 0; i < run->opt.nr_given; i++) {
		keep[nr_keep++] = run->opt.given[i].fd;
		keep[nr_keep++] = run->opt.given[i].fd_read;
	}
	if (s->confine.lease.dir >= 0) {
		if (!state_path(directory, sizeof(directory), s->st.name, NULL))
			return -EXIT_ERROR;
		if (gate_inherits(&run->gate, qmp))
			return -EXIT_ERROR;
		return confine_start(&s->confine, run, argv, keep, nr_keep, log, directory);
	}
	pid_t pid = fork();
	if (pid == 0)
		exec_qemu(argv, keep, nr_keep, log);
	return pid < 0 ? -fail(EXIT_START, "%s: cannot start QEMU: %s; check limits", s->st.name,
			       strerror(errno))
		       : pid;
}

static int start_volume(struct supervisor *s)
{
	int rc = volume_start(&s->run->opt.volume, s->confine.lease.id, s->confine.lease.dir);
	return rc ? fail(EXIT_ERROR, "%s: the way to the TPM cannot be made: %s; check limits",
			 s->st.name, strerror(-rc))
		  : EXIT_OK;
}

static int start_qemu(struct supervisor *s)
{
	struct run *run = s->run;
	struct qemu_args args;
	struct qemu_params params = {
		.qemu = run->qemu,
		.name = s->st.name,
		.accel = run->opt.accel,
		.plain = s->st.plain,
		.memory = run->memory,
		.vcpus = run->opt.vcpus,
		.ram_fd = s->ram.fd,
		.loader_fd = s->boot[0],
		.launch_fd = s->launch_fd,
		.kernel_fd = s->boot[0],
		.initrd_fd = s->boot[1],
		.cmdline = run->img.cmdline,
		.rootfs_fd = run->img.fd[ZONE_ROOTFS],
		.verity_fd = run->img.fd[ZONE_VERITY],
		.volume_fd = run->opt.volume.fd,
		.volume_read_fd = run->opt.volume.fd_read,
		.volume_block = run->opt.volume.block,
		.tpm_fd = run->opt.volume.guest_tpm,
		.control_fd = run->opt.volume.guest_control,
		.publish = run->opt.publish,
		.nr_publish = run->opt.nr_publish,
		.extra = run->opt.extra,
		.nr_extra = run->opt.nr_extra,
		.given = run->opt.given,
		.nr_given = run->opt.nr_given,
	};
	cleanup_close int log =
		open(s->qemu_log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
	cleanup_close int console =
		open(s->console_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
	cleanup_close int qmp = qmp_listen(s->st.name);

	if (log < 0 || console < 0 || qmp < 0)
		return fail(EXIT_ERROR, "%s: cannot make its log files and socket: %s; check %s",
			    s->st.name, strerror(qmp < 0 ? -qmp : errno), state_base());
	params.console_fd = console;
	params.qmp_fd = qmp;
	if (run->opt.foreground && follow_open(&s->console, s->console_path))
		return fail(EXIT_ERROR, "%s: cannot follow its console: %s; leave --foreground out",
			    s->st.name, strerror(errno));
	int rc = qemu_args_build(&args, &params);
	pid_t pid = rc ? -fail(EXIT_START, "%s: cannot start QEMU: %s; check limits and arguments",
			       s->st.name, strerror(-rc))
		       : spawn_qemu(s, args.argv, console, qmp, log);
	qemu_args_free(&args);
	volume_started(&run->opt.volume);
	if (pid < 0)
		return -pid;
	s->st.qemu = process_of(pid);
	s->st.ram_fd = s->ram.fd;
	s->qemu = process_open(&s->st.qemu);
	if (s->qemu < 0) {
		// Not yet reaped, so the number is still its own.
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		log_tail(s->qemu_log, "qemu");
		return fail(EXIT_START, "%s: QEMU ended at once; see above", s->st.name);
	}
	return state_save(&s->st) ? fail(EXIT_ERROR, "%s: cannot write its state; check %s",
					 s->st.name, state_base())
				  : EXIT_OK;
}

// Is it up? 1 yes, 0 not yet, negative: an exit code to give up with.
static int look_plain(struct supervisor *s)
{
	return qmp_greets(s->st.name, QMP_GREETING_MS) ? 0 : 1;
}

static int look_zone(struct supervisor *s)
{
	struct cl_zone_info info;
	int rc = core_zone_by_handle(s->st.handle, &info);

	if (rc == -ENOENT)
		return 0;
	if (rc)
		return -core_fail(rc);
	if (info.state == CL_ZONE_DEAD)
		return -fail(EXIT_START, "%s: the Core ended the zone: %s; see `cloister core log`",
			     s->st.name, info.reason);
	// Seen while the Core still measures?
	static const uint8_t unmeasured[CL_DIGEST_SIZE];
	if (!memcmp(info.digest, unmeasured, sizeof(unmeasured)))
		return 0;
	s->st.instance = info.instance;
	if (memcmp(info.digest, s->digest, sizeof(s->digest))) {
		char measured[2 * CL_DIGEST_SIZE + 1];
		hex(measured, info.digest, sizeof(info.digest));
		return -fail(EXIT_DIGEST,
			     "%s: the Core measured %s instead of %s; someone changed "
			     "the launch image on its way",
			     s->st.name, measured, s->st.digest);
	}
	return 1;
}

static int64_t now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int not_up(const struct supervisor *s, const char *why)
{
	log_tail(s->console_path, "console");
	log_tail(s->qemu_log, "qemu");
	return fail(EXIT_START, "%s: %s; see above", s->st.name, why);
}

static int wait_until_up(struct supervisor *s)
{
	int64_t begin = now_ms();
	int64_t end = begin + (int64_t)s->run->opt.timeout_s * 1000;
	int64_t progress = begin + PROGRESS_MS;
	char why[64];

	for (;;) {
		int up = s->st.plain ? look_plain(s) : look_zone(s);
		if (up > 0)
			return EXIT_OK;
		if (up < 0)
			return -up;
		enum event e = next_event(s, START_TICK_MS);
		if (s->run->opt.foreground)
			follow_copy(&s->console);
		if (e == EVENT_SIGNAL)
			return EXIT_SIGNAL + s->signal;
		if (e == EVENT_GONE)
			return EXIT_SIGNAL + SIGINT;
		if (e == EVENT_QEMU)
			return not_up(s, "QEMU ended before the zone was up");
		if (now_ms() >= end) {
			snprintf(why, sizeof(why), "not up after %u s", s->run->opt.timeout_s);
			return not_up(s, why);
		}
		if (now_ms() >= progress) {
			note("%s: waiting for it to come up (%" PRId64 " s)", s->st.name,
			     (now_ms() - begin) / 1000);
			progress += PROGRESS_MS;
		}
	}
}

// Up to the point where the zone runs.
static int start(struct supervisor *s)
{
	int code = cancelled(s);

	if (!code && !s->st.plain) {
		note("%s: building the launch image", s->st.name);
		code = make_launch_image(s);
	}
	if (!code)
		code = cancelled(s);
	if (!code)
		code = boot_files(s->run, s->boot);
	if (!code)
		code = make_ram(s);
	if (!code)
		code = start_guardian(s);
	if (!code && s->confine.lease.dir >= 0 && !s->run->opt.host_network)
		code = confine_ports(s->run);
	if (!code)
		code = cancelled(s);
	if (!code)
		code = start_volume(s);
	if (!code)
		code = start_qemu(s);
	if (!code) {
		note("%s: starting, %" PRIu64 " MiB", s->st.name, s->run->memory >> 20);
		code = wait_until_up(s);
	}
	return code;
}

// The zone is up: keep it, let go of what only the start needed, tell who waits.
static int settle(struct supervisor *s)
{
	s->st.phase = PHASE_LIVE;
	if (state_save(&s->st))
		return fail(EXIT_ERROR, "%s: cannot write its state; check %s", s->st.name,
			    state_base());
	// QEMU has started: whatever else it wants to execute or listen on, it does not get.
	gate_settle(&s->run->gate);
	// QEMU has read the launch image, and never reboots: free its memory.
	if (s->launch_fd >= 0 && ftruncate(s->launch_fd, 0))
		note("%s: the launch image stays in memory: %s", s->st.name, strerror(errno));
	if (s->run->control < 0)
		return run_report(s->st.name, s->run->opt.json);
	if (send(s->run->control, CONTROL_READY, sizeof(CONTROL_READY), MSG_NOSIGNAL) < 0)
		return EXIT_SIGNAL + SIGINT;
	s->waited = true;
	message_to(open(s->qemu_log, O_WRONLY | O_APPEND | O_CLOEXEC));
	close(s->run->control);
	s->run->control = -1;
	return EXIT_OK;
}

static bool core_ended_it(const struct supervisor *s)
{
	struct cl_zone_info info;
	return !s->st.plain && !core_zone_by_handle(s->st.handle, &info) &&
	       info.state == CL_ZONE_DEAD;
}

// Until it ends by itself (true) or is to be ended (false).
static bool watch(struct supervisor *s)
{
	int64_t next = now_ms() + RUN_TICK_MS;

	for (;;) {
		int64_t left = next - now_ms();
		enum event e = next_event(s, left > 0 ? (int)left : 0);
		if (s->run->opt.foreground)
			follow_copy(&s->console);
		if (e == EVENT_QEMU)
			return true;
		if (e == EVENT_SIGNAL)
			return false;
		// What the zone connects to must not have us ask the Core as often.
		if (now_ms() < next)
			continue;
		next = now_ms() + RUN_TICK_MS;
		log_trim(s->console_path);
		log_trim(s->qemu_log);
		// A zone that the Core has killed does not always take its QEMU along.
		if (core_ended_it(s))
			return true;
	}
}

// A zone with a volume is asked to end by itself, so that what its workload keeps is whole, and
// older states of this session are not accepted any more. Being asked twice means: now.
static void ask_to_end(struct supervisor *s)
{
	int64_t end = now_ms() + ZONE_GRACE_MS;

	if (!volume_ask_stop(&s->run->opt.volume))
		return;
	note("%s: waiting until the zone has closed its volume", s->st.name);
	while (now_ms() < end && !core_ended_it(s)) {
		enum event e = next_event(s, START_TICK_MS);
		if (s->run->opt.foreground)
			follow_copy(&s->console);
		if (e == EVENT_QEMU || e == EVENT_SIGNAL)
			return;
	}
}

static void why_qemu_ended(char reason[REASON_MAX], pid_t pid)
{
	siginfo_t info = {0};

	if (waitid(P_PID, (id_t)pid, &info, WEXITED) || info.si_code == CLD_EXITED) {
		if (info.si_status == 0)
			snprintf(reason, REASON_MAX, "the guest shut down");
		else
			snprintf(reason, REASON_MAX, "QEMU gave up with exit code %d",
				 info.si_status);
		return;
	}
	snprintf(reason, REASON_MAX, "QEMU was killed by signal %d", info.si_status);
}

// QEMU's end, then the Core's knowledge of it, then the RAM. True if the Core had ended the zone.
static bool end_zone(struct supervisor *s, bool by_itself)
{
	char reason[REASON_MAX] = "stopped";
	bool by_core = false;

	// A QEMU that waits there would not end.
	gate_close(&s->run->gate);
	if (s->qemu >= 0) {
		char own[REASON_MAX];
		// One that has not come up yet need not be asked.
		qemu_end(&s->st, s->qemu, s->st.phase == PHASE_LIVE ? GRACE_MS : 0);
		why_qemu_ended(own, s->st.qemu.pid);
		close(s->qemu);
		s->qemu = -1;
		if (by_itself)
			memcpy(reason, own, sizeof(reason));
		by_core = zone_ended(&s->st, reason);
	}
	ram_release(&s->ram);
	volume_close(&s->run->opt.volume);
	confine_end(&s->confine);
	for (int i = 0; i < 2; i++)
		if (s->boot[i] >= 0)
			close(s->boot[i]);
	if (s->launch_fd >= 0)
		close(s->launch_fd);
	if (s->run->opt.foreground && s->console.fd >= 0)
		follow_copy(&s->console);
	follow_close(&s->console);
	// They stay until `cloister stop`, with whatever QEMU wrote last.
	log_trim(s->console_path);
	log_trim(s->qemu_log);
	return by_core;
}

int supervise(struct run *run)
{
	static struct supervisor s;

	s = (struct supervisor){.run = run,
				.ram = RAM_NONE,
				.confine = CONFINE_NONE,
				.launch_fd = -1,
				.boot = {-1, -1},
				.qemu = -1,
				.console = {.fd = -1, .notify = -1}};
	int code = confine_take(&s.confine, run);
	if (!code)
		code = make_state(&s);
	if (code) {
		confine_end(&s.confine);
		return code;
	}
	code = start(&s);
	if (!code)
		code = settle(&s);
	if (code) {
		end_zone(&s, false);
		state_remove(s.st.name);
		return code;
	}
	bool by_itself = watch(&s);
	if (!by_itself)
		ask_to_end(&s);
	bool by_core = end_zone(&s, by_itself);
	note("%s: ended: %s", s.st.name, s.st.reason);
	// Who stops a zone, or watches it in the foreground, has seen all there is; what ended by
	// itself stays in `cloister ps` and `cloister logs` until stopped or replaced.
	if (!by_itself || run->opt.foreground) {
		state_remove(s.st.name);
		if (!by_itself && run->opt.foreground)
			return EXIT_SIGNAL + s.signal;
	} else {
		state_save(&s.st);
	}
	// A zone that says itself that it is done was not killed (CL_OP_EXIT).
	return by_core && strcmp(s.st.reason, "exit, status 0") ? EXIT_KILLED : EXIT_OK;
}
