/* SPDX-License-Identifier: Apache-2.0 */
/* When the Core cannot start. */
#ifndef CORE_BOOT_FATAL_H
#define CORE_BOOT_FATAL_H

/* Say why on the log, on COM1 and on the VGA text screen, then halt. Only before the host runs. */
void boot_fatal(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));

#endif
