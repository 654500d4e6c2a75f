// SPDX-License-Identifier: Apache-2.0
/*
 * The page cipher, every path that this CPU has: its building blocks against FIPS 197 and the
 * test cases of the GCM specification (McGrew and Viega, appendix B), whole pages against OpenSSL.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <bearssl/bearssl_hash.h>
#include <cmocka.h>
#include <openssl/evp.h>

#include "cipher/page_cipher.h"
#include "cipher/page_cipher_internal.h"
#include <cloister/call.h>

#define ORACLE_PAGES 2000

static const char *const path_names[] = {"scalar", "aesni", "vaes256", "vaes512"};
#define PATHS 4

static struct page_key page_key;
static uint8_t page[PAGE_BYTES] __attribute__((aligned(PAGE_BYTES)));
static uint8_t plain[PAGE_BYTES], expected[PAGE_BYTES];
static uint64_t random_state;

/* Splitmix64: the same pages on every run. */
static uint64_t random64(void)
{
	uint64_t z = random_state += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

static void random_fill(void *p, size_t size)
{
	uint8_t *b = p;

	while (size--)
		*b++ = (uint8_t)random64();
}

static size_t unhex(uint8_t *out, const char *hex)
{
	size_t n = 0;
	unsigned byte;

	for (; sscanf(hex, "%2x", &byte) == 1; hex += 2)
		out[n++] = (uint8_t)byte;
	return n;
}

static void assert_hex(const void *got, const char *hex)
{
	uint8_t want[64];
	const size_t n = unhex(want, hex);

	assert_memory_equal(got, want, n);
}

static void assert_zero(const void *p, size_t size)
{
	const uint8_t *b = p;

	for (size_t i = 0; i < size; i++)
		assert_int_equal(b[i], 0);
}

/* OpenSSL's answer for plain[], into expected[] and tag. */
static void oracle_seal(const uint8_t key[32], const uint8_t nonce[12], uint8_t tag[16])
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	int n;

	assert_non_null(ctx);
	assert_int_equal(EVP_EncryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, key, nonce), 1);
	assert_int_equal(EVP_EncryptUpdate(ctx, expected, &n, plain, PAGE_BYTES), 1);
	assert_int_equal(n, PAGE_BYTES);
	assert_int_equal(EVP_EncryptFinal_ex(ctx, expected + PAGE_BYTES, &n), 1);
	assert_int_equal(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, 16, tag), 1);
	EVP_CIPHER_CTX_free(ctx);
}

static void make_nonce(uint8_t nonce[12], uint64_t gpn, uint64_t version)
{
	for (unsigned i = 0; i < 4; i++)
		nonce[i] = (uint8_t)(gpn >> (24 - 8 * i));
	for (unsigned i = 0; i < 8; i++)
		nonce[4 + i] = (uint8_t)(version >> (56 - 8 * i));
}

/* Each case runs once a path; the path's name is its state. */
static int use_path(void **state)
{
	random_state = 1;
	if (!page_cipher_select(*state))
		*state = NULL;
	return 0;
}

#define NEED_PATH(state)                                                                           \
	do {                                                                                       \
		if (!*(state)) {                                                                   \
			print_message("this CPU lacks the path\n");                                \
			skip();                                                                    \
		}                                                                                  \
	} while (0)

static const struct vector_key *vector_key(void)
{
	return (const struct vector_key *)&page_key;
}

static bool is_scalar(void *const *state)
{
	return !strcmp(*state, "scalar");
}

static void test_fips197_cipher(void **state)
{
	uint8_t key[32], block[16];

	NEED_PATH(state);
	/* FIPS 197, appendix C.3. */
	unhex(key, "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f");
	unhex(block, "00112233445566778899aabbccddeeff");
	page_key_setup(&page_key, key);
	if (is_scalar(state)) {
		/* CTR encrypts nonce ‖ counter. */
		uint8_t stream[16] = {0};

		br_aes_ct64_ctr_run(&((struct scalar_key *)&page_key)->aes, block, 0xccddeeff,
				    stream, sizeof(stream));
		memcpy(block, stream, sizeof(block));
	} else {
		vector_encrypt_block(vector_key(), block);
	}
	assert_hex(block, "8ea2b7ca516745bfeafc49904b496089");
}

