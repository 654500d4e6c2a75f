// SPDX-License-Identifier: Apache-2.0
// `cloister inspect --core`: what the Core has refused, to whom, and what its log says of it.
#include "inspect_core.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "cleanup.h"
#include "corecall.h"
#include "message.h"
#include "zone_json.h"

#define LOG_BYTES  65536u // what the Core's ring holds
#define LINES_MAX  200u	  // of refusals, the newest
#define ZONES_SANE 4096u  // no Core has more; a forged one could go on for ever

// One array each: the zones that the Core remembers, oldest first.
static int collect_zones(json_t *zones)
{
	struct cl_zone_info info = {0};

	for (unsigned i = 0; i < ZONES_SANE; i++) {
		uint64_t after = info.instance;

		info = (struct cl_zone_info){.after = after};
		int rc = core_zone_info(&info);
		if (rc == -ENOENT)
			return 0;
		if (rc)
			return rc;
		if (info.instance <= after)
			return -EPROTO;
		json_array_append_new(zones, zone_json(&info));
	}
	return -EPROTO;
}

// Warnings and errors are what the Core refused or could not do.
static void keep_line(json_t *lines, char *line)
{
	static const char *const levels[] = {"cloister: [warn] ", "cloister: [err] "};

	for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++) {
		if (strncmp(line, levels[i], strlen(levels[i])) != 0)
			continue;
		for (char *c = line; *c; c++) {
			if (*c < ' ' || *c > '~')
				*c = '?';
		}
		if (json_array_size(lines) == LINES_MAX)
			json_array_remove(lines, 0);
		json_array_append_new(lines, json_string(line + strlen("cloister: ")));
	}
}

static int collect_lines(json_t *lines)
{
	static struct cl_log_read chunk;
	char line[512];
	size_t length = 0;

	chunk.position = 0;
	for (uint64_t seen = 0; seen < LOG_BYTES; seen += chunk.count) {
		uint64_t before = chunk.position;
		int rc = core_log(&chunk);

		if (rc)
			return rc;
		if (!chunk.count || chunk.position <= before)
			return 0;
		for (uint32_t i = 0; i < chunk.count; i++) {
			if (chunk.text[i] != '\n') {
				if (length < sizeof(line) - 1)
					line[length++] = chunk.text[i];
				continue;
			}
			line[length] = '\0';
			keep_line(lines, line);
			length = 0;
		}
	}
	return 0;
}

static void print_text(const struct cl_core_info *info, const json_t *zones, const json_t *lines)
{
	printf("version   %s (interface %u)\n", info->version, info->abi_version);
	printf("root      %s%s\n", info->root, info->debug ? "; a DEBUG build" : "");
	printf("pool      %" PRIu64 " of %" PRIu64 " pages free\n", info->pool_free,
	       info->pool_pages);
	printf("zones     %u live\n", info->zones);
	printf("refused   %" PRIu64 " requests and events\n\n", info->refused);
	printf("%-9s %-5s %8s %8s %10s %s\n", "INSTANCE", "STATE", "REFUSED", "EXITS",
	       "TO THE HOST", "REASON");
	for (size_t i = 0; i < json_array_size(zones); i++) {
		const json_t *item = json_array_get(zones, i);

		printf("%-9lld %-5s %8lld %8lld %10lld %s\n",
		       json_integer_value(json_object_get(item, "instance")),
		       json_string_value(json_object_get(item, "state")),
		       json_integer_value(json_object_get(item, "refused")),
		       json_integer_value(json_object_get(item, "exits")),
		       json_integer_value(json_object_get(item, "exits_reflected")),
		       json_string_value(json_object_get(item, "reason")));
	}
	if (json_array_size(lines))
		puts("\nLOG, WARNINGS AND ERRORS");
	for (size_t i = 0; i < json_array_size(lines); i++)
		puts(json_string_value(json_array_get(lines, i)));
}

int inspect_core(bool json_wanted)
{
	struct cl_core_info info;
	cleanup_json json_t *json = json_object();
	json_t *zones = json_array(), *lines = json_array();
	int rc = core_info(&info);

	json_object_set_new(json, "zones", zones);
	json_object_set_new(json, "log", lines);
	if (!rc && info.abi_version != CL_ABI_VERSION)
		rc = -EPROTO;
	if (!rc)
		rc = collect_zones(zones);
	if (!rc)
		rc = collect_lines(lines);
	if (rc)
		return core_fail(rc);
	if (!json_wanted) {
		print_text(&info, zones, lines);
		return EXIT_OK;
	}
	json_object_set_new(json, "version", json_string(info.version));
	json_object_set_new(json, "root", json_string(info.root));
	json_object_set_new(json, "debug", json_boolean(info.debug));
	json_object_set_new(json, "refused", json_integer((json_int_t)info.refused));
	json_object_set_new(json, "zones_live", json_integer((json_int_t)info.zones));
	json_object_set_new(json, "pool_pages", json_integer((json_int_t)info.pool_pages));
	json_object_set_new(json, "pool_free", json_integer((json_int_t)info.pool_free));
	json_dumpf(json, stdout, JSON_INDENT(2));
	putchar('\n');
	return EXIT_OK;
}
