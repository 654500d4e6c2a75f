/* SPDX-License-Identifier: Apache-2.0 */
/* What lies on the encrypted device: an ext4 and a generation. */
#ifndef CLOISTER_VOLUME_FS_H
#define CLOISTER_VOLUME_FS_H

#include <stdbool.h>
#include <stdint.h>

/* Is the disk all zeros where a header or a file system would begin? 0 or negative errno. */
int fs_blank(const char *disk, bool *blank);

/*
 * Write zeros over all of the device: a sector that was never written has no valid tag, so it
 * cannot be read. 0 or negative errno.
 */
int fs_wipe(const char *device);

/* A new ext4, whose root belongs to uid and gid. 0 or negative errno. */
int fs_make(const char *device, uint32_t uid, uint32_t gid);

/* The generation on the device. 0; -EINVAL: none; else why it cannot be read (-EIO: altered). */
int fs_generation(const char *device, uint64_t *v);

/* Write it, and return once it is on the disk, as far as the host says so. 0 or negative errno. */
int fs_set_generation(const char *device, uint64_t v);

int fs_mount(const char *device, const char *path);
/* Also waits for what is still busy, up to some seconds. */
int fs_unmount(const char *path);

#endif
