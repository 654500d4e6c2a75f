// SPDX-License-Identifier: Apache-2.0
// What the host's KVM sees of a zone's registers and what it can do to them; interrupts; and the
// Core's calls, made wrongly.
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <stdio.h>
#include <sys/io.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include "scenarios.h"
#include "vm.h"

#define PAGE 4096ul

// How often a fragment of SECRET is in sight of the host.
static unsigned secrets_in(const void *data, size_t bytes)
{
	const uint32_t low = (uint32_t)SECRET, high = (uint32_t)(SECRET >> 32);
	unsigned n = 0;

	for (size_t i = 0; i + 4 <= bytes; i++) {
		uint32_t word;
		memcpy(&word, (const uint8_t *)data + i, 4);
		n += word == low || word == high;
	}
	return n;
}

static unsigned secrets_seen(struct vm *vm)
{
	static struct {
		struct kvm_regs regs;
		struct kvm_sregs sregs;
		struct kvm_fpu fpu;
		struct kvm_debugregs debug;
		uint8_t xsave[4096];
	} all;

	memset(&all, 0, sizeof(all));
	vm_regs(vm, &all.regs, &all.sregs);
	if (ioctl(vm->vcpu, KVM_GET_FPU, &all.fpu) || ioctl(vm->vcpu, KVM_GET_XSAVE, all.xsave) ||
	    ioctl(vm->vcpu, KVM_GET_DEBUGREGS, &all.debug))
		die("registers");
	return secrets_in(&all, sizeof(all)) + secrets_in(vm->run, 2048);
}

static void answer(const struct happened *h)
{
	static const uint8_t device[8] = {0xcd, 0xab, 0x34, 0x12};

	if (h->what == EVENT_IN || h->what == EVENT_MMIO_READ)
		memcpy(h->data, device, h->size < 8 ? h->size : 8);
}

// The control: an ordinary guest's registers are the host's to read.
void t_plain_registers(void)
{
	struct vm vm;
	struct happened h;

	vm_open(&vm);
	vm_plain(&vm, TASK_SECRETS);
	h = vm_next(&vm);
	expect(h.what == EVENT_OUT && h.address == PORT, "event %d", h.what);
	unsigned seen = secrets_seen(&vm);
	expect(seen >= 20, "only %u fragments of secrets seen", seen);
	vm_close(&vm);
}

static uint64_t device_value(uint32_t size)
{
	return size == 1 ? 0xcd : size == 2 ? 0xabcd : 0x1234abcd;
}

void t_registers(void)
{
	const uint64_t said[] = {0,
				 0,
				 0,
				 0,
				 0,
				 0,
				 device_value(4),
				 device_value(1),
				 device_value(2),
				 device_value(4),
				 DONE};
	unsigned n = 0, outs = 0, ins = 0, halts = 0, reads = 0, writes = 0;
	struct vm vm;

	vm_open(&vm);
	vm_protect(&vm, TASK_SECRETS, 0, 0);
	while (n < sizeof(said) / sizeof(said[0])) {
		struct happened h = vm_next(&vm);
		unsigned seen = secrets_seen(&vm);

		expect(!seen, "event %d: the host sees %u fragments of secrets", h.what, seen);
		if (h.what == EVENT_OUT && h.address == SAY) {
			expect(h.value == said[n], "word %u is 0x%llx, not 0x%llx", n,
			       (unsigned long long)h.value, (unsigned long long)said[n]);
			n++;
		} else if (h.what == EVENT_OUT) {
			outs++;
			expect(h.size == 1 && h.value == 0x11, "OUT of 0x%llx",
			       (unsigned long long)h.value);
		} else if (h.what == EVENT_IN) {
			ins++;
		} else if (h.what == EVENT_HLT) {
			halts++;
		} else if (h.what == EVENT_MMIO_WRITE) {
			writes++;
			expect(h.address == MMIO_GPA && h.size == 4 && h.value == 0x55,
			       "MMIO write of 0x%llx", (unsigned long long)h.value);
		} else if (h.what == EVENT_MMIO_READ) {
			reads++;
			expect(h.address == MMIO_GPA && h.size == 4, "MMIO read");
		} else {
			expect(false, "event %d, value %llu: %s", h.what,
			       (unsigned long long)h.value, zone_info(&vm).reason);
			break;
		}
		answer(&h);
	}
	expect(outs == 1 && ins == 4 && halts == 1 && writes == 1 && reads == 2,
	       "%u OUT, %u IN, %u HLT, %u and %u MMIO", outs, ins, halts, writes, reads);
	vm_close(&vm);
}

