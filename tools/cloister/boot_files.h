/* SPDX-License-Identifier: Apache-2.0 */
/* What QEMU boots, as descriptors that it can open again as whatever user it is. */
#ifndef CLOISTER_CLI_BOOT_FILES_H
#define CLOISTER_CLI_BOOT_FILES_H

#include "run.h"

/* fd[0]: the loader, or a plain guest's kernel; fd[1]: a plain guest's initrd. An exit code. */
int boot_files(const struct run *run, int fd[2]);

#endif
