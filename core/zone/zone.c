// SPDX-License-Identifier: Apache-2.0
#include <stdarg.h>
#include "cpu/master_key.h"
#include "cpu/msr.h"
#include "lib/format.h"
#include "lib/log.h"
#include "lib/pool.h"
#include "lib/string.h"
#include "svm/fpu.h"
#include "svm/frame.h"
#include "svm/smp.h"
#include "zone/page.h"
#include "zone/vcpu.h"
#include "zone/zone.h"

/* By the page cipher, for registers that it has too few of. */
#define STACK_USED 1024u

static struct zone zones[ZONES_MAX];
static uint64_t last_instance;

unsigned zone_cbit(void)
{
	/* Nested tables of four levels translate 48 bits; CPUID tells the zone where the bit is. */
	return cpu_phys_bits() > 48 ? 47 : cpu_phys_bits() - 1;
}

void zones_init(void)
{
	if (zone_cbit() < 39)
		panic("%u physical address bits: the C-bit needs at least 40", cpu_phys_bits());
	vcpus_init();
}

static struct zone *free_slot(void)
{
	struct zone *oldest = NULL;

	for (unsigned i = 0; i < ZONES_MAX; i++) {
		struct zone *z = &zones[i];

		if (z->state == CL_ZONE_NONE)
			return z;
		if (z->state == CL_ZONE_DEAD && (!oldest || z->instance < oldest->instance))
			oldest = z;
	}
	return oldest;
}

struct zone *zone_new(void)
{
	struct zone *z = free_slot();

	if (!z)
		return NULL;
	memset(z, 0, sizeof(*z));
	z->slot = (unsigned)(z - zones);
	z->desc = page_alloc();
	if (!z->desc)
		return NULL;
	z->instance = ++last_instance;
	z->state = CL_ZONE_LAUNCHING; /* the slot is taken from here on, also without the lock */
	return z;
}

void zone_key_begin(struct zone *z)
{
	struct page_key *key = this_cpu()->page_key;
	uint8_t raw[DERIVED_KEY_SIZE];

	fpu_begin();
	master_key_derive(raw, KEY_PAGES, z->instance);
	page_key_setup(key, raw);
	secure_zero(raw, sizeof(raw));
	z->key = key;
}

void zone_key_end(struct zone *z)
{
	z->key = NULL;
	page_key_wipe(this_cpu()->page_key);
	stack_wipe(STACK_USED);
	fpu_end();
}

static void release_vcpu(struct zone_vcpu *vcpu)
{
	if (vcpu->view.root) {
		/* Private side first out of the view: it is freed once, with the zone's table. */
		vcpu->view.root[1u << (zone_cbit() - 39)] = 0;
		npt_free(&vcpu->view, frame_uncount_shadow);
	}
	page_free(vcpu->vmcb);
	page_free(vcpu->fpu);
	page_free(vcpu);
}

/* Give back all memory; the identity, the counters, the reason and whose VMCBs were whose stay. */
static void release(struct zone *z)
{
	if (z->took_frames) { /* a walk over all frames */
		frame_unwatch_zone(z->slot);
		frame_merge_host();
	}
	for (unsigned i = 0; i < CL_ZONE_VCPUS_MAX; i++) {
		if (z->vcpu[i])
			release_vcpu(z->vcpu[i]);
		z->vcpu[i] = NULL;
	}
	npt_free(&z->npt, NULL);
	if (z->recs) {
		for (uint64_t i = 0; i < z->nr_pages; i += RECS_PER_PAGE)
			page_free(z->recs[i / RECS_PER_PAGE]);
	}
	pool_unpromise(z->recs_promised);
	z->recs_promised = 0;
	pages_free(z->recs, z->recs_pages);
	pages_free(z->open_list, z->open_list_pages);
	page_free(z->desc);
	z->recs = NULL;
	z->open_list = NULL;
	z->desc = NULL;
	z->nr_open = 0;
	z->stats.open_pages = z->stats.sealed_pages = 0;
	z->stats.surrendered_pages = z->stats.shared_pages = 0;
}

static void release_pages(struct zone *z)
{
	while (page_release_some(z)) {
		core_unlock();
		core_lock();
	}
}

void zone_discard(struct zone *z)
{
	if (z->recs)
		release_pages(z);
	release(z);
	memset(z, 0, sizeof(*z));
}

