// SPDX-License-Identifier: Apache-2.0
// dm-verity over the device-mapper's ioctls (Linux Documentation/admin-guide/device-mapper/
// verity.rst). veritysetup and its libraries would be many times the size of the whole initrd,
// and would read the tree's parameters from a superblock that the host wrote.
#include <errno.h>
#include <fcntl.h>
#include <linux/dm-ioctl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include "cleanup.h"
#include "verity.h"

#define DM_CONTROL	  "/dev/mapper/control"
#define DM_NAME		  "root"
#define BLOCK_SIZE	  4096u
#define SECTORS_PER_BLOCK (BLOCK_SIZE / 512u)
// `veritysetup format` puts a superblock (not read here) into the hash disk's first block.
#define HASH_START 1u

struct dm_request {
	struct dm_ioctl head;
	struct dm_target_spec target;
	char table[VERITY_TABLE_MAX];
};

size_t verity_table(const struct cmdline *cmdline, char *text, size_t size)
{
	char root[2 * CMDLINE_HASH_SIZE + 1];
	char salt[2 * CMDLINE_SALT_MAX + 1];

	hex_encode(cmdline->root_hash, CMDLINE_HASH_SIZE, root);
	hex_encode(cmdline->salt, cmdline->salt_size, salt);
	int n = snprintf(text, size, "1 %s %s %u %u %llu %u sha256 %s %s", VERITY_DATA_DISK,
			 VERITY_HASH_DISK, BLOCK_SIZE, BLOCK_SIZE,
			 (unsigned long long)cmdline->data_blocks, HASH_START, root,
			 cmdline->salt_size ? salt : "-");
	return n > 0 && (size_t)n < size ? (size_t)n : 0;
}

static int request(int control, unsigned long op, struct dm_request *r, uint32_t flags)
{
	memset(&r->head, 0, sizeof(r->head));
	r->head.version[0] = DM_VERSION_MAJOR;
	r->head.data_size = sizeof(*r);
	r->head.data_start = sizeof(r->head);
	r->head.flags = flags;
	strcpy(r->head.name, DM_NAME);
	if (op == DM_TABLE_LOAD)
		r->head.target_count = 1;
	return ioctl(control, op, r) ? -errno : 0;
}

int verity_open(const struct cmdline *cmdline, const char **why)
{
	struct dm_request r = {0};
	cleanup_close int control = open(DM_CONTROL, O_RDWR | O_CLOEXEC);

	*why = DM_CONTROL;
	if (control < 0)
		return -errno;
	*why = "cannot make a device-mapper device";
	int error = request(control, DM_DEV_CREATE, &r, 0);
	if (error)
		return error;
	memset(&r, 0, sizeof(r));
	r.target.length = cmdline->data_blocks * SECTORS_PER_BLOCK;
	strcpy(r.target.target_type, "verity");
	*why = "the verity table is too long";
	if (!verity_table(cmdline, r.table, sizeof(r.table)))
		return -E2BIG;
	*why = "the kernel refuses the verity table (are " VERITY_DATA_DISK " and " VERITY_HASH_DISK
	       " there, and large enough?)";
	error = request(control, DM_TABLE_LOAD, &r, DM_READONLY_FLAG);
	if (error)
		return error;
	*why = "cannot start the device-mapper device";
	return request(control, DM_DEV_SUSPEND, &r, 0); // without DM_SUSPEND_FLAG: resume
}
