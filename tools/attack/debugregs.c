// SPDX-License-Identifier: Apache-2.0
/*
 * cl-debugregs: the host's root reaches for the CPU's debug registers, where the Core keeps its
 * master key, by every road that Linux offers: ptrace, perf, and KVM, whose guest reads them and
 * whose KVM_SET_GUEST_DEBUG has KVM write and read them in the host's kernel. On each CPU in turn.
 * Prints one line of JSON a road: what it read, and how often a breakpoint fired.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/hw_breakpoint.h>
#include <linux/kvm.h>
#include <linux/perf_event.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#define WRITES	  100u
#define READS_MAX 64u
#define PAGE	  4096ul
#define CODE	  0x1000u
#define PORT	  0x510u
#define DR7_WRITE 0x90001ul /* DR0: 8 bytes, written */
#define DR7_EXEC  0x401ul   /* DR0: executed */

static const unsigned registers[] = {0, 1, 2, 3, 6, 7};
#define REGISTERS (sizeof(registers) / sizeof(registers[0]))

static volatile uint64_t watched __attribute__((aligned(8)));

struct road {
	const char *name;
	uint64_t read[READS_MAX];
	unsigned reads, fired, tried;
};

static void die(const char *what)
{
	fprintf(stderr, "cl-debugregs: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void found(struct road *r, uint64_t value)
{
	r->tried++;
	if (r->reads < READS_MAX)
		r->read[r->reads++] = value;
}

static void write_watched(void)
{
	for (unsigned i = 0; i < WRITES; i++)
		watched = i;
}

static void peek_all(struct road *r, pid_t pid)
{
	for (unsigned i = 0; i < REGISTERS; i++) {
		errno = 0;
		long value = ptrace(PTRACE_PEEKUSER, pid,
				    offsetof(struct user, u_debugreg[registers[i]]), 0);
		if (errno)
			die("PTRACE_PEEKUSER");
		found(r, (uint64_t)value);
	}
}

static void by_ptrace(struct road *r)
{
	int status;
	pid_t pid = fork();

	if (pid < 0)
		die("fork");
	if (!pid) {
		ptrace(PTRACE_TRACEME, 0, 0, 0);
		raise(SIGSTOP);
		write_watched();
		_exit(0);
	}
	if (waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status))
		die("the traced process does not stop");
	peek_all(r, pid);
	if (ptrace(PTRACE_POKEUSER, pid, offsetof(struct user, u_debugreg[0]), &watched) ||
	    ptrace(PTRACE_POKEUSER, pid, offsetof(struct user, u_debugreg[7]), DR7_WRITE))
		die("PTRACE_POKEUSER");
	peek_all(r, pid);
	for (;;) {
		if (ptrace(PTRACE_CONT, pid, 0, 0))
			die("PTRACE_CONT");
		if (waitpid(pid, &status, 0) != pid)
			die("waitpid");
		if (!WIFSTOPPED(status))
			break;
		if (WSTOPSIG(status) != SIGTRAP)
			die("the traced process stopped for another reason");
		r->fired++;
		peek_all(r, pid);
	}
}

static void by_perf(struct road *r)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_BREAKPOINT,
		.size = sizeof(attr),
		.bp_type = HW_BREAKPOINT_W,
		.bp_addr = (uint64_t)(uintptr_t)&watched,
		.bp_len = HW_BREAKPOINT_LEN_8,
	};
	int fd = (int)syscall(SYS_perf_event_open, &attr, 0, -1, -1, 0);
	uint64_t count;

	if (fd < 0)
		die("perf_event_open");
	write_watched();
	if (read(fd, &count, sizeof(count)) != sizeof(count))
		die("a perf counter");
	r->tried++;
	r->fired += (unsigned)count;
	close(fd);
}

struct guest {
	int kvm, vm, vcpu;
	struct kvm_run *run;
	uint8_t *memory;
};

