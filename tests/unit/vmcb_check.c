// SPDX-License-Identifier: Apache-2.0
// The check of the host's VMCB, one condition after the other (APM vol. 2, 15.5.1, 15.20, 15.25.4).
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "cpu/regs.h"
#include "svm/shadow.h"
#include "svm/vmcb_check.h"

static struct vmcb v;

unsigned cpu_phys_bits(void)
{
	return 40;
}

static void good(void)
{
	v = (struct vmcb){0};
	vmcb_intercept(&v, ICPT_VMRUN);
	v.control.asid = 1;
	v.control.nested_ctl = NESTED_NP_ENABLE;
	v.save.efer = EFER_SVME | EFER_LME | EFER_LMA;
	v.save.cr0 = CR0_PE | CR0_PG;
	v.save.cr4 = CR4_PAE;
	v.save.cs.attrib = SEG_CODE64;
	v.save.g_pat = PAT_INIT;
}

#define REFUSED(change)                                                                            \
	do {                                                                                       \
		good();                                                                            \
		assert_int_equal(vmcb_check(&v), 0);                                               \
		change;                                                                            \
		assert_int_equal(vmcb_check(&v), -CL_EINVAL);                                      \
	} while (0)

#define TAKEN(change)                                                                              \
	do {                                                                                       \
		good();                                                                            \
		change;                                                                            \
		assert_int_equal(vmcb_check(&v), 0);                                               \
	} while (0)

static void test_state(void **unused)
{
	REFUSED(v.save.efer &= ~EFER_SVME);
	for (unsigned bit = 0; bit < 64; bit++) {
		if ((bit >= 1 && bit < 8) || bit == 9 || bit > 15)
			REFUSED(v.save.efer |= BIT64(bit));
		if (bit >= 32) {
			REFUSED(v.save.cr0 |= BIT64(bit));
			REFUSED(v.save.cr4 |= BIT64(bit));
			REFUSED(v.save.dr6 |= BIT64(bit));
			REFUSED(v.save.dr7 |= BIT64(bit));
		}
		if (bit >= 40)
			REFUSED(v.save.cr3 |= BIT64(bit));
	}
	REFUSED(v.save.cr0 |= BIT64(29));
	TAKEN(v.save.cr0 |= BIT64(29) | BIT64(30));
	REFUSED(v.save.cr4 |= BIT64(13));
	REFUSED(v.save.cr4 &= ~CR4_PAE);
	REFUSED(v.save.cr0 &= ~CR0_PE);
	REFUSED(v.save.cs.attrib |= SEG_D);
	/* Outside 64-bit mode these combinations mean nothing. */
	TAKEN((v.save.cr0 = CR0_PE, v.save.cr4 = 0, v.save.cs.attrib |= SEG_D));
	TAKEN((v.save.efer = EFER_SVME, v.save.cr3 = ~0ull));
}

static void test_control(void **unused)
{
	REFUSED(v.control.asid = 0);
	REFUSED(v.control.asid = HOST_ASIDS);
	TAKEN(v.control.asid = HOST_ASIDS - 1);
	REFUSED(vmcb_no_intercept(&v, ICPT_VMRUN));
	TAKEN(v.control.iopm_pa = BIT64(40) - 3 * PAGE_SIZE);
	TAKEN(v.control.iopm_pa = BIT64(40) - 3 * PAGE_SIZE + 0xfff);
	REFUSED(v.control.iopm_pa = BIT64(40) - 2 * PAGE_SIZE);
	TAKEN(v.control.msrpm_pa = BIT64(40) - 2 * PAGE_SIZE);
	REFUSED(v.control.msrpm_pa = BIT64(40) - PAGE_SIZE);
	/* The end must not wrap around to a good address. */
	REFUSED(v.control.iopm_pa = ~0ull);
	REFUSED(v.control.msrpm_pa = -PAGE_SIZE);
}

static void test_nested_paging(void **unused)
{
	for (unsigned bit = 40; bit < 64; bit++)
		REFUSED(v.control.ncr3 = BIT64(bit));
	TAKEN(v.control.ncr3 = BIT64(39) | 0xfff);
	for (unsigned entry = 0; entry < 8; entry++) {
		for (unsigned type = 0; type < 256; type++) {
			uint64_t pat = (PAT_INIT & ~(0xffull << 8 * entry)) | (uint64_t)type
										      << 8 * entry;

			if (type <= 7 && type != 2 && type != 3)
				TAKEN(v.save.g_pat = pat);
			else
				REFUSED(v.save.g_pat = pat);
		}
	}
	TAKEN((v.control.nested_ctl = 0, v.control.ncr3 = ~0ull, v.save.g_pat = ~0ull));
}

static void test_events(void **unused)
{
	for (unsigned type = 0; type < 8; type++) {
		for (unsigned vector = 0; vector < 256; vector++) {
			bool fine = type == EVENT_TYPE_INTR || type == EVENT_TYPE_NMI ||
				    type == EVENT_TYPE_SOFT ||
				    (type == EVENT_TYPE_EXC && vector < 32 && vector != 2);

			if (fine)
				TAKEN(v.control.event_inj = EVENT(type, vector));
			else
				REFUSED(v.control.event_inj = EVENT(type, vector));
			TAKEN(v.control.event_inj = EVENT(type, vector) & ~EVENT_VALID);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_state),
		cmocka_unit_test(test_control),
		cmocka_unit_test(test_nested_paging),
		cmocka_unit_test(test_events),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
