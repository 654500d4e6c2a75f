// SPDX-License-Identifier: Apache-2.0
/*
 * libFuzzer target for the state machine of pages. The input is a program: what two zones, their
 * host and an ordinary guest do, step by step, on the modelled machine. After each step
 * machine_check() holds; besides, here: what a zone wrote is what it reads, or it ends; what the
 * host gave back unchanged is taken; no plaintext in a frame of the host; no nonce twice.
 */
#include "lib/pool.h"
#include "machine.h"
#include "svm/shadow.h"
#include "svm/walk.h"
#include "zone/page.h"
#include "zone/window.h"

#define ZONES	  2u
#define PAGES	  256u /* of each zone that are touched: pages 0 … 255, the hole among them */
#define FIRST	  32u  /* frame that the zones' pages start with */
#define STEPS_MAX 200u
#define HOGS_MAX  2048u
#define SECRET	  0x7ec2e7d07ec2e7d0ull

/* What the model knows of a page. */
struct page {
	uint64_t content; /* hash; 0: zeros */
	uint64_t sealed;  /* hash of the ciphertext of the last seal */
	uint64_t version;
};

static struct zone *zones[ZONES];
static uint64_t instance[ZONES];
static struct page pages[ZONES][PAGES];
static uint8_t saved[4][4096]; /* old ciphertexts, for the host to give back */
static void *hog[HOGS_MAX];
static unsigned nr_hogs, launching;

/* Zones write nothing but secrets; each line of a page tells. */
static void write_secret(uint64_t *page, uint64_t who, uint64_t gpn, uint64_t value)
{
	for (unsigned i = 0; i < 512; i += 8) {
		page[i] = SECRET;
		page[i + 1] = who << 32 | gpn;
		page[i + 2] = value;
	}
}

__attribute__((no_sanitize("address", "undefined", "coverage"))) static void check_no_secret(void)
{
	for (uint64_t f = 0; f < RAM_FRAMES; f++) {
		const uint64_t *page = phys_to_virt(ram(f));

		if (!frame_is_host_ram(ram(f)))
			continue;
		for (unsigned i = 0; i < 512; i += 64)
			require(page[i] != SECRET);
	}
}

static void sealed(struct zone *z, uint64_t gpn, uint64_t version, uint64_t plaintext,
		   uint64_t ciphertext)
{
	unsigned i = z == zones[0] ? 0 : z == zones[1] ? 1 : launching;

	/* A zone that has ended is sealed where the host meets its frames; nobody opens that. */
	if (gpn >= PAGES || z->state == CL_ZONE_ENDING)
		return;
	/* Versions only ever count up, so no nonce comes twice under this zone's key. */
	require(version > pages[i][gpn].version);
	pages[i][gpn].version = version;
	pages[i][gpn].sealed = ciphertext;
	/* What was known of it has not changed; at launch nothing was. */
	if (zones[i])
		require(plaintext == pages[i][gpn].content);
	pages[i][gpn].content = plaintext;
}

static void end(unsigned i)
{
	if (zones[i] && zones[i]->state == CL_ZONE_LIVE)
		zone_kill(zones[i], "the model");
	zones[i] = NULL;
}

static enum page_state state_of(struct zone *z, uint64_t gpn)
{
	const struct page_rec *rec = page_rec(z, gpn);

	return rec ? (enum page_state)rec->state : PAGE_ABSENT;
}

static uint64_t frame_bytes(uint64_t pfn)
{
	return page_hash(phys_to_virt(pfn << PAGE_SHIFT));
}

/* Must the zone be given its page, if there is memory? Does the host offer what it was given? */
static bool offered(struct zone *z, const struct page *p, uint64_t gpn, bool *genuine)
{
	struct nested_leaf leaf;
	uint64_t error;

	*genuine = false;
	if (nested_walk(z->vcpu[0]->view_ncr3, gpn << PAGE_SHIFT, NPF_W, &leaf, &error))
		return false;
	enum frame_state state = frame_state(leaf.pa >> PAGE_SHIFT);

	if (state == FRAME_DEVICE || state == FRAME_CORE)
		return false;
	*genuine = frame_is_host_ram(leaf.pa) && frame_bytes(leaf.pa >> PAGE_SHIFT) == p->sealed;
	return true;
}

