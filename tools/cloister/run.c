// SPDX-License-Identifier: Apache-2.0
// `cloister run`: arguments, checks, then a supervisor in the background (or here).
#include "run.h"
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include "../launch/size.h"
#include "cleanup.h"
#include "message.h"
#include "verbs.h"

#define TIMEOUT_S	   120
#define TIMEOUT_MAX_S	   86400

#define CPU_WEIGHT_DEFAULT 100
#define CPU_WEIGHT_MAX	   10000

static const char help[] =
	"usage: cloister run [OPTIONS] IMAGE\n"
	"\n"
	"Start a zone from the directory IMAGE and wait until the Core has measured it.\n"
	"\n"
	"  --name NAME         call it NAME (default: after the image)\n"
	"  --memory SIZE       RAM, 64M to 64G in steps of 2M (default: the image's)\n"
	"  --vcpus N           virtual CPUs, 1 to 16 (default: 1)\n"
	"  --window N|SIZE|P%  most pages that are in plaintext at a time (default: all)\n"
	"  --idle MS           seal pages untouched for so long (default: the Core's)\n"
	"  --publish [ADDR:]HOSTPORT:ZONEPORT\n"
	"                      forward a TCP port of the host to the zone; may be repeated\n"
	"  --connect ZONEPORT:HOST:PORT\n"
	"                      let the zone reach HOST:PORT, at its gateway's ZONEPORT "
	"(10.0.2.2);\n"
	"                      may be repeated\n"
	"  --volume NAME=FILE  the file or block device that the image keeps NAME on\n"
	"  --volume-size SIZE  make FILE if there is none\n"
	"  --tpm PATH          the TPM that volumes count in (default: /dev/tpmrm0)\n"
	"  --foreground        stay, show the console, end the zone on Ctrl-C\n"
	"  --detach            come back once the zone is up (default)\n"
	"  --plain             an ordinary KVM guest from the same image, without the Core\n"
	"  --accel kvm|tcg     tcg: emulate, with --plain only\n"
	"  --timeout S         give up if it is not up after S seconds (default: 120)\n"
	"  --qemu PATH         QEMU (default: qemu-system-x86_64)\n"
	"  --qemu-arg ARG      append ARG to QEMU's arguments; may be repeated\n"
	"  --file PATH[:rw]    let QEMU use a file that ARG names; may be repeated\n"
	"  --network none|host what of the host's network QEMU reaches besides published\n"
	"                      ports and --connect (default: none)\n"
	"  --cpu-weight N      share of the CPU, 1 to 10000 (default: 100)\n"
	"  --no-jail           run QEMU as root, unconfined\n"
	"  --loader PATH       the zone loader\n"
	"  --json              print the result as JSON\n"
	"  --quiet             no progress\n"
	"  --help              this text\n";

enum option_id {
	OPT_NAME = 256,
	OPT_MEMORY,
	OPT_VCPUS,
	OPT_WINDOW,
	OPT_IDLE,
	OPT_PUBLISH,
	OPT_CONNECT,
	OPT_VOLUME,
	OPT_VOLUME_SIZE,
	OPT_TPM,
	OPT_FOREGROUND,
	OPT_DETACH,
	OPT_PLAIN,
	OPT_ACCEL,
	OPT_TIMEOUT,
	OPT_QEMU,
	OPT_QEMU_ARG,
	OPT_FILE,
	OPT_NETWORK,
	OPT_CPU_WEIGHT,
	OPT_NO_JAIL,
	OPT_LOADER,
	OPT_JSON,
	OPT_QUIET,
	OPT_HELP,
};

