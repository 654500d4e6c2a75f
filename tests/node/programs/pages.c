// SPDX-License-Identifier: Apache-2.0
// Pages of a zone under a host that reads them, changes them, moves and takes them away.
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
#include "scenarios.h"
#include "vm.h"

#define PAGE	     4096ul
#define PAGES	     100ul
#define HELD_IDLE_MS 3600000ul /* nothing is sealed for idleness */

static uint8_t *page(const struct vm *vm, unsigned i)
{
	return vm->ram + PAGES_GPA + i * PAGE;
}

static unsigned patterns(const struct vm *vm)
{
	const volatile uint64_t *word = (const volatile uint64_t *)(void *)vm->ram;
	unsigned n = 0;

	for (size_t i = 0; i < RAM_BYTES / 8; i++)
		n += word[i] == PATTERN;
	return n;
}

static void start_pages(struct vm *vm, uint32_t count, uint64_t window, uint64_t idle)
{
	vm_open(vm);
	memcpy(vm->ram + SHARED_GPA, &count, sizeof(count));
	vm_protect(vm, TASK_PAGES, window, idle);
	expect(vm_said(vm) == SAY_PAGES, "the zone did not fill its pages");
}

static void intact(struct vm *vm)
{
	uint64_t wrong = vm_said(vm);

	expect(wrong == 0, "the zone finds %lld wrong words", (long long)wrong);
	expect(vm_said(vm) == SAY_PAGES, "the zone does not go on");
}

// The control: without the Core's protection the same search finds everything.
void t_plain_pages(void)
{
	struct vm vm;
	uint32_t count = PAGES;

	vm_open(&vm);
	memcpy(vm.ram + SHARED_GPA, &count, sizeof(count));
	vm_plain(&vm, TASK_PAGES);
	expect(vm_said(&vm) == SAY_PAGES, "the guest did not fill its pages");
	unsigned n = patterns(&vm);
	expect(n >= PAGES * 512, "only %u words found", n);
	intact(&vm);
	vm_close(&vm);
}

void t_host_reads(void)
{
	struct vm vm;

	start_pages(&vm, PAGES, 0, 0);
	for (unsigned round = 0; round < 3; round++) {
		unsigned n = patterns(&vm);
		expect(n == 0, "the host finds %u words of the zone's", n);
		struct cl_zone_info info = zone_info(&vm);
		expect(info.surrendered_pages >= PAGES, "only %llu pages surrendered",
		       (unsigned long long)info.surrendered_pages);
		intact(&vm);
	}
	struct cl_zone_info info = zone_info(&vm);
	expect(info.opens >= 3 * PAGES, "only %llu pages came back",
	       (unsigned long long)info.opens);
	vm_close(&vm);
}

void t_window(void)
{
	struct vm vm;
	struct cl_zone_info info, last = {0};

	start_pages(&vm, 4 * PAGES, CL_WINDOW_MIN, 0);
	for (unsigned round = 0; round < 4; round++) {
		info = zone_info(&vm);
		expect(info.open_pages <= CL_WINDOW_MIN, "%llu pages open, window %u",
		       (unsigned long long)info.open_pages, info.window_pages);
		expect(info.open_pages + info.sealed_pages + info.surrendered_pages >= 4 * PAGES,
		       "pages are missing");
		/* A walk through six windows has to seal and open nearly all of it. */
		if (round)
			expect(info.seals >= last.seals + 3 * PAGES &&
				       info.opens >= last.opens + 3 * PAGES,
			       "%llu seals, %llu opens in a round",
			       (unsigned long long)(info.seals - last.seals),
			       (unsigned long long)(info.opens - last.opens));
		last = info;
		intact(&vm);
	}
	/* Where the window ends, the host may look at all of it. */
	struct cl_open_frames frames = {.instance = info.instance};
	expect(core_call(CL_OP_OPEN_FRAMES, &frames, sizeof(frames)) == 0, "OPEN_FRAMES");
	expect(frames.count == zone_info(&vm).open_pages && !frames.start, "%u open frames told",
	       frames.count);
	expect(patterns(&vm) == 0, "plaintext of the zone found");
	intact(&vm);
	vm_close(&vm);
}

void t_idle(void)
{
	struct vm vm;
	struct cl_zone_info info;

	start_pages(&vm, PAGES, 0, 200);
	info = zone_info(&vm);
	expect(info.open_pages >= PAGES, "%llu pages open", (unsigned long long)info.open_pages);
	/* The zone does not run; each look is an exit. */
	for (unsigned i = 0; i < 300 && info.open_pages; i++) {
		usleep(20000);
		info = zone_info(&vm);
	}
	expect(info.open_pages == 0, "%llu pages still open after 6 s",
	       (unsigned long long)info.open_pages);
	expect(info.idle_seals >= PAGES, "%llu idle seals", (unsigned long long)info.idle_seals);
	intact(&vm);
	vm_close(&vm);
}

