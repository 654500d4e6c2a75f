// SPDX-License-Identifier: Apache-2.0
#include <cloister/call.h>
#include "cpu/msr.h"
#include "cpu/regs.h"
#include "lib/string.h"
#include "svm/frame.h"
#include "svm/walk.h"

static uint64_t phys_mask(void)
{
	return BIT64(cpu_phys_bits()) - 1;
}

/* Set bits in an entry of the host, unless it has changed since it was read. */
static bool set_bits(uint64_t *entry, uint64_t seen, uint64_t bits)
{
	if ((seen & bits) == bits)
		return true;
	return __atomic_compare_exchange_n(entry, &seen, seen | bits, false, __ATOMIC_SEQ_CST,
					   __ATOMIC_SEQ_CST);
}

int nested_walk(uint64_t ncr3, uint64_t gpa, uint64_t access, struct nested_leaf *leaf,
		uint64_t *error)
{
	uint64_t reserved = ~phys_mask() & PTE_ADDR;
	uint64_t table = ncr3 & PTE_ADDR, nx = 0, rights = PTE_W | PTE_U;

	*error = NPF_U | (access & (NPF_W | NPF_I));
	if (gpa >> 48)
		return -CL_EFAULT;
	for (unsigned level = 4; level; level--) {
		if (!frame_is_host_ram(table))
			return -CL_EFAULT;
		uint64_t *entry =
			(uint64_t *)phys_to_virt(table) + ((gpa >> (12 + 9 * (level - 1))) & 511);
		uint64_t e = __atomic_load_n(entry, __ATOMIC_RELAXED);
		bool last = level == 1 || (level <= 3 && (e & PTE_PS));

		if (!(e & PTE_P))
			return -CL_EFAULT;
		*error |= NPF_P;
		/* Reserved: bits above MAXPHYADDR, PS in a PML4E, low bits of large leaves. */
		uint64_t bad = reserved | (level == 4 ? PTE_PS : 0);

		if (last && level > 1)
			bad |= (NPT_SIZE(level) - 1) & PTE_ADDR & ~BIT64(12);
		if (e & bad) {
			*error |= NPF_RSV;
			return -CL_EFAULT;
		}
		rights &= e;
		nx |= e & PTE_NX;
		if (last && (!(rights & PTE_U) || ((access & NPF_W) && !(rights & PTE_W)) ||
			     ((access & NPF_I) && nx)))
			return -CL_EFAULT;
		bool dirty = last && (access & NPF_W);

		if (!set_bits(entry, e, PTE_A | (dirty ? PTE_D : 0))) {
			level++; /* it changed under us: read it again */
			continue;
		}
		if (last) {
			uint64_t size = NPT_SIZE(level);

			leaf->pa = (e & PTE_ADDR & ~(size - 1)) | (gpa & (size - 1));
			leaf->flags = (rights & PTE_W) | nx | (e & PTE_D) | (dirty ? PTE_D : 0);
			leaf->level = level;
			leaf->entry = virt_to_phys(entry);
			return 0;
		}
		*error &= ~NPF_P;
		table = e & PTE_ADDR;
	}
	return -CL_EFAULT;
}

static void *host_page(const struct space *space, uint64_t gpa, bool write)
{
	return frame_is_host_ram(gpa) ? phys_to_virt(ALIGN_DOWN(gpa, PAGE_SIZE)) : NULL;
}

static void *guest_page(const struct space *space, uint64_t gpa, bool write)
{
	const uint64_t *ncr3 = space->context;
	struct nested_leaf leaf;
	uint64_t error;

	if (nested_walk(*ncr3, gpa, write ? NPF_W : 0, &leaf, &error))
		return NULL;
	return host_page(space, leaf.pa, write);
}

void space_host(struct space *space, const struct vmcb_save *save)
{
	*space = (struct space){.save = save, .page = host_page, .addr_mask = phys_mask()};
}

void space_guest(struct space *space, const struct vmcb_save *save, const uint64_t *ncr3)
{
	*space = (struct space){.save = save,
				.page = guest_page,
				.context = (void *)(uintptr_t)ncr3,
				.addr_mask = phys_mask()};
}

/* One entry of 4 or 8 bytes of the guest's own page tables. */
static int read_entry(const struct space *s, uint64_t gpa, unsigned size, uint64_t *entry)
{
	const uint8_t *page = s->page(s, gpa & s->addr_mask, false);

	if (!page)
		return -CL_EFAULT;
	*entry = 0;
	memcpy(entry, page + (gpa & (PAGE_SIZE - 1)), size);
	return 0;
}

