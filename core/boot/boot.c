// SPDX-License-Identifier: Apache-2.0
/*
 * The way from the boot loader to core_main: read what the loader says, check the machine, put
 * the host in place, then take the memory that the Core keeps.
 */
#include "boot/acpi.h"
#include "boot/boot.h"
#include "boot/boot_log.h"
#include "boot/fatal.h"
#include "boot/image.h"
#include "boot/multiboot.h"
#include "boot/paging.h"
#include "boot/payload.h"
#include "cpu/desc.h"
#include "cpu/features.h"
#include "lib/cmdline.h"
#include "lib/log.h"
#include "lib/pool.h"
#include "lib/string.h"

/* A machine sold as 512 MiB, less what its firmware and devices keep. */
#define RAM_MIN	   (480 * SIZE_1M)
#define POOL_FIXED (16 * SIZE_1M)
#define POOL_SHARE 64 /* one byte in so many for the Core's records and tables */

static struct loader_info loader;
static struct boot_info boot;
static struct cpu_desc boot_cpu_desc;
static uint8_t rsdp[RSDP_SIZE_MAX] __attribute__((aligned(16)));

void boot_main(uint32_t magic, uint32_t info) __attribute__((noreturn));

static void open_log(const char *cmdline)
{
	static const char *const names[] = {"err", "warn", "info", "debug"};
	enum log_level level = LOG_INFO;

	for (unsigned int i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (cmdline_is(cmdline, "loglevel", names[i]))
			level = (enum log_level)i;
	log_open(level, cmdline_is(cmdline, "log", "com2") ? LOG_PORT_COM2 : LOG_PORT_DEBUGCON);
}

static void copy_rsdp(void)
{
	const uint8_t *from = loader.rsdp;

	if (!rsdp_check(from, RSDP_SIZE_MAX))
		from = loader.efi ? NULL : phys_to_virt(rsdp_search_bios());
	if (!from) {
		log_warn("no ACPI root pointer found");
		return;
	}
	memcpy(rsdp, from, rsdp_check(from, RSDP_SIZE_MAX));
	boot.rsdp = virt_to_phys(rsdp);
}

/* Sanitise the loader's map into `boot`, and lay out Core memory in it. */
static void lay_out_memory(void)
{
	struct memmap *map = &loader.map;
	uint64_t ram;

	if (memmap_sanitise(map))
		boot_fatal("the memory map has too many entries");
	memcpy(boot.map, map->range, sizeof(boot.map));
	boot.nr_map = map->nr;
	for (unsigned int i = 0; i < map->nr; i++)
		log_debug("memory: 0x%010lx, 0x%010lx bytes, type %u", map->range[i].base,
			  map->range[i].size, map->range[i].type);

	ram = memmap_ram_bytes(map);
	if (ram < RAM_MIN)
		boot_fatal("the machine has %lu MiB of memory, the Core needs 512", ram >> 20);
	boot.core_base = virt_to_phys(core_image_start);
	boot.core_size = ALIGN_UP(virt_to_phys(core_image_end) - boot.core_base + POOL_FIXED +
					  ram / POOL_SHARE,
				  SIZE_2M);
	if (!memmap_is_ram(map, boot.core_base, boot.core_size))
		boot_fatal("the memory at 0x%lx, %lu MiB, that the Core needs is not all free",
			   boot.core_base, boot.core_size >> 20);
}

void boot_main(uint32_t magic, uint32_t info)
{
	const char *why = "";
	int err = -CL_EINVAL;

	cpu_desc_init(&boot_cpu_desc);
	if (magic == MB2_LOADER_MAGIC)
		err = mb2_read(info, &loader, &why);
	else if (magic == MB1_LOADER_MAGIC)
		err = mb1_read(info, &loader, &why);
	else
		why = "the boot loader speaks neither Multiboot nor Multiboot2";
	open_log(loader.cmdline);
	log_info("Cloister Core " CORE_VERSION);
	if (err)
		boot_fatal("%s", why);

	why = cpu_check();
	if (why)
		boot_fatal("%s", why);
	cpu_enable_simd();

	boot_log_find(&loader);
	boot.cmdline = loader.cmdline;
	lay_out_memory();
	copy_rsdp();
	payload_load(&boot, &loader); /* from here on no module lies in Core memory */

	uint64_t pool = ALIGN_UP(virt_to_phys(core_image_end), PAGE_SIZE);

	pool_init(pool, boot.core_base + boot.core_size - pool);
	if (paging_init(memmap_ram_top(&loader.map)))
		boot_fatal("no memory for the Core's page tables");
	log_info("Core memory: 0x%lx, %lu MiB, %lu pages free", boot.core_base,
		 boot.core_size >> 20, pool_free_pages());
	core_main(&boot);
}
