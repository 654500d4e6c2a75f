// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <string.h>
#include "attack.h"

#define EXTRA	  4u /* pages that are measured besides the code */
#define EXTRA_GPA 0x300000u

/* One launch; how is it known from outside? */
static bool launch(unsigned variant, uint8_t digest[CL_DIGEST_SIZE], uint64_t *said)
{
	struct vm vm;

	vm_open(&vm);
	struct cl_launch_desc *d = vm.desc;
	d->nr_segs = 2;
	d->seg[1].gpa = EXTRA_GPA;
	d->seg[1].size = EXTRA * PAGE;
	for (unsigned i = 0; i < EXTRA; i++)
		memset(vm.ram + EXTRA_GPA + i * PAGE, (int)(0x10 + i), PAGE);
	uint8_t *extra = vm.ram + EXTRA_GPA;
	switch (variant) {
	case 0:
		break;
	case 1: /* two pages exchanged */
		memset(extra, 0x11, PAGE);
		memset(extra + PAGE, 0x10, PAGE);
		break;
	case 2: /* one page less */
		d->seg[1].size -= PAGE;
		break;
	case 3: /* one page more */
		d->seg[1].size += PAGE;
		break;
	case 4: /* moved */
		d->seg[1].gpa += PAGE;
		memmove(extra + PAGE, extra, EXTRA * PAGE);
		break;
	case 5: /* in two parts */
		d->nr_segs = 3;
		d->seg[1].size = PAGE;
		d->seg[2].gpa = EXTRA_GPA + PAGE;
		d->seg[2].size = (EXTRA - 1) * PAGE;
		break;
	case 6: /* without them */
		d->nr_segs = 1;
		d->seg[1].gpa = d->seg[1].size = 0;
		break;
	case 7: /* in another order */
		d->seg[1] = d->seg[0];
		d->seg[0].gpa = EXTRA_GPA;
		d->seg[0].size = EXTRA * PAGE;
		break;
	case 8: /* a bit in the last byte */
		extra[EXTRA * PAGE - 1] ^= 0x80;
		break;
	case 9: /* a bit of code that never runs */
		vm.ram[d->seg[0].gpa + d->seg[0].size - 1] ^= 1;
		break;
	case 10: /* another entry */
		d->entry_rip++;
		break;
	case 11: /* more memory than there is */
		d->memory_bytes += 2u << 20;
		break;
	default: /* written by the Core, after measuring: over a page of code */
		d->tsc_khz_gpa = d->seg[0].gpa + 0x800;
		break;
	}
	if (zone)
		vm_protect(&vm, TASK_SPIN, 0, 0);
	else
		vm_plain(&vm, TASK_SPIN);
	struct happened h = vm_next(&vm);
	bool runs = h.what == EVENT_OUT && h.address == SAY;
	struct cl_zone_info info = zone_info(&vm);

	/* A wrong entry may do anything; as a zone it has been measured all the same. */
	runs |= info.state != CL_ZONE_NONE;
	*said = runs;
	memcpy(digest, info.digest, CL_DIGEST_SIZE);
	vm_close(&vm);
	return runs;
}

ATTACK(permuted_launch, "QEMU, loader", ON_GUEST,
       "Twelve launches of an image that was permuted, cut, moved, split or changed in a bit. "
       "Gained: those that run and look from outside like the right one.")
{
	uint8_t right[CL_DIGEST_SIZE], other[CL_DIGEST_SIZE];
	uint64_t said;

	expect(launch(0, right, &said), "the right one does not run");
	for (unsigned i = 1; i <= 12; i++) {
		tried(1);
		gained(launch(i, other, &said) && !memcmp(right, other, sizeof(right)));
	}
}

ATTACK(malformed_launch, "loader", "an ordinary guest has no launch to be malformed",
       "Descriptors with random words in random places. Gained: zones that came up although their "
       "descriptor is not the right one.")
{
	struct vm vm;

	vm_open(&vm);
	struct cl_launch_desc good = *vm.desc;
	for (unsigned i = 0; i < 300; i++) {
		uint64_t r = random64();
		uint32_t *words = (uint32_t *)(void *)vm.desc;

		*vm.desc = good;
		/* The header, the segments, or the zeros; not the handle and not the task. */
		unsigned at = r % 3 == 0 ? (unsigned)(r >> 8) % 16 : (unsigned)(r >> 8) % 1024;
		words[at] ^= 1u << (r >> 40 & 31);
		if (r % 5 == 0)
			words[at] = (uint32_t)(r >> 20);
		if (!memcmp(vm.desc, &good, sizeof(good)))
			continue;
		/* A zone with another entry may take this page for itself. */
		struct cl_launch_desc was = *vm.desc;
		vm_protect(&vm, TASK_SPIN, 0, 0);
		tried(1);
		struct happened h = vm_next(&vm);
		struct cl_zone_info info = zone_info(&vm);
		/* With another entry a zone, too, may say that it was refused. */
		if (h.what == EVENT_OUT && h.address == REFUSED && info.state == CL_ZONE_NONE)
			continue;
		/* Another entry, more of RAM measured, more vCPUs: another zone, not malformed. */
		if (info.state == CL_ZONE_LIVE || info.state == CL_ZONE_DEAD) {
			bool sane = !memcmp(was.reserved1, good.reserved1, sizeof(was.reserved1)) &&
				    was.magic == good.magic && was.version == good.version &&
				    was.nr_segs == good.nr_segs && was.vcpus &&
				    was.vcpus <= CL_ZONE_VCPUS_MAX &&
				    was.reserved0 == good.reserved0;
			gained(!sane);
		}
		vm_close(&vm);
		vm_open(&vm);
		good = *vm.desc;
	}
	vm_close(&vm);
}
