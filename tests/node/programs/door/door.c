// SPDX-License-Identifier: Apache-2.0
// cl-door ACTION...: what the host's root does with ports, device registers and MSRs. Actions:
//   in8|in16|in32 PORT           prints what it reads
//   out8|out16|out32 PORT VALUE
//   outs8|outs16|outs32 PORT VALUE COUNT   one REP OUTS of so many equal values
//   read32 ADDRESS, write8|write16|write32|write64 ADDRESS VALUE   through /dev/mem
//   vapic_port|vapic_tpr STATE   prints STATE, and what QEMU's kvmvapic added to a word of memory
//   rdmsr MSR, wrmsr MSR VALUE   prints "refused" where the CPU takes a #GP
// Numbers are hexadecimal. Ends with 1 if an action cannot even be tried.
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/io.h>
#include <sys/mman.h>
#include <unistd.h>
#include "vapic.h"

#define PAGE 4096ul

static void fail(const char *what)
{
	fprintf(stderr, "cl-door: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void out_string(uint16_t port, uint32_t value, size_t count, unsigned size)
{
	uint32_t buffer[64];
	uint8_t *bytes = (uint8_t *)buffer;
	const void *from = buffer;

	if (count * size > sizeof(buffer)) {
		errno = E2BIG;
		fail("outs");
	}
	for (size_t i = 0; i < count; i++)
		memcpy(bytes + i * size, &value, size);
	if (size == 1)
		__asm__ volatile("rep outsb" : "+S"(from), "+c"(count) : "d"(port) : "memory");
	else if (size == 2)
		__asm__ volatile("rep outsw" : "+S"(from), "+c"(count) : "d"(port) : "memory");
	else
		__asm__ volatile("rep outsl" : "+S"(from), "+c"(count) : "d"(port) : "memory");
}

static uint64_t memory(uint64_t address, bool write, unsigned size, uint64_t value)
{
	int fd = open("/dev/mem", O_RDWR | O_SYNC);

	if (fd < 0)
		fail("/dev/mem");
	uint8_t *page = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
			     (off_t)(address & ~(PAGE - 1)));

	if (page == MAP_FAILED)
		fail("mmap of /dev/mem");
	volatile void *at = page + (address & (PAGE - 1));
	uint64_t got = 0;

	if (!write)
		got = *(volatile uint32_t *)at;
	else if (size == 8)
		*(volatile uint8_t *)at = (uint8_t)value;
	else if (size == 16)
		*(volatile uint16_t *)at = (uint16_t)value;
	else if (size == 32)
		*(volatile uint32_t *)at = (uint32_t)value;
	else
		*(volatile uint64_t *)at = value;
	munmap(page, 2 * PAGE);
	close(fd);
	return got;
}

static void msr(uint32_t number, bool write, uint64_t value)
{
	int fd = open("/dev/cpu/0/msr", write ? O_RDWR : O_RDONLY);

	if (fd < 0)
		fail("/dev/cpu/0/msr");
	ssize_t n = write ? pwrite(fd, &value, 8, number) : pread(fd, &value, 8, number);

	close(fd);
	if (n == 8)
		printf("%" PRIx64 "\n", write ? 0 : value);
	else if (errno == EIO)
		puts("refused");
	else
		fail("msr");
}

int main(int argc, char **argv)
{
	uint64_t number[3] = {0};

	if (iopl(3))
		fail("iopl");
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (int i = 1; i < argc;) {
		const char *action = argv[i++];
		unsigned size = 0, n = 0;

		for (; i < argc && n < 3 && strspn(argv[i], "0123456789abcdef") == strlen(argv[i]);
		     n++)
			number[n] = strtoull(argv[i++], NULL, 16);
		for (const char *c = action; *c; c++)
			size = *c >= '0' && *c <= '9' ? size * 10 + (unsigned)(*c - '0') : 0;
		uint16_t port = (uint16_t)number[0];

		if (!strncmp(action, "in", 2))
			printf("%x\n", size == 8 ? inb(port) : size == 16 ? inw(port) : inl(port));
		else if (!strncmp(action, "outs", 4))
			out_string(port, (uint32_t)number[1], number[2], size / 8);
		else if (!strcmp(action, "out8"))
			outb((uint8_t)number[1], port);
		else if (!strcmp(action, "out16"))
			outw((uint16_t)number[1], port);
		else if (!strcmp(action, "out32"))
			outl((uint32_t)number[1], port);
		else if (!strcmp(action, "read32"))
			printf("%" PRIx64 "\n", memory(number[0], false, 32, 0));
		else if (!strncmp(action, "write", 5))
			memory(number[0], true, size, number[1]);
		else if (!strncmp(action, "vapic_", 6)) {
			uint32_t added = vapic(!strcmp(action, "vapic_port"), &number[0]);

			printf("%" PRIx64 " %x\n", number[0], added);
		} else if (!strcmp(action, "rdmsr") || !strcmp(action, "wrmsr"))
			msr((uint32_t)number[0], *action == 'w', number[1]);
		else {
			errno = EINVAL;
			fail(action);
		}
	}
	return 0;
}
