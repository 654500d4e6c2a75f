// SPDX-License-Identifier: Apache-2.0
// `cloister node check`: can this machine become a node?
#include <getopt.h>
#include <stdio.h>
#include "cleanup.h"
#include "message.h"
#include "node_checks.h"
#include "node_verbs.h"
#include "verbs.h"

static const char help[] =
	"usage: cloister node check [--root DIR] [--esp DIR] [--entry KIND] [--json]\n"
	"\n"
	"Say what stands in the way of installing the Core on this machine, and what would be\n"
	"missing with it. Changes nothing. Exit status: 0, 3 with warnings, 1 with errors.\n"
	"\n"
	"  --root DIR    the machine whose file system is mounted there\n"
	"  --esp DIR     its EFI system partition (/boot/efi, /efi or /boot)\n"
	"  --entry KIND  for what `node install` would make: efi, grub or none\n"
	"  --json        the findings as JSON\n"
	"  --help        this text\n";

static void print_json(const struct finding *findings, size_t count)
{
	json_t *list = json_array();

	for (size_t i = 0; i < count; i++)
		json_array_append_new(list,
				      json_pack("{s:s,s:s,s:s}", "name", findings[i].name, "state",
						finding_state_name(findings[i].state), "reason",
						findings[i].reason));
	cleanup_json json_t *json = json_pack("{s:o,s:s}", "checks", list, "worst",
					      finding_state_name(findings_worst(findings, count)));
	json_dumpf(json, stdout, JSON_INDENT(2));
	putchar('\n');
}

int node_verb_check(int argc, char **argv)
{
	static const struct option options[] = {
		{"root", required_argument, NULL, 'r'},	 {"esp", required_argument, NULL, 'e'},
		{"entry", required_argument, NULL, 'y'}, {"json", no_argument, NULL, 'j'},
		{"help", no_argument, NULL, 'h'},	 {NULL, 0, NULL, 0}};
	const char *root = NULL, *esp = NULL, *entry = NULL;
	struct finding findings[FINDINGS_MAX];
	struct node_host host;
	bool json = false;
	int id;

	opterr = 0;
	while ((id = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (id == 'h')
			return verb_help(help);
		if (id == 'r')
			root = optarg;
		else if (id == 'e')
			esp = optarg;
		else if (id == 'y')
			entry = optarg;
		else if (id == 'j')
			json = true;
		else
			return verb_usage("node check");
	}
	if (argc != optind)
		return verb_usage("node check");
	int code = node_host_open(&host, root, esp, entry);
	if (code)
		return code;
	size_t count = node_checks(&host, findings);
	if (json)
		print_json(findings, count);
	for (size_t i = 0; !json && i < count; i++)
		printf("%-12s %-8s %s\n", findings[i].name, finding_state_name(findings[i].state),
		       findings[i].reason);
	switch (findings_worst(findings, count)) {
	case FINDING_ERROR:
		return EXIT_ERROR;
	case FINDING_WARNING:
		return EXIT_WARNING;
	default:
		return EXIT_OK;
	}
}
