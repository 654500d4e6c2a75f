// SPDX-License-Identifier: Apache-2.0
// `cloister node`: verbs of their own, from several parts of the program.
#include <stdio.h>
#include <string.h>
#include "../node/verbs.h"
#include "message.h"
#include "node_verbs.h"
#include "verbs.h"

static const struct {
	const char *name;
	int (*run)(int argc, char **argv); // argv[0] is the verb's name
	const char *summary;
} verbs[] = {
	{"check", node_verb_check, "say whether this machine can become a node"},
	{"install", node_verb_install, "make this machine start the Core"},
	{"uninstall", node_verb_uninstall, "undo that"},
	{"enroll", node_verb_enroll, "prove a node's TPM and give it a certificate"},
	{"renew", node_verb_renew, "the same for a node that is enrolled, before its time is up"},
	{"revoke", node_verb_revoke, "take a node's certificates back"},
	{"list", node_verb_list, "list the nodes that were enrolled"},
	{"ca", node_verb_ca, "print the CA's certificate and revocation list, for policies"},
};

int verb_node(int argc, char **argv)
{
	for (size_t i = 0; argc > 1 && i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (!strcmp(argv[1], verbs[i].name))
			return verbs[i].run(argc - 1, argv + 1);
	if (argc != 2 || strcmp(argv[1], "--help") != 0)
		return verb_usage("node");
	puts("usage: cloister node VERB [ARGUMENTS]\n");
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		printf("  %-9s  %s\n", verbs[i].name, verbs[i].summary);
	puts("\n`cloister node VERB --help` explains a verb, cloister(1) everything.");
	return EXIT_OK;
}