/* BearSSL keeps its schedule bit-sliced; for it the case above must do. */
static void test_fips197_schedule(void **state)
{
	uint8_t key[32];

	NEED_PATH(state);
	/* FIPS 197, appendix A.3: w[0] w[8] w[16] w[56]. */
	unhex(key, "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4");
	page_key_setup(&page_key, key);
	assert_hex(vector_key()->round[0], "603deb1015ca71be2b73aef0857d7781");
	assert_hex(vector_key()->round[2], "9ba354118e6925afa51a8b5f2067fcde");
	assert_hex(vector_key()->round[4], "d59aecb85bf3c917fee94248de8ebe96");
	assert_hex(vector_key()->round[14], "fe4890d1e6188d0b046df344706c631e");
}

static void test_derive_rfc8452(void **state)
{
	static const uint32_t nonce[3] = {3, 0, 0};
	uint8_t out[32];

	NEED_PATH(state);
	/* RFC 8452, appendix C.2: "Record encryption key". */
	key_derive(out, 1, 0, 0, 0, nonce);
	assert_hex(out, "b914f4742be9e1d7a2f84addbf96dec3");
	assert_hex(out + 16, "456e3c6c05ecc157cdbf0700fedad222");
}

/* Each word of master and nonce has its place; equal words do not make equal keys. */
static void test_derive_oracle(void **state)
{
	uint64_t m[4];
	uint32_t nonce[3];
	uint8_t out[32], want[64];
	int n;

	NEED_PATH(state);
	random_fill((uint8_t *)m, sizeof(m));
	random_fill((uint8_t *)nonce, sizeof(nonce));
	key_derive(out, m[0], m[1], m[2], m[3], nonce);
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	assert_int_equal(EVP_EncryptInit(ctx, EVP_aes_256_ecb(), (uint8_t *)m, NULL), 1);
	for (uint32_t i = 0; i < 4; i++) {
		uint32_t block[4] = {i + 2, nonce[0], nonce[1], nonce[2]};

		assert_int_equal(EVP_EncryptUpdate(ctx, want + 16 * i, &n, (uint8_t *)block, 16),
				 1);
		assert_memory_equal(out + 8 * i, want + 16 * i, 8);
	}
	EVP_CIPHER_CTX_free(ctx);
}

/* GHASH over whole blocks in hexadecimal, by this path's multiplication. */
static void ghash_hex(void **state, uint8_t y[16], const char *hex)
{
	uint8_t data[160];
	const size_t n = unhex(data, hex);

	memset(y, 0, 16);
	assert_int_equal(n % 16, 0);
	if (is_scalar(state)) {
		br_ghash_ctmul64(y, ((struct scalar_key *)&page_key)->h, data, n);
		return;
	}
	for (size_t i = 0; i < n; i += 16)
		vector_ghash_block(vector_key(), y, data + i);
}

static void test_gcm_ghash(void **state)
{
	uint8_t key[32] = {0}, y[16];

	NEED_PATH(state);
	/* Test case 14: ciphertext, lengths. */
	page_key_setup(&page_key, key);
	ghash_hex(state, y,
		  "cea7403d4d606b6e074ec5d3baf39d18"
		  "00000000000000000000000000000080");
	assert_hex(y, "83de425c5edc5d498f382c441041ca92");
	/* Test case 16: AAD and ciphertext, both padded, lengths. */
	unhex(key, "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308");
	page_key_setup(&page_key, key);
	ghash_hex(state, y,
		  "feedfacedeadbeeffeedfacedeadbeefabaddad2000000000000000000000000"
		  "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
		  "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f66200000000"
		  "00000000000000a000000000000001e0");
	assert_hex(y, "8bd0c4d8aacd391e67cca447e8c38f65");
}

