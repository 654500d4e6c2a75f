// SPDX-License-Identifier: Apache-2.0
// The names that an installation uses, and nothing about what lies there.
#include "node_layout.h"
#include <string.h>
#include "node_kernel.h"

const char *const esp_directories[ESP_DIRECTORIES] = {"/EFI", "/EFI/cloister", "/cloister"};
const char *const hook_directories[HOOK_DIRECTORIES] = {"/etc/kernel", "/etc/kernel/postinst.d",
							"/etc/kernel/postrm.d", "/etc/initramfs",
							"/etc/initramfs/post-update.d"};
const char *const hooks[HOOKS] = {"/etc/kernel/postinst.d/zz-cloister",
				  "/etc/kernel/postrm.d/zz-cloister",
				  "/etc/initramfs/post-update.d/zz-cloister"};

bool layout_plain(const char *path)
{
	if (*path != '/')
		return false;
	while (*path) {
		size_t length = strcspn(++path, "/");
		if (!length || (path[0] == '.' && (length == 1 || (length == 2 && path[1] == '.'))))
			return false;
		path += length;
	}
	return true;
}

static bool among(const char *const *list, size_t count, const char *path)
{
	for (size_t i = 0; i < count; i++)
		if (!strcmp(list[i], path))
			return true;
	return false;
}

// The part of the path below the ESP, or NULL if it is not there.
static const char *below(const char *esp, const char *path)
{
	size_t length = strlen(esp);

	return length && !strncmp(path, esp, length) ? path + length : NULL;
}

static bool versioned(const char *prefix, const char *path)
{
	size_t length = strlen(prefix);

	return !strncmp(path, prefix, length) && node_kernel_version_valid(path + length);
}

bool layout_file(const char *esp, const char *path)
{
	const char *tail = below(esp, path);

	if (!strcmp(path, CORE_FILE) || !strcmp(path, GRUB_FILE) || among(hooks, HOOKS, path))
		return true;
	return tail && (!strcmp(tail, BOOT_IMAGE) || !strcmp(tail, ENV_FILE) ||
			versioned(KERNEL_PREFIX, tail) || versioned(INITRD_PREFIX, tail));
}

bool layout_directory(const char *esp, const char *path)
{
	const char *tail = below(esp, path);

	return among(hook_directories, HOOK_DIRECTORIES, path) ||
	       (tail && among(esp_directories, ESP_DIRECTORIES, tail));
}
