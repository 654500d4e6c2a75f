// SPDX-License-Identifier: Apache-2.0
// DM_TABLE_STATUS (linux/dm-ioctl.h).
#include <errno.h>
#include <fcntl.h>
#include <linux/dm-ioctl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include "../cleanup.h"
#include "table.h"

#define DM_CONTROL "/dev/mapper/control"

struct request {
	struct dm_ioctl head;
	struct dm_target_spec target;
	char parameters[2048];
};

int table_read(const char *name, struct table *table)
{
	struct request r = {0};
	cleanup_close int control = open(DM_CONTROL, O_RDWR | O_CLOEXEC);

	if (control < 0)
		return -errno;
	r.head.version[0] = DM_VERSION_MAJOR;
	r.head.data_size = sizeof(r);
	r.head.data_start = sizeof(r.head);
	r.head.flags = DM_STATUS_TABLE_FLAG;
	snprintf(r.head.name, sizeof(r.head.name), "%s", name);
	if (ioctl(control, DM_TABLE_STATUS, &r))
		return -errno;
	r.parameters[sizeof(r.parameters) - 1] = '\0';
	int rc = 0;
	if (r.head.target_count != 1 || r.target.sector_start != 0 ||
	    (r.head.flags & DM_BUFFER_FULL_FLAG) ||
	    strlen(r.parameters) >= sizeof(table->parameters))
		rc = -E2BIG;
	if (!rc) {
		table->device = (dev_t)r.head.dev;
		snprintf(table->type, sizeof(table->type), "%s", r.target.target_type);
		strcpy(table->parameters, r.parameters);
	}
	explicit_bzero(&r, sizeof(r));
	return rc;
}
