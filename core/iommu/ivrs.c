// SPDX-License-Identifier: Apache-2.0
#include "iommu/iommu.h"
#include "lib/string.h"

#define FIRST_BLOCK 48u
#define IVHD_SIZE   24u

static uint16_t word(const uint8_t *p)
{
	return (uint16_t)(p[0] | p[1] << 8);
}

/* Blocks of types 10h, 11h and 40h describe the same IOMMUs, each more than the one before. */
static int add(const uint8_t *block, struct ivrs *out)
{
	struct ivrs_unit u = {.devid = word(block + 4), .flags = block[1]};

	memcpy(&u.base, block + 8, sizeof(u.base));
	if (word(block + 16) || !u.base || u.base % IOMMU_MMIO_SIZE ||
	    u.base > SIZE_4G - IOMMU_MMIO_SIZE)
		return -CL_ENOSYS;
	for (unsigned i = 0; i < out->nr; i++) {
		if (out->unit[i].base == u.base)
			return 0;
	}
	if (out->nr == IOMMU_MAX)
		return -CL_ENOSPC;
	out->unit[out->nr++] = u;
	return 0;
}

int ivrs_parse(const uint8_t *table, uint32_t size, struct ivrs *out)
{
	*out = (struct ivrs){.nr = 0};
	for (uint32_t at = FIRST_BLOCK, length; at < size; at += length) {
		const uint8_t *block = table + at;
		int r = 0;

		length = size - at < 4 ? 0 : word(block + 2);
		if (length < 4 || length > size - at)
			return -CL_EINVAL;
		if (block[0] == 0x10 || block[0] == 0x11 || block[0] == 0x40)
			r = length < IVHD_SIZE ? -CL_EINVAL : add(block, out);
		if (r)
			return r;
	}
	return out->nr ? 0 : -CL_ENOENT;
}
