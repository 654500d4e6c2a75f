/* SPDX-License-Identifier: Apache-2.0 */
/* How the firmware, or the host's GRUB, comes to know of the Core. */
#ifndef CLOISTER_CLI_NODE_BOOT_H
#define CLOISTER_CLI_NODE_BOOT_H

#include "node_journal.h"

#define BOOT_LABEL  "Cloister"
#define BOOT_LOADER "\\EFI\\cloister\\cloister.efi"

/* Makes an EFI boot entry, last or first in the order, if none of ours is there. An exit code. */
int node_boot_add_efi(struct journal *j, const char *esp, bool first);

/*
 * Removes what node_boot_add_efi() made, or may have made before it was interrupted; or says that
 * it stays, where the firmware is not that machine's.
 */
int node_boot_remove_efi(struct journal *j);

/* Runs update-grub; with --root it says that this is left to do. An exit code. */
int node_boot_update_grub(const struct node_host *h);

#endif
