/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A zone image: a directory with a zone.json (share/zone-image.schema.json) and the files that it
 * names. Everything in it may come from a stranger.
 */
#ifndef CLOISTER_LAUNCH_ZONE_IMAGE_H
#define CLOISTER_LAUNCH_ZONE_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "launch.h"

#define ZONE_IMAGE_PORTS_MAX 32u
#define ZONE_ROOTHASH_PARAM  "cloister.roothash="
#define ZONE_VOLUME_PARAM    "cloister.volume="
#define ZONE_VOLUME_MAX	     32u

enum zone_file { ZONE_KERNEL, ZONE_INITRD, ZONE_ROOTFS, ZONE_VERITY, ZONE_FILES };

struct zone_image {
	int fd[ZONE_FILES]; /* open for reading; -1 where the image has none */
	uint64_t bytes[ZONE_FILES];
	char roothash[65];		      /* empty if there is no root file system */
	char cmdline[CL_PAGE_SIZE];	      /* as measured, root hash included */
	uint64_t memory;		      /* what the image asks for */
	uint16_t ports[ZONE_IMAGE_PORTS_MAX]; /* TCP ports that the workload serves */
	uint32_t nr_ports;
	char volume[ZONE_VOLUME_MAX + 1]; /* name of the volume that it keeps; empty: none */
};

/* Can a volume have this name? */
bool zone_volume_name(const char *name);

/* Check everything and open the files. 0, or negative errno with a line in err. */
int zone_image_open(struct zone_image *img, const char *path, char err[LAUNCH_ERR]);
void zone_image_close(struct zone_image *img);

/* Kernel and initrd, read whole; what struct launch points into. */
struct zone_files {
	uint8_t *kernel;
	uint8_t *initrd;
};

/*
 * Read the files and build the launch image for a guest of this size (0: what the image asks
 * for) and with so many vCPUs (0: one). *files must outlive *l. 0, or negative errno with a line in
 * err.
 */
int zone_image_launch(const struct zone_image *img, uint64_t memory, uint32_t vcpus,
		      struct zone_files *files, struct launch *l, char err[LAUNCH_ERR]);
void zone_files_free(struct zone_files *files);

#endif