/* Test case 14 encrypts one block of zeros; a page of zeros begins the same way. */
static void test_gcm_first_block(void **state)
{
	const uint8_t key[32] = {0};
	uint8_t tag[16];

	NEED_PATH(state);
	page_key_setup(&page_key, key);
	memset(page, 0, sizeof(page));
	page_seal(&page_key, 0, 0, page, tag);
	assert_hex(page, "cea7403d4d606b6e074ec5d3baf39d18");
}

static void check_against_oracle(uint8_t *where)
{
	uint8_t key[32], nonce[12], tag[16], oracle_tag[16];
	const uint64_t gpn = random64() >> (32 + random64() % 32), version = random64();

	random_fill(key, sizeof(key));
	random_fill(plain, sizeof(plain));
	memcpy(where, plain, PAGE_BYTES);
	make_nonce(nonce, gpn, version);
	oracle_seal(key, nonce, oracle_tag);

	page_key_setup(&page_key, key);
	page_seal(&page_key, gpn, version, where, tag);
	assert_memory_equal(where, expected, PAGE_BYTES);
	assert_memory_equal(tag, oracle_tag, sizeof(tag));
	assert_int_equal(page_open(&page_key, gpn, version, where, tag), 0);
	assert_memory_equal(where, plain, PAGE_BYTES);
}

static void test_oracle(void **state)
{
	NEED_PATH(state);
	for (unsigned i = 0; i < ORACLE_PAGES; i++)
		check_against_oracle(page);
}

static void test_alignment(void **state)
{
	static uint8_t room[PAGE_BYTES + 64];

	NEED_PATH(state);
	assert_int_equal(_Alignof(struct page_key), 64);
	for (unsigned offset = 0; offset < 64; offset++)
		check_against_oracle(room + offset);
}

/* Nothing before or after the page and the tag changes. */
static void test_bounds(void **state)
{
	static uint8_t room[3 * PAGE_BYTES];
	const uint8_t key[32] = {1};
	uint8_t tag[48];

	NEED_PATH(state);
	memset(room, 0xa5, sizeof(room));
	memset(tag, 0xa5, sizeof(tag));
	page_key_setup(&page_key, key);
	page_seal(&page_key, 1, 1, room + PAGE_BYTES, tag + 16);
	for (unsigned way = 0; way < 2; way++) {
		for (unsigned i = 0; i < PAGE_BYTES; i++) {
			assert_int_equal(room[i], 0xa5);
			assert_int_equal(room[2 * PAGE_BYTES + i], 0xa5);
		}
		for (unsigned i = 0; i < 16; i++) {
			assert_int_equal(tag[i], 0xa5);
			assert_int_equal(tag[32 + i], 0xa5);
		}
		/* The second time round: after a failure to open. */
		assert_int_equal(page_open(&page_key, 2, 1, room + PAGE_BYTES, tag + 16), -CL_EIO);
	}
}

static void test_nonce_layout(void **state)
{
	const uint8_t key[32] = {2};
	const uint8_t nonce[12] = {0x81, 2, 3, 4, 0x85, 6, 7, 8, 9, 10, 11, 12};
	uint8_t tag[16], oracle_tag[16];

	NEED_PATH(state);
	memset(plain, 0x33, sizeof(plain));
	memcpy(page, plain, sizeof(page));
	oracle_seal(key, nonce, oracle_tag);
	page_key_setup(&page_key, key);
	page_seal(&page_key, 0x81020304, 0x85060708090a0b0c, page, tag);
	assert_memory_equal(page, expected, PAGE_BYTES);
	assert_memory_equal(tag, oracle_tag, sizeof(tag));
}

static uint8_t sealed[PAGE_BYTES];

static void refuse(uint64_t gpn, uint64_t version, const uint8_t tag[16])
{
	assert_int_equal(page_open(&page_key, gpn, version, page, tag), -CL_EIO);
	assert_zero(page, PAGE_BYTES);
	memcpy(page, sealed, PAGE_BYTES);
}

