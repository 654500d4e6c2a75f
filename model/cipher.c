// SPDX-License-Identifier: Apache-2.0
/*
 * An ideal page cipher: nothing opens but what was sealed under that key, as that page and that
 * version. Each use is recorded, and judged, here. Beside it the other things that page.c calls.
 */
#include "cipher/page_cipher.h"
#include "cpu/master_key.h"
#include "iommu/iommu.h"
#include "insn/assist.h"
#include "insn/mmio.h"
#include "lib/format.h"
#include "lib/log.h"
#include "model.h"
#include "svm/apic.h"
#include "svm/assist.h"
#include "svm/fpu.h"
#include "svm/ioapic.h"
#include "trace/trace.h"

uint64_t ghost_sealed[ZONES][MODEL_PAGES];
struct page_key ghost_key;
static unsigned derived_for, key_for = ZONES; /* zones; ZONES: none */
bool ghost_fpu;
uint32_t trace_mask;
struct epoch host_epoch, guest_epoch;

unsigned frame_at(const void *p);

static unsigned key_of(const struct page_key *k)
{
	return k == &ghost_key ? key_for : ZONES;
}

/* Does a table that some CPU or device walks lead to the frame? */
static bool in_some_table(unsigned pfn)
{
	tables_settle();
	unsigned t = any_below(TABLES);
	uint64_t leaf = translation(table_at(t), any_below(ADDRS));

	/* A zone that ends is not run any more; its private side goes at the end. */
	if (t >= PRIVATE_TABLE && t < VIEW_TABLE &&
	    zone_at(t - PRIVATE_TABLE)->state == CL_ZONE_ENDING)
		return false;
	return leaf && (leaf & PTE_ADDR) >> PAGE_SHIFT == pfn;
}

void page_seal(const struct page_key *k, uint64_t gpn, uint64_t version, void *page,
	       uint8_t tag[PAGE_CIPHER_TAG_SIZE])
{
	unsigned pfn = frame_at(page), key = key_of(k);

	CHECK(key < ZONES && pfn < ADDRS && gpn < MODEL_PAGES,
	      "model: page_seal of a frame with a live key");
	ASSUME(key < ZONES && pfn < ADDRS && gpn < MODEL_PAGES);
	CHECK(ghost_fpu, "vector registers are saved around the cipher");
	CHECK(version > ghost_sealed[key][gpn], "I5: no nonce repeats under one key");
	CHECK(ghost_frame[pfn].content == PLAIN || ghost_frame[pfn].content == ZEROS,
	      "I3: what is sealed is plaintext");
	CHECK(!in_some_table(pfn), "I6: no table leads to a frame while it is sealed");
	CHECK(!still_reached(pfn), "I6: nobody reaches a frame while it is sealed");
	ghost_sealed[key][gpn] = version;
	ghost_frame[pfn] = (struct ghost_frame){
		.content = CIPHER, .key = (uint8_t)key, .gpn = (uint8_t)gpn, .version = version};
	tag[0] = (uint8_t)gpn;
	tag[1] = (uint8_t)version;
}

int page_open(const struct page_key *k, uint64_t gpn, uint64_t version, void *page,
	      const uint8_t tag[PAGE_CIPHER_TAG_SIZE])
{
	unsigned pfn = frame_at(page), key = key_of(k);

	CHECK(key < ZONES && pfn < ADDRS && gpn < MODEL_PAGES,
	      "model: page_open of a frame with a live key");
	ASSUME(key < ZONES && pfn < ADDRS && gpn < MODEL_PAGES);
	CHECK(ghost_fpu, "vector registers are saved around the cipher");
	CHECK(version == ghost_sealed[key][gpn], "I5: only the newest version opens");
	CHECK(frame_state(pfn) == FRAME_OPEN || frame_state(pfn) == FRAME_SEALED,
	      "I2: a page opens in a frame that the host has lost");
	CHECK(!in_some_table(pfn), "I6: no table leads to a frame while it is opened");
	CHECK(!still_reached(pfn), "I6: nobody reaches a frame while it is opened");
	struct ghost_frame f = ghost_frame[pfn];

	if (f.content != CIPHER || f.key != key || f.gpn != gpn || f.version != version ||
	    tag[0] != (uint8_t)gpn || tag[1] != (uint8_t)version || any_bool()) {
		ghost_frame[pfn] = (struct ghost_frame){
			.content = ZEROS}; /* any_bool: RAM that was tampered with */
		return -CL_EIO;
	}
	ghost_frame[pfn] =
		(struct ghost_frame){.content = PLAIN, .key = (uint8_t)key, .gpn = (uint8_t)gpn};
	return 0;
}