/* Real mode: each register to the port, then HLT. DR5 is DR7 there. */
static void guest_open(struct guest *g)
{
	static const uint8_t from[] = {0, 1, 2, 3, 5, 6, 7};
	struct kvm_userspace_memory_region region = {.memory_size = 2 * PAGE};
	struct kvm_regs regs = {.rip = CODE, .rflags = 2};
	struct kvm_sregs sregs;
	unsigned n = CODE;

	g->kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	g->vm = g->kvm < 0 ? -1 : ioctl(g->kvm, KVM_CREATE_VM, 0);
	g->vcpu = g->vm < 0 ? -1 : ioctl(g->vm, KVM_CREATE_VCPU, 0);
	if (g->vcpu < 0)
		die("/dev/kvm");
	g->memory = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	g->run = mmap(NULL, (size_t)ioctl(g->kvm, KVM_GET_VCPU_MMAP_SIZE, 0),
		      PROT_READ | PROT_WRITE, MAP_SHARED, g->vcpu, 0);
	if (g->memory == MAP_FAILED || g->run == MAP_FAILED)
		die("mmap");
	region.userspace_addr = (uintptr_t)g->memory;
	g->memory[n++] = 0xba; /* mov $PORT, %dx */
	g->memory[n++] = PORT & 0xff;
	g->memory[n++] = PORT >> 8;
	for (unsigned i = 0; i < sizeof(from); i++) {
		const uint8_t code[] = {0x0f, 0x21, (uint8_t)(0xc0 | from[i] << 3), 0x66, 0xef};

		memcpy(g->memory + n, code, sizeof(code)); /* mov %drN, %eax; outl %eax, %dx */
		n += sizeof(code);
	}
	g->memory[n] = 0xf4;
	if (ioctl(g->vm, KVM_SET_USER_MEMORY_REGION, &region) ||
	    ioctl(g->vcpu, KVM_GET_SREGS, &sregs))
		die("KVM");
	sregs.cs.base = sregs.cs.selector = 0;
	if (ioctl(g->vcpu, KVM_SET_SREGS, &sregs) || ioctl(g->vcpu, KVM_SET_REGS, &regs))
		die("KVM");
}

static void guest_run(struct guest *g, struct road *r)
{
	struct kvm_debugregs d;
	struct kvm_guest_debug none = {0};

	for (;;) {
		if (ioctl(g->vcpu, KVM_RUN, 0))
			die("KVM_RUN");
		if (ioctl(g->vcpu, KVM_GET_DEBUGREGS, &d))
			die("KVM_GET_DEBUGREGS");
		for (unsigned i = 0; i < 4; i++)
			found(r, d.db[i]);
		if (g->run->exit_reason == KVM_EXIT_DEBUG) {
			r->fired++;
			if (ioctl(g->vcpu, KVM_SET_GUEST_DEBUG, &none))
				die("KVM_SET_GUEST_DEBUG");
		} else if (g->run->exit_reason == KVM_EXIT_IO) {
			found(r, *(uint32_t *)(void *)((uint8_t *)g->run + g->run->io.data_offset));
		} else if (g->run->exit_reason == KVM_EXIT_HLT) {
			break;
		} else {
			fprintf(stderr, "cl-debugregs: KVM exit %u\n", g->run->exit_reason);
			exit(1);
		}
	}
	munmap(g->memory, 2 * PAGE);
	close(g->vcpu);
	close(g->vm);
	close(g->kvm);
}

static void by_guest(struct road *r)
{
	struct guest g;

	guest_open(&g);
	guest_run(&g, r);
}

static void by_guest_debug(struct road *r)
{
	struct kvm_guest_debug debug = {
		.control = KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_HW_BP,
		.arch.debugreg = {[0] = CODE + 3, [7] = DR7_EXEC},
	};
	struct guest g;

	guest_open(&g);
	if (ioctl(g.vcpu, KVM_SET_GUEST_DEBUG, &debug))
		die("KVM_SET_GUEST_DEBUG");
	guest_run(&g, r);
}

int main(void)
{
	static struct {
		struct road road;
		void (*go)(struct road *r);
	} roads[] = {
		{{.name = "ptrace"}, by_ptrace},
		{{.name = "perf"}, by_perf},
		{{.name = "guest"}, by_guest},
		{{.name = "guest-debug"}, by_guest_debug},
	};
	cpu_set_t all, one;

	if (sched_getaffinity(0, sizeof(all), &all))
		die("sched_getaffinity");
	for (size_t cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET(cpu, &all))
			continue;
		CPU_ZERO(&one);
		CPU_SET(cpu, &one);
		if (sched_setaffinity(0, sizeof(one), &one))
			die("sched_setaffinity");
		for (unsigned i = 0; i < sizeof(roads) / sizeof(roads[0]); i++)
			roads[i].go(&roads[i].road);
	}
	for (unsigned i = 0; i < sizeof(roads) / sizeof(roads[0]); i++) {
		const struct road *r = &roads[i].road;

		printf("{\"road\": \"%s\", \"tried\": %u, \"fired\": %u, \"read\": [", r->name,
		       r->tried, r->fired);
		for (unsigned j = 0; j < r->reads; j++)
			printf("%s\"%016" PRIx64 "\"", j ? ", " : "", r->read[j]);
		printf("]}\n");
	}
	return 0;
}