static const struct option options[] = {
	{"name", required_argument, NULL, OPT_NAME},
	{"memory", required_argument, NULL, OPT_MEMORY},
	{"vcpus", required_argument, NULL, OPT_VCPUS},
	{"window", required_argument, NULL, OPT_WINDOW},
	{"idle", required_argument, NULL, OPT_IDLE},
	{"publish", required_argument, NULL, OPT_PUBLISH},
	{"connect", required_argument, NULL, OPT_CONNECT},
	{"volume", required_argument, NULL, OPT_VOLUME},
	{"volume-size", required_argument, NULL, OPT_VOLUME_SIZE},
	{"tpm", required_argument, NULL, OPT_TPM},
	{"foreground", no_argument, NULL, OPT_FOREGROUND},
	{"detach", no_argument, NULL, OPT_DETACH},
	{"plain", no_argument, NULL, OPT_PLAIN},
	{"accel", required_argument, NULL, OPT_ACCEL},
	{"timeout", required_argument, NULL, OPT_TIMEOUT},
	{"qemu", required_argument, NULL, OPT_QEMU},
	{"qemu-arg", required_argument, NULL, OPT_QEMU_ARG},
	{"file", required_argument, NULL, OPT_FILE},
	{"network", required_argument, NULL, OPT_NETWORK},
	{"cpu-weight", required_argument, NULL, OPT_CPU_WEIGHT},
	{"no-jail", no_argument, NULL, OPT_NO_JAIL},
	{"loader", required_argument, NULL, OPT_LOADER},
	{"json", no_argument, NULL, OPT_JSON},
	{"quiet", no_argument, NULL, OPT_QUIET},
	{"help", no_argument, NULL, OPT_HELP},
	{NULL, 0, NULL, 0},
};

static int bad_value(const char *option, const char *value, const char *wanted)
{
	return fail(EXIT_USAGE, "--%s %s: %s expected; see `cloister run --help`", option, value,
		    wanted);
}

static int take_connect(struct run_options *opt)
{
	struct reach r;

	if (opt->nr_connect == CONNECT_MAX)
		return fail(EXIT_USAGE, "--connect: at most %u; give fewer", CONNECT_MAX);
	if (parse_connect(optarg, &r))
		return bad_value("connect", optarg, "ZONEPORT:HOST:PORT with a numeric HOST");
	for (uint32_t i = 0; i < opt->nr_connect; i++)
		if (opt->connect[i].zone_port == r.zone_port)
			return fail(EXIT_USAGE, "--connect: port %u given twice; choose another",
				    r.zone_port);
	opt->connect[opt->nr_connect++] = r;
	return EXIT_OK;
}

