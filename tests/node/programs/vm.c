// SPDX-License-Identifier: Apache-2.0
#include "vm.h"
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/io.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

#define EFER_LONG 0x500u // LME, LMA
#define CR0_LONG  0x80010031u
#define CR4_PAE	  0x20u
#define CPUID_MAX 256
#define ALIGNMENT (2ull << 20)

extern const uint8_t guest_begin[], guest_end[], guest_launch[], guest_protect[], guest_zone[];

unsigned failures;

void expect(bool condition, const char *format, ...)
{
	va_list args;

	if (condition)
		return;
	failures++;
	fputs("FAIL ", stdout);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
	fflush(stdout);
}

void die(const char *what)
{
	printf("FAIL %s: %s\n", what, strerror(errno));
	fflush(stdout);
	_exit(1);
}

// ---- the Core ----

static uint8_t buffer[16384] __attribute__((aligned(4096)));

long core_call_at(uint32_t op, uint64_t address, uint64_t bytes)
{
	long result = (long)op;

	if (ioperm(CL_CALL_PORT, 4, 1))
		die("ioperm");
	__asm__ volatile("outl %%eax, %%dx"
			 : "+a"(result)
			 : "b"(address), "c"(bytes), "d"((uint64_t)CL_CALL_PORT)
			 : "memory", "cc");
	return result;
}

long core_call(uint32_t op, void *argument, size_t bytes)
{
	if (mlock(buffer, sizeof(buffer)))
		die("mlock");
	memset(buffer, 0, sizeof(buffer));
	memcpy(buffer, argument, bytes);
	long result = core_call_at(op, (uint64_t)buffer, bytes);
	memcpy(argument, buffer, bytes);
	return result;
}

struct cl_core_info core_info(void)
{
	struct cl_core_info info;

	memset(&info, 0, sizeof(info));
	if (core_call(CL_OP_INFO, &info, sizeof(info)))
		die("the Core does not answer");
	return info;
}

struct cl_zone_info zone_info(const struct vm *vm)
{
	struct cl_zone_info info;

	memset(&info, 0, sizeof(info));
	info.handle = vm->handle;
	if (core_call(CL_OP_ZONE_INFO, &info, sizeof(info)))
		memset(&info, 0, sizeof(info));
	return info;
}

// ---- the guest ----

static uint64_t in_guest(const uint8_t *symbol)
{
	return GUEST_GPA + (uint64_t)(symbol - guest_begin);
}

// An identity map of the low 4 GiB, as the Core makes it for a zone, but for the C-bit.
static void make_tables(struct vm *vm, uint64_t at)
{
	uint64_t *table = (uint64_t *)(void *)(vm->ram + at);

	table[0] = (at + 0x1000) | 7;
	for (uint64_t i = 0; i < 4; i++)
		table[512 + i] = (at + 0x2000 + i * 0x1000) | 7;
	for (uint64_t i = 0; i < 4ul * 512; i++)
		table[1024 + i] = i << 21 | 0x87;
}

static void set_cpuid(struct vm *vm)
{
	struct kvm_cpuid2 *cpuid =
		calloc(1, sizeof(*cpuid) + CPUID_MAX * sizeof(struct kvm_cpuid_entry2));

	if (!cpuid)
		die("memory");
	cpuid->nent = CPUID_MAX;
	if (ioctl(vm->kvm, KVM_GET_SUPPORTED_CPUID, cpuid) ||
	    ioctl(vm->vcpu, KVM_SET_CPUID2, cpuid))
		die("CPUID");
	free(cpuid);
}

static void long_mode(struct vm *vm, uint64_t cr3)
{
	struct kvm_sregs s;

	if (ioctl(vm->vcpu, KVM_GET_SREGS, &s))
		die("KVM_GET_SREGS");
	s.cs = (struct kvm_segment){.selector = 0x10,
				    .limit = 0xffffffff,
				    .type = 11,
				    .present = 1,
				    .s = 1,
				    .l = 1,
				    .g = 1};
	s.ds = s.es = s.fs = s.gs = s.ss = (struct kvm_segment){.selector = 0x18,
								.limit = 0xffffffff,
								.type = 3,
								.present = 1,
								.s = 1,
								.db = 1,
								.g = 1};
	s.cr0 = CR0_LONG;
	s.cr3 = cr3;
	s.cr4 = CR4_PAE;
	s.efer = EFER_LONG;
	if (ioctl(vm->vcpu, KVM_SET_SREGS, &s))
		die("KVM_SET_SREGS");
}

