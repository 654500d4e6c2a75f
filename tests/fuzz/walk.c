// SPDX-License-Identifier: Apache-2.0
/*
 * libFuzzer target for walks of tables that others wrote: the host's nested tables (nested_walk)
 * and page tables of the host and of guests in every paging mode (space_read, space_write,
 * space_fetch). The input fills a few frames with entries, then asks. Written a second time here,
 * from the manual, one byte at a time, is what should come out: address, rights, error, accessed
 * and dirty bits, and that nothing else was written.
 */
#include "machine.h"
#include "svm/walk.h"

#define FRAMES	 24u /* that hold tables, or what they lead to */
#define BYTES	 (FRAMES * PAGE_SIZE)
#define COPY_MAX 5000u

static uint8_t before[BYTES];

static uint8_t *memory(void)
{
	return phys_to_virt(RAM_BASE);
}

static bool is_ram(uint64_t pa)
{
	return pa >= RAM_BASE && pa < RAM_END;
}

static uint64_t entry_at(uint64_t pa, unsigned size)
{
	uint64_t e = 0;

	memcpy(&e, phys_to_virt(pa), size);
	return e;
}

/* An entry that leads somewhere: to one of the frames, or anywhere. */
static uint64_t some_entry(struct input *in)
{
	uint64_t kind = take(in, 1), frame = take(in, 1), low = take(in, 1);

	if (kind == 255)
		return take(in, 8);
	uint64_t e = RAM_BASE + frame % FRAMES * PAGE_SIZE;

	if (kind & 1)
		e = ALIGN_DOWN(e, SIZE_2M);
	if (kind & 2)
		e = ALIGN_DOWN(e, SIZE_1G);
	e |= (low ^ 0x07) & (kind & 4 ? 0xff : 0x7f);
	if (kind & 8)
		e |= PTE_NX;
	if (kind & 16)
		e |= 1ull << (12 + low % 52) % 64;
	return e;
}

/* ---- nested tables: APM vol. 2, sections 5.3 and 15.25 ---- */

static int expect_nested(uint64_t table, uint64_t gpa, uint64_t access, struct nested_leaf *leaf,
			 uint64_t *error)
{
	bool writable = true, user = true, noexec = false;

	*error = NPF_U | (access & (NPF_W | NPF_I));
	table &= PTE_ADDR;
	for (int level = 4; level >= 1; level--) {
		uint64_t at = table + (gpa >> (3 + 9 * level) & 511) * 8;

		if (gpa >= BIT64(48) || !is_ram(table))
			return -CL_EFAULT;
		uint64_t e = entry_at(at, 8), size = NPT_SIZE((unsigned)level);
		bool large = level > 1 && level < 4 && (e & PTE_PS);

		if (!(e & PTE_P))
			return -CL_EFAULT;
		*error |= NPF_P;
		bool reserved = e & PTE_ADDR & ~(BIT64(40) - 1);

		if (level == 4 && (e & PTE_PS))
			reserved = true;
		/* Bit 12 of a large page is its PAT bit. */
		if (large && (e & (size - 1) & ~0x1fffull))
			reserved = true;
		if (reserved) {
			*error |= NPF_RSV;
			return -CL_EFAULT;
		}
		writable &= (e & PTE_W) != 0;
		user &= (e & PTE_U) != 0;
		noexec |= (e & PTE_NX) != 0;
		bool last = large || level == 1;

		if (last &&
		    (!user || ((access & NPF_W) && !writable) || ((access & NPF_I) && noexec)))
			return -CL_EFAULT;
		e |= PTE_A | (last && (access & NPF_W) ? PTE_D : 0);
		memcpy(phys_to_virt(at), &e, 8);
		if (last) {
			leaf->pa = (e & PTE_ADDR & ~(size - 1)) | (gpa & (size - 1));
			leaf->flags = (writable ? PTE_W : 0) | (noexec ? PTE_NX : 0) | (e & PTE_D);
			leaf->level = (unsigned)level;
			return 0;
		}
		*error &= ~NPF_P;
		table = e & PTE_ADDR;
	}
	return -CL_EFAULT;
}

static void nested(struct input *in)
{
	static uint8_t after[BYTES];
	struct nested_leaf got = {0}, want = {0};
	uint64_t got_error = 0, want_error = 0;
	uint64_t root = RAM_BASE + take(in, 1) % FRAMES * PAGE_SIZE;
	uint64_t gpa = take(in, 6), access = take(in, 1) & (NPF_W | NPF_I | NPF_P);

	memcpy(before, memory(), BYTES);
	int got_r = nested_walk(root, gpa, access, &got, &got_error);

	memcpy(after, memory(), BYTES);
	memcpy(memory(), before, BYTES);
	int want_r = expect_nested(root, gpa, access, &want, &want_error);

	require(got_r == want_r && got_error == want_error);
	if (!got_r)
		require(got.pa == want.pa && got.flags == want.flags && got.level == want.level);
	require(!memcmp(memory(), after, BYTES));
}

/* ---- page tables: APM vol. 2, sections 5.2 and 5.3 ---- */

