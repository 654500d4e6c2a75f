/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A machine that Cloister is installed on: this one, or the file tree of another (--root). What is
 * read and written lies under `root`, /proc, /sys and /dev included.
 */
#ifndef CLOISTER_CLI_NODE_HOST_H
#define CLOISTER_CLI_NODE_HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NODE_PATH 1024

/* How the firmware comes to start the Core. */
enum node_entry { ENTRY_EFI, ENTRY_GRUB, ENTRY_NONE };

struct node_host {
	char root[NODE_PATH]; /* "" for / */
	char esp[NODE_PATH];  /* without root; "" if there is none */
	bool core; /* a Core runs here, and this is no --root: its host does not see the firmware */
	bool uefi; /* the machine's; where it cannot be seen, whether it has an ESP */
	enum node_entry entry;
	bool esp_given, entry_given;
	bool firmware; /* its boot entries are this machine's: no --root, or --entry efi with it */
};

/* Options of the verbs; esp and entry may be NULL. An exit code. */
int node_host_open(struct node_host *h, const char *root, const char *esp, const char *entry);

/*
 * An earlier run's ESP and entry in place of the found ones, and checked as those. `esp` is "" or
 * valid. An exit code.
 */
int node_host_settle(struct node_host *h, const char *esp, enum node_entry entry);

/* A plain absolute path that leaves room for names below it. */
bool node_esp_valid(const char *esp);

/* "efi", "grub", "none". */
const char *node_entry_name(enum node_entry entry);
/* False if it is none of them. */
bool node_entry_parse(const char *name, enum node_entry *entry);

/* root + path, and it has to fit: false if it does not. */
bool node_path(const struct node_host *h, char full[NODE_PATH], const char *path);

/* Reads a small file, NUL-terminated; its size, or negative errno (-EFBIG: more than size - 1). */
int node_read(const struct node_host *h, const char *path, char *text, size_t size);

bool node_exists(const struct node_host *h, const char *path);

#endif
