// SPDX-License-Identifier: Apache-2.0
#include "boot/acpi.h"
#include "lib/format.h"
#include "tpm/hw.h"
#include "tpm/interface.h"

/* ACPI's TPM2 table. */
#define TPM2_CONTROL_AREA 40
#define TPM2_START_METHOD 48
#define START_METHOD_FIFO 6u
#define START_METHOD_CRB  7u

/* PTP, section 6.5: where every PC client has it. */
#define FIXED_PLACE	0xfed40000ull
#define INTF_ID		0x30
#define INTF_ID_TYPE	0x0fu
#define INTF_TYPE_FIFO	0u
#define INTF_TYPE_CRB	1u
#define INTF_TYPE_TIS13 15u
#define CONTROL_AREA	0x40

enum tpm_kind tpm_kind_at(uint64_t registers)
{
	uint32_t type = tpm_hw_read(registers + INTF_ID) & INTF_ID_TYPE;

	if (type == INTF_TYPE_CRB)
		return TPM_CRB;
	return type == INTF_TYPE_FIFO || type == INTF_TYPE_TIS13 ? TPM_FIFO : TPM_NONE;
}

const char *tpm_locate(uint64_t rsdp, struct tpm_place *place)
{
	static char why[192];
	uint32_t length;
	const uint8_t *table = acpi_table(rsdp, "TPM2", &length);

	if (!table)
		return "no TPM in ACPI's tables; turn it on in the firmware, or give the Core "
		       "\"tpm=none\" to run without";
	uint32_t method = (uint32_t)acpi_field(table, TPM2_START_METHOD, 4);

	if (method == START_METHOD_CRB) {
		*place = (struct tpm_place){TPM_CRB,
					    acpi_field(table, TPM2_CONTROL_AREA, 8) - CONTROL_AREA};
		return NULL;
	}
	if (method == START_METHOD_FIFO) {
		*place = (struct tpm_place){TPM_FIFO, FIXED_PLACE};
		return NULL;
	}
	format(why, sizeof(why),
	       "the Core cannot drive this TPM, whose start method is %u, only CRB (7) and FIFO "
	       "(6); turn it off in the firmware and give the Core \"tpm=none\", or use another",
	       method);
	return why;
}
