// SPDX-License-Identifier: Apache-2.0
// `cloister evidence`: on the node, serve it; anywhere else, fetch it.
#include <stdio.h>
#include <string.h>
#include "../node/verbs.h"
#include "message.h"
#include "verbs.h"

int verb_evidence(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "serve"))
		return evidence_verb_serve(argc - 1, argv + 1);
	if (argc > 1 && !strcmp(argv[1], "fetch"))
		return evidence_verb_fetch(argc - 1, argv + 1);
	if (argc != 2 || strcmp(argv[1], "--help") != 0)
		return verb_usage("evidence");
	return verb_help(
		"usage: cloister evidence serve [OPTIONS]\n"
		"       cloister evidence fetch [OPTIONS] -o FILE\n"
		"\n"
		"  serve  on a node: answer requests for its evidence, and for its enrolment\n"
		"  fetch  ask a node, and a zone on it, for evidence and write it to a file\n"
		"\n"
		"`cloister evidence serve --help` and `… fetch --help` explain them.\n");
}
