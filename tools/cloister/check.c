// SPDX-License-Identifier: Apache-2.0
// What can be found wrong before a zone is started, each with its own exit code.
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include "cleanup.h"
#include "corecall.h"
#include "kvm.h"
#include "lib_dir.h"
#include "message.h"
#include "../launch/size.h"
#include "run.h"

#define LOADER_NAME "zone-loader.elf"
// QEMU itself, and this program while it reads the image.
#define OVERHEAD (96ull << 20)

static int check_root(const struct run *run)
{
	if (run->opt.plain || geteuid() == 0)
		return EXIT_OK;
	return fail(EXIT_ROOT, "run: only root may call the Core; use sudo, or --plain for an "
			       "ordinary guest");
}

static int check_jail(const struct run *run)
{
	if (run->opt.no_jail || geteuid() == 0)
		return EXIT_OK;
	return fail(EXIT_ROOT, "run: only root can jail QEMU; use sudo, or --no-jail to run it "
			       "unconfined");
}

// Files of --file, and names in --qemu-arg that a jailed QEMU would not find.
static int check_files(struct run *run)
{
	struct run_options *opt = &run->opt;
	char path[IMAGE_MAX];

	for (uint32_t i = 0; i < opt->nr_given; i++) {
		struct given *g = &opt->given[i];
		int rc = given_open(g);
		if (rc == -EINVAL)
			return fail(EXIT_USAGE,
				    "--file %s: neither a regular file nor a block device; QEMU "
				    "gets no others but with --no-jail",
				    g->path);
		if (rc)
			return fail(EXIT_USAGE, "--file %s: %s; check path and rights", g->path,
				    strerror(-rc));
	}
	for (uint32_t i = 0; !opt->no_jail && i < opt->nr_extra; i++) {
		cleanup_free char *text = given_replace(opt->extra[i], opt->given, opt->nr_given);
		if (text && given_missing(text, path, sizeof(path)))
			return fail(EXIT_USAGE,
				    "--qemu-arg %s: QEMU runs in a jail without %s; add --file "
				    "%s (to write to it: --file %s:rw), or --no-jail",
				    opt->extra[i], path, path, path);
	}
	return EXIT_OK;
}

static int check_kvm(const struct run *run)
{
	if (strcmp(run->opt.accel, "kvm"))
		return EXIT_OK;
	const char *problem = kvm_problem();
	return problem ? fail(EXIT_KVM, "/dev/kvm: %s", problem) : EXIT_OK;
}

static int check_core(const struct run *run)
{
	int rc = run->opt.plain ? 0 : core_check();
	return rc ? core_fail(rc) : EXIT_OK;
}

// The image, and the options whose meaning depends on it.
static int check_image(struct run *run)
{
	char err[LAUNCH_ERR];
	const struct run_options *opt = &run->opt;

	if (!realpath(opt->image, run->image))
		return fail(EXIT_IMAGE, "%s: %s; give the directory that holds zone.json",
			    opt->image, strerror(errno));
	if (zone_image_open(&run->img, run->image, err))
		return fail(EXIT_IMAGE, "%s: %s; see zone-image(5)", opt->image, err);
	run->memory = run->img.memory;
	if (opt->memory && parse_memory(opt->memory, &run->memory))
		return fail(EXIT_USAGE, "--memory %s: not a size from 64M to 64G in steps of 2M",
			    opt->memory);
	if (opt->window && parse_window(opt->window, run->memory, &run->window_pages))
		return fail(EXIT_USAGE,
			    "--window %s: not pages, a size or a percentage from %u pages to the "
			    "zone's memory",
			    opt->window, CL_WINDOW_MIN);
	for (uint32_t i = 0; i < opt->nr_publish; i++) {
		bool served = run->img.nr_ports == 0;
		for (uint32_t j = 0; j < run->img.nr_ports; j++)
			served |= run->img.ports[j] == opt->publish[i].zone_port;
		if (!served)
			note("--publish: the image does not say that it serves port %u",
			     opt->publish[i].zone_port);
	}
	return EXIT_OK;
}

static int check_memory(const struct run *run)
{
	uint64_t needed = run->memory + OVERHEAD + 2 * run->img.bytes[ZONE_INITRD];
	uint64_t have = ram_available();

	if (have == 0 || have >= needed)
		return EXIT_OK;
	return fail(EXIT_MEMORY,
		    "memory: %" PRIu64 " MiB needed, %" PRIu64 " MiB available on this host; stop "
		    "something, or give --memory",
		    needed >> 20, have >> 20);
}

