// SPDX-License-Identifier: Apache-2.0
/*
 * Physical memory: a byte stands for a frame, a ghost says what it holds. Whatever the Core does
 * to a whole page goes through memset and the cipher.
 */
#include "boot/boot.h"
#include "lib/log.h"
#include "lib/pool.h"
#include "lib/string.h"
#include "model.h"

struct ghost_frame ghost_frame[ADDRS];
static uint8_t memory[ADDRS];
static uint64_t host_entries[REGION];
struct cpu this_one, other_one;
void *alloc_next;

bool any_bool(void)
{
	bool nondet_bool(void);

	return nondet_bool();
}

uint8_t any_u8(void)
{
	uint8_t nondet_u8(void);

	return nondet_u8();
}

uint32_t any_u32(void)
{
	uint32_t nondet_u32(void);

	return nondet_u32();
}

uint64_t any_u64(void)
{
	uint64_t nondet_u64(void);

	return nondet_u64();
}

unsigned any_below(unsigned n)
{
	unsigned i = any_u32();

	ASSUME(i < n);
	return i;
}

struct cpu *this_cpu(void)
{
	return &this_one;
}

void *phys_to_virt(uint64_t pa)
{
	CHECK(pa >> PAGE_SHIFT < ADDRS, "model: address in range");
	if (frame_state(pa >> PAGE_SHIFT) == FRAME_TABLE) {
		/* The host writes there what it likes. */
		for (unsigned i = 0; i < REGION; i++)
			host_entries[i] = any_u64();
		return &host_entries[(pa & (PAGE_SIZE - 1)) / 8 % REGION];
	}
	return &memory[pa >> PAGE_SHIFT];
}

/* Tables and the like: an address that only has to be some address. */
uint64_t virt_to_phys(const volatile void *va)
{
	return PAGE_SIZE * ADDRS;
}

/* The frame at p, or ADDRS if p is other memory. */
unsigned frame_at(const void *p)
{
	return __CPROVER_same_object(p, memory) ? (unsigned)((const uint8_t *)p - memory) : ADDRS;
}

void *memset(void *to, int c, size_t n)
{
	unsigned pfn = frame_at(to);

	if (pfn < ADDRS) {
		enum frame_state state = frame_state(pfn);

		CHECK(n == PAGE_SIZE && !c, "model: frames are only ever zeroed, whole");
		CHECK(state == FRAME_OPEN || state == FRAME_SEALED,
		      "I3: the Core writes no frame that is not a zone's");
		CHECK(!still_reached(pfn), "I6: nobody reaches a frame that is being zeroed");
		ghost_frame[pfn] = (struct ghost_frame){.content = ZEROS};
	} else if (n == sizeof(struct zone)) {
		*(struct zone *)to = (struct zone){0};
	} else if (n == sizeof(struct zone_vcpu)) {
		*(struct zone_vcpu *)to = (struct zone_vcpu){0};
	} else {
		CHECK(n <= 64, "model: memset of what the model knows"); /* raw keys */
	}
	return to;
}

/* One page at most for each step, or none; of the kind that the step needs. */
void *page_alloc(void)
{
	void *p = any_bool() ? alloc_next : NULL;

	if (p)
		alloc_next = NULL;
	return p;
}

/* Every zone of the model has all of its records. */
void *page_alloc_promised(void)
{
	CHECK(false, "model: no page of records is missing");
	return NULL;
}

void pool_unpromise(uint64_t n)
{
}

void page_free(void *page)
{
	pages_free(page, 1);
}

void pages_free(void *page, size_t n)
{
}

uint64_t pool_pages(void)
{
	return any_u64();
}

void panic(const char *fmt, ...)
{
	CHECK(false, "no assertion of the Core fails");
	ASSUME(false);
	__builtin_unreachable();
}

void log_line(enum log_level level, const char *fmt, ...)
{
}
