// SPDX-License-Identifier: Apache-2.0
// Where things are on a machine that Cloister is installed on.
#include "node_host.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>
#include "cleanup.h"
#include "corecall.h"
#include "message.h"
#include "node_layout.h"
#include "regular.h"

#define FAT_MAGIC 0x4d44 // statfs(2): MSDOS_SUPER_MAGIC

bool node_path(const struct node_host *h, char full[NODE_PATH], const char *path)
{
	int n = snprintf(full, NODE_PATH, "%s%s", h->root, path);
	return n > 0 && n < NODE_PATH;
}

int node_read(const struct node_host *h, const char *path, char *text, size_t size)
{
	cleanup_close int fd = regular_open(h->root, path, O_RDONLY);
	size_t used = 0;

	if (fd < 0)
		return fd;
	while (used < size) {
		ssize_t n = read(fd, text + used, size - used);
		if (n < 0)
			return -errno;
		if (!n) {
			text[used] = '\0';
			return (int)used;
		}
		used += (size_t)n;
	}
	return -EFBIG;
}

bool node_exists(const struct node_host *h, const char *path)
{
	char full[NODE_PATH];
	struct stat st;

	return node_path(h, full, path) && !lstat(full, &st);
}

// Where Debian and its users mount an ESP.
static bool find_esp(struct node_host *h)
{
	static const char *const usual[] = {"/boot/efi", "/efi", "/boot"};

	for (size_t i = 0; i < sizeof(usual) / sizeof(usual[0]); i++) {
		char full[NODE_PATH];
		struct statfs fs;
		if (!node_path(h, full, usual[i]) || statfs(full, &fs) || fs.f_type != FAT_MAGIC)
			continue;
		memcpy(h->esp, usual[i], strlen(usual[i]) + 1);
		return true;
	}
	return false;
}

static const char *const entry_names[] = {"efi", "grub", "none"};

const char *node_entry_name(enum node_entry entry)
{
	return entry_names[entry];
}

bool node_entry_parse(const char *name, enum node_entry *entry)
{
	for (size_t i = 0; i < sizeof(entry_names) / sizeof(entry_names[0]); i++)
		if (!strcmp(name, entry_names[i])) {
			*entry = (enum node_entry)i;
			return true;
		}
	return false;
}

static int set_entry(struct node_host *h, const char *entry)
{
	// Another machine's firmware is out of reach, and so is that beneath a Core.
	h->entry = h->root[0] || h->core ? ENTRY_NONE : h->uefi ? ENTRY_EFI : ENTRY_GRUB;
	h->entry_given = entry;
	if (entry && !node_entry_parse(entry, &h->entry))
		return fail(EXIT_USAGE, "--entry %s: not one of efi, grub, none", entry);
	h->firmware = !h->root[0] || (entry && h->entry == ENTRY_EFI);
	return EXIT_OK;
}

// A link in the other machine's tree must not lead to this one's files: what is written goes there.
static int stays_inside(const struct node_host *h, const char *directory)
{
	size_t length = strlen(h->root);
	cleanup_free char *real = NULL;
	char full[NODE_PATH];

	if (!node_path(h, full, directory))
		return fail(EXIT_USAGE, "--esp %s: the path is too long", h->esp);
	// Of what is not there yet, the directory that it will be made in.
	while (!(real = realpath(full, NULL)) && strlen(full) > length)
		*strrchr(full, '/') = '\0';
	if (real && !strncmp(real, h->root, length) && (!real[length] || real[length] == '/'))
		return EXIT_OK;
	return fail(EXIT_ERROR,
		    "--root %s: %s leads out of it; make it no symbolic link to elsewhere", h->root,
		    full + length);
}

static int stay_inside(const struct node_host *h)
{
	const char *const others[] = {CORE_DIR, GRUB_DIR, JOURNAL_DIR, h->esp};
	int code = EXIT_OK;

	if (!h->root[0])
		return EXIT_OK;
	for (size_t i = 0; !code && i < HOOK_DIRECTORIES; i++)
		code = stays_inside(h, hook_directories[i]);
	for (size_t i = 0; !code && i < sizeof(others) / sizeof(others[0]); i++)
		code = stays_inside(h, others[i]);
	return code;
}

// FAT has no links. One on the way to our files would let them be written and removed elsewhere.
static int no_link_on_esp(const struct node_host *h)
{
	char path[NODE_PATH], full[NODE_PATH];
	struct stat st;

	for (size_t i = 0; h->esp[0] && i < ESP_DIRECTORIES; i++) {
		int n = snprintf(path, sizeof(path), "%s%s", h->esp, esp_directories[i]);
		if (n < 0 || (size_t)n >= sizeof(path) || !node_path(h, full, path))
			return fail(EXIT_USAGE, "--esp %s: the path is too long", h->esp);
		if (!lstat(full, &st) && !S_ISDIR(st.st_mode))
			return fail(EXIT_ERROR, "%s is not a directory; move it away", path);
	}
	return EXIT_OK;
}

bool node_esp_valid(const char *esp)
{
	return layout_plain(esp) && strlen(esp) <= NODE_PATH / 4;
}

int node_host_settle(struct node_host *h, const char *esp, enum node_entry entry)
{
	snprintf(h->esp, sizeof(h->esp), "%s", esp);
	h->entry = entry;
	return stay_inside(h) ?: no_link_on_esp(h);
}

int node_host_open(struct node_host *h, const char *root, const char *esp, const char *entry)
{
	memset(h, 0, sizeof(*h));
	if (root) {
		cleanup_free char *real = realpath(root, NULL);
		if (!real)
			return fail(EXIT_ERROR, "--root %s: %s; give a mounted file system", root,
				    strerror(errno));
		// Names under it are some dozens of bytes.
		if (strlen(real) > NODE_PATH / 2)
			return fail(EXIT_ERROR,
				    "--root %s: the path is too long; mount it elsewhere", root);
		if (strcmp(real, "/") != 0)
			memcpy(h->root, real, strlen(real) + 1);
	}
	if (esp) {
		size_t length = strlen(esp);
		while (length > 1 && esp[length - 1] == '/')
			length--;
		snprintf(h->esp, sizeof(h->esp), "%.*s", (int)length, esp);
		if (length >= sizeof(h->esp) || !node_esp_valid(h->esp))
			return fail(EXIT_USAGE,
				    "--esp %s: not an absolute path of up to %d bytes without "
				    "\".\", \"..\" and \"//\"; give one like that",
				    esp, NODE_PATH / 4);
		h->esp_given = true;
	} else {
		find_esp(h);
	}
	struct cl_core_info info;
	h->core = !h->root[0] && !core_info(&info);
	bool seen = !h->core && (!h->root[0] || node_exists(h, "/sys/firmware"));
	h->uefi = seen ? node_exists(h, "/sys/firmware/efi") : h->esp[0] != '\0';
	return stay_inside(h) ?: no_link_on_esp(h) ?: set_entry(h, entry);
}
