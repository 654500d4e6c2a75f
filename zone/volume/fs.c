// SPDX-License-Identifier: Apache-2.0
// The generation has the device's last block for itself, behind the file system. In ext4's first
// block, whose first kilobyte is free, ext4's journal would put an older one back after a crash. It
// is read and written past the page cache.
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "../cleanup.h"
#include "fs.h"
#include "generation.h"

#define MKFS	    "/sbin/mke2fs"
#define BLOCK	    4096u
#define WIPE_BYTES  (1u << 20)
#define BLANK_BYTES (1u << 20)
#define UNMOUNTS    100
#define UNMOUNT_NS  100000000L

int fs_blank(const char *disk, bool *blank)
{
	static uint8_t data[BLANK_BYTES];
	cleanup_close int fd = open(disk, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	size_t used = 0;
	while (used < sizeof(data)) {
		ssize_t n = read(fd, data + used, sizeof(data) - used);
		if (n <= 0)
			return n ? -errno : -ENOSPC; // too small for anything
		used += (size_t)n;
	}
	*blank = data[0] == 0 && memcmp(data, data + 1, sizeof(data) - 1) == 0;
	return 0;
}

static void free_block(uint8_t **block)
{
	free(*block);
}

int fs_wipe(const char *device)
{
	__attribute__((cleanup(free_block))) uint8_t *zeros = aligned_alloc(BLOCK, WIPE_BYTES);
	cleanup_close int fd = open(device, O_WRONLY | O_DIRECT | O_CLOEXEC);

	if (!zeros || fd < 0)
		return zeros ? -errno : -ENOMEM;
	memset(zeros, 0, WIPE_BYTES);
	off_t end = lseek(fd, 0, SEEK_END);
	for (off_t at = 0; at < end;) {
		size_t left = (size_t)(end - at);
		ssize_t n = pwrite(fd, zeros, left < WIPE_BYTES ? left : WIPE_BYTES, at);
		if (n <= 0)
			return n ? -errno : -EIO;
		at += n;
	}
	return end < 0 || fsync(fd) ? -errno : 0;
}

static int last_block(const char *device, uint64_t *at)
{
	cleanup_close int fd = open(device, O_RDONLY | O_CLOEXEC);
	off_t end = fd < 0 ? -1 : lseek(fd, 0, SEEK_END);

	if (end < (off_t)(2 * BLOCK))
		return end < 0 ? -errno : -ENOSPC;
	*at = ((uint64_t)end / BLOCK - 1) * BLOCK;
	return 0;
}

// All of it is zero, so nothing of the tables needs to be written. What mke2fs says is for nobody.
int fs_make(const char *device, uint32_t uid, uint32_t gid)
{
	char options[128], blocks[32];
	uint64_t last;
	char *const env[] = {NULL};
	posix_spawn_file_actions_t actions;
	pid_t pid;
	int status;

	int rc = last_block(device, &last);
	if (rc)
		return rc;
	snprintf(blocks, sizeof(blocks), "%llu", (unsigned long long)(last / BLOCK));
	snprintf(options, sizeof(options), "nodiscard,assume_storage_prezeroed=1,root_owner=%u:%u",
		 uid, gid);
	const char *const argv[] = {
		MKFS,	"-q",	 "-F",	 "-F",	 "-t",	   "ext4", "-b",
		"4096", "-m",	 "0",	 "-J",	 "size=4", "-O",   "^resize_inode,^orphan_file",
		"-E",	options, device, blocks, NULL};
	if (posix_spawn_file_actions_init(&actions))
		return -ENOMEM;
	posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
	posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
	union {
		const char *const *in;
		char *const *out;
	} args = {argv};
	rc = posix_spawn(&pid, MKFS, &actions, NULL, args.out, env);
	posix_spawn_file_actions_destroy(&actions);
	if (rc)
		return -rc;
	if (waitpid(pid, &status, 0) != pid)
		return -errno;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -EIO;
}

static int read_block(int fd, uint8_t *block, uint64_t at)
{
	ssize_t n = pread(fd, block, BLOCK, (off_t)at);
	// dm-crypt gives EILSEQ for a block whose tag is wrong.
	return n == (ssize_t)BLOCK ? 0 : n < 0 ? -errno : -EIO;
}

int fs_generation(const char *device, uint64_t *v)
{
	__attribute__((cleanup(free_block))) uint8_t *block = aligned_alloc(BLOCK, BLOCK);
	cleanup_close int fd = open(device, O_RDONLY | O_DIRECT | O_CLOEXEC);
	uint64_t at;

	if (!block || fd < 0)
		return block ? -errno : -ENOMEM;
	int rc = last_block(device, &at);
	if (!rc)
		rc = read_block(fd, block, at);
	return rc ? rc : generation_decode(block, v);
}

int fs_set_generation(const char *device, uint64_t v)
{
	__attribute__((cleanup(free_block))) uint8_t *block = aligned_alloc(BLOCK, BLOCK);
	cleanup_close int fd = open(device, O_RDWR | O_DIRECT | O_CLOEXEC);
	uint64_t at;

	if (!block || fd < 0)
		return block ? -errno : -ENOMEM;
	int rc = last_block(device, &at);
	if (rc)
		return rc;
	memset(block, 0, BLOCK);
	generation_encode(v, block);
	ssize_t n = pwrite(fd, block, BLOCK, (off_t)at);
	if (n != (ssize_t)BLOCK)
		return n < 0 ? -errno : -EIO;
	return fsync(fd) ? -errno : 0;
}

int fs_mount(const char *device, const char *path)
{
	return mount(device, path, "ext4", MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOATIME,
		     "errors=remount-ro")
		       ? -errno
		       : 0;
}

int fs_unmount(const char *path)
{
	const struct timespec interval = {0, UNMOUNT_NS};

	for (int i = 0; i < UNMOUNTS; i++) {
		if (!umount2(path, UMOUNT_NOFOLLOW))
			return 0;
		if (errno != EBUSY)
			return -errno;
		nanosleep(&interval, NULL);
	}
	return -EBUSY;
}