// The host writes registers at every exit: the zone has its own.
void t_set_registers(void)
{
	struct vm vm;

	vm_open(&vm);
	vm_protect(&vm, TASK_SECRETS, 0, 0);
	for (unsigned words = 0; words < 6;) {
		struct kvm_regs r;
		struct kvm_sregs s;
		struct happened h = vm_next(&vm);
		uint64_t rip;

		if (h.what == EVENT_OUT && h.address == SAY) {
			words++;
			expect(h.value == 0, "the zone's registers: 0x%llx",
			       (unsigned long long)h.value);
		} else if (h.what == EVENT_SHUTDOWN || h.what >= EVENT_INTERRUPTED) {
			expect(false, "event %d: %s", h.what, zone_info(&vm).reason);
			break;
		}
		answer(&h);
		/* A read's answer arrives in RAX, which is then the zone's business. */
		if (h.what == EVENT_MMIO_READ || h.what == EVENT_IN || h.what == EVENT_MMIO_WRITE)
			continue;
		vm_regs(&vm, &r, &s);
		rip = r.rip;
		memset(&r, 0xa5, sizeof(r));
		r.rip = rip;
		r.rflags = 0x202;
		s.cr2 = 0xa5a5a5a5;
		s.cr3 = 0x5000;
		s.gdt.base = s.idt.base = 0xa5a5a5a5;
		s.ds.base = s.fs.base = s.gs.base = 0xa5a5a5a5;
		vm_set_regs(&vm, &r);
		expect(vm_set_sregs(&vm, &s), "KVM_SET_SREGS");
	}
	vm_close(&vm);
}

// Real mode, at an HLT.
static void be_reset(struct vm *vm)
{
	struct kvm_sregs s;
	struct kvm_regs r;

	vm_regs(vm, &r, &s);
	s.cr0 = 0x60000010;
	s.cr4 = s.efer = 0;
	s.cs.l = 0;
	s.cs.selector = 0;
	s.cs.base = 0;
	memset(&r, 0, sizeof(r));
	r.rflags = 2;
	vm->ram[0] = 0xf4;
	expect(vm_set_sregs(vm, &s), "KVM_SET_SREGS");
	vm_set_regs(vm, &r);
}

void t_reset(void)
{
	struct vm vm;

	vm_open(&vm);
	vm_protect(&vm, TASK_INTERRUPTS, 0, 0);
	expect(vm_next(&vm).what == EVENT_HLT, "the zone does not sleep");
	be_reset(&vm);
	/* It runs again, as an ordinary guest, and the zone is no more. */
	expect(vm_next(&vm).what == EVENT_HLT, "the guest does not run");
	struct cl_zone_info info = zone_info(&vm);
	expect(info.state == CL_ZONE_DEAD && !strcmp(info.reason, "the host reset the guest"),
	       "state %u, \"%s\"", info.state, info.reason);
	vm_close(&vm);
}

static void interrupt(struct vm *vm, uint32_t vector)
{
	struct kvm_interrupt i = {.irq = vector};

	if (ioctl(vm->vcpu, KVM_INTERRUPT, &i))
		die("KVM_INTERRUPT");
}

static void sleeps(struct vm *vm)
{
	struct happened h = vm_next(vm);

	expect(h.what == EVENT_HLT, "event %d at 0x%llx, value 0x%llx, instead of sleep", h.what,
	       (unsigned long long)h.address, (unsigned long long)h.value);
}

static void takes(struct vm *vm, uint32_t vector)
{
	interrupt(vm, vector);
	struct happened h = vm_next(vm);

	expect(h.what == EVENT_OUT && h.address == IRQ && h.value == vector,
	       "vector 0x%x: event %d at 0x%llx, value 0x%llx", vector, h.what,
	       (unsigned long long)h.address, (unsigned long long)h.value);
	expect(vm_said(vm) == SAY_TICK, "the zone does not go on");
	sleeps(vm);
}

