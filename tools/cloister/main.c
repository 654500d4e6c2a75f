// SPDX-License-Identifier: Apache-2.0
// cloister: run and look after zones. See docs/man/cloister.1.
#include <stdio.h>
#include <string.h>
#include "message.h"
#include "verbs.h"

struct verb {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *summary;
};

static int verb_main_help(int argc, char **argv);
static int verb_version(int argc, char **argv);

static const struct verb verbs[] = {
	{"run", verb_run, "start a zone from an image"},
	{"ps", verb_ps, "list zones"},
	{"logs", verb_logs, "show a zone's console"},
	{"stop", verb_stop, "end zones"},
	{"inspect", verb_inspect, "show everything known about a zone, as JSON"},
	{"measure", verb_measure, "compute an image's launch digest offline"},
	{"verify", verb_verify, "ask a zone for evidence and judge it"},
	{"policy", verb_policy, "make and show policies for `verify`"},
	{"evidence", verb_evidence, "serve or fetch what proves a node"},
	{"node", verb_node, "make a machine a node, and enrol it"},
	{"core", verb_core, "ask the Core for its state, log and counters"},
	{"help", verb_main_help, "this list, or `help VERB`"},
	{"version", verb_version, "print the version"},
};

static const struct verb *find_verb(const char *name)
{
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (!strcmp(verbs[i].name, name))
			return &verbs[i];
	return NULL;
}

static int verb_version(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	printf("cloister %s\n", CLOISTER_VERSION);
	return EXIT_OK;
}

static int verb_main_help(int argc, char **argv)
{
	char help[] = "--help";
	const struct verb *verb = argc > 1 ? find_verb(argv[1]) : NULL;

	if (argc > 1 && !verb)
		return fail(EXIT_USAGE, "%s: no such verb; see `cloister help`", argv[1]);
	if (verb && verb->run != verb_main_help && verb->run != verb_version)
		return verb->run(2, (char *[]){argv[1], help, NULL});
	puts("usage: cloister VERB [ARGUMENTS]\n");
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		printf("  %-8s  %s\n", verbs[i].name, verbs[i].summary);
	puts("\n`cloister VERB --help` explains a verb, cloister(1) everything.");
	return EXIT_OK;
}

int verb_help(const char *text)
{
	fputs(text, stdout);
	return EXIT_OK;
}

int verb_usage(const char *verb)
{
	return fail(EXIT_USAGE, "%s: wrong arguments; see `cloister %s --help`", verb, verb);
}

int main(int argc, char **argv)
{
	if (argc < 2)
		return fail(EXIT_USAGE, "no verb given; see `cloister help`");
	const char *name = argv[1];
	if (!strcmp(name, "--help") || !strcmp(name, "-h"))
		name = "help";
	if (!strcmp(name, "--version") || !strcmp(name, "-V"))
		name = "version";
	const struct verb *verb = find_verb(name);
	if (!verb)
		return fail(EXIT_USAGE, "%s: no such verb; see `cloister help`", name);
	int code = verb->run(argc - 1, argv + 1);
	// A full disk or a closed pipe behind stdout is an error as well.
	if (fflush(stdout) && code == EXIT_OK)
		return fail(EXIT_ERROR, "standard output: cannot write to it");
	return code;
}
