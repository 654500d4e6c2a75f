// SPDX-License-Identifier: Apache-2.0
/*
 * The inductive step: from any state in which the invariants hold, any one operation that the
 * host, a guest or a zone can cause leads to a state in which they hold.
 */
#include "lib/pool.h"
#include "model.h"
#include "parts.h"
#include "svm/shadow.h"
#include "zone/watch.h"

static uint64_t epoch_before;
static struct vmcb host_vmcb;
static struct cl_launch_desc ghost_desc;

static void begin(void)
{
	any_state();
	seen_table = any_below(TABLES);
	seen_addr = any_below(ADDRS);
	seen = translation(table_at(seen_table), seen_addr);
	epoch_before = epoch_of(seen_table)->changed;
	other_one.in_guest = any_bool();
	other_one.table = epoch_of(any_below(TABLES));
	for (unsigned i = 0; i < ZONES; i++)
		ASSUME(zone_at(i)->state != CL_ZONE_ENDING ||
		       other_one.table != &zone_at(i)->epoch ||
		       !other_one.in_guest); /* zone_kill has seen to that */
	device_uses_seen = seen_table == HOSTS_TABLE && (seen & PTE_DMA);
	this_one.host_vmcb = &host_vmcb;
	other_one.entered = other_one.table->changed;
}

static void no_old_translation(void)
{
	tables_settle();
	uint64_t now = translation(table_at(seen_table), seen_addr);
	bool stands = now && !((now ^ seen) & PTE_ADDR) &&
		      (seen_table != HOSTS_TABLE || !(seen & ~now & (PTE_W | PTE_DMA)));
	bool zones = seen_table >= PRIVATE_TABLE && seen_table < SHADOW_TABLE;
	bool dead = zones && !zone_at((seen_table - PRIVATE_TABLE) % ZONES)->npt.root;

	/* This CPU flushes at its next entry ... */
	CHECK(!seen || stands || dead || epoch_of(seen_table)->changed != epoch_before ||
		      (seen_table == SHADOW_TABLE && this_one.flush_guests),
	      "I6: what has gone from a table has advanced its epoch");
	/* ... and the other one has left its guest, if that used it. */
	CHECK(!seen || stands || !device_uses_seen,
	      "I6: no device has a translation that has gone from the host's table");
	CHECK(stands || !other_uses_seen(),
	      "I6: no CPU is in a guest with a translation that has gone");
}

static void end(void)
{
	no_old_translation();
	check_invariants();
}

/* Zones are alike, so one stands for all. */
static struct zone *live_zone(void)
{
	struct zone *z = zone_at(0);

	ASSUME(z->state == CL_ZONE_LIVE || (z->state == CL_ZONE_LAUNCHING && z->recs));
	return z;
}

static uint64_t zone_gpa(void)
{
	return MODEL_GPA << PAGE_SHIFT;
}

/*
 * An operation that fails for good is followed by the zone's end, as in exit.c and launch.c. The
 * eviction that comes before an operation when the window is full is a step of its own.
 */
enum part { DONE, FAILING };

static struct zone *zone_with_room(void)
{
	struct zone *z = live_zone();

	ASSUME(z->nr_open < z->window);
	return z;
}

static void finish(struct zone *z, enum part part, int r)
{
	CHECK(r == 0 || r == -CL_EFAULT || r == -CL_ENOENT || r == -CL_EIO || r == -CL_ENOMEM ||
		      r == -CL_ENOSPC || r == -CL_EPERM || r == -CL_EINVAL,
	      "an error that there is");
	bool harmless = !r || r == -CL_EFAULT || r == -CL_ENOENT || r == -CL_EINVAL;

	ASSUME(harmless == (part != FAILING));
	if (part == FAILING && z->state == CL_ZONE_LIVE)
		zone_kill(z, "model");
	else if (part == FAILING)
		z->state =
			CL_ZONE_ENDING; /* zone_discard goes on as zones_reap does: step_release */
	end();
}

static void touch_private(enum part part)
{
	begin();
	struct zone *z = zone_with_room();
	uint64_t gpa = zone_gpa();
	int r = page_touch_private(z->vcpu[0], gpa);

	CHECK(r || rec_at(0, gpa >> PAGE_SHIFT & 3)->state == PAGE_OPEN,
	      "a page that was touched is OPEN");
	finish(z, part, r);
}

void step_touch_private(void)
{
	touch_private(DONE);
}

void step_touch_private_failing(void)
{
	touch_private(FAILING);
}

static void touch_shared(enum part part)
{
	begin();
	struct zone *z = live_zone();
	uint64_t error;

	ASSUME(z->state == CL_ZONE_LIVE);
	finish(z, part, page_touch_shared(z->vcpu[0], zone_gpa(), any_u64(), &error));
}

void step_touch_shared(void)
{
	touch_shared(DONE);
}

void step_touch_shared_failing(void)
{
	touch_shared(FAILING);
}

/* During a launch: what the host put there is kept, on purpose. */
static void claim_contents(enum part part)
{
	begin();
	struct zone *z = zone_with_room();
	uint64_t gpa = zone_gpa();
	void *contents;
	int r = page_claim_contents(z->vcpu[0], gpa, &contents);

	if (r == 0) {
		uint32_t pfn = rec_at(0, gpa >> PAGE_SHIFT & 3)->pfn;

		CHECK(pfn < MODEL_FRAMES, "I1: a page's frame");
		ASSUME(pfn < MODEL_FRAMES);
		/* Measured, so it is the zone's from here on. */
		ghost_frame[pfn] = (struct ghost_frame){
			.content = PLAIN, .key = 0, .gpn = (uint8_t)(gpa >> PAGE_SHIFT)};
	}
	finish(z, part, r);
}

