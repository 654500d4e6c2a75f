/* SPDX-License-Identifier: Apache-2.0 */
/* The host's kernel as a measured boot starts it, and what the boot image reads about it. */
#ifndef CLOISTER_CLI_NODE_KERNEL_H
#define CLOISTER_CLI_NODE_KERNEL_H

#include "node_content.h"
#include "node_host.h"

#define KERNEL_VERSION	 128
#define KERNEL_ARGUMENTS 2048
/* As many words as boot/build gives names to. */
#define KERNEL_WORDS 64

struct node_kernel {
	char version[KERNEL_VERSION];	  /* of the newest in /boot that has an initrd */
	char arguments[KERNEL_ARGUMENTS]; /* root=…, and those of /etc/default/grub */
};

/* It goes into a name on a FAT file system, and into a line of host.env. */
bool node_kernel_version_valid(const char *version);

/* 0, or -errno and why. */
int node_kernel_find(const struct node_host *h, struct node_kernel *k, const char **why);

/* The file cloister/host.env. 0 or -ENOMEM. */
int node_kernel_env(const struct node_kernel *k, struct content *c);

#endif