static int check_port(const struct publish *p)
{
	int one = 1;
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(p->host_port)};
	cleanup_close int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	// As QEMU will: a connection in TIME_WAIT does not matter, a listener does.
	if (fd < 0 || inet_pton(AF_INET, p->address, &address.sin_addr) != 1 ||
	    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) ||
	    bind(fd, (struct sockaddr *)&address, sizeof(address)) || listen(fd, 1))
		return fail(EXIT_PORT, "--publish: port %u on %s: %s; choose another", p->host_port,
			    p->address, strerror(errno));
	return EXIT_OK;
}

static int check_ports(const struct run *run)
{
	int code = EXIT_OK;
	const struct publish *p = run->opt.publish;

	for (uint32_t i = 0; !code && i < run->opt.nr_publish; i++) {
		for (uint32_t j = 0; j < i; j++)
			if (p[i].host_port == p[j].host_port && !strcmp(p[i].address, p[j].address))
				return fail(EXIT_PORT,
					    "--publish: port %u given twice; choose "
					    "another",
					    p[i].host_port);
		code = check_port(&p[i]);
	}
	return code;
}

// The absolute path of a program, as execvp(3) would find it.
static bool find_program(const char *name, char path[IMAGE_MAX])
{
	char candidate[IMAGE_MAX];
	const char *dirs = getenv("PATH");

	if (strchr(name, '/'))
		return realpath(name, path) && !access(path, X_OK);
	while (dirs && *dirs) {
		size_t length = strcspn(dirs, ":");
		int n = snprintf(candidate, sizeof(candidate), "%.*s/%s", (int)length, dirs, name);
		if (n > 0 && (size_t)n < sizeof(candidate) && candidate[0] == '/' &&
		    !access(candidate, X_OK) && realpath(candidate, path))
			return true;
		dirs += length + (dirs[length] == ':');
	}
	return false;
}

static int check_programs(struct run *run)
{
	char loader[PATH_MAX];
	int rc = 0;

	if (!find_program(run->opt.qemu, run->qemu))
		return fail(EXIT_PROGRAM,
			    "%s: not found; install QEMU (Debian: qemu-system-x86), "
			    "or give --qemu",
			    run->opt.qemu);
	if (run->opt.plain)
		return EXIT_OK;
	if (run->opt.loader)
		snprintf(loader, sizeof(loader), "%s", run->opt.loader);
	else
		rc = lib_file(LOADER_NAME, loader, sizeof(loader));
	if (rc)
		return fail(EXIT_PROGRAM,
			    LOADER_NAME ": the directory of the zone loader: %s; "
					"give --loader",
			    strerror(-rc));
	if (!realpath(loader, run->loader) || access(run->loader, R_OK))
		return fail(EXIT_PROGRAM,
			    "%s: the zone loader is missing; install it, or give "
			    "--loader",
			    loader);
	return EXIT_OK;
}

static bool name_taken(const char *name)
{
	struct state st;
	return !state_load(&st, name) && state_status(&st) != STATUS_ENDED;
}

static int check_name(struct run *run)
{
	char base[NAME_MAX_LENGTH + 1];
	char *name = run->opt.name;

	if (name[0]) {
		if (name_taken(name))
			return fail(EXIT_NAME,
				    "%s: a zone of this name is running; stop it, or "
				    "give another --name",
				    name);
		return EXIT_OK;
	}
	name_from_path(run->image, base);
	snprintf(name, sizeof(run->opt.name), "%s", base);
	for (unsigned int i = 2; name_taken(name); i++)
		if (i > 9999 || snprintf(name, sizeof(run->opt.name), "%.55s-%u", base, i) < 0)
			return fail(EXIT_NAME, "%s: no free name; give one with --name", base);
	return EXIT_OK;
}

int run_check(struct run *run)
{
	int code = check_root(run);
	if (!code)
		code = check_jail(run);
	if (!code)
		code = check_files(run);
	if (!code)
		code = check_kvm(run);
	if (!code)
		code = check_core(run);
	if (!code)
		code = check_image(run);
	if (!code)
		code = check_memory(run);
	if (!code)
		code = check_ports(run);
	if (!code)
		code = check_programs(run);
	if (!code)
		code = check_name(run);
	// Last, as it may make a file.
	if (!code)
		code = volume_check(&run->opt.volume, &run->img);
	return code;
}
