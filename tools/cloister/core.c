// SPDX-License-Identifier: Apache-2.0
// `cloister core`: the Core's own words.
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include "cleanup.h"
#include "corecall.h"
#include "exit_names.h"
#include "message.h"
#include "verbs.h"

#define CORE_LOG_RING 65536u // bytes that the Core keeps

static const char help[] =
	"usage: cloister core info [--json]\n"
	"       cloister core log\n"
	"       cloister core trace off | KIND[,KIND...]\n"
	"       cloister core counters [--json]\n"
	"\n"
	"  info      version and build, memory, zones, root, the report key (hex, x then y)\n"
	"  log       the Core's log ring\n"
	"  trace     write exits, pages and/or calls to the Core's log from now on, or nothing\n"
	"  counters  exits by cause: of the host, of guests, and those handed to the host\n";

static int core_verb_info(bool json_wanted)
{
	struct cl_core_info info;
	char key[129], build[2 * CL_BUILD_SIZE + 1];
	int rc = core_info(&info);

	if (!rc && info.abi_version != CL_ABI_VERSION)
		rc = -EPROTO;
	if (rc)
		return core_fail(rc);
	for (size_t i = 0; i < 64; i++) // in order: each call ends what is there so far
		sprintf(key + 2 * i, "%02x", i < 32 ? info.key_x[i] : info.key_y[i - 32]);
	for (size_t i = 0; i < CL_BUILD_SIZE; i++)
		sprintf(build + 2 * i, "%02x", info.build[i]);
	if (json_wanted) {
		cleanup_json json_t *json = json_pack(
			"{s:s,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:s,s:s,s:I,s:s,s:b,s:b,s:s}", "version",
			info.version, "abi_version", (json_int_t)info.abi_version, "zones",
			(json_int_t)info.zones, "core_base", (json_int_t)info.core_base,
			"core_bytes", (json_int_t)info.core_bytes, "pool_pages",
			(json_int_t)info.pool_pages, "pool_free", (json_int_t)info.pool_free,
			"refused", (json_int_t)info.refused, "key", key, "iommu", info.iommu,
			"dma_blocked", (json_int_t)info.dma_blocked, "root", info.root, "sealing",
			info.sealing != 0, "debug", info.debug != 0, "build", build);
		json_dumpf(json, stdout, JSON_INDENT(2));
		putchar('\n');
		return EXIT_OK;
	}
	printf("version   %s (interface %u)\n", info.version, info.abi_version);
	printf("zones     %u live\n", info.zones);
	printf("memory    %" PRIu64 " KiB at 0x%" PRIx64 "\n", info.core_bytes >> 10,
	       info.core_base);
	printf("pool      %" PRIu64 " of %" PRIu64 " pages free\n", info.pool_free,
	       info.pool_pages);
	printf("refused   %" PRIu64 " requests and events\n", info.refused);
	printf("iommu     %s, %" PRIu64 " DMA blocked\n", info.iommu, info.dma_blocked);
	printf("root      %s; %s\n", info.root,
	       info.sealing ? "zones can have sealing keys" : "no sealing keys for zones");
	printf("build     %s%s\n", build, info.debug ? ", a DEBUG build: do not trust it" : "");
	printf("key       %s\n", key);
	return EXIT_OK;
}

static int core_verb_log(void)
{
	static struct cl_log_read chunk;

	chunk.position = 0;
	// No more than the ring holds: under `trace calls` each read adds a line of its own.
	for (uint64_t seen = 0; seen < CORE_LOG_RING; seen += chunk.count) {
		uint64_t before = chunk.position;
		int rc = core_log(&chunk);
		if (rc)
			return core_fail(rc);
		if (chunk.count == 0 || chunk.position <= before)
			return EXIT_OK;
		for (uint32_t i = 0; i < chunk.count; i++) {
			char c = chunk.text[i];
			putchar(c == '\n' || c == '\t' || (c >= ' ' && c <= '~') ? c : '?');
		}
	}
	return EXIT_OK;
}

static int core_verb_trace(const char *kinds)
{
	static const struct {
		const char *name;
		uint32_t bit;
	} known[] = {
		{"exits", CL_TRACE_EXITS}, {"pages", CL_TRACE_PAGES}, {"calls", CL_TRACE_CALLS}};
	uint32_t mask = 0;

	for (const char *kind = kinds; strcmp(kinds, "off");) {
		size_t length = strcspn(kind, ",");
		uint32_t bit = 0;
		for (size_t i = 0; i < 3; i++)
			if (strlen(known[i].name) == length &&
			    !strncmp(kind, known[i].name, length))
				bit = known[i].bit;
		if (!bit)
			return verb_usage("core");
		mask |= bit;
		if (!kind[length])
			break;
		kind += length + 1;
	}
	int rc = core_trace(mask);
	return rc ? core_fail(rc) : EXIT_OK;
}

static int core_verb_counters(bool json_wanted)
{
	static struct cl_counters counters;
	int rc = core_counters(&counters);

	if (rc)
		return core_fail(rc);
	cleanup_json json_t *json = json_object();
	if (!json_wanted)
		printf("%-16s %14s %14s %14s\n", "EXIT", "HOST", "GUESTS", "TO THE HOST");
	for (uint32_t i = 0; i < CL_EXIT_CODES; i++) {
		char name[EXIT_NAME_MAX];
		if (!counters.host[i] && !counters.guest[i] && !counters.reflected[i])
			continue;
		exit_name(i, name);
		if (json_wanted)
			json_object_set_new(json, name,
					    json_pack("{s:I,s:I,s:I}", "host",
						      (json_int_t)counters.host[i], "guest",
						      (json_int_t)counters.guest[i], "reflected",
						      (json_int_t)counters.reflected[i]));
		else
			printf("%-16s %14" PRIu64 " %14" PRIu64 " %14" PRIu64 "\n", name,
			       counters.host[i], counters.guest[i], counters.reflected[i]);
	}
	if (json_wanted) {
		json_dumpf(json, stdout, JSON_INDENT(2));
		putchar('\n');
	}
	return EXIT_OK;
}

int verb_core(int argc, char **argv)
{
	bool json = argc == 3 && !strcmp(argv[2], "--json");

	if (argc >= 2 && !strcmp(argv[1], "--help"))
		return verb_help(help);
	if (argc < 2)
		return verb_usage("core");
	if (!strcmp(argv[1], "info") && (argc == 2 || json))
		return core_verb_info(json);
	if (!strcmp(argv[1], "log") && argc == 2)
		return core_verb_log();
	if (!strcmp(argv[1], "trace") && argc == 3)
		return core_verb_trace(argv[2]);
	if (!strcmp(argv[1], "counters") && (argc == 2 || json))
		return core_verb_counters(json);
	return verb_usage("core");
}
