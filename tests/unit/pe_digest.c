// SPDX-License-Identifier: Apache-2.0
// Authenticode digests of PE files made here, against what the specification says is hashed; and
// each way in which such a file can lie. That firmware computes the same is shown by
// tests/node/test_measured.py.
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <openssl/evp.h>
#include "pe_digest.h"

#define COFF	     0x80u
#define OPT	     (COFF + 24)
#define OPT_SIZE     240u /* PE32+ with 16 directories */
#define TABLE	     (OPT + OPT_SIZE)
#define HEADERS	     0x400u
#define FIRST	     0x400u /* a section that is second in the table */
#define SECOND	     0x600u
#define SECTIONS_END 0x900u
#define EXTRA	     0x20u /* behind the sections */
#define SIGNATURES   0x40u
#define TOTAL	     (SECTIONS_END + EXTRA + SIGNATURES)

#define CHECKSUM     (OPT + 64)
#define CERTIFICATE  (OPT + 112 + 4 * 8)

static uint8_t file[TOTAL];

static void put16(size_t at, uint32_t v)
{
	file[at] = (uint8_t)v;
	file[at + 1] = (uint8_t)(v >> 8);
}

static void put32(size_t at, uint32_t v)
{
	put16(at, v);
	put16(at + 2, v >> 16);
}

static void section(uint32_t index, uint32_t at, uint32_t bytes)
{
	put32(TABLE + index * 40 + 16, bytes);
	put32(TABLE + index * 40 + 20, at);
}

static int setup(void **state)
{
	for (size_t i = 0; i < TOTAL; i++)
		file[i] = (uint8_t)(i * 7 + i / 256);
	memcpy(file, "MZ", 2);
	put32(0x3c, COFF);
	memcpy(file + COFF, "PE\0\0", 4);
	put16(COFF + 6, 3);
	put16(COFF + 20, OPT_SIZE);
	put16(OPT, 0x20b);
	put32(OPT + 60, HEADERS);
	put32(OPT + 108, 16);
	put32(CERTIFICATE, SECTIONS_END + EXTRA);
	put32(CERTIFICATE + 4, SIGNATURES);
	section(0, SECOND, SECTIONS_END - SECOND);
	section(1, FIRST, SECOND - FIRST);
	section(2, 0xffffffff, 0); // no data: its place means nothing
	return 0;
}

// What the file hashes to; or the reason why it does not.
static const char *digest(size_t bytes, uint8_t out[PE_DIGEST_SIZE])
{
	// A copy of exactly that size, so that the sanitizer sees a read behind it.
	uint8_t *copy = malloc(bytes ? bytes : 1);
	const char *why = NULL;

	assert_non_null(copy);
	memcpy(copy, file, bytes);
	int rc = pe_digest(copy, bytes, out, &why);
	free(copy);
	assert_int_equal(rc, why ? -EINVAL : 0);
	return why;
}

static void expect_hash_of(size_t nr, const size_t spans[][2])
{
	uint8_t got[PE_DIGEST_SIZE], want[PE_DIGEST_SIZE], text[TOTAL];
	size_t used = 0;

	for (size_t i = 0; i < nr; i++) {
		memcpy(text + used, file + spans[i][0], spans[i][1] - spans[i][0]);
		used += spans[i][1] - spans[i][0];
	}
	assert_int_equal(EVP_Digest(text, used, want, NULL, EVP_sha256(), NULL), 1);
	assert_null(digest(TOTAL, got));
	assert_memory_equal(got, want, sizeof(want));
}

static void test_signed(void **state)
{
	const size_t spans[][2] = {{0, CHECKSUM},
				   {CHECKSUM + 4, CERTIFICATE},
				   {CERTIFICATE + 8, SECTIONS_END + EXTRA}};

	expect_hash_of(3, spans);
}

static void test_unsigned(void **state)
{
	const size_t spans[][2] = {
		{0, CHECKSUM}, {CHECKSUM + 4, CERTIFICATE}, {CERTIFICATE + 8, TOTAL}};

	put32(CERTIFICATE, 0);
	put32(CERTIFICATE + 4, 0);
	expect_hash_of(3, spans);
}

static void test_few_directories(void **state)
{
	const size_t spans[][2] = {{0, CHECKSUM}, {CHECKSUM + 4, TOTAL}};

	put32(OPT + 108, 4);
	expect_hash_of(2, spans);
}

static void test_pe32(void **state)
{
	const size_t certificate = OPT + 96 + 4 * 8;
	const size_t spans[][2] = {
		{0, CHECKSUM}, {CHECKSUM + 4, certificate}, {certificate + 8, TOTAL}};

	put16(OPT, 0x10b);
	put32(OPT + 92, 16);
	put32(certificate + 4, 0);
	expect_hash_of(3, spans);
}