/* A private access: the model's page and the CPU's must agree. */
static void zone_private(unsigned i, uint64_t gpn, bool write, uint64_t value)
{
	struct zone *z = zones[i];
	struct page *p = &pages[i][gpn];

	if (!z)
		return;
	enum page_state was = state_of(z, gpn);
	bool genuine, offer = offered(z, p, gpn, &genuine);
	int r = page_touch_private(z->vcpu[gpn % z->nr_vcpus], gpn << PAGE_SHIFT);

	if (page_in_hole(gpn << PAGE_SHIFT)) {
		require(r == -CL_ENOENT);
		return;
	}
	require(r == 0 || r == -CL_EFAULT || r == -CL_EIO || r == -CL_ENOMEM || r == -CL_ENOSPC);
	if (was == PAGE_OPEN)
		require(r == 0);
	if (was == PAGE_SEALED)
		require(r == 0 || r == -CL_ENOMEM);
	if (r == -CL_EFAULT) {
		require(!offer);
		return;
	}
	if (r == -CL_EIO)
		require(was == PAGE_SURRENDERED && !genuine);
	if (r == 0 && was == PAGE_SURRENDERED)
		require(genuine);
	if (r) { /* as exit.c does */
		end(i);
		return;
	}
	if (was == PAGE_ABSENT || was == PAGE_SHARED)
		p->content = 0;
	uint64_t *leaf = npt_leaf(&z->npt, gpn << PAGE_SHIFT, NULL);

	require(leaf && state_of(z, gpn) == PAGE_OPEN);
	void *page = phys_to_virt(*leaf & PTE_ADDR);

	require(page_hash(page) == p->content);
	*leaf |= PTE_A | (write ? PTE_D : 0);
	if (write) {
		write_secret(page, instance[i], gpn, value);
		p->content = page_hash(page);
	}
}

static void zone_shared(unsigned i, uint64_t gpn, uint64_t info)
{
	struct zone *z = zones[i];
	uint64_t error = 0;

	if (!z)
		return;
	int r = page_touch_shared(z->vcpu[gpn % z->nr_vcpus], gpn << PAGE_SHIFT, info, &error);

	require(r == 0 || r == -CL_EFAULT || r == -CL_ENOMEM);
	if (r == -CL_ENOMEM) {
		end(i);
		return;
	}
	if (!page_in_hole(gpn << PAGE_SHIFT))
		require(state_of(z, gpn) == PAGE_SHARED);
}

static void launch(unsigned i, uint64_t window, uint64_t pages_in_image)
{
	struct cl_launch_desc desc = {
		.magic = CL_DESC_MAGIC,
		.version = CL_LAUNCH_VERSION,
		.vcpus = 2,
		.memory_bytes = CL_ZONE_MEMORY_MIN,
		.entry_rip = 0x10000,
		.nr_segs = 1,
		.seg = {{0x10000, pages_in_image * PAGE_SIZE}},
	};

	if (zones[i])
		return;
	memset(pages[i], 0, sizeof(pages[i]));
	launching = i;
	struct zone *z = host_launch(i, &desc, window);

	if (!z)
		return;
	zones[i] = z;
	instance[i] = z->instance;
	/* The host has one table for all of its vCPUs. */
	for (unsigned v = 0; v < z->nr_vcpus; v++)
		z->vcpu[v]->view_ncr3 = host_root(i);
	/* What it was launched with is known now, from its frames or from their seals. */
	for (uint64_t gpn = 0; gpn < PAGES; gpn++) {
		const struct page_rec *rec = page_rec(z, gpn);

		if (rec && rec->state == PAGE_OPEN)
			pages[i][gpn].content = frame_bytes(rec->pfn);
	}
}

/* Where the host's table may lead: RAM, another's page, the Core, no RAM at all. */
static uint64_t some_address(struct input *in)
{
	uint64_t kind = take(in, 1), n = take(in, 2);

	switch (kind % 8) {
	case 0:
		return CORE_BASE + n % (CORE_SIZE >> PAGE_SHIFT) * PAGE_SIZE;
	case 1:
		return n << PAGE_SHIFT;
	case 2:
		return 0xfee00000ull + (n % 300) * PAGE_SIZE;
	default:
		return ram(n);
	}
}