static void failed_integrity(struct vm *vm)
{
	struct cl_zone_info info;
	uint64_t said;

	/* Its last word may have been under way. */
	do {
		struct happened h = vm_next(vm);
		if (h.what == EVENT_SHUTDOWN)
			break;
		expect(h.what == EVENT_OUT, "event %d", h.what);
		said = h.value;
	} while (said == SAY_PAGES);
	info = zone_info(vm);
	expect(info.state == CL_ZONE_DEAD && strstr(info.reason, "failed its integrity check"),
	       "state %u, reason \"%s\"", info.state, info.reason);
}

void t_tampered(void)
{
	struct vm vm;

	/* One bit, anywhere in a page. */
	for (unsigned at = 0; at < PAGE; at += 1365) {
		start_pages(&vm, 2, 0, 0);
		page(&vm, 1)[at] ^= 0x10;
		failed_integrity(&vm);
		vm_close(&vm);
	}
	/* Changed and changed back is not changed. */
	start_pages(&vm, 2, 0, 0);
	page(&vm, 1)[77] ^= 0x10;
	page(&vm, 1)[77] ^= 0x10;
	intact(&vm);
	/* Thrown away: zeros are not what was sealed. */
	memset(page(&vm, 0), 0, PAGE);
	failed_integrity(&vm);
	vm_close(&vm);
}

void t_replayed(void)
{
	struct vm vm;
	uint8_t old[PAGE];

	vm_open(&vm);
	vm_protect(&vm, TASK_VERSIONS, 0, 0);
	expect(vm_until(&vm, SAY_PAGES), "the zone does not run");
	expect(vm_said(&vm) == 1, "first contents");
	memcpy(old, page(&vm, 0), PAGE);
	expect(vm_until(&vm, SAY_PAGES), "the zone does not run");
	expect(vm_said(&vm) == 2, "second contents");
	expect(memcmp(old, page(&vm, 0), PAGE) != 0, "same ciphertext");
	memcpy(page(&vm, 0), old, PAGE);
	failed_integrity(&vm);
	vm_close(&vm);
}

void t_exchanged(void)
{
	struct vm vm;
	uint8_t one[PAGE];

	start_pages(&vm, 2, 0, 0);
	expect(memcmp(page(&vm, 0), page(&vm, 1), PAGE) != 0,
	       "two pages with the same contents look the same");
	memcpy(one, page(&vm, 0), PAGE);
	memcpy(page(&vm, 0), page(&vm, 1), PAGE);
	memcpy(page(&vm, 1), one, PAGE);
	failed_integrity(&vm);
	vm_close(&vm);
}

