// SPDX-License-Identifier: Apache-2.0
/*
 * cl-dma: what the host's root can have a device do to physical memory. The device is QEMU's `edu`
 * (1234:11e8): it copies up to 4095 bytes between memory and a buffer of its own, at any address.
 *
 *   cl-dma own             a page of this program: the device writes it and reads it
 *   cl-dma read PA N       what the device reads there, in hex; zeros where it reads nothing
 *   cl-dma write PA HEX    have it write that there
 *   cl-dma config BDF      what PCI configuration space says of a function, by ports 0xCF8 and
 * 0xCFC; then write zeros to all of it cl-dma mmio PA [VALUE] the 64-bit register there, by
 * /dev/mem; or write it, and read it again
 */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/io.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE	   4096u
#define EDU_ID	   0x11e81234u
#define EDU_BUFFER 0x40000u
#define EDU_SRC	   0x80
#define EDU_DST	   0x88
#define EDU_COUNT  0x90
#define EDU_CMD	   0x98
#define EDU_RUN	   1u
#define EDU_OUT	   2u /* from the device to memory */
#define COUNT_MAX  2048u

static volatile uint8_t *edu;
static uint8_t *page; /* one page of ours, where the device may read and write */
static uint64_t page_pa;

static void die(const char *what)
{
	fprintf(stderr, "cl-dma: %s: %s\n", what, errno ? strerror(errno) : "wrong");
	exit(2);
}

static int open_in(const char *directory, const char *name, int flags)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	int fd = open(path, flags | O_CLOEXEC);

	if (fd < 0)
		die(path);
	return fd;
}

/* Find the device and let it be bus master. */
static void open_edu(void)
{
	glob_t found;

	if (glob("/sys/bus/pci/devices/*", 0, NULL, &found))
		die("no PCI devices");
	for (size_t i = 0; i < found.gl_pathc && !edu; i++) {
		int config = open_in(found.gl_pathv[i], "config", O_RDWR);
		uint32_t id = 0;
		uint16_t command = 6; /* memory space, bus master */

		if (pread(config, &id, 4, 0) == 4 && id == EDU_ID) {
			if (pwrite(config, &command, 2, 4) != 2)
				die("cannot enable the device");
			int bar = open_in(found.gl_pathv[i], "resource0", O_RDWR);
			void *p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, bar, 0);

			if (p == MAP_FAILED)
				die("cannot map the device");
			close(bar);
			edu = p;
		}
		close(config);
	}
	globfree(&found);
	if (!edu)
		die("no edu device");
}

static void open_page(void)
{
	uint64_t entry = 0;
	int map = open_in("/proc/self", "pagemap", O_RDONLY);

	page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (page == MAP_FAILED || mlock(page, PAGE))
		die("no memory");
	memset(page, 0, PAGE);
	if (pread(map, &entry, 8, (off_t)((uintptr_t)page / PAGE * 8)) != 8 || !(entry >> 63))
		die("pagemap");
	close(map);
	page_pa = (entry & ((1ull << 55) - 1)) * PAGE;
}

static void edu_write(unsigned reg, uint64_t value)
{
	*(volatile uint64_t *)(edu + reg) = value;
}

static void run(uint64_t source, uint64_t to, uint32_t count, uint32_t direction)
{
	edu_write(EDU_SRC, source);
	edu_write(EDU_DST, to);
	edu_write(EDU_COUNT, count);
	edu_write(EDU_CMD, EDU_RUN | direction);
	while (*(volatile uint64_t *)(edu + EDU_CMD) & EDU_RUN)
		usleep(1000);
}

static void device_reads(uint64_t pa, uint32_t count)
{
	run(pa, EDU_BUFFER, count, 0);
}

static void device_writes(uint64_t pa, uint32_t count)
{
	run(EDU_BUFFER, pa, count, EDU_OUT);
}

/* Through our page: fill the device's buffer, or look at it. */
static void put(const uint8_t *data, uint32_t count)
{
	memcpy(page, data, count);
	device_reads(page_pa, count);
}

static void get(uint8_t *data, uint32_t count)
{
	memset(page, 0xff, count);
	device_writes(page_pa, count);
	memcpy(data, page, count);
}

static uint64_t number(const char *text)
{
	char *end;

	errno = 0;
	uint64_t n = strtoull(text, &end, 0);

	if (errno || *end)
		die(text);
	return n;
}

static void do_read(uint64_t pa, uint64_t count)
{
	uint8_t data[COUNT_MAX] = {0};

	if (!count || count > sizeof(data))
		die("count");
	put(data, (uint32_t)count);
	device_reads(pa, (uint32_t)count);
	get(data, (uint32_t)count);
	for (uint64_t i = 0; i < count; i++)
		printf("%02x", data[i]);
	putchar('\n');
}

static void do_write(uint64_t pa, const char *hex)
{
	uint8_t data[COUNT_MAX];
	size_t count = strlen(hex) / 2;

	if (!count || count > sizeof(data) || strlen(hex) % 2)
		die("hex");
	for (size_t i = 0; i < count; i++) {
		unsigned byte;

		if (sscanf(hex + 2 * i, "%2x", &byte) != 1)
			die("hex");
		data[i] = (uint8_t)byte;
	}
	put(data, (uint32_t)count);
	device_writes(pa, (uint32_t)count);
}

/* The control: where a device may go, it goes. */
static void do_own(void)
{
	uint8_t data[COUNT_MAX], back[COUNT_MAX];

	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 7 + 1);
	put(data, sizeof(data));
	get(back, sizeof(back));
	if (memcmp(data, back, sizeof(data)))
		die("the device did not copy our own page");
	printf("0x%" PRIx64 " %zu bytes\n", page_pa, sizeof(data));
}

static void do_config(uint64_t bdf)
{
	if (iopl(3))
		die("iopl");
	for (uint32_t reg = 0; reg < 0x100; reg += 4) {
		outl((uint32_t)(0x80000000u | bdf << 8 | reg), 0xcf8);
		if (inl(0xcf8) != (uint32_t)(0x80000000u | bdf << 8 | reg))
			die("the address port does not hold what is written");
		printf("%08x%c", inl(0xcfc), reg % 32 == 28 ? '\n' : ' ');
		outl(0, 0xcfc);
		outw(0, 0xcfc);
		outb(0, 0xcff);
	}
}

static void do_mmio(uint64_t pa, const char *value)
{
	int fd = open_in("/dev", "mem", O_RDWR | O_SYNC);
	uint8_t *p =
		mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)(pa / PAGE * PAGE));

	if (p == MAP_FAILED)
		die("mmap of /dev/mem");
	volatile uint64_t *reg = (volatile uint64_t *)(p + pa % PAGE);

	if (value)
		*reg = number(value);
	printf("0x%016" PRIx64 "\n", *reg);
	close(fd);
}

int main(int argc, char **argv)
{
	const char *verb = argc > 1 ? argv[1] : "";

	if (!strcmp(verb, "config") && argc == 3) {
		do_config(number(argv[2]));
		return 0;
	}
	if (!strcmp(verb, "mmio") && (argc == 3 || argc == 4)) {
		do_mmio(number(argv[2]), argv[3]);
		return 0;
	}
	open_edu();
	open_page();
	if (!strcmp(verb, "own") && argc == 2)
		do_own();
	else if (!strcmp(verb, "read") && argc == 4)
		do_read(number(argv[2]), number(argv[3]));
	else if (!strcmp(verb, "write") && argc == 4)
		do_write(number(argv[2]), argv[3]);
	else
		die("usage: cl-dma own | read PA N | write PA HEX | config BDF | mmio PA [VALUE]");
	return 0;
}
