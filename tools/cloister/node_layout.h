/* SPDX-License-Identifier: Apache-2.0 */
/* Every file and directory that an installation may make. What is not among them is not ours. */
#ifndef CLOISTER_CLI_NODE_LAYOUT_H
#define CLOISTER_CLI_NODE_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>

#define CORE_DIR    "/boot"
#define CORE_FILE   CORE_DIR "/cloister-core.elf"
#define GRUB_DIR    "/etc/grub.d"
#define GRUB_FILE   GRUB_DIR "/42_cloister"
#define JOURNAL_DIR "/var/lib/cloister/install"

/* On the ESP. */
#define BOOT_IMAGE	 "/EFI/cloister/cloister.efi"
#define ENV_FILE	 "/cloister/host.env"
#define KERNEL_PREFIX	 "/cloister/vmlinuz-" /* a version follows */
#define INITRD_PREFIX	 "/cloister/initrd-"

#define ESP_DIRECTORIES	 3
#define HOOK_DIRECTORIES 5
#define HOOKS		 3

/* On the ESP. Parents come first, in both. */
extern const char *const esp_directories[ESP_DIRECTORIES];
extern const char *const hook_directories[HOOK_DIRECTORIES];
/* Where Debian looks for the hook. */
extern const char *const hooks[HOOKS];

/* Absolute, and without empty, "." and ".." components. */
bool layout_plain(const char *path);

/* With an ESP at `esp` ("": none), does an installation make a file or a directory of this name? */
bool layout_file(const char *esp, const char *path);
bool layout_directory(const char *esp, const char *path);

#endif
