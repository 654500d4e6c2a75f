// SPDX-License-Identifier: Apache-2.0
// The zone's loader: ordinary guest code that nobody trusts. It puts the launch image's segments
// in place and asks the Core beneath to make this guest a zone (PROTECT). The Core then measures
// what is really there, so all that a wrong or hostile loader reaches is another digest.
#include <stddef.h>
#include <cloister/call.h>
#include "multiboot.h"
#include "plan.h"
#include "port.h"
#include "serial.h"

#define GIB		  (1ull << 30)
#define HIGH_GIBS	  ((CL_ZONE_HIGH_RAM + CL_ZONE_MEMORY_MAX) / GIB - 4)
#define PTE_TABLE	  0x3ull
#define PTE_2MIB	  0x83ull
#define IDT_GATES	  32u
#define IDT_INTERRUPT	  0x8eu // present, DPL 0, 64-bit interrupt gate
#define CODE_SELECTOR	  0x08u
#define KBC_COMMAND	  0x64u
#define KBC_RESET	  0xfeu
#define LOADER_KVM_ENOSYS (-1000)

struct idt_gate {
	uint16_t offset0;
	uint16_t selector;
	uint8_t ist;
	uint8_t type;
	uint16_t offset1;
	uint32_t offset2;
	uint32_t reserved;
};

struct idt_pointer {
	uint16_t limit;
	uint64_t base;
} __attribute__((packed));

extern char loader_start[], loader_end[], loader_trap[], loader_vmmcall[];
extern uint64_t loader_pdpt[512];
int64_t loader_protect(const struct cl_launch_desc *desc, uint32_t window_pages, uint64_t idle_ms,
		       uint64_t handle);
void loader_main(uint32_t magic, const struct multiboot_info *info);
void loader_exception(uint64_t where);

// Copies of the first two pages: the moves may overwrite the originals. PROTECT is told where
// `desc` is, so it has a page of its own.
static struct cl_launch_desc desc __attribute__((aligned(4096)));
static struct cl_launch_header header __attribute__((aligned(4096)));
static uint64_t high_pd[HIGH_GIBS][512] __attribute__((aligned(4096)));
static struct idt_gate idt[IDT_GATES];
static struct plan_place place;
static struct plan plan;

// The compilers may call these two for structure copies.
void *memcpy(void *to, const void *from, size_t bytes);
void *memset(void *to, int value, size_t bytes);

void *memcpy(void *to, const void *from, size_t bytes)
{
	void *start = to;
	__asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(bytes) : : "memory");
	return start;
}

void *memset(void *to, int value, size_t bytes)
{
	void *start = to;
	__asm__ volatile("rep stosb" : "+D"(to), "+c"(bytes) : "a"(value) : "memory");
	return start;
}

// memmove of whole quadwords (segments are whole pages).
static void move_up_or_down(uint64_t to, uint64_t from, uint64_t bytes)
{
	uint64_t words = bytes / 8;
	if (to <= from || to >= from + bytes) {
		__asm__ volatile("rep movsq" : "+D"(to), "+S"(from), "+c"(words) : : "memory");
		return;
	}
	to += bytes - 8;
	from += bytes - 8;
	__asm__ volatile("std; rep movsq; cld"
			 : "+D"(to), "+S"(from), "+c"(words)
			 :
			 : "memory", "cc");
}

// A reset by the keyboard controller ends QEMU when it runs with -no-reboot. Should nothing listen
// there, an exception without an IDT is a triple fault.
__attribute__((noreturn)) static void give_up(void)
{
	static const struct idt_pointer none;
	port_write(KBC_COMMAND, KBC_RESET);
	for (uint32_t i = 0; i < 1000; i++)
		(void)port_read(KBC_COMMAND);
	__asm__ volatile("lidt %0; ud2" : : "m"(none));
	__builtin_unreachable();
}

__attribute__((noreturn)) static void fail(const char *what)
{
	serial_text("cloister-loader: ");
	serial_text(what);
	serial_text("\n");
	give_up();
}

void loader_exception(uint64_t where)
{
	if (where == (uint64_t)(uintptr_t)loader_vmmcall)
		fail("no Core beneath this guest: VMMCALL is an invalid instruction here");
	fail("unexpected exception");
}

