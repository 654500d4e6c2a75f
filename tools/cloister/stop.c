// SPDX-License-Identifier: Apache-2.0
// `cloister stop`: the supervisor does the work; without one, this does.
#include <getopt.h>
#include <signal.h>
#include <string.h>
#include "cleanup.h"
#include "message.h"
#include "state.h"
#include "teardown.h"
#include "verbs.h"

// What the supervisor may need: a zone that closes its volume, the Core scrubbing its memory.
#define SUPERVISOR_MS 180000

static const char help[] = "usage: cloister stop [--all] [NAME...]\n"
			   "\n"
			   "End zones: one with a volume is asked to close it, and has 90\n"
			   "seconds (asked twice it has none). QEMU quits (or is killed after 5\n"
			   "seconds), the Core scrubs the zone's memory and gives it back, its\n"
			   "state and logs are removed. Stopping what does not run is no error.\n"
			   "\n"
			   "  --all   every zone\n"
			   "  --help  this text\n";

static int stop_running(struct state *st)
{
	cleanup_close int supervisor = process_open(&st->supervisor);

	if (supervisor >= 0) {
		if (process_signal(supervisor, SIGTERM))
			return fail(EXIT_ERROR, "%s: no right to stop it; run as its owner",
				    st->name);
		if (!process_wait(supervisor, SUPERVISOR_MS))
			return fail(EXIT_ERROR,
				    "%s: its supervisor (process %d) does not end; kill "
				    "it and stop again",
				    st->name, st->supervisor.pid);
	} else {
		orphan_end(st, GRACE_MS);
	}
	return EXIT_OK;
}

static int stop_one(const char *name)
{
	struct state st;

	if (!name_valid(name))
		return fail(EXIT_USAGE, "%.64s: not a zone's name; see `cloister ps`", name);
	if (state_load(&st, name)) {
		// Nothing, or the remains of a start that was killed early.
		state_remove(name);
		note("%s: not running", name);
		return EXIT_OK;
	}
	if (state_status(&st) == STATUS_ENDED) {
		state_settle(&st);
		note("%s: had ended already: %s", name, st.reason);
	} else {
		int code = stop_running(&st);
		if (code)
			return code;
	}
	// Unless someone has started another of that name meanwhile.
	if (!state_load(&st, name) && state_status(&st) == STATUS_ENDED)
		state_remove(name);
	else if (state_load(&st, name))
		state_remove(name);
	return EXIT_OK;
}

int verb_stop(int argc, char **argv)
{
	static const struct option options[] = {{"all", no_argument, NULL, 'a'},
						{"help", no_argument, NULL, 'h'},
						{NULL, 0, NULL, 0}};
	bool all = false;
	int id, code = EXIT_OK;

	opterr = 0;
	while ((id = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (id == 'h')
			return verb_help(help);
		if (id != 'a')
			return verb_usage("stop");
		all = true;
	}
	if (all == (optind < argc))
		return verb_usage("stop");
	if (all) {
		char **names;
		size_t count;
		int rc = state_names(&names, &count);
		if (rc)
			return fail(EXIT_ERROR, "%s: %s; run as root", state_base(), strerror(-rc));
		for (size_t i = 0; i < count; i++) {
			int one = stop_one(names[i]);
			code = one ? one : code;
		}
		state_names_free(names, count);
		return code;
	}
	for (int i = optind; i < argc; i++) {
		int one = stop_one(argv[i]);
		code = one ? one : code;
	}
	return code;
}
