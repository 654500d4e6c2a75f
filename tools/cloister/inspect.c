// SPDX-License-Identifier: Apache-2.0
// `cloister inspect`: one zone's record, and the Core's numbers about it.
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include "cleanup.h"
#include "corecall.h"
#include "inspect_core.h"
#include "message.h"
#include "state.h"
#include "verbs.h"
#include "zone_json.h"

static const char help[] =
	"usage: cloister inspect NAME\n"
	"       cloister inspect --core [--json]\n"
	"\n"
	"Print all that is known about a zone as JSON: how it was started, its\n"
	"processes and files, and under \"core\" the Core's own counters.\n"
	"\n"
	"  --core  what the Core has refused so far: in all, for each zone that it remembers, and\n"
	"          the lines about it that its log still holds; its memory; with --json as JSON\n";

int verb_inspect(int argc, char **argv)
{
	struct state st;
	struct cl_zone_info info;
	char path[IMAGE_MAX];

	if (argc == 2 && !strcmp(argv[1], "--help"))
		return verb_help(help);
	if (argc >= 2 && !strcmp(argv[1], "--core") &&
	    (argc == 2 || (argc == 3 && !strcmp(argv[2], "--json"))))
		return inspect_core(argc == 3);
	if (argc != 2 || argv[1][0] == '-')
		return verb_usage("inspect");
	if (state_load(&st, argv[1]))
		return fail(EXIT_NO_ZONE, "%.64s: no such zone; see `cloister ps`", argv[1]);
	state_settle(&st);
	cleanup_json json_t *json = state_json(&st);
	json_object_set_new(json, "status", json_string(status_name(state_status(&st))));
	bool known = !st.plain && !core_zone_by_handle(st.handle, &info);
	json_object_set_new(json, "core", known ? zone_json(&info) : json_null());
	if (state_path(path, sizeof(path), st.name, NULL))
		json_object_set_new(json, "directory", json_string(path));
	json_dumpf(json, stdout, JSON_INDENT(2));
	putchar('\n');
	return EXIT_OK;
}
