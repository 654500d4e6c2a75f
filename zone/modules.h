/* SPDX-License-Identifier: Apache-2.0 */
/* Kernel modules of the initrd. */
#ifndef CLOISTER_ZONE_MODULES_H
#define CLOISTER_ZONE_MODULES_H

/* Load every module that `list` names, a path a line, in that order. 0 or a negative errno. */
int modules_load(const char *list);

#endif
