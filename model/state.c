// SPDX-License-Identifier: Apache-2.0
/*
 * The invariants as code, and an arbitrary state. Harnesses assume the invariants of an arbitrary
 * state, do one operation of the real sources, and check them again: what holds at first then
 * holds after any number of operations.
 *
 *   I1  each frame is in one state, and records of pages and frame table agree both ways
 *   I2  only frames of the host (and devices, and the decoy) are in its table, in shadows, in the
 *       shared sides of zones; a zone's private side leads to its own OPEN pages only
 *   I3  a frame of the host holds no plaintext; a SEALED one holds that page's newest ciphertext
 *   I4  at most W pages are OPEN, and the window's list has just those
 *   I5  no nonce repeats under one key (judged in cipher.c at each use)
 *   I6  what has gone from a table has advanced its epoch: see step.c and cipher.c
 */
#include "lib/pool.h"
#include "model.h"

#define SLOT_OF(word)  ((unsigned)((word) >> 8) & 0xff)
#define LEVEL_OF(word) ((unsigned)((word) >> 16) & 0xff)
#define UPPER_OF(word) ((uint32_t)((word) >> 32))

/* Each zone's memory; as tables, objects of their own. RECS_PER_PAGE is 1. */
#define REC(i, n) static struct page_rec rec_##i##_##n
REC(0, 0);
REC(0, 1);
REC(0, 2);
REC(0, 3);
REC(1, 0);
REC(1, 1);
REC(1, 2);
REC(1, 3);
static struct page_rec *recs_0[4], *recs_1[4];
static uint32_t open_list_0[MODEL_PAGES], open_list_1[MODEL_PAGES];
_Static_assert(ZONES <= 2 && MODEL_PAGES <= 4, "as many zones and pages");

struct page_rec *rec_at(unsigned zone, unsigned page)
{
	switch (zone << 2 | page) {
	case 0:
		return &rec_0_0;
	case 1:
		return &rec_0_1;
	case 2:
		return &rec_0_2;
	case 3:
		return &rec_0_3;
	case 4:
		return &rec_1_0;
	case 5:
		return &rec_1_1;
	case 6:
		return &rec_1_2;
	default:
		return &rec_1_3;
	}
}

static uint32_t open_list(unsigned zone, unsigned i)
{
	return zone ? open_list_1[i] : open_list_0[i];
}

static struct zone_vcpu vcpu_0, vcpu_1;

struct zone_vcpu *vcpu_at(unsigned zone)
{
	return zone ? &vcpu_1 : &vcpu_0;
}

/* It has pages; a zone that is being launched, from the moment on when it has records of them. */
static bool live(unsigned i)
{
	enum cl_zone_state state = zone_at(i)->state;

	return state == CL_ZONE_LIVE || state == CL_ZONE_ENDING ||
	       (state == CL_ZONE_LAUNCHING && zone_at(i)->recs);
}

static uint32_t shadow_leaves(unsigned pfn)
{
	uint32_t n = 0;

	for (unsigned t = VIEW_TABLE; t < TABLES; t++) {
		for (unsigned a = 0; a < ADDRS; a++)
			n += table_at(t)->split[a / REGION] && (table_at(t)->leaf[a] & PTE_P) &&
			     (table_at(t)->leaf[a] & PTE_ADDR) >> PAGE_SHIFT == pfn;
	}
	return n;
}

static uint32_t shadow_large_leaves(unsigned region)
{
	uint32_t n = 0;

	for (unsigned t = VIEW_TABLE; t < TABLES; t++) {
		for (unsigned r = 0; r < REGIONS; r++)
			n += (table_at(t)->large[r] & PTE_P) &&
			     (table_at(t)->large[r] & PTE_ADDR) >> PAGE_SHIFT == region * REGION;
	}
	return n;
}

/* Tables are well formed: entries present or 0, in range, large ones aligned. */
static bool table_formed(const struct table *t)
{
	bool ok = true;

	for (unsigned r = 0; r < REGIONS; r++) {
		uint64_t pfn = (t->large[r] & PTE_ADDR) >> PAGE_SHIFT;

		ok &= !t->large[r] || ((t->large[r] & PTE_P) && (t->large[r] & PTE_PS) &&
				       !t->split[r] && pfn < ADDRS && pfn % REGION == 0);
	}
	for (unsigned a = 0; a < ADDRS; a++) {
		uint64_t pfn = (t->leaf[a] & PTE_ADDR) >> PAGE_SHIFT;

		ok &= !(t->leaf[a] & PTE_P) ||
		      (!(t->leaf[a] & PTE_PS) && pfn < ADDRS && t->split[a / REGION]);
	}
	return ok;
}

