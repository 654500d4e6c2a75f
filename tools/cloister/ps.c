// SPDX-License-Identifier: Apache-2.0
// `cloister ps`: our own records beside what the Core says. Zones that only the Core knows (started
// by someone without this program) are listed, too.
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include "cleanup.h"
#include "corecall.h"
#include "message.h"
#include "state.h"
#include "verbs.h"
#include "zone_json.h"

#define UNKNOWN_MAX 4096u

static const char help[] =
	"usage: cloister ps [--json]\n"
	"\n"
	"List zones and plain guests, those included that have ended and were not stopped.\n"
	"OPEN pages are plaintext, SEALED ones encrypted. A name in parentheses: a zone that\n"
	"only the Core knows.\n"
	"\n"
	"  --json  the same and more, for programs\n"
	"  --help  this text\n";

struct row {
	const struct state *st;		 /* NULL: unknown to us */
	const struct cl_zone_info *info; /* NULL: unknown to the Core */
};

static void print_age(int64_t seconds)
{
	char text[32];
	if (seconds < 60)
		snprintf(text, sizeof(text), "%" PRId64 "s", seconds);
	else if (seconds < 3600)
		snprintf(text, sizeof(text), "%" PRId64 "m%02" PRId64 "s", seconds / 60,
			 seconds % 60);
	else
		snprintf(text, sizeof(text), "%" PRId64 "h%02" PRId64 "m", seconds / 3600,
			 seconds / 60 % 60);
	printf(" %-8s", text);
}

static void print_count(bool known, uint64_t n)
{
	if (known)
		printf(" %-8" PRIu64, n);
	else
		printf(" %-8s", "-");
}

static void print_ports(const struct state *st)
{
	char text[PUBLISH_MAX * 40] = "";

	for (uint32_t i = 0; st && i < st->nr_publish; i++) {
		const struct publish *p = &st->publish[i];
		size_t used = strlen(text);
		snprintf(text + used, sizeof(text) - used, "%s%s:%u>%u", i ? "," : "", p->address,
			 p->host_port, p->zone_port);
	}
	printf(" %-24s", text[0] ? text : "-");
}

static const char *row_reason(const struct row *row)
{
	const char *reason = "";
	if (row->st)
		reason = row->st->reason;
	if (!reason[0] && row->info)
		reason = row->info->reason;
	return reason[0] ? reason : "-";
}

static void print_row(const struct row *row)
{
	const struct cl_zone_info *info = row->info;
	const struct state *st = row->st;
	uint64_t memory = st ? st->memory : info->memory_bytes;
	char name[80], memory_text[24];

	if (st)
		snprintf(name, sizeof(name), "%s", st->name);
	else
		snprintf(name, sizeof(name), "(instance-%" PRIu64 ")", info->instance);
	printf("%-20s", name);
	print_count(st ? st->instance : true, st ? st->instance : info->instance);
	printf(" %-9s", st ? status_name(state_status(st)) : zone_state_name(info->state));
	snprintf(memory_text, sizeof(memory_text), "%" PRIu64 "M", memory >> 20);
	printf(" %-7s", memory_text);
	print_count(info, info ? info->window_pages : 0);
	print_count(info, info ? info->open_pages : 0);
	print_count(info, info ? info->sealed_pages : 0);
	if (st)
		print_age((st->ended ? st->ended : (int64_t)time(NULL)) - st->started);
	else
		printf(" %-8s", "-");
	print_ports(st);
	printf(" %s\n", row_reason(row));
}

static json_t *row_json(const struct row *row)
{
	json_t *json = row->st ? state_json(row->st) : json_object();

	if (row->st)
		json_object_set_new(json, "status",
				    json_string(status_name(state_status(row->st))));
	json_object_set_new(json, "core", row->info ? zone_json(row->info) : json_null());
	return json;
}

static void put_row(json_t *list, const struct row *row)
{
	if (list)
		json_array_append_new(list, row_json(row));
	else
		print_row(row);
}

static int list_ours(json_t *list, char **names, size_t count)
{
	struct state st;
	struct cl_zone_info info;

	for (size_t i = 0; i < count; i++) {
		if (state_load(&st, names[i])) {
			note("%s: remains of a start that was killed; `cloister stop %s` removes "
			     "them",
			     names[i], names[i]);
			continue;
		}
		state_settle(&st);
		bool known = !st.plain && !core_zone_by_handle(st.handle, &info);
		if (known && !st.instance)
			st.instance = info.instance;
		put_row(list, &(struct row){&st, known ? &info : NULL});
	}
	return EXIT_OK;
}

static bool is_ours(uint64_t handle, char **names, size_t count)
{
	struct state st;
	for (size_t i = 0; i < count; i++)
		if (!state_load(&st, names[i]) && st.handle == handle)
			return true;
	return false;
}

static void list_unknown(json_t *list, char **names, size_t count)
{
	struct cl_zone_info info = {0};
	uint64_t after = 0;

	for (uint32_t i = 0; i < UNKNOWN_MAX; i++) {
		info = (struct cl_zone_info){.after = after};
		// The instance numbers ascend, or this would not end.
		if (core_zone_info(&info) || info.instance <= after)
			return;
		after = info.instance;
		if (info.state == CL_ZONE_LIVE && !is_ours(info.handle, names, count))
			put_row(list, &(struct row){NULL, &info});
	}
}

int verb_ps(int argc, char **argv)
{
	static const struct option options[] = {{"json", no_argument, NULL, 'j'},
						{"help", no_argument, NULL, 'h'},
						{NULL, 0, NULL, 0}};
	cleanup_json json_t *list = NULL;
	char **names;
	size_t count;
	int id;

	opterr = 0;
	while ((id = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (id == 'h')
			return verb_help(help);
		if (id != 'j')
			return verb_usage("ps");
		if (!list)
			list = json_array();
	}
	if (optind != argc)
		return verb_usage("ps");
	int rc = state_names(&names, &count);
	if (rc)
		return fail(EXIT_ERROR, "%s: %s; run as root", state_base(), strerror(-rc));
	if (!list)
		printf("%-20s %-8s %-9s %-7s %-8s %-8s %-8s %-8s %-24s %s\n", "NAME", "INSTANCE",
		       "STATE", "MEMORY", "WINDOW", "OPEN", "SEALED", "UPTIME", "PORTS", "REASON");
	int code = list_ours(list, names, count);
	list_unknown(list, names, count);
	state_names_free(names, count);
	if (list) {
		json_dumpf(list, stdout, JSON_INDENT(2));
		putchar('\n');
	}
	return code;
}
