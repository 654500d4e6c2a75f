// SPDX-License-Identifier: Apache-2.0
/* libFuzzer target for ACPI's table of IOMMUs: any bytes behind a header, in a block of their size.
 */
#include "fuzz.h"
#include "iommu/iommu.h"

static bool listed(const struct ivrs *v, uint64_t base)
{
	for (unsigned i = 0; i < v->nr; i++)
		if (v->unit[i].base == base)
			return true;
	return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *table = malloc(48 + size);
	struct ivrs v;

	require(table);
	memset(table, 0, 48);
	if (size)
		memcpy(table + 48, data, size);
	int r = ivrs_parse(table, (uint32_t)(48 + size), &v);

	require(r == 0 || r == -CL_ENOENT || r == -CL_EINVAL || r == -CL_ENOSYS || r == -CL_ENOSPC);
	require(v.nr <= IOMMU_MAX && (r || v.nr));
	for (unsigned i = 0; i < v.nr; i++) {
		uint64_t base = v.unit[i].base;

		require(base && base % IOMMU_MMIO_SIZE == 0 && base + IOMMU_MMIO_SIZE <= SIZE_4G);
		for (unsigned j = 0; j < i; j++)
			require(v.unit[j].base != base);
	}
	/* None is overlooked, when all was read: one would still reach memory. */
	for (size_t at = 0; !r && at < size;) {
		uint64_t base;
		size_t length = data[at + 2] | (size_t)data[at + 3] << 8;

		if (data[at] == 0x10 || data[at] == 0x11 || data[at] == 0x40) {
			memcpy(&base, data + at + 8, sizeof(base));
			require(listed(&v, base));
		}
		at += length;
	}
	free(table);
	return 0;
}
