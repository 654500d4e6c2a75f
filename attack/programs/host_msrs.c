// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>
#include "attack.h"

/* What could move memory, take over the CPU, or bend time (AMD APM vol. 2, appendix A). */
static const struct {
	uint32_t msr;
	uint64_t value; /* added to what is there (xor) */
} writes[] = {
	{0x10, 1ull << 40},	  /* TSC */
	{0x3b, 1ull << 40},	  /* TSC_ADJUST */
	{0x1b, 0x1000000},	  /* APIC_BASE: elsewhere */
	{0xc0010010, 1ull << 23}, /* SYSCFG: SME */
	{0xc0010016, 0x10000000}, /* IORR base */
	{0xc0010017, 0x10000000}, /* IORR mask */
	{0xc001001a, 0x10000000}, /* TOP_MEM */
	{0xc001001d, 0x10000000}, /* TOP_MEM2 */
	{0xc0010111, 0x10000000}, /* SMBASE */
	{0xc0010112, 0x10000000}, /* SMM_ADDR */
	{0xc0010113, 0x10000000}, /* SMM_MASK */
	{0xc0010114, 1},	  /* VM_CR */
	{0xc0000104, 1ull << 30}, /* TSC_RATIO */
	{0x1d9, 1},		  /* DebugCtl: last branches */
};

/* Memory types, over a page that a zone may use: no frame is made uncacheable under a zone. */
#define MTRR_BASE_7 0x20eu
#define MTRR_MASK_7 0x20fu

static bool takes(int fd, uint32_t msr, uint64_t change)
{
	uint64_t before, after, value;

	if (pread(fd, &before, 8, msr) != 8)
		return false; /* not there, or not to be read */
	value = before ^ change;
	if (pwrite(fd, &value, 8, msr) != 8)
		return false;
	bool took = pread(fd, &after, 8, msr) == 8 && (after ^ before) & change;

	if (pwrite(fd, &before, 8, msr) != 8)
		return took;
	return took;
}

static int open_msrs(void)
{
	int fd = open("/dev/cpu/0/msr", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		die("/dev/cpu/0/msr");
	return fd;
}

ATTACK(host_msrs, "host root", ON_MACHINE,
       "The host writes MSRs that move memory, take over the CPU or bend time: APIC_BASE, SYSCFG, "
       "TOP_MEM, IORR, SMM's, VM_CR, TSC, last branches. Gained: writes that took effect.")
{
	char last[64] = "";
	int fd = open_msrs();

	for (unsigned i = 0; i < sizeof(writes) / sizeof(writes[0]); i++) {
		bool took = takes(fd, writes[i].msr, writes[i].value);

		tried(1);
		gained(took);
		if (took)
			snprintf(last, sizeof(last), "MSR 0x%x took it", writes[i].msr);
	}
	outcome("%s", last);
	close(fd);
}

ATTACK(host_mtrr, "host root", ON_MACHINE,
       "The host lays a variable MTRR over memory of a zone's. Gained: writes that took effect.")
{
	int fd = open_msrs();

	tried(2);
	gained(takes(fd, MTRR_BASE_7, 0x20000006));
	gained(takes(fd, MTRR_MASK_7, 0x7ffffff800));
	close(fd);
}
