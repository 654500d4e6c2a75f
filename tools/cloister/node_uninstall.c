// SPDX-License-Identifier: Apache-2.0
// `cloister node uninstall`: undoes what the journal says, after an interrupted installation too.
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include "message.h"
#include "node_boot.h"
#include "node_verbs.h"
#include "verbs.h"

static const char help[] =
	"usage: cloister node uninstall [--root DIR [--entry efi]] [--force]\n"
	"\n"
	"Remove what `cloister node install` added, and nothing else. Files that were changed\n"
	"since stop it before anything is removed.\n"
	"\n"
	"  --root DIR   the machine whose file system is mounted there\n"
	"  --entry efi  its boot entry is in this machine's firmware: remove that, too\n"
	"  --force      remove changed files, too\n"
	"  --help       this text\n";

// First what starts the Core, then its files: an interrupted run never leaves an entry to nothing.
static int uninstall(struct node_host *h, struct journal *j)
{
	bool grub = json_is_true(json_object_get(j->json, "grub"));
	enum node_entry entry;
	const char *esp;
	int code = EXIT_OK;

	// The files lie below the ESP of the journal, whichever is mounted now.
	if (journal_place(j, &esp, &entry))
		code = node_host_settle(h, esp, entry);
	if (!code)
		code = journal_check(j) ?: node_boot_remove_efi(j) ?: journal_remove_all(j);
	if (!code && grub)
		code = node_boot_update_grub(h);
	return code ?: journal_end(j);
}

int node_verb_uninstall(int argc, char **argv)
{
	static const struct option options[] = {{"root", required_argument, NULL, 'r'},
						{"entry", required_argument, NULL, 'b'},
						{"force", no_argument, NULL, 'f'},
						{"help", no_argument, NULL, 'h'},
						{NULL, 0, NULL, 0}};
	const char *root = NULL, *entry = NULL;
	struct node_host host;
	bool force = false;
	int id;

	opterr = 0;
	while ((id = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (id == 'h')
			return verb_help(help);
		if (id == 'r')
			root = optarg;
		else if (id == 'b')
			entry = optarg;
		else if (id == 'f')
			force = true;
		else
			return verb_usage("node uninstall");
	}
	if (argc != optind || (entry && (!root || strcmp(entry, "efi") != 0)))
		return verb_usage("node uninstall");
	int code = node_host_open(&host, root, NULL, entry);
	if (code)
		return code;
	cleanup_journal struct journal journal;
	code = journal_open(&journal, &host, force);
	if (code)
		return code;
	// Interrupted before it wrote down its first step, an installation has changed nothing
	// else.
	if (!journal.json && journal.lock >= 0)
		return journal_end(&journal);
	if (!journal.json)
		return fail(EXIT_ERROR, "nothing is installed (%s is not there)", JOURNAL_FILE);
	return uninstall(&host, &journal);
}
