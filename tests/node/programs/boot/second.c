// SPDX-License-Identifier: Apache-2.0
// The boot after a reset, without any Core: a Multiboot kernel that searches RAM for what the first
// boot left, and reports on COM1. It counts words of the canary (guest.h) and AES key schedules,
// and finds a schedule that it makes itself, so that finding none means something.
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "guest.h"

#define COM1	   0x3f8
#define MAGIC	   0x2badb002u
#define LOW_MEMORY (1u << 20)
#define KEY_WORDS  8u
#define WORDS	   60u

__attribute__((section(".multiboot"), used)) static const uint32_t header[] = {
	0x1badb002, 2, -(0x1badb002u + 2)}; // 2: wants to know how much memory there is

static uint8_t stack[16384] __attribute__((used, aligned(16)));
static uint8_t sbox[256];
static uint32_t own[WORDS];

void run(uint32_t magic, const uint32_t *info);

__asm__(".globl second\n"
	"second:\n\t"
	"movl $stack + 16384, %esp\n\t"
	"pushl %ebx\n\t"
	"pushl %eax\n\t"
	"call run\n"
	"1:\tcli\n\t"
	"hlt\n\t"
	"jmp 1b\n");

static void print(const char *text)
{
	for (; *text; text++)
		__asm__ volatile("outb %0, %1" : : "a"(*text), "d"((uint16_t)COM1));
}

static void print_number(const char *name, uint32_t value)
{
	char text[12];
	char *p = text + sizeof(text);

	*--p = 0;
	do
		*--p = (char)('0' + value % 10);
	while (value /= 10);
	print(name);
	print(p);
}

static uint8_t times2(uint8_t v)
{
	return (uint8_t)(v << 1 ^ (v & 0x80 ? 0x1b : 0));
}

static uint8_t rotate(uint8_t v, unsigned n)
{
	return (uint8_t)(v << n | v >> (8 - n));
}

// FIPS 197, section 5.1.1, along a generator (3) and its inverse.
static void make_sbox(void)
{
	uint8_t p = 1, q = 1;

	do {
		p = (uint8_t)(p ^ times2(p));
		q = (uint8_t)(q ^ q << 1);
		q = (uint8_t)(q ^ q << 2);
		q = (uint8_t)(q ^ q << 4);
		if (q & 0x80)
			q ^= 9;
		sbox[p] = (uint8_t)(q ^ rotate(q, 1) ^ rotate(q, 2) ^ rotate(q, 3) ^ rotate(q, 4) ^
				    0x63);
	} while (p != 1);
	sbox[0] = 0x63;
}

// Words are little-endian here, so RotWord goes the other way.
static uint32_t sub(uint32_t w)
{
	return (uint32_t)sbox[w & 255] | (uint32_t)sbox[w >> 8 & 255] << 8 |
	       (uint32_t)sbox[w >> 16 & 255] << 16 | (uint32_t)sbox[w >> 24] << 24;
}

static uint32_t rot(uint32_t w)
{
	return w >> 8 | w << 24;
}

static void expand(uint32_t w[WORDS])
{
	uint8_t rcon = 1;

	for (unsigned i = KEY_WORDS; i < WORDS; i++) {
		uint32_t t = w[i - 1];

		if (i % KEY_WORDS == 0) {
			t = sub(rot(t)) ^ rcon;
			rcon = times2(rcon);
		} else if (i % KEY_WORDS == 4) {
			t = sub(t);
		}
		w[i] = w[i - KEY_WORDS] ^ t;
	}
}

// The second 32 bytes of an AES-256 schedule follow from the first; that is 256 bits by chance.
static bool is_schedule(const volatile uint32_t *w)
{
	return (w[9] ^ w[8]) == w[1] && (w[10] ^ w[9]) == w[2] && (w[11] ^ w[10]) == w[3] &&
	       w[8] == (w[0] ^ sub(rot(w[7])) ^ 1) && w[12] == (w[4] ^ sub(w[11])) &&
	       (w[13] ^ w[12]) == w[5] && (w[14] ^ w[13]) == w[6] && (w[15] ^ w[14]) == w[7];
}

void run(uint32_t magic, const uint32_t *info)
{
	uint32_t words = 0, schedules = 0, top = LOW_MEMORY + (info[2] << 10);

	(void)header;
	if (magic != MAGIC || !(info[0] & 1)) {
		print("second: no memory size\n");
		return;
	}
	make_sbox();
	for (unsigned i = 0; i < KEY_WORDS; i++)
		own[i] = 0x01234567u * (i + 1);
	expand(own);
	// The loader's own memory below 1 MiB held nothing of zones.
	for (uint32_t at = LOW_MEMORY; at < top - 4 * WORDS; at += 4) {
		const volatile uint32_t *w = (const volatile uint32_t *)at;

		words += !(at & 7) && w[0] == (uint32_t)PATTERN &&
			 w[1] == (uint32_t)((uint64_t)PATTERN >> 32);
		schedules += is_schedule(w);
	}
	print_number("second: canary words ", words);
	print_number(", AES schedules ", schedules);
	print_number(", KiB searched ", (top - LOW_MEMORY) >> 10);
	print("\n");
}