void t_interrupts(void)
{
	const uint32_t good[] = {0x20, 0x31, 0x7f, 0x81, 0xef, 0xff};
	struct vm vm;

	vm_open(&vm);
	vm_protect(&vm, TASK_INTERRUPTS, 0, 0);
	sleeps(&vm);
	for (unsigned i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		takes(&vm, good[i]);
	expect(zone_info(&vm).refused == 0, "some were refused");
	vm_close(&vm);
}

void t_bad_interrupts(void)
{
	struct vm vm;
	uint64_t refused = 0;

	vm_open(&vm);
	vm_protect(&vm, TASK_INTERRUPTS, 0, 0);
	sleeps(&vm);
	for (uint32_t vector = 0; vector <= 0x80; vector++) {
		if (vector == 32)
			vector = 0x80;
		interrupt(&vm, vector);
		/* Nothing arrives; the zone wakes up, though, as it may at any time. */
		uint64_t said = vm_said(&vm);
		expect(said == SAY_TICK, "vector 0x%x arrived", vector);
		sleeps(&vm);
		expect(zone_info(&vm).refused == ++refused, "vector 0x%x is not counted", vector);
	}
	/* Exceptions of the host's making. */
	for (uint8_t vector = 0; vector < 32; vector++) {
		struct kvm_vcpu_events e;

		if (vector == 2)
			continue;
		if (ioctl(vm.vcpu, KVM_GET_VCPU_EVENTS, &e))
			die("KVM_GET_VCPU_EVENTS");
		e.exception.injected = 1;
		e.exception.nr = vector;
		e.exception.has_error_code = vector == 13 || vector == 14;
		e.exception.error_code = 0;
		if (ioctl(vm.vcpu, KVM_SET_VCPU_EVENTS, &e))
			continue; /* KVM's own rules */
		expect(vm_said(&vm) == SAY_TICK, "exception %u arrived", vector);
		sleeps(&vm);
		expect(zone_info(&vm).refused == ++refused, "exception %u is not counted", vector);
	}
	takes(&vm, 0x31);
	vm_close(&vm);
}

static void end_zone(const struct vm *vm)
{
	struct cl_zone_ref ref = {.instance = zone_info(vm).instance};

	expect(core_call(CL_OP_ZONE_END, &ref, sizeof(ref)) == 0, "ZONE_END");
}

// KVM resets the vCPU at a shutdown, so each time it is given back what it showed as a zone's.
// Once it is left as reset, it is an ordinary guest's.
void t_dead_stays_dead(void)
{
	struct vm vm;
	struct kvm_regs r;
	struct kvm_sregs s;

	vm_open(&vm);
	vm_protect(&vm, TASK_INTERRUPTS, 0, 0);
	sleeps(&vm);
	vm_regs(&vm, &r, &s);
	end_zone(&vm);
	for (unsigned i = 0; i < 5; i++) {
		struct happened h = vm_next(&vm);

		expect(h.what == EVENT_SHUTDOWN, "event %d at 0x%llx, value %llu", h.what,
		       (unsigned long long)h.address, (unsigned long long)h.value);
		expect(vm_set_sregs(&vm, &s), "KVM_SET_SREGS");
		vm_set_regs(&vm, &r);
	}
	be_reset(&vm);
	expect(vm_next(&vm).what == EVENT_HLT, "no ordinary guest after a reset");
	expect(zone_info(&vm).state == CL_ZONE_DEAD, "the zone is back");
	vm_close(&vm);
}

// A VMCB of a zone, dead or alive, comes to serve a guest that starts in the zone's own mode, as
// those of VMMs without firmware do. KVM gives the page to its next vCPU at some time; here it is
// the same vCPU, so that it happens for sure.
void t_next_guest(void)
{
	static const char *const reasons[] = {"the host reset the guest", "ended by the host",
					      "triple fault"};

	for (unsigned way = 0; way < 3; way++) {
		struct vm vm;

		vm_open(&vm);
		vm_protect(&vm, way == 2 ? TASK_TRIPLE_FAULT : TASK_INTERRUPTS, 0, 0);
		if (way == 2)
			vm_dies(&vm, reasons[way]);
		else
			sleeps(&vm);
		if (way == 1)
			end_zone(&vm);
		vm_renew(&vm);
		struct happened h = vm_next(&vm);
		expect(h.what == EVENT_OUT && h.address == SAY && h.value == SAY_TICK,
		       "%s: event %d, value 0x%llx", reasons[way], h.what,
		       (unsigned long long)h.value);
		struct cl_zone_info info = zone_info(&vm);
		expect(info.state == CL_ZONE_DEAD && !strcmp(info.reason, reasons[way]),
		       "state %u, \"%s\"", info.state, info.reason);
		vm_close(&vm);
	}
}

// A VMM that vanishes without telling the Core; its vCPU's page then serves another guest.
void t_launch_again(void)
{
	struct vm vm, next[4];

	vm_open(&vm);
	vm_protect(&vm, TASK_INTERRUPTS, 0, 0);
	sleeps(&vm);
	munmap(vm.run, vm.run_bytes);
	close(vm.vcpu);
	close(vm.vm);
	close(vm.kvm);
	for (unsigned i = 0; i < 4; i++) {
		vm_open(&next[i]);
		vm_plain(&next[i], TASK_SPIN);
		struct happened h = vm_next(&next[i]);
		expect(h.what == EVENT_OUT && h.value == SAY_TICK,
		       "a new guest %u: event %d, value 0x%llx", i, h.what,
		       (unsigned long long)h.value);
	}
	for (unsigned i = 0; i < 4; i++)
		vm_close(&next[i]);
	end_zone(&vm);
	vm_free_ram(&vm);
}

static void bad_call(uint32_t op, uint64_t address, uint64_t bytes, long error, const char *what)
{
	uint64_t before = core_info().refused;
	long r = core_call_at(op, address, bytes);

	expect(r == -error, "%s: call 0x%x: %ld", what, op, r);
	/* "There is none" is an answer, not a malformed request. */
	expect(core_info().refused == before + (error != CL_ENOENT), "%s: not counted", what);
}

/* For tests/node/test_tpm.py. */
void boot_log(void)
{
	static struct cl_boot_log part;
	uint32_t all = 0;

	part.position = 0;
	do {
		if (core_call(CL_OP_BOOT_LOG, &part, sizeof(part)))
			die("CL_OP_BOOT_LOG");
		expect(part.count <= sizeof(part.data) && part.count <= part.total - all, "count");
		fwrite(part.data, part.count, 1, stdout);
		all += part.count;
		expect(part.position == all, "position");
	} while (part.count);
	expect(all == part.total, "%u of %u bytes", all, part.total);
}

void t_host_calls(void)
{
	static const struct {
		uint32_t op;
		size_t size;
	} calls[] = {
		{CL_OP_INFO, sizeof(struct cl_core_info)},
		{CL_OP_ZONE_INFO, sizeof(struct cl_zone_info)},
		{CL_OP_ZONE_END, sizeof(struct cl_zone_ref)},
		{CL_OP_OPEN_FRAMES, sizeof(struct cl_open_frames)},
		{CL_OP_TRACE, sizeof(struct cl_trace)},
		{CL_OP_COUNTERS, sizeof(struct cl_counters)},
		{CL_OP_LOG, sizeof(struct cl_log_read)},
		{CL_OP_BOOT_LOG, sizeof(struct cl_boot_log)},
	};
	uint8_t *room =
		mmap(NULL, 8 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (room == MAP_FAILED || mlock(room, 8 * PAGE) || mprotect(room, PAGE, PROT_READ) ||
	    munmap(room + PAGE, PAGE))
		die("mmap");
	uint64_t good = (uint64_t)room + 2 * PAGE, gone = (uint64_t)room + PAGE;

	for (unsigned i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		uint32_t op = calls[i].op;
		uint64_t size = calls[i].size;

		bad_call(op, good, 0, CL_EINVAL, "no size");
		bad_call(op, good, size - 1, CL_EINVAL, "a byte less");
		bad_call(op, good, size + 1, CL_EINVAL, "a byte more");
		bad_call(op, good, ~0ull, CL_EINVAL, "endless size");
		bad_call(op, good, size | 1ull << 32, CL_EINVAL, "size beyond 32 bits");
		bad_call(op, gone, size, CL_EFAULT, "unmapped");
		bad_call(op, gone + PAGE - 4, size, CL_EFAULT, "begins unmapped");
		bad_call(op, 0, size, CL_EFAULT, "address 0");
		bad_call(op, 1ull << 63, size, CL_EFAULT, "not canonical");
		bad_call(op, ~0ull, size, CL_EFAULT, "wraps around");
		bad_call(op, 0x7fffffffefff, size, CL_EFAULT, "end of user space");
	}
	bad_call(CL_OP_INFO, (uint64_t)room, sizeof(struct cl_core_info), CL_EFAULT,
		 "read-only memory");
	expect(room[0] == 0, "read-only memory was written");
	bad_call(0, good, 0, CL_ENOSYS, "call 0");
	bad_call(0x435a0100, good, 8, CL_ENOSYS, "unknown call");
	bad_call(CL_OP_REPORT, good, sizeof(struct cl_report_call), CL_ENOSYS, "a zone's call");
	bad_call(CL_OP_EXIT, good, sizeof(struct cl_exit), CL_ENOSYS, "a zone's call");
	bad_call(CL_OP_SEAL_KEY, good, sizeof(struct cl_seal_key), CL_ENOSYS, "a zone's call");
	memset(room + 2 * PAGE, 0xff, 6 * PAGE);
	bad_call(CL_OP_TRACE, good, sizeof(struct cl_trace), CL_EINVAL, "unknown trace");
	bad_call(CL_OP_BOOT_LOG, good, sizeof(struct cl_boot_log), CL_EINVAL, "behind the log");
	bad_call(CL_OP_ZONE_INFO, good, sizeof(struct cl_zone_info), CL_ENOENT, "unknown zone");
	bad_call(CL_OP_ZONE_END, good, sizeof(struct cl_zone_ref), CL_ENOENT, "unknown zone");
	bad_call(CL_OP_OPEN_FRAMES, good, sizeof(struct cl_open_frames), CL_ENOENT, "unknown zone");
	expect(core_call_at(CL_OP_LOG, good, sizeof(struct cl_log_read)) == 0, "log from nowhere");
	/* Accesses that are no call: nothing is there. */
	expect(inl(CL_CALL_PORT) == 0xffffffff, "IN from the port answers");
	outb(1, CL_CALL_PORT);
	outw(1, CL_CALL_PORT);
	munmap(room, PAGE);
	munmap((void *)good, 6 * PAGE);
}
