/* SPDX-License-Identifier: Apache-2.0 */
/* QEMU's command line for a zone. Only options of an unmodified QEMU. */
#ifndef CLOISTER_CLI_QEMU_ARGS_H
#define CLOISTER_CLI_QEMU_ARGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "given.h"
#include "options.h"

#define QEMU_ARGS_MAX 256u

/* Descriptors are those that QEMU inherits. */
struct qemu_params {
	const char *qemu;
	const char *name;
	const char *accel; /* "kvm"; "tcg" for plain guests */
	int console_fd;	   /* for appending */
	int qmp_fd;	   /* a listening socket */
	bool plain;
	uint64_t memory;
	uint32_t vcpus; /* 0: one */
	int ram_fd;
	/* a zone: */
	int loader_fd;
	int launch_fd;
	/* a plain guest: */
	int kernel_fd;
	int initrd_fd;
	const char *cmdline;
	/* both: */
	int rootfs_fd; /* -1: no disks */
	int verity_fd;
	int volume_fd; /* -1: none; else all of these */
	int volume_read_fd;
	bool volume_block; /* a block device */
	int tpm_fd;	   /* connected sockets */
	int control_fd;
	const struct publish *publish;
	uint32_t nr_publish;
	char *const *extra; /* appended, but for the names of given files */
	uint32_t nr_extra;
	const struct given *given;
	uint32_t nr_given;
};

struct qemu_args {
	char *argv[QEMU_ARGS_MAX + 1]; /* NULL at the end */
	uint32_t count;
	bool failed; /* too many, or no memory */
};

/* 0 or -E2BIG/-ENOMEM. Free with qemu_args_free() in any case. */
int qemu_args_build(struct qemu_args *args, const struct qemu_params *p);
void qemu_args_free(struct qemu_args *args);

#endif