/* A key belongs to an instance, and that to one zone: state.c. */
void master_key_derive(uint8_t out[DERIVED_KEY_SIZE], uint32_t purpose, uint64_t number)
{
	CHECK(ghost_fpu, "vector registers are saved around the cipher");
	CHECK(purpose == KEY_PAGES, "I5: the pages' key");
	for (derived_for = 0; derived_for < ZONES; derived_for++) {
		if (zone_at(derived_for)->instance == number)
			break;
	}
	CHECK(derived_for < ZONES, "I5: a key of a zone that there is");
}

void page_key_setup(struct page_key *k, const uint8_t raw[PAGE_CIPHER_KEY_SIZE])
{
	CHECK(k == &ghost_key, "the key is in its place");
	key_for = derived_for;
}

void page_key_wipe(struct page_key *k)
{
	CHECK(k == &ghost_key, "the key is in its place");
	key_for = ZONES;
}

void fpu_begin(void)
{
	CHECK(!ghost_fpu, "fpu_begin is not nested");
	ghost_fpu = true;
}

void fpu_end(void)
{
	CHECK(ghost_fpu, "fpu_end after fpu_begin");
	CHECK(key_for == ZONES, "I3: the key is wiped when the cipher is done");
	ghost_fpu = false;
}

/* The host's nested tables: they lead anywhere, or nowhere. */
int nested_walk(uint64_t ncr3, uint64_t gpa, uint64_t access, struct nested_leaf *leaf,
		uint64_t *error)
{
	if (any_bool()) {
		*error = any_u64();
		return -CL_EFAULT;
	}
	leaf->pa = MODEL_PFN << PAGE_SHIFT;
	leaf->flags = (any_bool() ? PTE_W : 0) | (any_bool() ? PTE_D : 0);
	leaf->level = NPT_4K + any_below(MODEL_LEVELS);
	leaf->entry = (MODEL_ENTRY << PAGE_SHIFT) + 8 * any_below(REGION);
	return 0;
}

/* The devices' region is the APIC's, or it is not. */
bool apic_is_page(uint64_t pa)
{
	return pa >> PAGE_SHIFT == MODEL_FRAMES;
}

bool apic_in_region(uint64_t pa)
{
	return pa >> PAGE_SHIFT >= MODEL_FRAMES;
}

unsigned cpu_phys_bits(void)
{
	return 40;
}

uint64_t clock_ticks(uint64_t ms)
{
	return any_u64();
}

/* One of the devices' pages is the IOMMU's; doors are as the APIC's page. */
bool door_page(uint64_t pa)
{
	return false;
}

bool door_in_region(uint64_t pa)
{
	return false;
}

bool iommu_hides(uint64_t pa, uint64_t size)
{
	uint64_t first = pa >> PAGE_SHIFT;

	return first <= MODEL_HIDDEN &&
	       MODEL_HIDDEN < first + ALIGN_UP(size, PAGE_SIZE) / PAGE_SIZE;
}

void iommu_unmap(uint64_t pfn, uint64_t n)
{
	uint64_t to = (seen & PTE_ADDR) >> PAGE_SHIFT;

	if (pfn <= to && to < pfn + n)
		device_uses_seen = false;
}

size_t format_v(char *out, size_t n, const char *fmt, va_list args)
{
	return 0;
}

/* Instructions of the host that write to a watched table. */
enum store host_store;

void space_host(struct space *space, const struct vmcb_save *save)
{
}

int assist_decode(const struct space *space, struct insn *in)
{
	in->has_mem = any_bool();
	in->opsize = any_u8();
	in->reg = (uint8_t)any_below(16);
	in->opcode_map = host_store == STORE_CMPXCHG;
	in->opcode = host_store == STORE_CMPXCHG ? 0xb1 : 0x87;
	return any_bool() ? -CL_EINVAL : 0;
}

int insn_mmio(const struct insn *in, struct mmio_op *out)
{
	out->write = true;
	out->from_imm = any_bool();
	out->imm = any_u64();
	return host_store == STORE_MOV ? 0 : -CL_EINVAL;
}

uint64_t insn_next_rip(const struct insn *in, uint64_t rip)
{
	return any_u64();
}

uint64_t insn_effective(const struct insn *in, const uint64_t gpr[16], uint64_t next_rip,
			uint64_t seg_base)
{
	return any_u64();
}