// Other memory behind the zone's addresses. Taking the old away surrenders all pages.
static uint8_t *move_memory(struct vm *vm, bool copy)
{
	uint8_t *other =
		mmap(NULL, RAM_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	expect(other != MAP_FAILED, "no memory");
	vm_slot(vm, 0, 0, 0, NULL);
	struct cl_zone_info info = zone_info(vm);

	expect(!info.open_pages && !info.sealed_pages && info.surrendered_pages >= PAGES,
	       "%llu open, %llu sealed, %llu surrendered", (unsigned long long)info.open_pages,
	       (unsigned long long)info.sealed_pages, (unsigned long long)info.surrendered_pages);
	if (copy)
		memcpy(other, vm->ram, RAM_BYTES);
	vm_slot(vm, 0, 0, RAM_BYTES, other);
	return other;
}

void t_memory_moved(void)
{
	struct vm vm;

	start_pages(&vm, PAGES, 0, 0);
	uint8_t *other = move_memory(&vm, true);

	expect(patterns(&vm) == 0, "plaintext of the zone found");
	memset(vm.ram, 0, RAM_BYTES); // what is left there is nobody's any more
	intact(&vm);
	expect(zone_info(&vm).state == CL_ZONE_LIVE, "the zone has ended");
	vm_close(&vm);
	munmap(other, RAM_BYTES);
}

void t_memory_replaced(void)
{
	struct vm vm;

	start_pages(&vm, PAGES, 0, 0);
	uint8_t *other = move_memory(&vm, false);

	failed_integrity(&vm);
	vm_close(&vm);
	munmap(other, RAM_BYTES);
}

// The host frees the zone's memory and uses the frames for something else.
void t_memory_dropped(void)
{
	const size_t bytes = 128u << 20;
	struct vm vm;

	start_pages(&vm, PAGES, 0, 0);
	expect(!madvise(vm.ram, RAM_BYTES, MADV_DONTNEED), "madvise");
	uint8_t *other = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	for (size_t i = 0; i < bytes; i += 64)
		expect(*(volatile uint64_t *)(void *)(other + i) == 0,
		       "fresh memory of the host's has something in it");
	struct happened h = vm_next(&vm);
	/* Its frames may all have escaped; never does it go on with anything else. */
	expect(h.what == EVENT_SHUTDOWN || (h.what == EVENT_OUT && h.value == 0),
	       "event %d, value %llu", h.what, (unsigned long long)h.value);
	munmap(other, bytes);
	vm_close(&vm);
}

void t_one_frame_twice(void)
{
	struct vm vm;

	vm_open(&vm);
	vm_slot(&vm, 0, 0, 0, NULL);
	vm_slot(&vm, 0, 0, PAGES_GPA, vm.ram);
	vm_slot(&vm, 1, PAGES_GPA, PAGE, vm.ram + PAGES_GPA);
	vm_slot(&vm, 2, PAGES_GPA + PAGE, PAGE, vm.ram + PAGES_GPA);
	vm_slot(&vm, 3, SHARED_GPA, 2u << 20, vm.ram + SHARED_GPA);
	vm_protect(&vm, TASK_TWICE, 0, 0);
	failed_integrity(&vm);
	vm_close(&vm);
}

void t_other_zone_lives(void)
{
	struct vm victim, other, plain;
	uint32_t count = PAGES;

	start_pages(&other, PAGES, CL_WINDOW_MIN, 0);
	vm_open(&plain);
	memcpy(plain.ram + SHARED_GPA, &count, sizeof(count));
	vm_plain(&plain, TASK_PAGES);
	expect(vm_said(&plain) == SAY_PAGES, "the ordinary guest did not fill its pages");
	start_pages(&victim, 2, 0, 0);
	page(&victim, 0)[0] ^= 1;
	failed_integrity(&victim);
	intact(&other);
	intact(&plain);
	vm_close(&victim);
	intact(&other);
	intact(&plain);
	expect(zone_info(&other).state == CL_ZONE_LIVE, "the other zone has ended");
	vm_close(&plain);
	intact(&other);
	vm_close(&other);
}

// A dead zone leaves zeros, whether its pages were open or sealed.
void t_scrubbed(void)
{
	struct vm vm;

	start_pages(&vm, PAGES, CL_WINDOW_MIN, 0);
	struct cl_zone_info info = zone_info(&vm);
	struct cl_zone_ref ref = {.instance = info.instance};

	expect(info.open_pages && info.sealed_pages, "%llu open, %llu sealed",
	       (unsigned long long)info.open_pages, (unsigned long long)info.sealed_pages);
	expect(core_call(CL_OP_ZONE_END, &ref, sizeof(ref)) == 0, "ZONE_END");
	for (unsigned i = 0; i < PAGES * PAGE; i++) {
		if (page(&vm, 0)[i]) {
			expect(false, "byte 0x%x of the pages is not zero", i);
			break;
		}
	}
	expect(patterns(&vm) == 0, "plaintext of the zone found");
	info = zone_info(&vm);
	expect(!info.open_pages && !info.sealed_pages && !info.surrendered_pages,
	       "a dead zone has pages");
	vm_close(&vm);
}

void t_many_lives(void)
{
	struct cl_core_info core = core_info();
	uint64_t last = 0, pool_free = core.pool_free;
	unsigned losses = 0;

	for (unsigned i = 0; i < 30; i++) {
		struct vm vm;

		start_pages(&vm, 10 + i, CL_WINDOW_MIN, 0);
		if (i % 3)
			intact(&vm);
		if (i % 3 == 1) {
			page(&vm, 0)[0] ^= 1;
			failed_integrity(&vm);
		}
		struct cl_zone_info info = zone_info(&vm);
		expect(info.instance > last, "instance %llu again",
		       (unsigned long long)info.instance);
		last = info.instance;
		vm_close(&vm);
		uint64_t free = core_info().pool_free;
		/* The first life may make what the Core keeps for all. */
		losses += i && free < pool_free;
		pool_free = free;
	}
	expect(!losses, "%u lives cost pages of the Core", losses);
	expect(core_info().zones == core.zones, "a zone is left");
}

void t_many_at_once(void)
{
	struct vm vm[33];
	unsigned n = 0, room = 32 - core_info().zones;

	for (; n < 33; n++) {
		struct happened h;

		vm_open(&vm[n]);
		vm_protect(&vm[n], TASK_SPIN, CL_WINDOW_MIN, 0);
		h = vm_next(&vm[n]);
		if (h.what == EVENT_OUT && h.address == REFUSED) {
			int32_t r = (int32_t)h.value;
			expect(r == -CL_ENOSPC || r == -CL_ENOMEM, "error %d", r);
			break;
		}
		expect(h.what == EVENT_OUT && h.value == SAY_TICK, "event %d", h.what);
	}
	expect(n == room, "%u zones at a time, room for %u", n, room);
	for (unsigned i = 0; i <= n && i < 33; i++)
		vm_close(&vm[i]);
}

void hold(void)
{
	struct vm zone, plain;
	uint32_t count = PAGES / 2;
	char line[8];

	alarm(0);
	start_pages(&zone, PAGES, 0, HELD_IDLE_MS);
	vm_open(&plain);
	memcpy(plain.ram + SHARED_GPA, &count, sizeof(count));
	vm_plain(&plain, TASK_PAGES);
	expect(vm_said(&plain) == SAY_PAGES, "the guest did not fill its pages");
	while (!failures) {
		puts("held");
		if (!fgets(line, sizeof(line), stdin))
			pause();
		intact(&zone);
		intact(&plain);
	}
}

void keep_busy(void)
{
	struct vm vm;

	start_pages(&vm, 4 * PAGES, CL_WINDOW_MIN, 0);
	printf("busy %llu\n", (unsigned long long)zone_info(&vm).instance);
	while (!failures)
		intact(&vm);
}
