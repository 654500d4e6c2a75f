/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The firmware's event log: what it has extended into the TPM's PCRs, and why. UEFI keeps it in
 * memory of the boot services, which the boot loader has left, and whose table of it nobody has any
 * more: so it is found by its first event, at the start of one of those pages.
 *
 * Nothing in it is believed here: whoever reads it replays it against a quote. A log that the host
 * has left in memory before a reset can take the place of the true one; it then fails there.
 */
#ifndef CORE_BOOT_BOOT_LOG_H
#define CORE_BOOT_BOOT_LOG_H

#include "boot/multiboot.h"

/* The copy that is kept. */
extern uint8_t boot_log[CL_BOOT_LOG_MAX];
extern uint32_t boot_log_size; /* 0: there is none */

/* Find and copy it: before anything is moved in memory. Only below 4 GiB, as EDK II keeps it. */
void boot_log_find(const struct loader_info *li);

/*
 * Bytes of the whole events of a log that begins here, at most max; 0 if none does. TCG PC Client
 * Platform Firmware Profile 1.05, section 10.2: the first event names the hash algorithms, in the
 * old form; all others have a digest of each.
 */
uint32_t tcg_log_size(const uint8_t *log, uint32_t max);

#endif
