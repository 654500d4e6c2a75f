// SPDX-License-Identifier: Apache-2.0
/*
 * Reading /proc/PID/maps (proc(5)).
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "cleanup.h"
#include "maps.h"
#include <cloister/launch.h>

static bool parse(const char *line, struct mapping *m)
{
	int at = 0;
	size_t n;

	memset(m, 0, sizeof(*m));
	/* start-end perms offset major:minor inode   name */
	if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %*s %" SCNx64 " %*s %*s %n", &m->start, &m->end,
		   &m->offset, &at) < 3 ||
	    at == 0 || m->start >= m->end)
		return false;
	n = strcspn(line + at, "\n");
	if (n >= sizeof(m->name))
		n = sizeof(m->name) - 1;
	memcpy(m->name, line + at, n);
	return true;
}

static int mark_ram(struct maps *m, const char *ram_name)
{
	struct mapping *largest = NULL;

	for (size_t i = 0; i < m->nr; i++) {
		struct mapping *map = &m->map[i];

		map->ram = ram_name && strstr(map->name, ram_name);
		if (map->ram)
			m->ram_bytes += map->end - map->start;
		if (!largest || map->end - map->start > largest->end - largest->start)
			largest = map;
	}
	if (!ram_name && largest) {
		largest->ram = true;
		m->ram_bytes = largest->end - largest->start;
	}
	return m->ram_bytes ? 0 : -ENOENT;
}

int maps_load(struct maps *m, pid_t pid, const char *ram_name)
{
	cleanup_fclose FILE *f = NULL;
	cleanup_free char *line = NULL;
	size_t line_room = 0, room = 0;
	char path[64];
	int rc;

	memset(m, 0, sizeof(*m));
	(void)snprintf(path, sizeof(path), "/proc/%d/maps", (int)pid);
	f = fopen(path, "re");
	if (!f)
		return -errno;
	while (getline(&line, &line_room, f) >= 0) {
		if (m->nr == room) {
			struct mapping *p;

			room = room ? room * 2 : 128;
			p = reallocarray(m->map, room, sizeof(*p));
			if (!p) {
				maps_free(m);
				return -ENOMEM;
			}
			m->map = p;
		}
		/* [vsyscall] is the kernel's, above all user addresses. */
		if (parse(line, &m->map[m->nr]) && m->map[m->nr].end <= INT64_MAX)
			m->nr++;
	}
	rc = mark_ram(m, ram_name);
	if (rc)
		maps_free(m);
	return rc;
}

void maps_free(struct maps *m)
{
	free(m->map);
	memset(m, 0, sizeof(*m));
}

uint64_t maps_ram_offset(const struct maps *m, const struct mapping *map)
{
	uint64_t base = UINT64_MAX;

	/* A private mapping has no file offset worth the name; there is only one of them. */
	for (size_t i = 0; i < m->nr; i++)
		if (m->map[i].ram && m->map[i].offset < base)
			base = m->map[i].offset;
	return map->offset - base;
}

uint64_t ram_low_bytes(uint64_t ram_bytes)
{
	return ram_bytes < CL_ZONE_LOW_RAM_END ? ram_bytes : CL_ZONE_LOW_RAM_END;
}

uint64_t ram_offset_to_gpa(uint64_t ram_bytes, uint64_t offset)
{
	uint64_t low = ram_low_bytes(ram_bytes);

	return offset < low ? offset : offset - low + CL_ZONE_HIGH_RAM;
}