/* What the host's table says to an IOMMU, which does not look at PTE_P. */
static uint64_t device_rights(unsigned a)
{
	const struct table *t = table_at(HOSTS_TABLE);

	return (t->split[a / REGION] ? t->leaf[a] : t->large[a / REGION]) & PTE_DMA;
}

static void invariants(bool check)
{
#define HOLD(cond, what)                                                                           \
	do {                                                                                       \
		bool holds_ = (cond);                                                              \
		if (check)                                                                         \
			CHECK(holds_, what);                                                       \
		else                                                                               \
			ASSUME(holds_);                                                            \
	} while (0)

	tables_settle();
	uint64_t decoy = frame_host_view((uint64_t)MODEL_CORE << PAGE_SHIFT);

	HOLD(!ghost_fpu, "fpu_end after fpu_begin");
	HOLD(decoy == (uint64_t)MODEL_CORE << PAGE_SHIFT, "I1: the decoy is the Core's");
	for (unsigned p = 0; p < MODEL_FRAMES; p++) {
		uint64_t w = model_frames[p];
		enum frame_state state = frame_state(p);

		HOLD(p != MODEL_CORE || state == FRAME_CORE, "I1: Core memory stays the Core's");
		HOLD((w & 0xf8) == 0 && (w >> 24 & 0xff) == 0, "I1: unused bits of a frame");
		HOLD(state <= FRAME_TABLE, "I1: a state that there is");
		HOLD(state == FRAME_TABLE ? LEVEL_OF(w) >= NPT_4K && LEVEL_OF(w) <= MODEL_LEVELS
					  : !LEVEL_OF(w),
		     "I1: a watched table has a level");
		if (state == FRAME_OPEN || state == FRAME_SEALED) {
			uint32_t i = UPPER_OF(w);

			HOLD(SLOT_OF(w) < ZONES && live(SLOT_OF(w)) && i < MODEL_PAGES &&
				     rec_at(SLOT_OF(w) & 1, i & 3)->pfn == p &&
				     rec_at(SLOT_OF(w) & 1, i & 3)->state ==
					     (state == FRAME_OPEN ? PAGE_OPEN : PAGE_SEALED),
			     "I1: a zone's frame has a record that names it");
		} else if (state == FRAME_TABLE) {
			HOLD(SLOT_OF(w) < ZONES && live(SLOT_OF(w)) &&
				     zone_at(SLOT_OF(w) & 1)->took_frames,
			     "I1: a watched table is for a zone that there is, and knows");
		} else {
			HOLD(SLOT_OF(w) == 0, "I1: other frames have no owner");
			HOLD(UPPER_OF(w) == (state == FRAME_HOST ? shadow_leaves(p) : 0),
			     "I1: shadow leaves are counted");
		}
		HOLD(state == FRAME_OPEN || ghost_frame[p].content != PLAIN,
		     "I3: no plaintext but in OPEN frames");
	}
	for (unsigned r = 0; r < MODEL_FRAMES / REGION; r++)
		HOLD(model_region_large[r] ==
			     (frame_state(r * REGION) == FRAME_HOST ? shadow_large_leaves(r) : 0),
		     "I1: large shadow leaves are counted");

	for (unsigned t = 0; t < TABLES; t++)
		HOLD(table_formed(table_at(t)), "model: tables are well formed");
	for (unsigned a = 0; a < ADDRS; a++) {
		uint64_t leaf = translation(table_at(HOSTS_TABLE), a);
		enum frame_state state = frame_state(a);
		uint64_t to = (leaf & PTE_ADDR) >> PAGE_SHIFT;

		HOLD(!leaf || to == (state == FRAME_CORE || a == MODEL_HIDDEN ? decoy >> PAGE_SHIFT
									      : a),
		     "I2: the host's table is an identity map, or leads to the decoy");
		HOLD(state != FRAME_HOST || (leaf & PTE_W),
		     "I2: the host's frames are in its table");
		HOLD(state != FRAME_TABLE || (leaf && !(leaf & PTE_W)),
		     "I2: a watched table is in the host's table, to read");
		HOLD((device_rights(a) & ~(state == FRAME_HOST	  ? PTE_DMA
					   : state == FRAME_TABLE ? PTE_DMA_READ
								  : 0)) == 0,
		     "I2: devices reach frames of the host, and read watched tables");
		HOLD((state != FRAME_OPEN && state != FRAME_SEALED) || !leaf,
		     "I2: no frame of a zone is in the host's table");
		HOLD((state != FRAME_OPEN && state != FRAME_SEALED && state != FRAME_TABLE) ||
			     table_at(HOSTS_TABLE)->split[a / REGION],
		     "I2: where a frame is not the host's alone its table is split");
	}
	for (unsigned t = VIEW_TABLE; t < TABLES; t++) {
		for (unsigned r = 0; r < REGIONS; r++) {
			uint64_t first = (table_at(t)->large[r] & PTE_ADDR) >> PAGE_SHIFT;

			for (unsigned i = 1; i < REGION; i++)
				HOLD(!table_at(t)->large[r] ||
					     frame_state(first + i) == frame_state(first),
				     "I2: a large leaf leads to frames of one state");
		}
		for (unsigned a = 0; a < ADDRS; a++) {
			uint64_t leaf = translation(table_at(t), a);
			uint64_t to = (leaf & PTE_ADDR) >> PAGE_SHIFT;
			enum frame_state state = frame_state(to);

			HOLD(!leaf || state == FRAME_HOST || state == FRAME_DEVICE ||
				     to == decoy >> PAGE_SHIFT,
			     "I2: no frame of a zone or the Core is in a shadow");
		}
	}

	for (unsigned i = 0; i < ZONES; i++) {
		struct zone *z = zone_at(i);
		const struct table *own = table_at(PRIVATE_TABLE + i);
		unsigned open = 0, sealed = 0, surrendered = 0, shared = 0;

		HOLD(z->state <= CL_ZONE_LAUNCHING, "a zone's state");
		HOLD(z->state == CL_ZONE_NONE || z->slot == i, "a zone's slot");
		HOLD(z->instance <= *zone_last_instance(), "I5: instances count up");
		HOLD(!live(i) || z->instance, "I5: a zone has a number");
		HOLD(!i || !z->instance || z->instance != zone_at(0)->instance,
		     "I5: no two zones have one key");
		if (!live(i)) {
			for (unsigned a = 0; a < ADDRS; a++)
				HOLD(!translation(own, a) &&
					     !translation(table_at(VIEW_TABLE + i), a),
				     "I2: a dead zone's tables are empty");
			continue;
		}
		for (unsigned a = 0; a < ADDRS; a++)
			HOLD(z->state == CL_ZONE_LIVE || !translation(table_at(VIEW_TABLE + i), a),
			     "I2: only a zone that runs has a shared side");
		/* A zone that ends has its window no longer: nothing of it runs, pages go one by
		 * one. */
		bool runs = z->state != CL_ZONE_ENDING;

		HOLD(!z->key, "I3: a zone has its key only while it is used");
		HOLD(z->recs && z->nr_pages == MODEL_PAGES, "a live zone has records");
		HOLD(z->window >= MODEL_BATCHES && z->window <= MODEL_WINDOW, "I4: W");
		HOLD(z->nr_open <= z->window, "I4: at most W pages are OPEN");
		HOLD(z->hand < z->window, "I4: the hand of the clock");
		for (unsigned n = 0; n < MODEL_WINDOW; n++) {
			uint32_t index = open_list(i, n);

			HOLD(n >= z->nr_open ||
				     (index < MODEL_PAGES &&
				      (!runs || (rec_at(i, index & 3)->state == PAGE_OPEN &&
						 rec_at(i, index & 3)->slot == n))),
			     "I4: the window's list has OPEN pages");
		}
		for (unsigned n = 0; n < MODEL_PAGES; n++) {
			const struct page_rec *rec = rec_at(i, n);
			uint64_t leaf = translation(own, n);
			const struct ghost_frame f = ghost_frame[rec->pfn < ADDRS ? rec->pfn : 0];
			bool here = rec->state == PAGE_OPEN || rec->state == PAGE_SEALED;

			open += rec->state == PAGE_OPEN;
			sealed += rec->state == PAGE_SEALED;
			surrendered += rec->state == PAGE_SURRENDERED;
			shared += rec->state == PAGE_SHARED;
			HOLD(rec->state <= PAGE_SHARED, "I1: a page's state");
			HOLD(!here || (rec->pfn < MODEL_FRAMES &&
				       frame_state(rec->pfn) == (rec->state == PAGE_OPEN
									 ? FRAME_OPEN
									 : FRAME_SEALED) &&
				       SLOT_OF(model_frames[rec->pfn]) == i &&
				       UPPER_OF(model_frames[rec->pfn]) == n),
			     "I1: a page's frame names the page");
			HOLD(runs ? (rec->state == PAGE_OPEN) == (leaf != 0)
				  : rec->state != PAGE_OPEN || leaf,
			     "I2: the private side has just the OPEN pages");
			HOLD(rec->state != PAGE_OPEN || (leaf & PTE_ADDR) >> PAGE_SHIFT == rec->pfn,
			     "I2: a private page leads to its own frame");
			HOLD(rec->state != PAGE_OPEN ||
				     (rec->slot < z->nr_open && open_list(i, rec->slot) == n),
			     "I4: each OPEN page is in the window's list");
			HOLD(rec->state != PAGE_OPEN || f.content == ZEROS ||
				     (f.content == PLAIN && f.key == i && f.gpn == n),
			     "I3: an OPEN page holds what its zone wrote");
			HOLD(!runs || rec->state != PAGE_SEALED ||
				     (f.content == CIPHER && f.key == i && f.gpn == n &&
				      f.version == rec->version),
			     "I3: a SEALED page holds its newest ciphertext");
			HOLD(runs ? !z->released : n >= z->released || rec->state == PAGE_ABSENT,
			     "I1: what a zone that ends has given back");
			HOLD(!runs || rec->state != PAGE_SEALED || own->split[n / REGION],
			     "I2: a SEALED page has its table, as it had when it was OPEN");
			HOLD(rec->version >= ghost_sealed[i][n], "I5: versions count up");
			HOLD((rec->state != PAGE_SEALED && rec->state != PAGE_SURRENDERED) ||
				     (rec->version == ghost_sealed[i][n] &&
				      rec->tag[0] == (uint8_t)n &&
				      rec->tag[1] == (uint8_t)rec->version),
			     "I5: version and tag of the last seal are kept");
		}
		for (unsigned r = 0; r < REGIONS; r++)
			HOLD(!own->large[r] && !table_at(VIEW_TABLE + i)->large[r],
			     "I2: zones are mapped by small leaves");
		for (unsigned a = MODEL_PAGES; a < ADDRS; a++)
			HOLD(!translation(own, a), "I2: the private side has just the OPEN pages");
		HOLD(runs ? open == z->nr_open : open <= z->nr_open,
		     "I4: the window's list has all OPEN pages");
		HOLD(!runs || (open == z->stats.open_pages && sealed == z->stats.sealed_pages &&
			       surrendered == z->stats.surrendered_pages &&
			       shared == z->stats.shared_pages),
		     "I1: pages are counted by state");
	}
}

