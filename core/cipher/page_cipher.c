// SPDX-License-Identifier: Apache-2.0
/* The page cipher's front: choice of path, nonce, and the check of the tag. */
#include "cipher/page_cipher_internal.h"
#include <cloister/call.h>

/* Slowest first. */
static const struct page_path *const paths[] = {
	&page_path_scalar,
	&page_path_aesni,
	&page_path_vaes256,
	&page_path_vaes512,
};
#define PATHS (sizeof(paths) / sizeof(paths[0]))

static const struct page_path *path = &page_path_scalar;

struct cpuid {
	uint32_t eax, ebx, ecx, edx;
};

static struct cpuid cpuid(uint32_t leaf)
{
	struct cpuid c;

	__asm__ volatile("cpuid"
			 : "=a"(c.eax), "=b"(c.ebx), "=c"(c.ecx), "=d"(c.edx)
			 : "a"(leaf), "c"(0));
	return c;
}

static bool has(uint64_t value, uint64_t bits)
{
	return (value & bits) == bits;
}

/* Intel SDM vol. 1, "Detection of AVX-512 Foundation Instructions" and its neighbours. */
static unsigned cpu_features(void)
{
	const uint32_t aesni = 1u << 25 | 1u << 9 | 1u << 1;	/* 1.ECX: AES, SSSE3, PCLMULQDQ */
	const uint32_t avx = 1u << 28 | 1u << 27;		/* 1.ECX: AVX, OSXSAVE */
	const uint32_t avx2 = 1u << 5;				/* 7.EBX */
	const uint32_t vaes = 1u << 10 | 1u << 9;		/* 7.ECX: VPCLMULQDQ, VAES */
	const uint32_t avx512 = 1u << 31 | 1u << 30 | 1u << 16; /* 7.EBX: VL, BW, F */
	const uint64_t ymm = 0x6, zmm = 0xe6;			/* XCR0 */
	const struct cpuid one = cpuid(1);
	struct cpuid seven = {0};
	unsigned features = 0;
	uint32_t low, high;
	uint64_t xcr0;

	if (!has(one.ecx, aesni))
		return 0;
	features = CPU_AESNI;
	if (!has(one.ecx, avx) || cpuid(0).eax < 7)
		return features;
	seven = cpuid(7);
	__asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
	xcr0 = (uint64_t)high << 32 | low;
	if (has(xcr0, ymm) && has(seven.ebx, avx2) && has(seven.ecx, vaes))
		features |= CPU_VAES;
	if (has(xcr0, zmm) && has(seven.ebx, avx512))
		features |= CPU_AVX512;
	return features;
}

void page_cipher_init(void)
{
	const unsigned features = cpu_features();

	for (unsigned i = 0; i < PATHS; i++)
		if (has(features, paths[i]->needs))
			path = paths[i];
}

const char *page_cipher_name(void)
{
	return path->name;
}

static bool same(const char *a, const char *b)
{
	while (*a && *a == *b)
		a++, b++;
	return *a == *b;
}

bool page_cipher_select(const char *name)
{
	const unsigned features = cpu_features();

	for (unsigned i = 0; i < PATHS; i++) {
		if (!same(name, paths[i]->name) || !has(features, paths[i]->needs))
			continue;
		path = paths[i];
		return true;
	}
	return false;
}

/* A memset that the compiler may not drop. */
static void wipe(void *p, size_t size)
{
	__builtin_memset(p, 0, size);
	__asm__ volatile("" ::"r"(p) : "memory");
}

void page_key_wipe(struct page_key *k)
{
	wipe(k, sizeof(*k));
}

void page_key_setup(struct page_key *k, const uint8_t key[PAGE_CIPHER_KEY_SIZE])
{
	page_key_wipe(k);
	path->setup(k, key);
}

void key_derive(uint8_t *to, uint64_t m0, uint64_t m1, uint64_t m2, uint64_t m3, const uint32_t *n)
{
	path->derive(to, m0, m1, m2, m3, n);
}

static void store_be(uint8_t *p, uint64_t value, unsigned bytes)
{
	while (bytes--) {
		p[bytes] = (uint8_t)value;
		value >>= 8;
	}
}

/* With a 96-bit nonce, J0 = nonce ‖ 1 (SP 800-38D, section 7.1); the page's counters follow. */
static void run(const struct page_key *k, uint64_t gpn, uint64_t version, void *page,
		uint8_t tag[PAGE_CIPHER_TAG_SIZE], bool seal)
{
	uint8_t j0[BLOCK_BYTES];

	if (gpn >> 32)
		__builtin_trap();
	store_be(j0, gpn, 4);
	store_be(j0 + 4, version, 8);
	store_be(j0 + 12, 1, 4);
	path->run(k, j0, page, tag, seal);
}

void page_seal(const struct page_key *k, uint64_t gpn, uint64_t version, void *page,
	       uint8_t tag[PAGE_CIPHER_TAG_SIZE])
{
	run(k, gpn, version, page, tag, true);
}

int page_open(const struct page_key *k, uint64_t gpn, uint64_t version, void *page,
	      const uint8_t tag[PAGE_CIPHER_TAG_SIZE])
{
	uint8_t right[PAGE_CIPHER_TAG_SIZE];
	unsigned difference = 0;

	run(k, gpn, version, page, right, false);
	for (unsigned i = 0; i < sizeof(right); i++)
		difference |= (unsigned)(right[i] ^ tag[i]);
	/* Whoever learned the right tag of a forged page could pass it off. */
	wipe(right, sizeof(right));
	if (!difference)
		return 0;
	wipe(page, PAGE_BYTES);
	return -CL_EIO;
}
