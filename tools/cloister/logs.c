// SPDX-License-Identifier: Apache-2.0
// `cloister logs`: a zone's console, or what its QEMU said.
#include <getopt.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include "cleanup.h"
#include "console.h"
#include "message.h"
#include "state.h"
#include "verbs.h"

#define LOOK_MS 1000 // how often to see whether the zone still runs

static const char help[] = "usage: cloister logs [-f] [--qemu] NAME\n"
			   "\n"
			   "Show what a zone wrote to its console. The host writes this file: it\n"
			   "proves nothing. Control characters are replaced on a terminal.\n"
			   "\n"
			   "  -f, --follow  go on until the zone ends\n"
			   "  --qemu        what QEMU and the supervisor said instead\n"
			   "  --help        this text\n";

static int show(const char *name, const char *file, bool follow)
{
	char path[IMAGE_MAX];
	struct state st;
	struct follow f;
	int rc;

	if (state_load(&st, name) || !state_path(path, sizeof(path), name, file))
		return fail(EXIT_NO_ZONE, "%.64s: no such zone; see `cloister ps`", name);
	rc = follow_open(&f, path);
	if (!rc)
		rc = follow_copy(&f);
	while (!rc && follow) {
		struct pollfd p = {.fd = f.notify, .events = POLLIN};
		bool ended = state_load(&st, name) || state_status(&st) == STATUS_ENDED;
		if (!ended)
			poll(&p, 1, LOOK_MS);
		rc = follow_copy(&f);
		if (ended)
			break;
	}
	follow_close(&f);
	return rc ? fail(EXIT_ERROR, "%s: %s; see `cloister ps`", path, strerror(-rc)) : EXIT_OK;
}

int verb_logs(int argc, char **argv)
{
	static const struct option options[] = {{"follow", no_argument, NULL, 'f'},
						{"qemu", no_argument, NULL, 'q'},
						{"help", no_argument, NULL, 'h'},
						{NULL, 0, NULL, 0}};
	const char *file = CONSOLE_FILE;
	bool follow = false;
	int id;

	opterr = 0;
	while ((id = getopt_long(argc, argv, "f", options, NULL)) != -1) {
		if (id == 'h')
			return verb_help(help);
		if (id == 'f')
			follow = true;
		else if (id == 'q')
			file = QEMU_LOG;
		else
			return verb_usage("logs");
	}
	if (argc - optind != 1)
		return verb_usage("logs");
	return show(argv[optind], file, follow);
}