/* Guest-virtual to guest-physical: AMD APM vol. 2, chapter 5. Rights other than W are the guest's.
 */
static int translate(const struct space *s, uint64_t gva, bool write, uint64_t *gpa)
{
	const struct vmcb_save *r = s->save;
	bool longmode = r->efer & EFER_LMA, pae = r->cr4 & CR4_PAE;
	unsigned size = pae ? 8 : 4, bits = pae ? 9 : 10;
	unsigned levels = longmode ? 4 : pae ? 3 : 2;
	uint64_t table;

	if (!(r->cr0 & CR0_PG)) {
		*gpa = gva & 0xffffffff;
		return 0;
	}
	if (longmode && (uint64_t)((int64_t)(gva << 16) >> 16) != gva)
		return -CL_EFAULT;
	if (longmode)
		table = r->cr3 & PTE_ADDR & s->addr_mask;
	else
		table = r->cr3 & (pae ? 0xffffffe0u : 0xfffff000u);
	if (!longmode)
		gva &= 0xffffffff;
	for (unsigned level = levels; level; level--) {
		unsigned shift = 12 + bits * (level - 1);
		uint64_t index = (gva >> shift) & (BIT64(bits) - 1), e;

		if (pae && !longmode && level == 3)
			index &= 3;
		if (read_entry(s, table + index * size, size, &e) || !(e & PTE_P))
			return -CL_EFAULT;
		if (write && !(e & PTE_W) && !(pae && !longmode && level == 3))
			return -CL_EFAULT;
		if (s->user && !(e & PTE_U) && !(pae && !longmode && level == 3))
			return -CL_EFAULT;
		bool large = (e & PTE_PS) && (level == 2 || (level == 3 && longmode)) &&
			     (pae || (r->cr4 & CR4_PSE));

		if (level == 1 || large) {
			uint64_t span = BIT64(shift);
			uint64_t base = e & (pae ? PTE_ADDR : 0xfffff000u) & ~(span - 1);

			if (large && !pae)
				base |= (e & 0x1fe000) << 19; /* PSE-36 */
			*gpa = ((base & s->addr_mask) | (gva & (span - 1)));
			return 0;
		}
		table = e & (pae ? PTE_ADDR & s->addr_mask : 0xfffff000u);
	}
	return -CL_EFAULT;
}

static uint8_t *page_at(const struct space *s, uint64_t gva, bool write)
{
	uint64_t gpa;
	uint8_t *page;

	if (translate(s, gva, write, &gpa))
		return NULL;
	page = s->page(s, gpa, write);
	return page ? page + (gpa & (PAGE_SIZE - 1)) : NULL;
}

static size_t chunk_at(uint64_t gva, size_t n)
{
	size_t room = PAGE_SIZE - (gva & (PAGE_SIZE - 1));

	return n < room ? n : room;
}

int space_read(const struct space *s, uint64_t gva, void *to, size_t n)
{
	uint8_t *out = to;

	while (n) {
		size_t len = chunk_at(gva, n);
		const uint8_t *from = page_at(s, gva, false);

		if (!from)
			return -CL_EFAULT;
		memcpy(out, from, len);
		gva += len;
		out += len;
		n -= len;
	}
	return 0;
}

int space_write(const struct space *s, uint64_t gva, const void *from, size_t n)
{
	const uint8_t *in = from;

	for (size_t done = 0; done < n; done += chunk_at(gva + done, n - done)) {
		if (!page_at(s, gva + done, true))
			return -CL_EFAULT;
	}
	while (n) {
		size_t len = chunk_at(gva, n);
		uint8_t *to = page_at(s, gva, true);

		if (!to)
			return -CL_EFAULT;
		memcpy(to, in, len);
		gva += len;
		in += len;
		n -= len;
	}
	return 0;
}

size_t space_fetch(const struct space *s, uint8_t bytes[15])
{
	const struct vmcb_save *r = s->save;
	bool code64 = (r->efer & EFER_LMA) && (r->cs.attrib & SEG_L);
	uint64_t gva = code64 ? r->rip : (uint32_t)(r->cs.base + r->rip);
	size_t first = chunk_at(gva, 15);

	if (space_read(s, gva, bytes, first))
		return 0;
	if (first < 15 && space_read(s, gva + first, bytes + first, 15 - first))
		return first;
	return 15;
}
