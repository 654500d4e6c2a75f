// SPDX-License-Identifier: Apache-2.0
// cl-attack: list | NAME zone|plain. Prints what was tried and what was got, as a line of JSON.
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>
#include "attack.h"

#define LIMIT_SECONDS 100

extern const struct attack *const __start_attacks[], *const __stop_attacks[];

bool zone;
static uint64_t nr_tried, nr_gained;
static char ending[160];

void tried(uint64_t count)
{
	nr_tried += count;
}

void gained(uint64_t count)
{
	nr_gained += count;
}

void outcome(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(ending, sizeof(ending), format, args);
	va_end(args);
	for (char *c = ending; *c; c++) {
		if (*c == '"' || *c == '\\' || *c < ' ')
			*c = '\'';
	}
}

uint8_t *page_of(const struct vm *vm, unsigned i)
{
	return vm->ram + PAGES_GPA + i * PAGE;
}

uint64_t random64(void)
{
	uint64_t r;

	if (getrandom(&r, sizeof(r), 0) != sizeof(r))
		die("getrandom");
	return r;
}

static void begin(struct vm *vm, enum task task, uint32_t count, uint64_t window, bool protect)
{
	memcpy(vm->ram + SHARED_GPA, &count, sizeof(count));
	if (protect)
		vm_protect(vm, task, window, 0);
	else
		vm_plain(vm, task);
}

void victim(struct vm *vm, enum task task, uint32_t count, uint64_t window)
{
	vm_open(vm);
	begin(vm, task, count, window, zone);
}

void bystander(struct vm *vm, enum task task, uint32_t count)
{
	vm_open(vm);
	begin(vm, task, count, 0, false);
}

static void open_in(struct vm *vm, void *ram)
{
	struct cl_launch_desc desc;
	uint8_t *own;

	vm_open(vm);
	desc = *vm->desc;
	own = vm->ram;
	memcpy(ram, own, RAM_BYTES / 16); /* code, page tables: all that vm_open() puts there */
	vm_slot(vm, 0, 0, 0, NULL);
	vm_slot(vm, 0, 0, RAM_BYTES, ram);
	vm->ram = ram;
	vm->desc = (struct cl_launch_desc *)(void *)(vm->ram + DESC_GPA);
	*vm->desc = desc;
}

void victim_in(struct vm *vm, enum task task, uint32_t count, void *ram)
{
	open_in(vm, ram);
	begin(vm, task, count, 0, zone);
}

void bystander_in(struct vm *vm, enum task task, uint32_t count, void *ram)
{
	open_in(vm, ram);
	begin(vm, task, count, 0, false);
}

void *shared_ram(void)
{
	void *ram =
		mmap(NULL, RAM_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (ram == MAP_FAILED)
		die("mmap");
	return ram;
}

void free_ram(void *ram)
{
	munmap(ram, RAM_BYTES);
}

bool hears(struct vm *vm, uint64_t *word)
{
	for (;;) {
		struct happened h = vm_next(vm);

		if (h.what == EVENT_OUT && h.address == SAY) {
			*word = h.value;
			return true;
		}
		if (h.what == EVENT_OUT || h.what == EVENT_MMIO_WRITE)
			continue;
		if (h.what == EVENT_IN || h.what == EVENT_MMIO_READ) {
			memset(h.data, 0, h.size < 8 ? h.size : 8);
			continue;
		}
		struct cl_zone_info info = zone_info(vm);
		if (info.state == CL_ZONE_DEAD)
			outcome("the zone ended: %s", info.reason);
		else if (zone && info.state == CL_ZONE_LIVE)
			outcome("the zone lives, event %d, value %lld", h.what, (long long)h.value);
		else
			outcome("the guest ended, event %d, value %lld", h.what,
				(long long)h.value);
		return false;
	}
}

static void ring(int number)
{
	(void)number; /* KVM_RUN comes back with EINTR */
}

static int run(const struct attack *a)
{
	struct sigaction action = {.sa_handler = ring};

	/* A guest that never exits: KVM_RUN is interrupted, and the attack sees its end. */
	sigaction(SIGALRM, &action, NULL);
	alarm(LIMIT_SECONDS);
	a->run();
	printf("{\"name\": \"%s\", \"tried\": %llu, \"gained\": %llu, \"got\": \"%s\"}\n", a->name,
	       (unsigned long long)nr_tried, (unsigned long long)nr_gained, ending);
	return failures ? 1 : 0;
}

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	zone = argc == 3 && !strcmp(argv[2], "zone");
	for (const struct attack *const *a = __start_attacks; a < __stop_attacks; a++) {
		if (argc == 2 && !strcmp(argv[1], "list"))
			printf("%s\t%s\t%s\t%s\n", (*a)->name, (*a)->source, (*a)->control,
			       (*a)->what);
		else if (argc == 3 && !strcmp(argv[1], (*a)->name))
			return run(*a);
	}
	if (argc == 2 && !strcmp(argv[1], "list"))
		return 0;
	fputs("usage: cl-attack list | NAME zone|plain\n", stderr);
	return 2;
}
