// SPDX-License-Identifier: Apache-2.0
// PROTECT: what it takes and what it refuses. A refused guest goes on as an ordinary one.
#include <string.h>
#include <stdio.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>
#include "scenarios.h"
#include "vm.h"

#define PAGE 4096ul

void t_launch(void)
{
	struct vm vm;

	vm_open(&vm);
	vm_protect(&vm, TASK_SPIN, 0, 0);
	expect(vm_said(&vm) == SAY_TICK, "the zone does not run");
	struct cl_zone_info info = zone_info(&vm);
	expect(info.state == CL_ZONE_LIVE && info.memory_bytes == RAM_BYTES, "wrong zone");
	expect(info.window_pages == RAM_BYTES / PAGE, "window 0 is not all of the RAM");
	vm_close(&vm);
	vm_open(&vm);
	vm_protect(&vm, TASK_SPIN, 100, 12345);
	expect(vm_said(&vm) == SAY_TICK, "the zone does not run");
	info = zone_info(&vm);
	expect(info.window_pages == 100 && info.idle_ms == 12345, "window or idle time is wrong");
	vm_close(&vm);
}

// One try in a guest that lives on: the answer, as the guest sees it.
static int64_t answer(struct vm *vm)
{
	struct happened h = vm_next(vm);

	if (h.what == EVENT_OUT && h.address == REFUSED)
		return (int32_t)h.value;
	vm_lost(vm, &h);
}

static void refused(struct vm *vm, uint64_t window, uint64_t idle, int error, const char *what)
{
	struct cl_core_info before = core_info();

	vm_protect(vm, TASK_SPIN, window, idle);
	int64_t r = answer(vm);
	struct cl_core_info after = core_info();

	expect(r == -error, "%s: %lld", what, (long long)r);
	expect(after.refused == before.refused + 1, "%s: counted %lld times", what,
	       (long long)(after.refused - before.refused));
	expect(zone_info(vm).state == CL_ZONE_NONE, "%s: there is a zone", what);
	expect(after.zones == before.zones, "%s: number of zones", what);
}

// The guest was not harmed: the same with a good descriptor succeeds.
static void then_launches(struct vm *vm)
{
	vm_protect(vm, TASK_SPIN, 0, 0);
	expect(vm_said(vm) == SAY_TICK, "a good descriptor is refused afterwards");
	vm_close(vm);
}