static void catch_exceptions(void)
{
	uint64_t trap = (uint64_t)(uintptr_t)loader_trap;
	struct idt_pointer pointer = {sizeof(idt) - 1, (uint64_t)(uintptr_t)idt};

	for (uint32_t i = 0; i < IDT_GATES; i++)
		idt[i] = (struct idt_gate){
			.offset0 = (uint16_t)trap,
			.selector = CODE_SELECTOR,
			.type = IDT_INTERRUPT,
			.offset1 = (uint16_t)(trap >> 16),
			.offset2 = (uint32_t)(trap >> 32),
		};
	__asm__ volatile("lidt %0" : : "m"(pointer) : "memory");
}

// The identity map of boot.S ends at 4 GiB; go on as far as this zone's RAM does. Entries that were
// not present are not cached (AMD APM vol. 2, section 5.5.2), so nothing needs flushing.
static void map_high(uint64_t memory_bytes)
{
	for (uint64_t gib = 0; gib < HIGH_GIBS && CL_ZONE_LOW_RAM_END + gib * GIB < memory_bytes;
	     gib++) {
		uint64_t base = CL_ZONE_HIGH_RAM + gib * GIB;
		for (uint64_t i = 0; i < 512; i++)
			high_pd[gib][i] = (base + (i << 21)) | PTE_2MIB;
		loader_pdpt[4 + gib] = (uint64_t)(uintptr_t)high_pd[gib] | PTE_TABLE;
	}
	__asm__ volatile("" : : : "memory");
}

// A 32-bit physical address; the map is an identity map.
static const void *at(uint32_t address)
{
	return (const void *)(uintptr_t)address;
}

static void read_memory_map(const struct multiboot_info *info)
{
	uint32_t used = 0;

	if (!(info->flags & MULTIBOOT_INFO_MMAP))
		return;
	while (info->mmap_length - used >= sizeof(struct multiboot_mmap) &&
	       place.map_count < PLAN_MAP_MAX) {
		const struct multiboot_mmap *entry = at(info->mmap_addr + used);
		uint32_t step = entry->size + 4;
		if (entry->size < sizeof(*entry) - 4 || step > info->mmap_length - used)
			break;
		// An entry that wraps around says nothing usable.
		if (entry->base + entry->length > entry->base)
			place.map[place.map_count++] =
				(struct plan_range){entry->base, entry->base + entry->length};
		used += step;
	}
}

void loader_main(uint32_t magic, const struct multiboot_info *info)
{
	serial_init();
	catch_exceptions();
	if (magic != MULTIBOOT_BOOT_MAGIC)
		fail("not started by a multiboot loader");
	if (!(info->flags & MULTIBOOT_INFO_MODS) || info->mods_count != 1)
		fail("need exactly one module, the launch image (QEMU: -initrd launch.img)");

	const struct multiboot_module *module = at(info->mods_addr);
	place.loader = (struct plan_range){(uintptr_t)loader_start, (uintptr_t)loader_end};
	place.image = (struct plan_range){module->start, module->end};
	read_memory_map(info);
	enum plan_error error = plan_image(&place);
	if (error)
		fail(plan_reason(error));
	memcpy(&header, at((uint32_t)place.image.start), sizeof(header));
	memcpy(&desc, at((uint32_t)place.image.start + CL_PAGE_SIZE), sizeof(desc));
	error = plan_make(&plan, &header, &desc, &place);
	if (error)
		fail(plan_reason(error));

	map_high(desc.memory_bytes);
	for (uint32_t i = 0; i < plan.count; i++)
		move_up_or_down(plan.move[i].to, plan.move[i].from, plan.move[i].bytes);

	serial_text("cloister-loader: image in place, asking the Core for a zone\n");
	int64_t result = loader_protect(&desc, header.window_pages, header.idle_ms, header.handle);
	if (result == LOADER_KVM_ENOSYS)
		fail("no Core beneath this guest: the host is not protected by Cloister");
	serial_text("cloister-loader: the Core refused to make this guest a zone: error ");
	serial_number(result);
	fail(" (see the Core's log)");
}