static bool expect_byte(const struct vmcb_save *s, uint64_t gva, bool write, bool user,
			uint64_t *pa)
{
	bool lm = s->efer & EFER_LMA, pae = s->cr4 & CR4_PAE, pse = s->cr4 & CR4_PSE;
	uint64_t table, mask = BIT64(40) - 1;

	if (!(s->cr0 & CR0_PG)) {
		*pa = (uint32_t)gva;
		return is_ram(*pa);
	}
	if (lm && gva + BIT64(47) >= BIT64(48))
		return false;
	if (!lm)
		gva = (uint32_t)gva;
	/* In long mode the tables are PAE's whatever CR4 says, and software that says else is odd.
	 */
	unsigned levels = lm ? 4 : pae ? 3 : 2, width = pae ? 9 : 10, size = pae ? 8 : 4;

	table = lm ? s->cr3 & PTE_ADDR & mask : s->cr3 & (pae ? 0xffffffe0 : 0xfffff000);
	for (unsigned level = levels; level; level--) {
		unsigned shift = 12 + width * (level - 1);
		uint64_t index = gva >> shift & (BIT64(width) - 1);
		bool pdpte = pae && !lm && level == 3;

		if (pdpte)
			index &= 3;
		uint64_t at = (table + index * size) & mask;

		if (!is_ram(at))
			return false;
		uint64_t e = entry_at(at, size);

		if (!(e & PTE_P))
			return false;
		if (!pdpte && ((write && !(e & PTE_W)) || (user && !(e & PTE_U))))
			return false;
		bool large = (e & PTE_PS) &&
			     ((level == 2 && (pae || pse)) || (level == 3 && lm && (pae || pse)));

		if (level == 1 || large) {
			uint64_t base = pae ? e & PTE_ADDR : e & 0xfffff000, span = BIT64(shift);

			base &= ~(span - 1);
			if (large && !pae)
				base |= (e >> 13 & 0xff) << 32;
			*pa = (base & mask) | (gva & (span - 1));
			return is_ram(*pa);
		}
		table = pae ? e & PTE_ADDR & mask : e & 0xfffff000;
	}
	return false;
}

static void copies(struct input *in)
{
	static uint8_t data[COPY_MAX];
	struct vmcb_save save = {0};
	struct space space;
	uint64_t how = take(in, 1);

	save.cr0 = CR0_PE | (how & 1 ? CR0_PG : 0);
	save.cr4 = (how & 2 ? CR4_PAE : 0) | (how & 4 ? CR4_PSE : 0);
	/* The CPU does not let long mode be without PAE. */
	if (how & 8) {
		save.efer = EFER_LMA | EFER_LME;
		save.cr4 |= CR4_PAE;
	}
	save.cr3 = RAM_BASE + take(in, 1) % FRAMES * PAGE_SIZE + (how & 128 ? 0x20 : 0);
	uint64_t gva = take(in, 8);
	size_t n = take(in, 2) % COPY_MAX;

	if (how & 16)
		gva = (uint64_t)((int64_t)(gva << 16) >> 16);
	space_host(&space, &save);
	space.user = how & 32;
	bool write = how & 64, all = true;
	static uint64_t place[COPY_MAX];

	for (size_t i = 0; i < n; i++)
		all &= expect_byte(&save, gva + i, write, space.user, &place[i]);
	if (write) {
		static uint8_t expected[RAM_FRAMES * PAGE_SIZE];
		bool moved = false;
		uint64_t pa;

		memcpy(expected, memory(), sizeof(expected));
		memset(data, 0x77, sizeof(data));
		int r = space_write(&space, gva, data, n);

		/* All or nothing, unless it writes into the tables that lead to it. */
		for (size_t i = 0; i < n && all; i++) {
			expected[place[i] - RAM_BASE] = 0x77;
			moved |= !expect_byte(&save, gva + i, true, space.user, &pa) ||
				 pa != place[i];
		}
		if (!moved)
			require((r == 0) == all && !memcmp(expected, memory(), sizeof(expected)));
		return;
	}
	int r = space_read(&space, gva, data, n);

	require((r == 0) == all);
	for (size_t i = 0; i < n && all; i++)
		require(data[i] == *(uint8_t *)phys_to_virt(place[i]));
}

static void fetch(struct input *in)
{
	struct vmcb_save save = {.cr0 = CR0_PE};
	struct space space;
	uint8_t bytes[15];
	uint64_t how = take(in, 1), pa;

	save.cr0 |= how & 1 ? CR0_PG : 0;
	save.cr4 = CR4_PAE;
	save.efer = how & 2 ? EFER_LMA : 0;
	save.cs.attrib = how & 4 ? SEG_CODE64 : SEG_CODE32;
	save.cs.base = how & 8 ? take(in, 4) : 0;
	save.cr3 = RAM_BASE + take(in, 1) % FRAMES * PAGE_SIZE;
	save.rip = take(in, 8);
	space_host(&space, &save);
	size_t n = space_fetch(&space, bytes), first;
	bool code64 = (save.efer & EFER_LMA) && (save.cs.attrib & SEG_L);
	uint64_t gva = code64 ? save.rip : (uint32_t)(save.cs.base + save.rip);

	first = PAGE_SIZE - gva % PAGE_SIZE;
	require(n == 0 || n == 15 || n == first);
	for (size_t i = 0; i < n; i++) {
		require(expect_byte(&save, gva + i, false, false, &pa));
		require(bytes[i] == *(uint8_t *)phys_to_virt(pa));
	}
	if (n < 15)
		require(!expect_byte(&save, gva + n, false, false, &pa));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool initialised;
	struct input in = {data, size};
	unsigned questions = 0;

	if (!initialised)
		machine_init();
	initialised = true;
	memset(memory(), 0, BYTES);
	for (uint64_t n = take(&in, 1); n && in.left; n--) {
		uint64_t at = take(&in, 2) % (BYTES / 8), e = some_entry(&in);

		memcpy(memory() + at * 8, &e, 8);
	}
	while (in.left && questions++ < 16) {
		switch (take(&in, 1) % 3) {
		case 0:
			nested(&in);
			break;
		case 1:
			copies(&in);
			break;
		case 2:
			fetch(&in);
			break;
		}
	}
	memset(memory(), 0, RAM_END - RAM_BASE);
	return 0;
}