static void guest_fault(struct input *in)
{
	struct cpu *cpu = this_cpu();
	uint32_t asid = 1 + (uint32_t)take(in, 1) % (HOST_ASIDS - 1);
	bool nested = take(in, 1) & 1;
	uint64_t gpa = take(in, 2) << PAGE_SHIFT, info = take(in, 1) & (NPF_P | NPF_W | NPF_I);
	struct shadow *s = shadow_get(&cpu->shadows, asid, host_root(2), nested);
	uint64_t error;

	require(s);
	if (!nested)
		gpa += RAM_BASE;
	int r = shadow_fault(s, gpa, info | NPF_U | NPF_FINAL, &error);

	require(r == 0 || r == -CL_EFAULT || r == -CL_ENOMEM);
}

static void step(struct input *in)
{
	uint64_t op = take(in, 1), a, b;
	unsigned i = op >> 4 & 1;

	switch (op & 15) {
	case 0:
	case 1:
		a = take(in, 1);
		zone_private(i, a % PAGES, op & 1, take(in, 1));
		break;
	case 2: /* a whole stretch, to fill the window */
		a = take(in, 1);
		b = take(in, 1);
		for (uint64_t n = 0; n < b % 128 && zones[i]; n++)
			zone_private(i, (a + n) % PAGES, b & 128, n);
		break;
	case 3:
		a = take(in, 1);
		zone_shared(i, a % PAGES, take(in, 1) & (NPF_P | NPF_W));
		break;
	case 4: /* the host looks, and what it sees it may keep */
		a = some_address(in);
		if (a < RAM_BASE || a >= CORE_BASE + CORE_SIZE || (a >= RAM_END && a < CORE_BASE))
			break;
		memcpy(saved[take(in, 1) % 4], host_reach(a), PAGE_SIZE);
		break;
	case 5: /* one bit, or all of an old page */
		a = ram(take(in, 2));
		b = take(in, 1);
		if (b & 128)
			memcpy(host_reach(a), saved[b % 4], PAGE_SIZE);
		else
			host_reach(a)[b * 32] ^= 1;
		break;
	case 6:
		a = take(in, 1);
		b = some_address(in) | (take(in, 1) & 0x67);
		host_map(take(in, 1) % TABLES, a, b);
		break;
	case 7:
		a = take(in, 2) % TABLE_SPAN;
		host_map(take(in, 1) % TABLES, a, take(in, 8));
		break;
	case 8:
		guest_fault(in);
		break;
	case 9:
		shadow_flush(&this_cpu()->shadows, take(in, 1) & 3, (uint32_t)take(in, 1) % 8);
		break;
	case 10:
		machine_clock += take(in, 2) * 1000;
		window_check_idle();
		break;
	case 11:
		a = take(in, 1);
		launch(i, a < CL_WINDOW_MIN ? 0 : a, 1 + take(in, 1) % 80);
		break;
	case 12:
		end(i);
		break;
	case 13: /* the Core is short of memory */
		for (a = take(in, 2); nr_hogs < HOGS_MAX && pool_free_pages() > a % 64; nr_hogs++) {
			hog[nr_hogs] = page_alloc();
			if (!hog[nr_hogs])
				break; /* what is left has been promised */
		}
		break;
	case 14:
		while (nr_hogs && !(op & 16))
			page_free(hog[--nr_hogs]);
		if (op & 16) /* until then the host meets frames of zones that have ended */
			zones_reap();
		break;
	case 15: /* entries: what was to be flushed has been */
		if (op & 16)
			machine_flush_guests();
		else
			page_drop_shared_views();
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool initialised;
	struct input in = {data, size};

	if (!initialised)
		machine_init();
	initialised = true;
	machine_sealed = sealed;
	machine_begin();
	memset(saved, 0, sizeof(saved));
	for (unsigned i = 0; i < ZONES; i++) {
		for (uint64_t n = 0; n < PAGES; n++)
			host_map(i, n, ram(FIRST + i * PAGES + n) | PTE_P | PTE_W | PTE_U);
		launch(i, CL_WINDOW_MIN + i * 16, 4);
	}
	for (uint64_t n = 0; n < 64; n++)
		host_map(2, n, ram(FIRST + 5 * n) | PTE_P | PTE_W | PTE_U | PTE_D);
	for (unsigned steps = 0; in.left && steps < STEPS_MAX; steps++) {
		step(&in);
		machine_check();
		check_no_secret();
	}
	while (nr_hogs)
		page_free(hog[--nr_hogs]);
	for (unsigned i = 0; i < ZONES; i++)
		zones[i] = NULL;
	machine_sealed = NULL;
	machine_end();
	return 0;
}