void assume_invariants(void)
{
	invariants(false);
}

void check_invariants(void)
{
	invariants(true);
}

/*
 * Built of few bits rather than guessed whole and then restricted: the checker's work is less, and
 * nothing is left out. Flags that no source looks at are left out, and numbers are small where they
 * are only compared or counted up.
 */
static uint32_t few(void)
{
	return any_u8() & 7;
}

static uint64_t any_entry(uint64_t flags)
{
	return (uint64_t)any_below(ADDRS) << PAGE_SHIFT |
	       (((uint64_t)any_u8() | (uint64_t)any_u8() << 56) & flags);
}

static void any_table(struct table *t)
{
	const uint64_t flags = PTE_P | PTE_W | PTE_A | PTE_DMA;

	for (unsigned r = 0; r < REGIONS; r++) {
		t->split[r] = any_bool();
		t->large[r] = any_bool() ? any_entry(flags) | PTE_P | PTE_PS : 0;
	}
	for (unsigned a = 0; a < ADDRS; a++)
		t->leaf[a] = t->split[a / REGION] ? any_entry(flags) : 0;
}

static void any_zone(unsigned i)
{
	struct zone *z = zone_at(i);

	z->state = few();
	z->slot = i;
	z->instance = few();
	if (z->state == CL_ZONE_LAUNCHING && any_bool())
		return;
	z->recs = i ? recs_1 : recs_0;
	if (!live(i)) {
		z->recs = NULL;
		return;
	}
	z->memory_bytes = MODEL_PAGES * PAGE_SIZE;
	z->nr_pages = MODEL_PAGES;
	z->window = few();
	z->npt.root = (uint64_t *)table_at(PRIVATE_TABLE + i);
	z->nr_vcpus = 1;
	z->vcpu[0] = vcpu_at(i);
	z->vcpu[0]->view.root = (uint64_t *)table_at(VIEW_TABLE + i);
	z->vcpu[0]->zone = z;
	z->released = few();
	z->took_frames = any_bool();
	table_at(VIEW_TABLE + i)->pml4[1] = 1; /* the private side */
	z->epoch.changed = 1;		       /* only compared with what it was */
	for (unsigned n = 0; n < MODEL_PAGES; n++)
		(i ? recs_1 : recs_0)[n] = rec_at(i, n);
	z->recs_pages = 1;
	z->open_list = i ? open_list_1 : open_list_0;
	z->hand = few();
	z->scan_left = few();
	z->next_scan = any_u64();
	for (unsigned n = 0; n < MODEL_PAGES; n++) {
		struct page_rec *rec = rec_at(i, n);

		rec->version = any_u64() & MODEL_VERSIONS;
		rec->tag[0] = any_u8();
		rec->tag[1] = any_u8();
		rec->pfn = few();
		rec->slot = few();
		rec->state = any_u8() & 7;
		rec->age = any_u8() & 3;
		z->nr_open += rec->state == PAGE_OPEN;
		z->stats.sealed_pages += rec->state == PAGE_SEALED;
		z->stats.surrendered_pages += rec->state == PAGE_SURRENDERED;
		z->stats.shared_pages += rec->state == PAGE_SHARED;
		z->open_list[n] = few();
		ghost_sealed[i][n] = any_u64() & MODEL_VERSIONS;
	}
	z->stats.open_pages = z->nr_open;
	if (z->state == CL_ZONE_ENDING)
		z->nr_open = few();
}

