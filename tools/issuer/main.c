// SPDX-License-Identifier: Apache-2.0
// cloister-issuer: give identities and files to zones that have proven themselves. See
// docs/man/cloister-issuer.1.
#include <stdio.h>
#include <string.h>
#include "../cloister/message.h"
#include "verbs.h"

struct verb {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *summary;
};

static int verb_main_help(int argc, char **argv);
static int verb_version(int argc, char **argv);

static const struct verb verbs[] = {
	{"init", issuer_verb_init, "make a directory with a trust domain's keys"},
	{"serve", issuer_verb_serve, "serve zones"},
	{"show", issuer_verb_show, "show keys and their times"},
	{"bundle", issuer_verb_bundle, "print the trust domain's bundle"},
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
	printf("cloister-issuer %s\n", CLOISTER_VERSION);
	return EXIT_OK;
}

static int verb_main_help(int argc, char **argv)
{
	char help[] = "--help";
	const struct verb *verb = argc > 1 ? find_verb(argv[1]) : NULL;

	if (argc > 1 && !verb)
		return fail(EXIT_USAGE, "%s: no such verb; see `cloister-issuer help`", argv[1]);
	if (verb && verb->run != verb_main_help && verb->run != verb_version)
		return verb->run(2, (char *[]){argv[1], help, NULL});
	puts("usage: cloister-issuer VERB [ARGUMENTS]\n");
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		printf("  %-8s  %s\n", verbs[i].name, verbs[i].summary);
	puts("\n`cloister-issuer VERB --help` explains a verb, cloister-issuer(1) everything.");
	return EXIT_OK;
}

int issuer_help(const char *text)
{
	fputs(text, stdout);
	return EXIT_OK;
}

int issuer_usage(const char *verb)
{
	return fail(EXIT_USAGE, "%s: wrong arguments; see `cloister-issuer %s --help`", verb, verb);
}

int main(int argc, char **argv)
{
	message_name("cloister-issuer");
	if (argc < 2)
		return fail(EXIT_USAGE, "no verb given; see `cloister-issuer help`");
	const char *name = argv[1];
	if (!strcmp(name, "--help") || !strcmp(name, "-h"))
		name = "help";
	if (!strcmp(name, "--version") || !strcmp(name, "-V"))
		name = "version";
	const struct verb *verb = find_verb(name);
	if (!verb)
		return fail(EXIT_USAGE, "%s: no such verb; see `cloister-issuer help`", name);
	int code = verb->run(argc - 1, argv + 1);
	// A full disk or a closed pipe behind stdout is an error as well.
	if (fflush(stdout) && code == EXIT_OK)
		return fail(EXIT_ERROR, "standard output: cannot write to it");
	return code;
}