void zone_kill(struct zone *z, const char *fmt, ...)
{
	va_list args;

	ASSERT(z->state == CL_ZONE_LIVE);
	va_start(args, fmt);
	format_v(z->reason, sizeof(z->reason), fmt, args);
	va_end(args);
	z->state = CL_ZONE_ENDING;
	epoch_advance(&z->epoch);
	smp_shoot(&z->epoch);
	ASSERT(smp_quiet(&z->epoch));
	/* Nothing fills them again, and what they lead to may change hands before zones_reap. */
	for (unsigned i = 0; i < z->nr_vcpus; i++)
		vcpu_drop_view(z->vcpu[i]);
}

static bool in_use(const struct zone *z)
{
	for (unsigned i = 0; i < z->nr_vcpus; i++) {
		if (z->vcpu[i] && z->vcpu[i]->on)
			return true;
	}
	return false;
}

void zones_reap(void)
{
	for (unsigned i = 0; i < ZONES_MAX; i++) {
		struct zone *z = &zones[i];

		if (z->state != CL_ZONE_ENDING || z->reaping || in_use(z))
			continue;
		z->reaping = true; /* by one CPU: the others go on meanwhile */
		release_pages(z);
		release(z);
		z->state = CL_ZONE_DEAD;
		log_info("zone %lu ended: %s", z->instance, z->reason);
	}
}

struct zone *zone_by_slot(unsigned slot)
{
	ASSERT(slot < ZONES_MAX);
	return &zones[slot];
}

struct zone *zone_by_vmcb12(uint64_t pa, unsigned *id)
{
	for (unsigned i = 0; i < ZONES_MAX; i++) {
		struct zone *z = &zones[i];

		if (z->state == CL_ZONE_NONE || z->state == CL_ZONE_LAUNCHING)
			continue;
		for (*id = 0; *id < z->nr_vcpus; ++*id) {
			if (z->vmcb12_pa[*id] == pa)
				return z;
		}
	}
	return NULL;
}

struct zone *zone_by_instance(uint64_t instance)
{
	for (unsigned i = 0; i < ZONES_MAX; i++) {
		if (zones[i].state != CL_ZONE_NONE && zones[i].instance == instance)
			return &zones[i];
	}
	return NULL;
}

struct zone *zone_by_handle(uint64_t handle)
{
	struct zone *found = NULL;

	for (unsigned i = 0; i < ZONES_MAX; i++) {
		struct zone *z = &zones[i];

		if (z->state != CL_ZONE_NONE && z->handle == handle &&
		    (!found || z->instance > found->instance))
			found = z;
	}
	return found;
}

struct zone *zone_after(uint64_t instance)
{
	struct zone *found = NULL;

	for (unsigned i = 0; i < ZONES_MAX; i++) {
		struct zone *z = &zones[i];

		if (z->state != CL_ZONE_NONE && z->instance > instance &&
		    (!found || z->instance < found->instance))
			found = z;
	}
	return found;
}

void zones_each(void (*f)(struct zone *z))
{
	for (unsigned i = 0; i < ZONES_MAX; i++) {
		if (zones[i].state == CL_ZONE_LIVE)
			f(&zones[i]);
	}
}

unsigned zones_live(void)
{
	unsigned n = 0;

	for (unsigned i = 0; i < ZONES_MAX; i++)
		n += zones[i].state == CL_ZONE_LIVE;
	return n;
}

/* Straight to memory: nothing is relied on that a failure of the Core may have broken. */
static void scrub(struct zone *z)
{
	for (uint32_t i = 0; i < z->nr_open; i++) {
		const struct page_rec *page = z->recs[z->open_list[i] / RECS_PER_PAGE];
		const struct page_rec *rec = page + z->open_list[i] % RECS_PER_PAGE;

		if (page)
			secure_zero(phys_to_virt((uint64_t)rec->pfn << PAGE_SHIFT), PAGE_SIZE);
	}
	for (unsigned i = 0; i < z->nr_vcpus; i++) {
		struct zone_vcpu *vcpu = z->vcpu[i];

		if (!vcpu)
			continue;
		if (vcpu->fpu)
			secure_zero(vcpu->fpu, PAGE_SIZE);
		if (vcpu->vmcb)
			secure_zero(vcpu->vmcb, PAGE_SIZE);
		secure_zero(vcpu, sizeof(*vcpu));
	}
}

void zones_scrub(void)
{
	for (unsigned i = 0; i < ZONES_MAX; i++) {
		if (zones[i].state != CL_ZONE_NONE)
			scrub(&zones[i]);
	}
}