void any_state(void)
{
	frame_access((uint64_t)MODEL_CORE << PAGE_SHIFT);
	host_epoch.changed = 1;
	guest_epoch.changed = 1;
	this_one.self = &this_one;
	other_one.self = &other_one;
	*zone_last_instance() = few();
	this_one.page_key = &ghost_key;
	for (unsigned t = 0; t < TABLES; t++)
		any_table(table_at(t));
	/* What can be counted is computed, not guessed and then compared: the checker's work
	 * halves. */
	for (unsigned p = 0; p < MODEL_FRAMES; p++) {
		model_frames[p] = few() | (uint64_t)any_below(ZONES) << 8 |
				  (uint64_t)any_below(4) << 16 | (uint64_t)few() << 32;
		if ((model_frames[p] & 7) == FRAME_HOST)
			model_frames[p] = FRAME_HOST | (uint64_t)shadow_leaves(p) << 32;
	}
	for (unsigned r = 0; r < REGIONS; r++)
		model_region_large[r] =
			frame_state(r * REGION) == FRAME_HOST ? shadow_large_leaves(r) : 0;
	for (unsigned c = 0; c < MODEL_CPUS; c++) {
		struct shadow *shadow = (c ? &other_one : &this_one)->shadows.by_asid;

		shadow->npt.root = (uint64_t *)table_at(SHADOW_TABLE + c);
		shadow->nested_paging = any_bool();
		shadow->ncr3 = few();
	}
	for (unsigned i = 0; i < ZONES; i++)
		any_zone(i);
	for (unsigned a = 0; a < ADDRS; a++) {
		struct ghost_frame f = {.content = few(),
					.key = (uint8_t)few(),
					.gpn = (uint8_t)few(),
					.version = any_u64() & MODEL_VERSIONS};
		ASSUME(f.content <= CORE_DATA && (f.content != PLAIN || a < MODEL_FRAMES));
		/* Nobody but the Core makes ciphertext, so there is none that it has not made. */
		ASSUME(f.content != CIPHER || (f.key < ZONES && f.gpn < MODEL_PAGES &&
					       f.version <= ghost_sealed[f.key][f.gpn]));
		ghost_frame[a] = f;
	}
	assume_invariants();
}