static void test_tamper(void **state)
{
	const uint64_t gpn = 0x12345678, version = 0x0123456789abcdef;
	uint8_t key[32] = {3}, tag[16];

	NEED_PATH(state);
	page_key_setup(&page_key, key);
	random_fill(plain, sizeof(plain));
	memcpy(page, plain, sizeof(page));
	page_seal(&page_key, gpn, version, page, tag);
	memcpy(sealed, page, sizeof(sealed));

	/* A bit of every block, at a different place in each. */
	for (unsigned block = 0; block < PAGE_BLOCKS; block++) {
		const unsigned bit = block * 37 % 128;

		page[block * 16 + bit / 8] ^= (uint8_t)(1u << bit % 8);
		refuse(gpn, version, tag);
	}
	for (unsigned bit = 0; bit < 128; bit++) {
		tag[bit / 8] ^= (uint8_t)(1u << bit % 8);
		refuse(gpn, version, tag);
		tag[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	for (unsigned bit = 0; bit < 32; bit++)
		refuse(gpn ^ 1ull << bit, version, tag);
	for (unsigned bit = 0; bit < 64; bit++)
		refuse(gpn, version ^ 1ull << bit, tag);
	/* Two blocks exchanged. */
	memcpy(page, sealed + 512, 16);
	memcpy(page + 512, sealed, 16);
	refuse(gpn, version, tag);
	/* A page that is all zeros anyway. */
	memset(page, 0, sizeof(page));
	refuse(gpn, version, tag);
	/* Another key. */
	key[31] ^= 1;
	page_key_setup(&page_key, key);
	refuse(gpn, version, tag);
	/* And untouched it still opens. */
	key[31] ^= 1;
	page_key_setup(&page_key, key);
	assert_int_equal(page_open(&page_key, gpn, version, page, tag), 0);
	assert_memory_equal(page, plain, PAGE_BYTES);
}

static void test_key_wipe(void **state)
{
	const uint8_t key[32] = {4};

	NEED_PATH(state);
	memset(&page_key, 0xff, sizeof(page_key));
	page_key_setup(&page_key, key);
	page_key_wipe(&page_key);
	assert_zero(&page_key, sizeof(page_key));
}

/* A page number of more than 32 bits ends in an invalid instruction, not in a repeated nonce. */
static void test_wide_gpn(void **state)
{
	const uint8_t key[32] = {5};
	uint8_t tag[16] = {0};

	NEED_PATH(state);
	page_key_setup(&page_key, key);
	for (unsigned way = 0; way < 2; way++) {
		const pid_t child = fork();
		int status;

		assert_true(child >= 0);
		if (child == 0) {
			signal(SIGILL, SIG_DFL);
			setrlimit(RLIMIT_CORE, &(struct rlimit){0});
			if (way)
				page_open(&page_key, 1ull << 32, 1, page, tag);
			else
				page_seal(&page_key, 1ull << 32, 1, page, tag);
			_exit(0);
		}
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_true(WIFSIGNALED(status));
		assert_int_equal(WTERMSIG(status), SIGILL);
	}
}

struct registers {
	uint8_t r[32][64];
};

/* The vector registers as the call before left them. */
__attribute__((noinline, no_sanitize("address", "undefined"))) static void
save_registers(struct registers *v)
{
	__asm__ volatile("movdqu %%xmm0, 0(%0)\n\tmovdqu %%xmm1, 64(%0)\n\t"
			 "movdqu %%xmm2, 128(%0)\n\tmovdqu %%xmm3, 192(%0)\n\t"
			 "movdqu %%xmm4, 256(%0)\n\tmovdqu %%xmm5, 320(%0)\n\t"
			 "movdqu %%xmm6, 384(%0)\n\tmovdqu %%xmm7, 448(%0)\n\t"
			 "movdqu %%xmm8, 512(%0)\n\tmovdqu %%xmm9, 576(%0)\n\t"
			 "movdqu %%xmm10, 640(%0)\n\tmovdqu %%xmm11, 704(%0)\n\t"
			 "movdqu %%xmm12, 768(%0)\n\tmovdqu %%xmm13, 832(%0)\n\t"
			 "movdqu %%xmm14, 896(%0)\n\tmovdqu %%xmm15, 960(%0)" ::"r"(v)
			 : "memory");
}

__attribute__((noinline, no_sanitize("address", "undefined"))) static void
save_wide_registers(struct registers *v)
{
	__asm__ volatile("vmovdqu %%ymm0, 0(%0)\n\tvmovdqu %%ymm1, 64(%0)\n\t"
			 "vmovdqu %%ymm2, 128(%0)\n\tvmovdqu %%ymm3, 192(%0)\n\t"
			 "vmovdqu %%ymm4, 256(%0)\n\tvmovdqu %%ymm5, 320(%0)\n\t"
			 "vmovdqu %%ymm6, 384(%0)\n\tvmovdqu %%ymm7, 448(%0)\n\t"
			 "vmovdqu %%ymm8, 512(%0)\n\tvmovdqu %%ymm9, 576(%0)\n\t"
			 "vmovdqu %%ymm10, 640(%0)\n\tvmovdqu %%ymm11, 704(%0)\n\t"
			 "vmovdqu %%ymm12, 768(%0)\n\tvmovdqu %%ymm13, 832(%0)\n\t"
			 "vmovdqu %%ymm14, 896(%0)\n\tvmovdqu %%ymm15, 960(%0)" ::"r"(v)
			 : "memory");
}

__attribute__((noinline, no_sanitize("address", "undefined"))) static void
save_widest_registers(struct registers *v)
{
	__asm__ volatile("vmovdqu64 %%zmm0, 0(%0)\n\tvmovdqu64 %%zmm1, 64(%0)\n\t"
			 "vmovdqu64 %%zmm2, 128(%0)\n\tvmovdqu64 %%zmm3, 192(%0)\n\t"
			 "vmovdqu64 %%zmm4, 256(%0)\n\tvmovdqu64 %%zmm5, 320(%0)\n\t"
			 "vmovdqu64 %%zmm6, 384(%0)\n\tvmovdqu64 %%zmm7, 448(%0)\n\t"
			 "vmovdqu64 %%zmm8, 512(%0)\n\tvmovdqu64 %%zmm9, 576(%0)\n\t"
			 "vmovdqu64 %%zmm10, 640(%0)\n\tvmovdqu64 %%zmm11, 704(%0)\n\t"
			 "vmovdqu64 %%zmm12, 768(%0)\n\tvmovdqu64 %%zmm13, 832(%0)\n\t"
			 "vmovdqu64 %%zmm14, 896(%0)\n\tvmovdqu64 %%zmm15, 960(%0)\n\t"
			 "vmovdqu64 %%zmm16, 1024(%0)\n\tvmovdqu64 %%zmm17, 1088(%0)\n\t"
			 "vmovdqu64 %%zmm18, 1152(%0)\n\tvmovdqu64 %%zmm19, 1216(%0)\n\t"
			 "vmovdqu64 %%zmm20, 1280(%0)\n\tvmovdqu64 %%zmm21, 1344(%0)\n\t"
			 "vmovdqu64 %%zmm22, 1408(%0)\n\tvmovdqu64 %%zmm23, 1472(%0)\n\t"
			 "vmovdqu64 %%zmm24, 1536(%0)\n\tvmovdqu64 %%zmm25, 1600(%0)\n\t"
			 "vmovdqu64 %%zmm26, 1664(%0)\n\tvmovdqu64 %%zmm27, 1728(%0)\n\t"
			 "vmovdqu64 %%zmm28, 1792(%0)\n\tvmovdqu64 %%zmm29, 1856(%0)\n\t"
			 "vmovdqu64 %%zmm30, 1920(%0)\n\tvmovdqu64 %%zmm31, 1984(%0)" ::"r"(v)
			 : "memory");
}

/* BearSSL's portable code uses general registers only. */
static void test_registers_cleared(void **state)
{
	static struct registers v;
	const uint8_t key[32] = {6};
	void (*save)(struct registers * v) = save_registers;
	uint8_t tag[16];
	int opened;

	NEED_PATH(state);
	page_key_setup(&page_key, key);
	save_registers(&v);
	assert_zero(&v, sizeof(v));

	/* The C library uses wide registers as well: look before anything of it runs. */
	if (!strcmp(*state, "vaes256"))
		save = save_wide_registers;
	if (!strcmp(*state, "vaes512"))
		save = save_widest_registers;
	page_seal(&page_key, 1, 1, page, tag);
	save(&v);
	assert_zero(&v, sizeof(v));
	opened = page_open(&page_key, 1, 1, page, tag);
	save(&v);
	assert_int_equal(opened, 0);
	assert_zero(&v, sizeof(v));
}

/* What one path sealed, every other opens. */
static void test_paths_agree(void **state)
{
	uint8_t key[32], tag[16];
	unsigned pairs = 0;

	(void)state;
	random_state = 2;
	for (unsigned from = 0; from < PATHS; from++)
		for (unsigned to = 0; to < PATHS; to++) {
			const uint64_t version = random64();

			if (!page_cipher_select(path_names[from]))
				continue;
			random_fill(key, sizeof(key));
			random_fill(plain, sizeof(plain));
			memcpy(page, plain, sizeof(page));
			page_key_setup(&page_key, key);
			page_seal(&page_key, 77, version, page, tag);
			if (!page_cipher_select(path_names[to]))
				continue;
			page_key_setup(&page_key, key);
			assert_int_equal(page_open(&page_key, 77, version, page, tag), 0);
			assert_memory_equal(page, plain, PAGE_BYTES);
			pairs++;
		}
	assert_true(pairs >= 1);
}

static void test_select(void **state)
{
	(void)state;
	assert_true(page_cipher_select("scalar"));
	assert_string_equal(page_cipher_name(), "scalar");
	assert_false(page_cipher_select("scalars"));
	assert_false(page_cipher_select("scala"));
	assert_false(page_cipher_select(""));
	assert_string_equal(page_cipher_name(), "scalar");
}

/* The start takes the last of the paths that can be selected. */
static void test_init_takes_the_fastest(void **state)
{
	const char *last = NULL;

	(void)state;
	for (unsigned i = 0; i < PATHS; i++)
		if (page_cipher_select(path_names[i]))
			last = path_names[i];
	assert_true(page_cipher_select("scalar"));
	page_cipher_init();
	assert_string_equal(page_cipher_name(), last);
	print_message("path: %s\n", last);
}

#define CASE(function, path)                                                                       \
	{                                                                                          \
#function " " path, function, use_path, NULL, (void *)(uintptr_t)path              \
	}
#define EACH_VECTOR_PATH(function)                                                                 \
	CASE(function, "aesni"), CASE(function, "vaes256"), CASE(function, "vaes512")
#define EACH_PATH(function) CASE(function, "scalar"), EACH_VECTOR_PATH(function)

int main(void)
{
	const struct CMUnitTest tests[] = {
		EACH_PATH(test_fips197_cipher),
		EACH_VECTOR_PATH(test_fips197_schedule),
		EACH_PATH(test_derive_rfc8452),
		EACH_PATH(test_derive_oracle),
		EACH_PATH(test_gcm_ghash),
		EACH_PATH(test_gcm_first_block),
		EACH_PATH(test_oracle),
		EACH_PATH(test_alignment),
		EACH_PATH(test_bounds),
		EACH_PATH(test_nonce_layout),
		EACH_PATH(test_tamper),
		EACH_PATH(test_key_wipe),
		EACH_PATH(test_wide_gpn),
		EACH_VECTOR_PATH(test_registers_cleared),
		cmocka_unit_test(test_paths_agree),
		cmocka_unit_test(test_select),
		cmocka_unit_test(test_init_takes_the_fastest),
	};

	page_cipher_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