static void test_gap_is_not_hashed(void **state)
{
	uint8_t one[PE_DIGEST_SIZE], other[PE_DIGEST_SIZE];

	// The specification counts bytes, so a gap moves what is hashed behind the sections.
	section(1, FIRST + 0x100, 0x100);
	assert_null(digest(TOTAL, one));
	file[FIRST + 8] ^= 1;
	assert_null(digest(TOTAL, other));
	assert_memory_equal(one, other, sizeof(one));
	file[FIRST + 0x108] ^= 1;
	assert_null(digest(TOTAL, other));
	assert_memory_not_equal(one, other, sizeof(one));
}

static void test_signature_and_checksum_do_not_matter(void **state)
{
	uint8_t one[PE_DIGEST_SIZE], other[PE_DIGEST_SIZE];

	assert_null(digest(TOTAL, one));
	file[TOTAL - 1] ^= 1;
	file[CHECKSUM] ^= 1;
	file[CERTIFICATE] ^= 1;
	assert_null(digest(TOTAL, other));
	assert_memory_equal(one, other, sizeof(one));
	file[SECTIONS_END - 1] ^= 1;
	assert_null(digest(TOTAL, other));
	assert_memory_not_equal(one, other, sizeof(one));
}

static void refused(size_t bytes, const char *reason)
{
	uint8_t out[PE_DIGEST_SIZE];
	const char *why = digest(bytes, out);

	assert_non_null(why);
	assert_non_null(strstr(why, reason));
	setup(NULL);
}

static void test_refused(void **state)
{
	refused(0, "no MZ");
	refused(0x3f, "no MZ");
	file[0] = 'N';
	refused(TOTAL, "no MZ");
	put32(0x3c, TOTAL - 8);
	refused(TOTAL, "no PE");
	put32(0x3c, 0xfffffff0);
	refused(TOTAL, "no PE");
	file[COFF] = 'X';
	refused(TOTAL, "no PE");
	refused(OPT + OPT_SIZE - 1, "cut short");
	put16(COFF + 20, 1);
	refused(TOTAL, "cut short");
	put16(OPT, 0x107);
	refused(TOTAL, "neither");
	put16(COFF + 20, 110);
	refused(TOTAL, "neither");
	put16(COFF + 20, 112 + 4 * 8);
	refused(TOTAL, "cut short");
	put16(COFF + 6, 97);
	refused(TOTAL, "table of sections");
	refused(TABLE + 3 * 40 - 1, "table of sections");
	put32(OPT + 60, TABLE);
	refused(TOTAL, "headers");
	put32(OPT + 60, TOTAL + 1);
	refused(TOTAL, "headers");
	section(0, SECOND, TOTAL);
	refused(TOTAL, "outside");
	section(0, 0xffffff00, 0x200);
	refused(TOTAL, "outside");
	section(0, HEADERS - 1, 8);
	refused(TOTAL, "outside");
	section(0, SECOND - 1, 8);
	refused(TOTAL, "overlap");
	put32(CERTIFICATE + 4, TOTAL);
	refused(TOTAL, "signatures");
}

static void test_every_length(void **state)
{
	uint8_t out[PE_DIGEST_SIZE];

	for (size_t bytes = 0; bytes < SECTIONS_END + SIGNATURES; bytes++)
		assert_non_null(digest(bytes, out));
}

static void test_file(void **state)
{
	uint8_t one[PE_DIGEST_SIZE], other[PE_DIGEST_SIZE];
	char path[] = "/tmp/pe-digest.XXXXXX";
	const char *why = NULL;
	int fd = mkstemp(path);
	FILE *f = fd < 0 ? NULL : fdopen(fd, "w");

	assert_non_null(f);
	assert_int_equal(fwrite(file, 1, TOTAL, f), TOTAL);
	fclose(f);
	assert_int_equal(pe_digest_file(path, one, &why), 0);
	assert_null(digest(TOTAL, other));
	assert_memory_equal(one, other, sizeof(one));
	f = fopen(path, "w");
	assert_non_null(f);
	fclose(f);
	assert_int_equal(pe_digest_file(path, one, &why), -EINVAL);
	assert_string_equal(why, "not a file, or empty");
	remove(path);
	assert_int_equal(pe_digest_file(path, one, &why), -ENOENT);
	assert_int_equal(pe_digest_file("/tmp", one, &why), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_signed, setup),
		cmocka_unit_test_setup(test_unsigned, setup),
		cmocka_unit_test_setup(test_few_directories, setup),
		cmocka_unit_test_setup(test_pe32, setup),
		cmocka_unit_test_setup(test_gap_is_not_hashed, setup),
		cmocka_unit_test_setup(test_signature_and_checksum_do_not_matter, setup),
		cmocka_unit_test_setup(test_refused, setup),
		cmocka_unit_test_setup(test_every_length, setup),
		cmocka_unit_test_setup(test_file, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