void step_claim_contents(void)
{
	claim_contents(DONE);
}

void step_claim_contents_failing(void)
{
	claim_contents(FAILING);
}

/*
 * The host's own access (host.c), on any address: what host_npf() does, by whose frame it is and,
 * for a watched table, by what the host does there.
 */
void step_host_maps(void)
{
	begin();
	uint64_t gpa = zone_gpa();
	enum frame_state state = frame_state(gpa >> PAGE_SHIFT);

	ASSUME(state == FRAME_DEVICE || state == FRAME_HOST || state == FRAME_CORE);
	(void)frame_map_device(gpa);
	end();
}

void step_host_takes(void)
{
	begin();
	uint64_t pfn = MODEL_PFN;
	bool held = frame_state(pfn) == FRAME_OPEN || frame_state(pfn) == FRAME_SEALED;

	CHECK(page_surrender_frame(pfn) == held, "I2: what is a zone's does not become the host's");
	end();
}

static void host_writes(enum store kind)
{
	begin();
	uint64_t pfn = MODEL_PFN;

	ASSUME(frame_state(pfn) == FRAME_TABLE);
	host_store = kind;
	/* Of another kind the fault would end the watch: step_break. */
	host_vmcb.control.exit_info1 = NPF_W | NPF_FINAL;
	host_vmcb.save.rax = any_u64();
	(void)watch_host_write(&this_one, (pfn << PAGE_SHIFT) + 8 * any_below(REGION));
	end();
}

void step_host_mov(void)
{
	host_writes(STORE_MOV);
}

void step_host_xchg(void)
{
	host_writes(STORE_XCHG);
}

void step_host_cmpxchg(void)
{
	host_writes(STORE_CMPXCHG);
}

/* Any other instruction; also another zone's or guest's touch. */
void step_break(void)
{
	begin();
	uint64_t pfn = MODEL_PFN;

	ASSUME(frame_state(pfn) == FRAME_TABLE);
	watch_break(pfn);
	end();
}

/* A frame changes hands, whatever maps it; that its page knows of it is page.c's, so it goes back.
 */
void step_claim(void)
{
	begin();
	whole = true;
	if (!frame_claim(MODEL_PFN, 0, 0)) {
		tables_settle();
		for (unsigned t = 0; t < TABLES; t++)
			for (unsigned a = 0; a < ADDRS; a++)
				CHECK(t == PRIVATE_TABLE || t == PRIVATE_TABLE + 1 ||
					      !translation(table_at(t), a) ||
					      (translation(table_at(t), a) & PTE_ADDR) >>
							      PAGE_SHIFT !=
						      MODEL_PFN,
				      "I2: nothing leads to a frame that was claimed");
		no_old_translation();
		frame_release(MODEL_PFN);
	}
	check_invariants();
}

/* Every shadow, as before a frame that one of them maps changes hands; and the shared sides. */
void step_drop_all(void)
{
	begin();
	shadow_drop_all();
	tables_settle();
	for (unsigned t = VIEW_TABLE; t < TABLES; t++)
		for (unsigned a = 0; a < ADDRS; a++)
			CHECK(!translation(table_at(t), a), "I2: nothing is left of a shadow");
	end();
}

void step_drop_views(void)
{
	begin();
	page_drop_shared_views();
	tables_settle();
	for (unsigned t = VIEW_TABLE; t < SHADOW_TABLE; t++)
		for (unsigned a = 0; a < ADDRS; a++)
			CHECK(!translation(table_at(t), a), "I2: nothing is left of a view");
	end();
}

/* An ordinary guest's access, and the host's flush of its table. */
void step_guest_fault(void)
{
	begin();
	struct shadow *s = &this_one.shadows.by_asid[0];
	uint64_t error;

	(void)shadow_fault(s, zone_gpa(), any_u64(), &error);
	end();
}

void step_guest_flush(void)
{
	begin();
	if (any_bool())
		shadow_flush(&this_one.shadows, any_u32(), 0);
	else
		(void)shadow_get(&this_one.shadows, 0, any_u64(), any_bool());
	end();
}

void step_make_room(void)
{
	begin();
	struct zone *z = live_zone();

	window_make_room(z);
	CHECK(z->nr_open < z->window, "I4: there is room");
	end();
}

void step_idle(void)
{
	begin();
	window_check_idle();
	end();
}

void step_kill(void)
{
	begin();
	struct zone *z = live_zone();

	ASSUME(z->state == CL_ZONE_LIVE);
	zone_kill(z, "model");
	end();
}

/* Pieces of a zone's end; between them anything else may happen. */
void step_release(void)
{
	begin();
	struct zone *z = zone_at(0);

	ASSUME(z->state == CL_ZONE_ENDING && !z->reaping && !other_uses_seen());
	zones_reap();
	end();
}

/* A zone's first moment: a number, no page yet. */
void step_new(void)
{
	begin();
	alloc_next = &ghost_desc;
	struct zone *z = zone_new();

	for (unsigned i = 0; z && i < ZONES; i++)
		CHECK(zone_at(i) == z || zone_at(i)->instance < z->instance,
		      "I5: a new zone has a key that none has had");
	if (z && any_bool())
		zone_discard(z);
	end();
}
