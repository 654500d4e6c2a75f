/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The mappings of a process, and which of them is the RAM of the guest that it runs.
 */
#ifndef ATTACK_MAPS_H
#define ATTACK_MAPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct mapping {
	uint64_t start, end;
	uint64_t offset; /* in the mapped file */
	bool ram;	 /* guest RAM */
	char name[128];	 /* path or [name]; cut if longer */
};

struct maps {
	size_t nr;
	struct mapping *map;
	uint64_t ram_bytes;
};

/*
 * Read /proc/PID/maps. Guest RAM is every mapping whose name holds ram_name (mapped from one file,
 * so that file offsets are RAM offsets) or, with NULL, the largest mapping. -ENOENT: no such RAM.
 */
int maps_load(struct maps *m, pid_t pid, const char *ram_name);
void maps_free(struct maps *m);

/* Offset in RAM of a mapping's first byte. */
uint64_t maps_ram_offset(const struct maps *m, const struct mapping *map);
/*
 * `cloister run` has QEMU split a guest's RAM at CL_ZONE_LOW_RAM_END whatever its size
 * (max-ram-below-4g); the rest stands at CL_ZONE_HIGH_RAM.
 */
uint64_t ram_low_bytes(uint64_t ram_bytes);
uint64_t ram_offset_to_gpa(uint64_t ram_bytes, uint64_t offset);

#endif
