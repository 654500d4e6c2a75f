// SPDX-License-Identifier: Apache-2.0
#include "iommu/iommu.h"
#include "lib/io.h"
#include "lib/log.h"
#include "svm/cpu.h"

#define ENABLE BIT64(31)

uint32_t config_address; /* as the host wrote it */

static bool hidden(void)
{
	for (unsigned i = 0; (config_address & ENABLE) && i < iommus.nr; i++) {
		if (iommus.unit[i].devid == (uint16_t)(config_address >> 8))
			return true;
	}
	return false;
}

bool config_io(uint16_t port, unsigned size, bool in, uint32_t *value)
{
	if (port == CONFIG_ADDRESS && size == 4) {
		if (in)
			*value = config_address;
		else
			config_address = *value & ~3u; /* no byte within: QEMU would add it */
		return true;
	}
	if (port + size <= CONFIG_DATA || port >= CONFIG_DATA + 4)
		return false;
	/* Half in: the chip would use an address of its own, which may not be config_address. */
	bool half = port < CONFIG_DATA || port + size > CONFIG_DATA + 4;

	if (half || hidden()) {
		if (!in) {
			log_warn("host: write to %s configuration space refused",
				 half ? "a part of" : "the IOMMU's");
			refused_total++;
		}
		*value = ~0u;
		return true;
	}
	outl(CONFIG_ADDRESS, config_address);
	port_io(port, size, in, value);
	return true;
}