#define TRY(change)                                                                                \
	do {                                                                                       \
		struct cl_launch_desc good = *d;                                                   \
		change;                                                                            \
		refused(&vm, 0, 0, CL_EINVAL, #change);                                            \
		*d = good;                                                                         \
	} while (0)

void t_descriptor(void)
{
	struct vm vm;

	vm_open(&vm);
	struct cl_launch_desc *d = vm.desc;
	TRY(d->magic++);
	TRY(d->magic = 0);
	TRY(d->magic = CL_LAUNCH_MAGIC);
	TRY(d->version = 0);
	TRY(d->version = 2);
	TRY(d->version |= 0x80000000);
	TRY(d->vcpus = 0);
	TRY(d->vcpus = CL_ZONE_VCPUS_MAX + 1);
	TRY(d->vcpus = 0xffffffff);
	TRY(d->memory_bytes = 0);
	TRY(d->memory_bytes -= 2u << 20);
	TRY(d->memory_bytes += 1);
	TRY(d->memory_bytes += PAGE);
	TRY(d->memory_bytes = CL_ZONE_MEMORY_MAX + (2u << 20));
	TRY(d->memory_bytes = ~0ull);
	TRY(d->policy = CL_POLICY_DEBUG);
	TRY(d->policy = 1ull << 63);
	TRY(d->entry_rip = 0);
	TRY(d->entry_rip = GUEST_GPA - 1);
	TRY(d->entry_rip = d->seg[0].gpa + d->seg[0].size);
	TRY(d->entry_rip = ~0ull);
	TRY(d->nr_segs = 0);
	TRY(d->nr_segs = CL_LAUNCH_SEGS_MAX + 1);
	TRY(d->nr_segs = 0xffffffff);
	TRY(d->reserved0 = 1);
	TRY(d->reserved1[0] = 1);
	TRY(d->reserved1[sizeof(d->reserved1) - 1] = 0x80);
	then_launches(&vm);
}

void t_segments(void)
{
	struct vm vm;

	vm_open(&vm);
	struct cl_launch_desc *d = vm.desc;
	TRY(d->seg[0].gpa++);
	TRY(d->seg[0].gpa += 8);
	TRY(d->seg[0].size++);
	TRY(d->seg[0].size = 0);
	TRY(d->seg[0].size = 0x800);
	TRY(d->seg[0].size = ~0ull - 4095);
	TRY(d->seg[0].size = 0ull - d->seg[0].gpa);
	TRY(d->seg[0].size = 0ull - d->seg[0].gpa + PAGE);
	TRY(d->seg[0].size = RAM_BYTES);
	TRY(d->seg[0].size = RAM_BYTES - GUEST_GPA + PAGE);
	TRY(d->seg[1].gpa = 0x200000);
	TRY(d->seg[1].size = PAGE);
	TRY(d->seg[CL_LAUNCH_SEGS_MAX - 1].size = PAGE);
	/* order, overlap */
	TRY((d->nr_segs = 2, d->seg[1] = d->seg[0]));
	TRY((d->nr_segs = 2, d->seg[1].gpa = GUEST_GPA + PAGE, d->seg[1].size = PAGE));
	TRY((d->nr_segs = 2, d->seg[1].gpa = 0x20000, d->seg[1].size = PAGE));
	TRY((d->nr_segs = 2, d->seg[1].gpa = 0, d->seg[1].size = 0));
	/* outside RAM */
	TRY((d->nr_segs = 2, d->seg[1].gpa = RAM_BYTES, d->seg[1].size = PAGE));
	TRY((d->nr_segs = 2, d->seg[1].gpa = RAM_BYTES - PAGE, d->seg[1].size = 2 * PAGE));
	TRY((d->nr_segs = 2, d->seg[1].gpa = CL_ZONE_LOW_RAM_END, d->seg[1].size = PAGE));
	TRY((d->nr_segs = 2, d->seg[1].gpa = CL_ZONE_HIGH_RAM, d->seg[1].size = PAGE));
	TRY((d->nr_segs = 2, d->seg[1].gpa = 1ull << 39, d->seg[1].size = PAGE));
	TRY((d->nr_segs = 2, d->seg[1].gpa = 0ull - PAGE, d->seg[1].size = PAGE));
	/* the hole below 1 MiB, and the Core's page tables */
	struct cl_launch_seg code = d->seg[0];
	TRY((d->nr_segs = 2, d->seg[1] = code, d->seg[0].gpa = 0xa0000, d->seg[0].size = PAGE));
	TRY((d->nr_segs = 2, d->seg[1] = code, d->seg[0].gpa = 0xff000, d->seg[0].size = PAGE));
	TRY((d->nr_segs = 2, d->seg[1] = code, d->seg[0].gpa = 0x9f000, d->seg[0].size = 2 * PAGE));
	TRY((d->nr_segs = 2, d->seg[1] = code, d->seg[0].gpa = 0x8000, d->seg[0].size = PAGE));
	TRY((d->nr_segs = 2, d->seg[1] = code, d->seg[0].gpa = 0xe000, d->seg[0].size = PAGE));
	TRY((d->nr_segs = 2, d->seg[1] = code, d->seg[0].gpa = 0x7000, d->seg[0].size = 2 * PAGE));
	then_launches(&vm);
}

void t_parameters(void)
{
	struct vm vm;

	vm_open(&vm);
	refused(&vm, 1, 0, CL_EINVAL, "window of 1 page");
	refused(&vm, CL_WINDOW_MIN - 1, 0, CL_EINVAL, "window of 63 pages");
	refused(&vm, 0, 1, CL_EINVAL, "idle time of 1 ms");
	refused(&vm, 0, 99, CL_EINVAL, "idle time of 99 ms");
	refused(&vm, 0, 3600001, CL_EINVAL, "idle time of more than an hour");
	refused(&vm, 0, ~0ull, CL_EINVAL, "endless idle time");
	then_launches(&vm);
}

// A guest may name any size. What the Core would need for it is promised at launch or not at all,
// so that no zone can take what another counts on.
void t_promised(void)
{
	struct vm vm;

	vm_open(&vm);
	vm.desc->memory_bytes = CL_ZONE_MEMORY_MAX;
	refused(&vm, CL_WINDOW_MIN, 0, CL_ENOMEM, "64 GiB in a node of 3");
	vm.desc->memory_bytes = RAM_BYTES;
	then_launches(&vm);
}

static void call_with(struct vm *vm, uint64_t rbx, const struct kvm_sregs *sregs)
{
	struct kvm_regs r;
	struct kvm_sregs s;

	vm_protect(vm, TASK_SPIN, 0, 0);
	vm_protect_at_once(vm);
	vm_regs(vm, &r, &s);
	r.rbx = rbx;
	r.rflags |= 0x3000; /* OUT at any privilege */
	vm_set_regs(vm, &r);
	if (sregs)
		expect(vm_set_sregs(vm, sregs), "KVM does not take the registers");
}

void t_caller(void)
{
	const uint64_t bad[] = {DESC_GPA + 1, DESC_GPA + 8, DESC_GPA + 0xff8, 1ull << 63};
	struct cl_core_info before;
	struct vm vm;
	struct kvm_regs r;
	struct kvm_sregs long_mode, s;

	vm_open(&vm);
	vm_regs(&vm, &r, &long_mode);
	for (unsigned i = 0; i < 4; i++) {
		call_with(&vm, bad[i], NULL);
		expect(answer(&vm) < 0, "descriptor at 0x%llx", (unsigned long long)bad[i]);
	}
	call_with(&vm, 1ull << 38, NULL);
	expect(answer(&vm) == -CL_EFAULT, "descriptor where nothing is mapped");
	call_with(&vm, MMIO_GPA, NULL);
	expect(answer(&vm) == -CL_EFAULT, "descriptor on a device address");

	/* User mode of the guest: KVM's own answer, and no zone. */
	s = long_mode;
	s.cs.dpl = s.ss.dpl = 3;
	s.cs.selector |= 3;
	s.ss.selector |= 3;
	before = core_info();
	call_with(&vm, DESC_GPA, &s);
	expect(answer(&vm) < 0, "PROTECT from user mode");
	/* Compatibility mode. */
	s = long_mode;
	s.cs.l = 0;
	s.cs.db = 1;
	call_with(&vm, DESC_GPA, &s);
	expect(answer(&vm) == -CL_EPERM, "PROTECT from 32-bit code");
	expect(core_info().zones == before.zones, "one of them has become a zone");
	expect(vm_set_sregs(&vm, &long_mode), "KVM_SET_SREGS");
	then_launches(&vm);
}

// The least window while the launch itself opens more pages than that: the Core's own tables must
// be right whichever page has to go.
void t_small_windows(void)
{
	for (unsigned extra = 50; extra < 66; extra++) {
		struct vm vm;

		vm_open(&vm);
		vm.desc->nr_segs = 2;
		vm.desc->seg[1].gpa = 0x200000;
		vm.desc->seg[1].size = extra * PAGE;
		vm_protect(&vm, TASK_SPIN, CL_WINDOW_MIN, 0);
		struct happened h = vm_next(&vm);
		struct cl_zone_info info = zone_info(&vm);
		expect(h.what == EVENT_OUT && h.address == SAY, "%u pages: event %d, %s", extra,
		       h.what, info.reason);
		expect(info.open_pages <= CL_WINDOW_MIN, "%u pages: %llu are open", extra,
		       (unsigned long long)info.open_pages);
		vm_close(&vm);
	}
}

// Host's root gives a guest what it may map of /dev/mem where the Core is. Both a plain guest and
// a zone must find anything but the Core there.
void t_core_memory_as_ram(void)
{
	struct cl_core_info core = core_info();
	int mem = open("/dev/mem", O_RDWR | O_CLOEXEC);
	struct vm vm;

	if (mem < 0)
		die("/dev/mem");
	void *there = mmap(NULL, 2u << 20, PROT_READ | PROT_WRITE, MAP_SHARED, mem,
			   (off_t)core.core_base);
	close(mem);
	if (there == MAP_FAILED) {
		puts("skip: this host's kernel does not map it for anyone");
		return;
	}
	vm_open(&vm);
	vm_slot(&vm, 0, 0, 0, NULL);
	vm_slot(&vm, 0, 0, PAGES_GPA, vm.ram);
	vm_slot(&vm, 1, PAGES_GPA, 2u << 20, there);
	vm_slot(&vm, 2, PAGES_GPA + (2u << 20), RAM_BYTES - PAGES_GPA - (2u << 20),
		vm.ram + PAGES_GPA + (2u << 20));
	vm_protect(&vm, TASK_TWICE, 0, 0);
	/* The zone asks for its page, the host has none to give that the Core would take: the
	 * vCPU makes no progress, and the VMM gets it back by a signal. */
	alarm(3);
	struct happened h = vm_next(&vm);
	/* Core memory is nobody's to give: no zone page is ever made of it. */
	expect(!(h.what == EVENT_OUT && h.address == SAY), "the zone got a page of the Core's");
	vm_close(&vm);
	munmap(there, 2u << 20);
	expect(core_info().core_base == core.core_base, "the Core is not what it was");
}
