// SPDX-License-Identifier: Apache-2.0
// Which kernel, and with what arguments: as Debian's grub-mkconfig would start it.
#include "node_kernel.h"
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "cleanup.h"

static int refuse(const char **why, const char *reason)
{
	*why = reason;
	return -EINVAL;
}

bool node_kernel_version_valid(const char *version)
{
	size_t length = strlen(version);

	if (!length || length >= KERNEL_VERSION || strstr(version, ".dpkg"))
		return false;
	return strspn(version, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
			       ".+~_-") == length;
}

static int find_version(const struct node_host *h, struct node_kernel *k, const char **why)
{
	char full[NODE_PATH], initrd[NODE_PATH];
	const char prefix[] = "vmlinuz-";
	struct dirent *e;

	if (!node_path(h, full, "/boot"))
		return refuse(why, "the root's path is too long");
	cleanup_dir DIR *dir = opendir(full);
	if (!dir)
		return refuse(why, "/boot cannot be read");
	while ((e = readdir(dir))) {
		const char *version = e->d_name + sizeof(prefix) - 1;
		if (strncmp(e->d_name, prefix, sizeof(prefix) - 1) != 0 ||
		    !node_kernel_version_valid(version))
			continue;
		snprintf(initrd, sizeof(initrd), "/boot/initrd.img-%s", version);
		if (node_exists(h, initrd) && strverscmp(version, k->version) > 0)
			snprintf(k->version, sizeof(k->version), "%s", version);
	}
	if (!k->version[0])
		return refuse(why, "no kernel with an initrd in /boot (vmlinuz-V, initrd.img-V)");
	return 0;
}

static int append(struct node_kernel *k, const char *word, size_t length, const char **why)
{
	size_t used = strlen(k->arguments);

	if (used + length + 2 > sizeof(k->arguments))
		return refuse(why, "the kernel's arguments are longer than 2047 characters");
	if (used)
		k->arguments[used++] = ' ';
	memcpy(k->arguments + used, word, length);
	k->arguments[used + length] = '\0';
	return 0;
}

static int append_words(struct node_kernel *k, const char *text, const char **why)
{
	while (*text) {
		size_t length = strcspn(text, " \t");
		int rc = length ? append(k, text, length, why) : 0;
		if (rc)
			return rc;
		text += length + strspn(text + length, " \t");
	}
	return 0;
}

// The host's root file system: as the running kernel has it, else as /etc/fstab says.
static int append_root(const struct node_host *h, struct node_kernel *k, const char **why)
{
	static char text[65536];
	char *save = NULL;

	if (!h->root[0] && node_read(h, "/proc/cmdline", text, sizeof(text)) > 0)
		for (char *w = strtok_r(text, " \n", &save); w; w = strtok_r(NULL, " \n", &save))
			if (!strncmp(w, "root=", 5))
				return append(k, w, strlen(w), why);
	if (node_read(h, "/etc/fstab", text, sizeof(text)) <= 0)
		return refuse(why, "neither the running kernel nor /etc/fstab says what the root "
				   "file system is");
	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char source[256], where[256];
		if (sscanf(line, " %255s %255s", source, where) == 2 && source[0] != '#' &&
		    !strcmp(where, "/")) {
			char root[264];
			snprintf(root, sizeof(root), "root=%s", source);
			return append(k, root, strlen(root), why);
		}
	}
	return refuse(why, "/etc/fstab has no line for /");
}

// The value of NAME=value, NAME="value" or NAME='value', in place; NULL if there is none such.
static char *value_of(char *line, const char *name, const char **why)
{
	size_t length = strlen(name);

	line += strspn(line, " \t");
	if (strncmp(line, name, length) != 0 || line[length] != '=')
		return NULL;
	char *value = line + length + 1;
	char quote = *value;
	if (quote == '"' || quote == '\'')
		value++;
	else
		quote = '\0';
	char *end = quote ? strchr(value, quote) : value + strcspn(value, " \t#;");
	if (!end || (end[0] && end[quote ? 1 : 0] && !strchr(" \t#", end[quote ? 1 : 0]))) {
		*why = "/etc/default/grub has a command line that is more than one quoted string";
		return NULL;
	}
	*end = '\0';
	return value;
}

// A shell reads this file; what only a shell understands is refused, not guessed.
static int append_grub(const struct node_host *h, struct node_kernel *k, const char **why)
{
	static const char *const names[] = {"GRUB_CMDLINE_LINUX", "GRUB_CMDLINE_LINUX_DEFAULT"};
	static char text[65536];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char *save = NULL, *found = NULL;
		int n = node_read(h, "/etc/default/grub", text, sizeof(text));
		if (n == -ENOENT)
			return 0;
		if (n < 0)
			return refuse(why, "/etc/default/grub cannot be read");
		*why = NULL;
		for (char *l = strtok_r(text, "\n", &save); l; l = strtok_r(NULL, "\n", &save)) {
			char *value = value_of(l, names[i], why);
			if (*why)
				return -EINVAL;
			found = value ?: found; // the last one counts
		}
		if (found && strpbrk(found, "'\"\\$`"))
			return refuse(why, "the kernel's arguments in /etc/default/grub have "
					   "quotes, \\, $ or `, which a measured boot cannot pass");
		int rc = found ? append_words(k, found, why) : 0;
		if (rc)
			return rc;
	}
	return 0;
}

int node_kernel_find(const struct node_host *h, struct node_kernel *k, const char **why)
{
	uint32_t words = 1;
	int rc;

	memset(k, 0, sizeof(*k));
	if ((rc = find_version(h, k, why)) || (rc = append_root(h, k, why)) ||
	    (rc = append(k, "ro", 2, why)) || (rc = append_grub(h, k, why)))
		return rc;
	for (const char *p = k->arguments; *p; p++) {
		if (iscntrl((unsigned char)*p) || *p & 0x80)
			return refuse(why, "the kernel's arguments have characters that are not "
					   "ASCII");
		words += *p == ' ';
	}
	if (words > KERNEL_WORDS)
		return refuse(why, "the kernel has more than 64 arguments");
	return 0;
}

int node_kernel_env(const struct node_kernel *k, struct content *c)
{
	char *text = NULL, *arguments = strdup(k->arguments), *save = NULL;
	size_t bytes = 0;
	FILE *f = open_memstream(&text, &bytes);
	int n = 0, rc = -ENOMEM;

	if (f && arguments) {
		fprintf(f, "# GRUB Environment Block\nkernel=vmlinuz-%s\ninitrd=initrd-%s\n",
			k->version, k->version);
		for (char *w = strtok_r(arguments, " ", &save); w; w = strtok_r(NULL, " ", &save))
			fprintf(f, "a%02d=%s\n", n++, w);
		rc = 0;
	}
	if (f && fclose(f))
		rc = -ENOMEM;
	if (!rc)
		rc = content_of_bytes(c, text, bytes);
	free(text);
	free(arguments);
	return rc;
}
