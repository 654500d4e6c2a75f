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

/* PTP, section 6.5: where every PC client has it; what FIFO and CRB have in common. */
#define FIXED_PLACE	0xfed40000ull
#define STATE_VALID	0x80u /* of the byte at 0: TPM_ACCESS, TPM_LOC_STATE */
#define INTF_ID		0x30
#define INTF_ID_TYPE	0x0fu
#define INTF_TYPE_FIFO	0u
#define INTF_TYPE_CRB	1u
#define INTF_TYPE_TIS13 15u
#define CONTROL_AREA	0x40
#define DID_VID		0xf00

enum tpm_kind tpm_kind_at(uint64_t registers)
{
	uint32_t type = tpm_hw_read(registers + INTF_ID) & INTF_ID_TYPE;

	if (type == INTF_TYPE_CRB)
		return TPM_CRB;
	return type == INTF_TYPE_FIFO || type == INTF_TYPE_TIS13 ? TPM_FIFO : TPM_NONE;
}

/* The firmware need not tell of a TPM that the host then finds. A bus reads 0 or 1 bits if empty.
 */
static bool anything_there(void)
{
	uint32_t id = tpm_hw_read(FIXED_PLACE + DID_VID);
	uint8_t state;

	tpm_hw_copy_in(&state, FIXED_PLACE, 1);
	return (id && id != UINT32_MAX) || (state & STATE_VALID && state != UINT8_MAX);
}

const char *tpm_locate(uint64_t rsdp, struct tpm_place *place)
{
	static char why[192];
	uint32_t length, method = 0;
	const uint8_t *table = acpi_table(rsdp, "TPM2", &length);

	*place = (struct tpm_place){TPM_NONE, FIXED_PLACE};
	if (table)
		method = (uint32_t)acpi_field(table, TPM2_START_METHOD, 4);
	else if (anything_there())
		place->kind = tpm_kind_at(FIXED_PLACE);
	else
		return NULL;
	if (method == START_METHOD_CRB)
		*place = (struct tpm_place){TPM_CRB,
					    acpi_field(table, TPM2_CONTROL_AREA, 8) - CONTROL_AREA};
	else if (method == START_METHOD_FIFO)
		place->kind = TPM_FIFO;
	if (place->kind != TPM_NONE)
		return NULL;
	format(why, sizeof(why),
	       "the Core cannot drive this TPM, only CRB (start method 7) and FIFO (6): it has %s "
	       "%u; "
	       "turn it off in the firmware, or use another",
	       table ? "the start method" : "no ACPI table, interface type",
	       table ? method : tpm_hw_read(FIXED_PLACE + INTF_ID) & INTF_ID_TYPE);
	return why;
}
