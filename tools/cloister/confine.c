// SPDX-License-Identifier: Apache-2.0
// What a zone's QEMU gets, in terms of tools/jail.
#include "confine.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "../jail/cgroup.h"
#include "../jail/jail.h"
#include "message.h"

// QEMU's own memory and the kernel's on its behalf, page tables included.
#define SLACK	    (256ull << 20)
#define SLACK_SHARE 64
#define DIRECTORIES 8

static int no_jail(const char *name, const char *what, int rc, const char *why)
{
	return fail(EXIT_JAIL,
		    "%s: QEMU cannot be jailed: %s: %s%s%s; see docs/jail.md, or give --no-jail "
		    "to run it unconfined",
		    name, what, why, rc ? ": " : "", rc ? strerror(-rc) : "");
}

int confine_take(struct confine *c, const struct run *run)
{
	const char *name = run->opt.name;
	char err[NEEDS_ERROR];
	const char *why;

	if (run->opt.no_jail) {
		// Not a note: --quiet does not hide it.
		fail(0,
		     "%s: warning: --no-jail: a workload that breaks out of QEMU has all "
		     "rights of the user who started it",
		     name);
		return EXIT_OK;
	}
	int rc = needs_of(&c->needs, run->qemu, err);
	if (rc)
		return fail(EXIT_PROGRAM, "%s: %s; give another --qemu, or --no-jail", run->qemu,
			    err);
	rc = lease_take(&c->lease, &why);
	if (rc)
		return no_jail(name, cgroup_base(), rc, why);
	struct cgroup_limits limits = {
		.memory = run->memory + run->memory / SLACK_SHARE + SLACK +
			  2 * run->img.bytes[ZONE_INITRD],
		.tasks = JAIL_TASKS,
		.cpu_weight = run->opt.cpu_weight,
	};
	rc = limits_set(c->lease.dir, &limits);
	return rc ? no_jail(name, cgroup_base(), rc, "limits cannot be set") : EXIT_OK;
}

int confine_ports(struct run *run)
{
	for (uint32_t i = 0; i < run->opt.nr_publish; i++) {
		const struct publish *p = &run->opt.publish[i];
		int rc = gate_listen(&run->gate, p->address, p->host_port);
		if (rc)
			return fail(EXIT_PORT, "--publish: port %u on %s: %s; choose another",
				    p->host_port, p->address, strerror(-rc));
	}
	for (uint32_t i = 0; i < run->opt.nr_connect; i++) {
		const struct reach *r = &run->opt.connect[i];
		int rc = gate_connect(&run->gate, r->zone_port, r->address, r->port);
		if (rc)
			return fail(EXIT_USAGE, "--connect: port %u on %s: %s", r->port, r->address,
				    strerror(-rc));
	}
	return EXIT_OK;
}

// Beside the program: PREFIX/bin/qemu has its data in PREFIX/share.
static void beside(const char *program, const char *const *below, char (*path)[IMAGE_MAX],
		   const char *list[DIRECTORIES + 1])
{
	uint32_t n = 0;
	size_t length = strlen(program);

	for (int i = 0; i < 2; i++)
		while (length && program[--length] != '/')
			;
	for (; *below && n < DIRECTORIES; below++, n++) {
		int size = snprintf(path[n], IMAGE_MAX, "%.*s/%s", (int)length, program, *below);
		list[n] = size < IMAGE_MAX ? path[n] : "";
	}
	list[n] = NULL;
}

pid_t confine_start(struct confine *c, struct run *run, char **argv, const int *keep,
		    size_t nr_keep, int output, const char *directory)
{
	static const char *const data[] = {"share/qemu", "share/seabios", "lib/ipxe/qemu", NULL};
	static const char *const modules[] = {"lib/x86_64-linux-gnu/qemu", "lib/qemu", NULL};
	static char data_path[DIRECTORIES][IMAGE_MAX], module_path[DIRECTORIES][IMAGE_MAX];
	const char *data_list[DIRECTORIES + 1], *module_list[DIRECTORIES + 1];
	char err[JAIL_ERROR];

	beside(run->qemu, data, data_path, data_list);
	beside(run->qemu, modules, module_path, module_list);
	struct jail_plan plan = {
		.id = c->lease.id,
		.cgroup = c->lease.dir,
		.kvm = !strcmp(run->opt.accel, "kvm"),
		.host_network = run->opt.host_network,
		.connects = run->opt.nr_connect > 0,
		.scratch = directory,
		.needs = &c->needs,
		.data = data_list,
		.modules = module_list,
		.argv = argv,
		.keep = keep,
		.nr_keep = nr_keep,
		.output = output,
	};
	pid_t pid = jail_spawn(&plan, &run->gate, err);
	return pid > 0 ? pid : -no_jail(run->opt.name, run->qemu, 0, err);
}

void confine_end(struct confine *c)
{
	guardian_dismiss(&c->guardian);
	lease_drop(&c->lease);
	needs_free(&c->needs);
}
