/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Builds the launch image of <cloister/launch.h> from a kernel, an initrd and a command line, and
 * computes its digest. Nothing else enters: the same inputs give the same bytes on any machine.
 */
#ifndef CLOISTER_LAUNCH_BUILD_H
#define CLOISTER_LAUNCH_BUILD_H

#include <stddef.h>
#include <stdint.h>
#include <cloister/launch.h>
#include "acpi.h"

#define LAUNCH_ERR 320u /* room for one line that says what is wrong */

/* Where things are in the zone's low memory. */
#define LAUNCH_BOOT_PARAMS 0x10000ull
#define LAUNCH_CMDLINE	   0x11000ull
#define LAUNCH_ACPI	   0x90000ull
#define LAUNCH_EBDA	   0x9fc00ull /* RAM ends here, as on any PC */

struct launch_input {
	const uint8_t *kernel;
	size_t kernel_bytes;
	const uint8_t *initrd;
	size_t initrd_bytes;
	const char *cmdline;
	uint64_t memory; /* bytes, as QEMU's -m */
	uint32_t vcpus;
};

struct launch_part {
	const char *name;
	uint64_t gpa;
	uint64_t bytes;	     /* whole pages */
	const uint8_t *data; /* the first data_bytes; zeros follow */
	size_t data_bytes;
};

#define LAUNCH_PARTS 5u

/* Points into the input, which must outlive it, and into itself: do not copy. */
struct launch {
	struct cl_launch_desc desc;
	struct launch_part part[LAUNCH_PARTS];
	uint64_t file_bytes;
	uint8_t boot_params[CL_PAGE_SIZE];
	uint8_t cmdline[CL_PAGE_SIZE];
	uint8_t acpi[ACPI_REGION_BYTES];
};

/* Check the input and lay everything out. 0, or negative errno with a line in err. */
int launch_build(struct launch *l, const struct launch_input *in, char err[LAUNCH_ERR]);

/* SHA-384 over the descriptor and all parts. 0 or -EIO. */
int launch_digest(const struct launch *l, uint8_t digest[CL_DIGEST_SIZE]);

/* SHA-384 over one part as it will lie in memory. 0 or -EIO. */
int launch_part_digest(const struct launch_part *part, uint8_t digest[CL_DIGEST_SIZE]);

/* Write the whole file at fd's position. 0 or negative errno. */
int launch_write(const struct launch *l, int fd, uint32_t window_pages, uint32_t idle_ms,
		 uint64_t handle);

#endif