// An exit code; OPT_HELP if help was asked for.
static int take_option(struct run_options *opt, int id)
{
	uint64_t n;

	switch (id) {
	case OPT_NAME:
		if (!name_valid(optarg))
			return bad_value("name", optarg, "letters, digits, '.', '_' and '-'");
		snprintf(opt->name, sizeof(opt->name), "%s", optarg);
		return EXIT_OK;
	case OPT_MEMORY:
		opt->memory = optarg;
		return EXIT_OK;
	case OPT_VCPUS:
		if (parse_vcpus(optarg, &opt->vcpus))
			return bad_value("vcpus", optarg, "1 to 16");
		return EXIT_OK;
	case OPT_WINDOW:
		opt->window = optarg;
		return EXIT_OK;
	case OPT_IDLE:
		if (parse_number(optarg, IDLE_MS_MAX, &n) || (n && n < IDLE_MS_MIN))
			return bad_value("idle", optarg, "100 to 3600000 milliseconds");
		opt->idle_ms = (uint32_t)n;
		return EXIT_OK;
	case OPT_PUBLISH:
		if (opt->nr_publish == PUBLISH_MAX)
			return fail(EXIT_USAGE, "--publish: at most %u ports; give fewer",
				    PUBLISH_MAX);
		if (parse_publish(optarg, &opt->publish[opt->nr_publish++]))
			return bad_value("publish", optarg, "[ADDRESS:]HOSTPORT:ZONEPORT");
		return EXIT_OK;
	case OPT_CONNECT:
		return take_connect(opt);
	case OPT_VOLUME:
		if (opt->volume.name[0])
			return fail(EXIT_USAGE, "--volume: a zone has one; give it once");
		if (volume_parse(optarg, &opt->volume))
			return bad_value("volume", optarg, "NAME=FILE");
		return EXIT_OK;
	case OPT_VOLUME_SIZE:
		if (parse_size(optarg, &opt->volume.bytes) || opt->volume.bytes % 4096 ||
		    opt->volume.bytes < VOLUME_BYTES_MIN || opt->volume.bytes > VOLUME_BYTES_MAX)
			return bad_value("volume-size", optarg, "64M to 16384G");
		return EXIT_OK;
	case OPT_TPM:
		opt->volume.tpm = optarg;
		return EXIT_OK;
	case OPT_FOREGROUND:
		opt->foreground = true;
		return EXIT_OK;
	case OPT_DETACH:
		opt->foreground = false;
		return EXIT_OK;
	case OPT_PLAIN:
		opt->plain = true;
		return EXIT_OK;
	case OPT_ACCEL:
		if (strcmp(optarg, "kvm") && strcmp(optarg, "tcg"))
			return bad_value("accel", optarg, "kvm or tcg");
		opt->accel = optarg;
		return EXIT_OK;
	case OPT_TIMEOUT:
		if (parse_number(optarg, TIMEOUT_MAX_S, &n) || n == 0)
			return bad_value("timeout", optarg, "seconds");
		opt->timeout_s = (uint32_t)n;
		return EXIT_OK;
	case OPT_QEMU:
		opt->qemu = optarg;
		return EXIT_OK;
	case OPT_QEMU_ARG:
		if (opt->nr_extra == EXTRA_MAX)
			return fail(EXIT_USAGE, "--qemu-arg: at most %u; give fewer", EXTRA_MAX);
		opt->extra[opt->nr_extra++] = optarg;
		return EXIT_OK;
	case OPT_FILE:
		if (opt->nr_given == GIVEN_MAX)
			return fail(EXIT_USAGE, "--file: at most %u; give fewer", GIVEN_MAX);
		if (given_parse(optarg, &opt->given[opt->nr_given++]))
			return bad_value("file", optarg,
					 "an absolute path without any of ,:=\", then :rw or "
					 "nothing,");
		return EXIT_OK;
	case OPT_NETWORK:
		if (strcmp(optarg, "none") && strcmp(optarg, "host"))
			return bad_value("network", optarg, "none or host");
		opt->host_network = !strcmp(optarg, "host");
		return EXIT_OK;
	case OPT_CPU_WEIGHT:
		if (parse_number(optarg, CPU_WEIGHT_MAX, &n) || n == 0)
			return bad_value("cpu-weight", optarg, "1 to 10000");
		opt->cpu_weight = (uint32_t)n;
		return EXIT_OK;
	case OPT_NO_JAIL:
		opt->no_jail = true;
		return EXIT_OK;
	case OPT_LOADER:
		opt->loader = optarg;
		return EXIT_OK;
	case OPT_JSON:
		opt->json = true;
		return EXIT_OK;
	case OPT_QUIET:
		message_quiet();
		return EXIT_OK;
	case OPT_HELP:
		return OPT_HELP;
	default:
		return verb_usage("run");
	}
}

static int take_options(struct run_options *opt, int argc, char **argv)
{
	int id;

	opt->qemu = "qemu-system-x86_64";
	opt->accel = "kvm";
	opt->timeout_s = TIMEOUT_S;
	opt->cpu_weight = CPU_WEIGHT_DEFAULT;
	opterr = 0;
	while ((id = getopt_long(argc, argv, "+", options, NULL)) != -1) {
		int code = take_option(opt, id);
		if (code)
			return code;
	}
	if (argc - optind != 1)
		return verb_usage("run");
	opt->image = argv[optind];
	if (!strcmp(opt->accel, "tcg") && !opt->plain)
		return fail(EXIT_USAGE, "--accel tcg: a zone needs KVM above the Core; add "
					"--plain");
	// What leads there is the jail's: without it 127.0.0.1 is the host.
	if (opt->nr_connect && (opt->no_jail || opt->host_network))
		return fail(EXIT_USAGE,
			    "--connect: with %s a zone connects by itself, to everything that the "
			    "host can; leave one of them out",
			    opt->no_jail ? "--no-jail" : "--network host");
	return EXIT_OK;
}