void vm_slot(struct vm *vm, unsigned slot, uint64_t gpa, uint64_t bytes, void *memory)
{
	struct kvm_userspace_memory_region region = {.slot = slot,
						     .guest_phys_addr = gpa,
						     .memory_size = bytes,
						     .userspace_addr = (uint64_t)memory};

	if (ioctl(vm->vm, KVM_SET_USER_MEMORY_REGION, &region))
		die("KVM_SET_USER_MEMORY_REGION");
}

static void default_desc(struct cl_launch_desc *d)
{
	memset(d, 0, sizeof(*d));
	d->magic = CL_DESC_MAGIC;
	d->version = CL_LAUNCH_VERSION;
	d->vcpus = 1;
	d->memory_bytes = RAM_BYTES;
	d->entry_rip = in_guest(guest_zone);
	d->nr_segs = 1;
	d->seg[0].gpa = GUEST_GPA;
	d->seg[0].size = (uint64_t)(guest_end - guest_begin);
}

static void map_ram(struct vm *vm)
{
	/* Aligned, so that the host may use large pages for it. */
	vm->mapped = mmap(NULL, RAM_BYTES + ALIGNMENT, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (vm->mapped == MAP_FAILED)
		die("RAM");
	vm->ram = (uint8_t *)(((uint64_t)vm->mapped + ALIGNMENT - 1) & ~(ALIGNMENT - 1));
	vm_slot(vm, 0, 0, RAM_BYTES, vm->ram);
	memcpy(vm->ram + GUEST_GPA, guest_begin, (size_t)(guest_end - guest_begin));
	vm->desc = (struct cl_launch_desc *)(void *)(vm->ram + DESC_GPA);
	default_desc(vm->desc);
	make_tables(vm, PLAIN_PML4);
}

void vm_open(struct vm *vm)
{
	memset(vm, 0, sizeof(*vm));
	vm->kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (vm->kvm < 0)
		die("/dev/kvm");
	vm->vm = ioctl(vm->kvm, KVM_CREATE_VM, 0);
	if (vm->vm < 0)
		die("VM");
	map_ram(vm);
	vm->vcpu = ioctl(vm->vm, KVM_CREATE_VCPU, 0);
	vm->run_bytes = (size_t)ioctl(vm->kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	vm->run = mmap(NULL, vm->run_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, vm->vcpu, 0);
	if (vm->vcpu < 0 || vm->run == MAP_FAILED)
		die("vCPU");
	set_cpuid(vm);
	if (getrandom(&vm->handle, sizeof(vm->handle), 0) != sizeof(vm->handle))
		die("getrandom");
	long_mode(vm, PLAIN_PML4);
}

void vm_free_ram(struct vm *vm)
{
	munmap(vm->mapped, RAM_BYTES + ALIGNMENT);
}

void vm_renew(struct vm *vm)
{
	vm_slot(vm, 0, 0, 0, vm->ram);
	vm_free_ram(vm);
	map_ram(vm);
	vm_plain(vm, TASK_SPIN);
}

void vm_close(struct vm *vm)
{
	struct cl_zone_info info = zone_info(vm);
	struct cl_zone_ref ref = {.instance = info.instance};

	if (info.instance)
		expect(core_call(CL_OP_ZONE_END, &ref, sizeof(ref)) == 0, "the zone did not end");
	munmap(vm->run, vm->run_bytes);
	close(vm->vcpu);
	close(vm->vm);
	close(vm->kvm);
	vm_free_ram(vm);
}

void vm_protect(struct vm *vm, enum task task, uint64_t window, uint64_t idle)
{
	/* Whatever a malformed descriptor says, the good ones end here. */
	struct kvm_regs r = {.rdi = 0x280000,
			     .rax = CL_VMMCALL_PROTECT,
			     .rbx = DESC_GPA,
			     .rcx = window,
			     .rdx = idle,
			     .rsi = vm->handle,
			     .rip = in_guest(guest_launch),
			     .rflags = 2};

	vm->desc->entry_rsi = task;
	vm_set_regs(vm, &r);
}

void vm_plain(struct vm *vm, enum task task)
{
	struct kvm_regs r = {.rsi = task, .rip = in_guest(guest_zone), .rflags = 2};

	make_tables(vm, BOOT_PML4);
	long_mode(vm, BOOT_PML4);
	vm_set_regs(vm, &r);
}

void vm_protect_at_once(struct vm *vm)
{
	struct kvm_regs r;

	if (ioctl(vm->vcpu, KVM_GET_REGS, &r))
		die("KVM_GET_REGS");
	r.rip = in_guest(guest_protect);
	vm_set_regs(vm, &r);
}

void vm_regs(struct vm *vm, struct kvm_regs *regs, struct kvm_sregs *sregs)
{
	if (ioctl(vm->vcpu, KVM_GET_REGS, regs) || ioctl(vm->vcpu, KVM_GET_SREGS, sregs))
		die("KVM_GET_REGS");
}

void vm_set_regs(struct vm *vm, const struct kvm_regs *regs)
{
	if (ioctl(vm->vcpu, KVM_SET_REGS, regs))
		die("KVM_SET_REGS");
}

bool vm_set_sregs(struct vm *vm, const struct kvm_sregs *sregs)
{
	return !ioctl(vm->vcpu, KVM_SET_SREGS, sregs);
}

static struct happened port_access(struct kvm_run *run)
{
	struct happened h = {.what = run->io.direction == KVM_EXIT_IO_OUT ? EVENT_OUT : EVENT_IN,
			     .address = run->io.port,
			     .size = run->io.size,
			     .data = (uint8_t *)run + run->io.data_offset};

	if (h.what == EVENT_OUT)
		memcpy(&h.value, h.data, h.size);
	return h;
}

static struct happened mmio_access(struct kvm_run *run)
{
	struct happened h = {.what = run->mmio.is_write ? EVENT_MMIO_WRITE : EVENT_MMIO_READ,
			     .address = run->mmio.phys_addr,
			     .size = run->mmio.len,
			     .data = run->mmio.data};

	if (h.what == EVENT_MMIO_WRITE)
		memcpy(&h.value, h.data, h.size);
	return h;
}

struct happened vm_next(struct vm *vm)
{
	if (ioctl(vm->vcpu, KVM_RUN, 0)) {
		if (errno == EINTR)
			return (struct happened){.what = EVENT_INTERRUPTED};
		return (struct happened){.what = EVENT_ERROR, .value = (uint64_t)errno};
	}
	switch (vm->run->exit_reason) {
	case KVM_EXIT_IO:
		return port_access(vm->run);
	case KVM_EXIT_MMIO:
		return mmio_access(vm->run);
	case KVM_EXIT_HLT:
		return (struct happened){.what = EVENT_HLT};
	case KVM_EXIT_SHUTDOWN:
		return (struct happened){.what = EVENT_SHUTDOWN};
	default:
		return (struct happened){.what = EVENT_OTHER, .value = vm->run->exit_reason};
	}
}

void vm_lost(struct vm *vm, const struct happened *h)
{
	struct kvm_regs r;
	struct kvm_sregs s;

	printf("FAIL the guest is lost: event %d at 0x%llx, value 0x%llx; zone: %s\n", h->what,
	       (unsigned long long)h->address, (unsigned long long)h->value, zone_info(vm).reason);
	if (h->what == EVENT_OTHER && h->value == KVM_EXIT_INTERNAL_ERROR) {
		printf("internal error %u:", vm->run->internal.suberror);
		for (unsigned i = 0; i < vm->run->internal.ndata && i < 16; i++)
			printf(" %llx", (unsigned long long)vm->run->internal.data[i]);
		putchar('\n');
	}
	vm_regs(vm, &r, &s);
	printf("rip %llx rflags %llx rsp %llx rax %llx rcx %llx rdx %llx rsi %llx rdi %llx r8 "
	       "%llx\n",
	       r.rip, r.rflags, r.rsp, r.rax, r.rcx, r.rdx, r.rsi, r.rdi, r.r8);
	printf("cr0 %llx cr2 %llx cr3 %llx cr4 %llx efer %llx cs %x/%llx idt %llx/%x\n", s.cr0,
	       s.cr2, s.cr3, s.cr4, s.efer, s.cs.selector, s.cs.base, s.idt.base, s.idt.limit);
	fflush(stdout);
	_exit(1);
}

uint64_t vm_said(struct vm *vm)
{
	struct happened h = vm_next(vm);

	if (h.what == EVENT_OUT && h.address == SAY)
		return h.value;
	expect(false,
	       "the guest did something else than to speak: event %d, address 0x%llx, "
	       "value 0x%llx; zone: %s",
	       h.what, (unsigned long long)h.address, (unsigned long long)h.value,
	       zone_info(vm).reason);
	return ~0ull;
}

bool vm_until(struct vm *vm, uint64_t word)
{
	for (;;) {
		uint64_t said = vm_said(vm);
		if (said == word)
			return true;
		if (said == ~0ull)
			return false;
	}
}

void vm_dies(struct vm *vm, const char *reason)
{
	struct happened h = vm_next(vm);
	struct cl_zone_info info = zone_info(vm);

	expect(h.what == EVENT_SHUTDOWN, "event %d (value 0x%llx) instead of a shutdown", h.what,
	       (unsigned long long)h.value);
	expect(info.state == CL_ZONE_DEAD, "the zone has state %u", info.state);
	expect(strstr(info.reason, reason) != NULL, "reason is \"%s\", not \"%s\"", info.reason,
	       reason);
}
