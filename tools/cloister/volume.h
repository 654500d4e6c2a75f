/* SPDX-License-Identifier: Apache-2.0 */
/* A zone's volume, from the host's side: a file that QEMU may write, and a way to the TPM. */
#ifndef CLOISTER_CLI_VOLUME_H
#define CLOISTER_CLI_VOLUME_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include "../launch/zone_image.h"

#define VOLUME_BYTES_MIN (64ull << 20)
#define VOLUME_BYTES_MAX (16ull << 40)

struct volume {
	char name[ZONE_VOLUME_MAX + 1]; /* empty: none was given */
	const char *path;
	uint64_t bytes; /* ≠ 0: make a file of this size if there is none */
	const char *tpm;
	int fd;	     /* locked as long as it is open anywhere; -1: not yet open */
	int fd_read; /* QEMU also opens it for reading only */
	bool block;  /* it is a block device */
	int tpm_fd;
	/* Of the zone that runs: */
	pid_t relay;   /* 0: none */
	int guest_tpm; /* QEMU's ends of two socket pairs */
	int guest_control;
	int control; /* our end of one */
};

#define VOLUME_NONE                                                                                \
	{                                                                                          \
		.tpm = "/dev/tpmrm0", .fd = -1, .fd_read = -1, .tpm_fd = -1, .guest_tpm = -1,      \
		.guest_control = -1, .control = -1                                                 \
	}

/* NAME=FILE. 0 or -EINVAL. */
int volume_parse(const char *text, struct volume *v);

/* Does it fit the image? Open and lock it, and the TPM. An exit code. */
int volume_check(struct volume *v, const struct zone_image *img);

/* The relay and the sockets that QEMU inherits; jail_id 0: no jail; the jail's control group, or
 * -1. 0 or negative errno. */
int volume_start(struct volume *v, uint32_t jail_id, int cgroup);

/* QEMU has inherited its ends. */
void volume_started(struct volume *v);

/* Ask the zone to end by itself. False: there is no way to. */
bool volume_ask_stop(const struct volume *v);

void volume_close(struct volume *v);

#endif
