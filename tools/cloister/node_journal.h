/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What `cloister node install` changed: /var/lib/cloister/install/manifest.json. It is written
 * before each step, so that whatever was interrupted can be undone, and nothing else is.
 */
#ifndef CLOISTER_CLI_NODE_JOURNAL_H
#define CLOISTER_CLI_NODE_JOURNAL_H

#include <stdbool.h>
#include <jansson.h>
#include "node_content.h"
#include "node_host.h"
#include "node_layout.h"

#define JOURNAL_FILE JOURNAL_DIR "/manifest.json"

struct journal {
	const struct node_host *host;
	int lock;     /* held while this is open */
	json_t *json; /* NULL: nothing is installed */
	bool force;   /* replace and remove files that somebody changed, too */
};

/* Takes the lock; reads the journal if there is one. An exit code; -> journal_close(). */
int journal_open(struct journal *j, const struct node_host *host, bool force);
void journal_close(struct journal *j);

/* A new journal, if there is none yet. An exit code. */
int journal_begin(struct journal *j);

/* The ESP and the entry that were decided on. False if it was interrupted before that. */
bool journal_place(const struct journal *j, const char **esp, enum node_entry *entry);

/* To the disk. An exit code. */
int journal_save(struct journal *j);

/* Makes a directory (its parent is there). An exit code. */
int journal_directory(struct journal *j, const char *path);

/* Makes or replaces a file, if nobody else made it or changed it. An exit code. */
int journal_put(struct journal *j, const char *path, const struct content *c, unsigned int mode);

/* True if journal_put() made this file. */
bool journal_has(const struct journal *j, const char *path);

/*
 * Removes a file that journal_put() made, if nobody changed it. An exit code. `path` may be the
 * journal's own key, which is then gone.
 */
int journal_remove(struct journal *j, const char *path);

/* Would journal_remove_all() remove all files? An exit code. */
int journal_check(struct journal *j);

/* Removes all files and directories but the journal, later ones first. An exit code. */
int journal_remove_all(struct journal *j);

/* Removes the journal itself, and its directories if they are then empty. An exit code. */
int journal_end(struct journal *j);

#define cleanup_journal __attribute__((cleanup(journal_close)))

#endif