int run_report(const char *name, bool json)
{
	struct state st;

	if (state_load(&st, name))
		return fail(EXIT_ERROR, "%s: its state has gone; see `cloister ps`", name);
	if (json) {
		cleanup_json json_t *result = json_pack(
			"{s:s,s:s,s:I,s:s}", "name", name, "mode", st.plain ? "plain" : "zone",
			"instance", (json_int_t)st.instance, "digest", st.digest);
		json_dumpf(result, stdout, JSON_INDENT(2));
		putchar('\n');
	} else if (st.plain) {
		printf("%s plain\n", name);
	} else {
		printf("%s instance %" PRIu64 " digest %s\n", name, st.instance, st.digest);
	}
	fflush(stdout);
	return EXIT_OK;
}

// Relay the supervisor's words until it says that the zone is up, or ends.
static int wait_for_zone(struct run *run, int control, pid_t supervisor)
{
	char text[2048];
	int signal = 0;
	int status = 0;
	bool ready = false;

	while (!ready) {
		struct pollfd p[2] = {{.fd = control, .events = POLLIN},
				      {.fd = signal ? -1 : run->signals, .events = POLLIN}};
		if (poll(p, 2, -1) < 0)
			continue;
		struct signalfd_siginfo info;
		if (p[1].revents && read(run->signals, &info, sizeof(info)) == sizeof(info)) {
			// The supervisor sees the hang-up and cleans up; wait until it has. If it
			// said before that the zone is up, it keeps it: that is still to be read.
			signal = (int)info.ssi_signo;
			shutdown(control, SHUT_RDWR);
			continue;
		}
		if (p[0].revents) {
			ssize_t n = recv(control, text, sizeof(text), 0);
			if (n <= 0)
				break;
			if (n == sizeof(CONTROL_READY) &&
			    !memcmp(text, CONTROL_READY, sizeof(CONTROL_READY)))
				ready = true;
			else
				fwrite(text, 1, (size_t)n, stderr);
		}
	}
	if (ready)
		return run_report(run->opt.name, run->opt.json);
	waitpid(supervisor, &status, 0);
	if (signal)
		return EXIT_SIGNAL + signal;
	return WIFEXITED(status) && WEXITSTATUS(status) ? WEXITSTATUS(status) : EXIT_ERROR;
}

static int run_detached(struct run *run)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		return fail(EXIT_ERROR, "run: no socket pair: %s; check limits", strerror(errno));
	pid_t pid = fork();
	if (pid < 0)
		return fail(EXIT_ERROR, "run: cannot fork: %s; check limits", strerror(errno));
	if (pid == 0) {
		close(pair[0]);
		setsid();
		// A terminal or a pipe of our caller's must not stay open for as long as the zone.
		int null = open("/dev/null", O_RDWR | O_CLOEXEC);
		for (int fd = 0; null >= 0 && fd < 3; fd++)
			dup2(null, fd);
		if (chdir("/"))
			_exit(EXIT_ERROR);
		message_to(pair[1]);
		run->control = pair[1];
		_exit(supervise(run));
	}
	close(pair[1]);
	int code = wait_for_zone(run, pair[0], pid);
	close(pair[0]);
	return code;
}

int verb_run(int argc, char **argv)
{
	static struct run run;
	sigset_t ends;

	run = (struct run){.control = -1, .gate = GATE_CLOSED, .opt.volume = VOLUME_NONE};
	for (int i = 0; i < ZONE_FILES; i++)
		run.img.fd[i] = -1;
	int code = take_options(&run.opt, argc, argv);
	if (code == OPT_HELP)
		return verb_help(help);
	if (code)
		return code;
	// From here on what should end us is read where it can be acted on.
	sigemptyset(&ends);
	sigaddset(&ends, SIGINT);
	sigaddset(&ends, SIGTERM);
	sigaddset(&ends, SIGHUP);
	sigprocmask(SIG_BLOCK, &ends, NULL);
	run.signals = signalfd(-1, &ends, SFD_CLOEXEC | SFD_NONBLOCK);
	if (run.signals < 0)
		return fail(EXIT_ERROR, "run: no signalfd: %s; check limits", strerror(errno));
	code = run_check(&run);
	if (!code)
		code = run.opt.foreground ? supervise(&run) : run_detached(&run);
	zone_image_close(&run.img);
	gate_close(&run.gate);
	for (uint32_t i = 0; i < run.opt.nr_given; i++)
		given_close(&run.opt.given[i]);
	volume_close(&run.opt.volume);
	close(run.signals);
	return code;
}
