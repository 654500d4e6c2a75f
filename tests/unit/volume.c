// SPDX-License-Identifier: Apache-2.0
// A volume's decisions: keys, generations, what a header may say, what a zone may ask of the TPM.
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "generation.h"
#include "keys.h"
#include "luks.h"
#include "luks_format.h"
#include "tpm_relay.h"

static void hex(const uint8_t *from, size_t size, char *to)
{
	for (size_t i = 0; i < size; i++)
		sprintf(to + 2 * i, "%02x", from[i]);
}

// Expected values: RFC 5869 written down once more, in Python.
static void keys(void **state)
{
	uint8_t secret[CL_SEAL_KEY_SIZE], context[CL_SEAL_CONTEXT], disk[VOLUME_KEY_SIZE];
	struct volume_keys k, other;
	char text[2 * VOLUME_KEY_SIZE + 1];

	for (uint8_t i = 0; i < sizeof(secret); i++)
		secret[i] = i;
	assert_int_equal(keys_derive(secret, &k), 0);
	assert_int_equal(keys_disk(&k, "01234567-89ab-4cde-8f01-23456789abcd", disk), 0);
	hex(disk, sizeof(disk), text);
	assert_string_equal(text,
			    "6f4e1191428a8284181cda22a6d702c8df3daf04cd4b5e3f6ab819f8404d086c"
			    "931d30b6820a89fc8704283bfa12e8f2aa4d1175182500ae12905b153b701c64"
			    "e6f7fe3c8e25137c1b0415d84a82ac27a63328f4a4c27dc5afb5cf6c0ad66035");
	hex(k.auth, sizeof(k.auth), text);
	assert_string_equal(text,
			    "e865c9fed3f9a36646a0b9555660233251d7b04b4e90165b3fea2bdea0f92a85");
	assert_int_equal(k.index, 0x01bcdc6c);
	secret[31] ^= 1;
	assert_int_equal(keys_derive(secret, &other), 0);
	assert_memory_not_equal(k.disks, other.disks, sizeof(k.disks));
	assert_memory_not_equal(k.auth, other.auth, sizeof(k.auth));
	assert_int_equal(other.index & ~COUNTER_MASK, COUNTER_BASE);

	assert_int_equal(keys_context("data", context), 0);
	hex(context, sizeof(context), text);
	assert_string_equal(text,
			    "fd41bb87bd3466754ae4ec0d28dec88e93f4f285a57d88a89856925ded0890d9");
	assert_int_equal(keys_context("a23456789012345678901234567890123", context), -EINVAL);
}

// A volume that takes another's place, or whose UUID the host changed, has another key.
static void key_of_a_disk(void **state)
{
	char uuid[UUID_LENGTH + 1], second[UUID_LENGTH + 1];
	uint8_t a[VOLUME_KEY_SIZE], b[VOLUME_KEY_SIZE];
	struct volume_keys k = {.disks = "any"};

	assert_int_equal(keys_new_uuid(uuid), 0);
	assert_int_equal(keys_new_uuid(second), 0);
	assert_string_not_equal(uuid, second);
	assert_int_equal(strlen(uuid), UUID_LENGTH);
	for (unsigned i = 0; i < UUID_LENGTH; i++)
		assert_true(i == 8 || i == 13 || i == 18 || i == 23
				    ? uuid[i] == '-'
				    : strchr("0123456789abcdef", uuid[i]) != NULL);
	assert_int_equal(uuid[14], '4');
	assert_int_equal(keys_disk(&k, uuid, a), 0);
	for (unsigned i = 0; i < UUID_LENGTH; i++) {
		uuid[i] ^= 1;
		assert_int_equal(keys_disk(&k, uuid, b), 0);
		assert_memory_not_equal(a, b, sizeof(a));
		uuid[i] ^= 1;
	}
	uuid[UUID_LENGTH - 1] = '\0';
	assert_int_equal(keys_disk(&k, uuid, b), -EINVAL);
	assert_int_equal(keys_disk(&k, "", b), -EINVAL);
	assert_int_equal(keys_disk(&k, "01234567-89ab-4cde-8f01-23456789abcd0", b), -EINVAL);
}

static void generation_block(void **state)
{
	uint8_t block[GENERATION_SIZE];
	uint64_t v;

	generation_encode(0x1122334455667788, block);
	assert_int_equal(generation_decode(block, &v), 0);
	assert_true(v == 0x1122334455667788);
	for (size_t i = 0; i < sizeof(block); i++) {
		generation_encode(7, block);
		block[i] ^= 1;
		int rc = generation_decode(block, &v);
		// Whatever is not the number itself must be as it is written.
		assert_int_equal(rc, i >= 24 && i < 32 ? 0 : -EINVAL);
	}
	generation_encode(0, block);
	assert_int_equal(generation_decode(block, &v), -EINVAL);
	memset(block, 0, sizeof(block));
	assert_int_equal(generation_decode(block, &v), -EINVAL);
}

static void plans(void **state)
{
	static const struct {
		enum disk_state disk;
		uint64_t v;
		enum counter_state counter;
		uint64_t c;
		enum plan plan;
		const char *why;
	} rows[] = {
		{DISK_BLANK, 0, COUNTER_NONE, 0, PLAN_CREATE, NULL},
		{DISK_BLANK, 0, COUNTER_NEW, 0, PLAN_CREATE, NULL},
		{DISK_BLANK, 0, COUNTER_SET, 5, PLAN_REFUSE, "rolled back: the file is empty"},
		{DISK_UNFINISHED, 0, COUNTER_NONE, 0, PLAN_REFUSE, "not empty"},
		{DISK_UNFINISHED, 0, COUNTER_NEW, 0, PLAN_CREATE, NULL},
		{DISK_UNFINISHED, 0, COUNTER_SET, 5, PLAN_REFUSE, "not this image's"},
		{DISK_VOLUME, 5, COUNTER_NONE, 0, PLAN_REFUSE, "has no counter"},
		{DISK_VOLUME, 5, COUNTER_NEW, 0, PLAN_REFUSE, "made anew"},
		{DISK_VOLUME, 3, COUNTER_SET, 5, PLAN_REFUSE, "rolled back: the file is an older"},
		{DISK_VOLUME, 4, COUNTER_SET, 5, PLAN_REFUSE, "rolled back: the file is an older"},
		{DISK_VOLUME, 5, COUNTER_SET, 5, PLAN_OPEN, NULL},
		{DISK_VOLUME, 6, COUNTER_SET, 5, PLAN_OPEN, NULL},
		{DISK_VOLUME, 7, COUNTER_SET, 5, PLAN_REFUSE, "behind"},
		{DISK_VOLUME, UINT64_MAX, COUNTER_SET, 5, PLAN_REFUSE, "behind"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *why = "";
		assert_int_equal(
			generation_plan(rows[i].disk, rows[i].v, rows[i].counter, rows[i].c, &why),
			rows[i].plan);
		if (rows[i].why)
			assert_non_null(strstr(why, rows[i].why));
		else
			assert_null(why);
	}
}

// Sessions with a crash at any step, and a host that keeps a copy of each state of the file and
// gives every one of them back, now and then also taking the counter away.
struct world {
	enum counter_state counter;
	uint64_t c;
	uint64_t most; /* what the TPM ever had: where a new counter starts above */
};
struct file {
	enum disk_state disk;
	uint64_t v;
	unsigned session; /* in which it was written */
	int closed;	  /* nothing was written in it after this */
};

static void raise_counter(struct world *w)
{
	w->c = w->counter == COUNTER_SET ? w->c + 1 : w->most + 1;
	w->counter = COUNTER_SET;
	if (w->c > w->most)
		w->most = w->c;
}

// As zone/volume/main.c does it, up to `steps` steps. True if the workload ran.
static int session(struct world *w, struct file *f, unsigned number, unsigned steps)
{
	const char *why;
	enum plan plan = generation_plan(f->disk, f->v, w->counter, w->c, &why);

	if (plan == PLAN_REFUSE)
		return 0;
	if (plan == PLAN_CREATE) {
		if (steps-- == 0)
			return 0;
		if (w->counter == COUNTER_NONE)
			w->counter = COUNTER_NEW;
		if (steps-- == 0)
			return 0;
		*f = (struct file){.disk = DISK_UNFINISHED};
		if (steps-- == 0)
			return 0;
		raise_counter(w);
	}
	if (steps-- == 0)
		return 0;
	*f = (struct file){.disk = DISK_VOLUME, .v = w->c + 1, .session = f->session};
	if (steps-- == 0)
		return 0;
	raise_counter(w);
	f->session = number; // from here on the workload writes
	if (steps-- == 0)
		return 1;
	f->v = w->c + 1;
	f->closed = 1;
	if (steps-- == 0)
		return 1;
	raise_counter(w);
	return 1;
}

#define STEPS 8
#define FILES 64

static void crashes_and_copies(void **state)
{
	unsigned accepted = 0, refused = 0;

	// Three sessions, each stopped after any number of steps; then any copy is given back.
	for (unsigned run = 0; run < STEPS * STEPS * STEPS; run++) {
		struct world w = {.counter = COUNTER_NONE, .most = 41};
		struct file f = {.disk = DISK_BLANK};
		struct file copies[FILES];
		unsigned nr = 0, last = 0, base = 0, code = run;

		for (unsigned s = 1; s <= 3; s++, code /= STEPS) {
			unsigned before = f.session;
			copies[nr++] = f;
			if (session(&w, &f, s, code % STEPS)) {
				last = s;
				base = before;
			}
			// As it was while the workload ran, before it was closed.
			copies[nr] = f;
			copies[nr].closed = 0;
			if (f.closed)
				copies[nr].v--;
			copies[nr++].session = f.session;
		}
		copies[nr++] = f;
		for (unsigned i = 0; i < nr; i++) {
			const char *why;
			enum plan plan =
				generation_plan(copies[i].disk, copies[i].v, w.counter, w.c, &why);
			if (plan == PLAN_REFUSE) {
				refused++;
				continue;
			}
			accepted++;
			// At worst it is as it was when the last session began.
			assert_true(copies[i].session == last || copies[i].session == base);
			if (plan == PLAN_CREATE)
				assert_int_equal(last, 0);
			// After a clean close only what was closed is accepted.
			if (f.closed && w.c == f.v && last == 3)
				assert_true(copies[i].closed);
		}
		// The newest file is always accepted, but for a first start that was cut off
		// between its two steps of the counter.
		const char *why;
		enum plan plan = generation_plan(f.disk, f.v, w.counter, w.c, &why);
		if (f.disk == DISK_VOLUME)
			assert_int_equal(plan, PLAN_OPEN);
	}
	assert_true(accepted > 100 && refused > 100);
}

// The host removes the counter and gives an empty file: a new volume. The old one stays refused.
static void counter_taken_away(void **state)
{
	for (unsigned steps = 3; steps < STEPS; steps++) {
		struct world w = {.counter = COUNTER_NONE, .most = 0};
		struct file old = {.disk = DISK_BLANK}, new = {.disk = DISK_BLANK};
		const char *why;

		session(&w, &old, 1, STEPS);
		session(&w, &old, 2, steps); // V = C + 1 among them
		w.counter = COUNTER_NONE;
		assert_int_equal(session(&w, &old, 3, STEPS), 0);
		assert_int_equal(session(&w, &new, 4, STEPS), 1);
		assert_int_equal(generation_plan(old.disk, old.v, w.counter, w.c, &why),
				 PLAN_REFUSE);
	}
}

static struct luks_header good_header(void)
{
	return (struct luks_header){.type = "LUKS2",
				    .cipher = "aes",
				    .mode = "xts-random",
				    .integrity = "hmac(sha256)",
				    .tag_size = 48,
				    .sector_size = 4096,
				    .data_offset = 32768};
}

static void header(void **state)
{
	struct luks_header h = good_header();
	assert_null(luks_header_check(&h));
#define REFUSED(change)                                                                            \
	do {                                                                                       \
		h = good_header();                                                                 \
		change;                                                                            \
		assert_non_null(luks_header_check(&h));                                            \
	} while (0)
	REFUSED(strcpy(h.type, "LUKS1"));
	REFUSED(h.type[0] = '\0');
	// No cipher at all, under a header that is otherwise the zone's own.
	REFUSED(strcpy(h.cipher, "cipher_null"));
	REFUSED((strcpy(h.cipher, "cipher_null"), strcpy(h.mode, "ecb")));
	REFUSED((strcpy(h.cipher, "cipher_null"), strcpy(h.mode, "ecb"), h.integrity[0] = '\0',
		 h.tag_size = 0));
	REFUSED(strcpy(h.cipher, "null"));
	REFUSED(strcpy(h.mode, "xts-plain64"));
	REFUSED(strcpy(h.mode, "ecb"));
	REFUSED(strcpy(h.mode, "cbc-null"));
	REFUSED(h.integrity[0] = '\0');
	REFUSED(strcpy(h.integrity, "none"));
	REFUSED(strcpy(h.integrity, "crc32c"));
	REFUSED(h.tag_size = 0);
	REFUSED(h.tag_size = 32);
	REFUSED(h.sector_size = 512);
	REFUSED(h.data_offset = 0);
	REFUSED(h.data_offset = 32776);
	REFUSED(h.iv_offset = 8);
	REFUSED(h.flags = 1);
	REFUSED(h.requirements = 1);
	REFUSED(h.keyslots = 1);
	REFUSED(h.tokens = 1);
	REFUSED(h.has_data_device = 1);
#undef REFUSED
}

static void table(void **state)
{
	uint8_t key[VOLUME_KEY_SIZE];
	char keytext[2 * VOLUME_KEY_SIZE + 1];
	char text[600];
	static const char *const bad[] = {
		"cipher_null-ecb - 0 253:1 0",
		"cipher_null-ecb %s 0 253:1 0 2 integrity:48:aead sector_size:4096",
		"capi:authenc(hmac(sha256),xts(aes))-null %s 0 253:1 0 2 integrity:48:aead "
		"sector_size:4096",
		"capi:authenc(hmac(sha256),xts(aes))-random %s 8 253:1 0 2 integrity:48:aead "
		"sector_size:4096",
		"capi:authenc(hmac(sha256),xts(aes))-random %s 0 254:32 0 2 integrity:48:aead "
		"sector_size:4096",
		"capi:authenc(hmac(sha256),xts(aes))-random %s 0 253:1 8 2 integrity:48:aead "
		"sector_size:4096",
		"capi:authenc(hmac(sha256),xts(aes))-random %s 0 253:1 0 1 integrity:48:aead",
		"capi:authenc(hmac(sha256),xts(aes))-random %s 0 253:1 0 2 integrity:48:none "
		"sector_size:4096",
		"capi:authenc(hmac(sha256),xts(aes))-random %s 0 253:1 0 2 sector_size:4096 "
		"sector_size:4096",
		"capi:authenc(hmac(sha256),xts(aes))-random %s 0 253:1 0 2 integrity:48:aead "
		"sector_size:4096 allow_discards",
		"capi:authenc(hmac(sha256),xts(aes))-random %s 0 253:1 0 3 integrity:48:aead "
		"sector_size:4096 allow_discards",
		"capi:authenc(hmac(sha256),xts(aes))-random 00 0 253:1 0 2 integrity:48:aead "
		"sector_size:4096",
		"capi:xts(aes)-random %s 0 253:1 0 2 integrity:48:aead sector_size:4096",
		"",
	};

	for (uint8_t i = 0; i < sizeof(key); i++)
		key[i] = i;
	hex(key, sizeof(key), keytext);
	snprintf(text, sizeof(text),
		 FORMAT_KERNEL_CIPHER " %s 0 253:1 0 2 integrity:48:aead sector_size:4096",
		 keytext);
	assert_true(luks_table_check("crypt", text, key, "253:1"));
	assert_false(luks_table_check("linear", text, key, "253:1"));
	assert_false(luks_table_check("crypt", text, key, "253:11"));
	key[95] ^= 1;
	assert_false(luks_table_check("crypt", text, key, "253:1"));
	key[95] ^= 1;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		const char *at = strstr(bad[i], "%s");
		snprintf(text, sizeof(text), "%.*s%s%s", at ? (int)(at - bad[i]) : 500, bad[i],
			 at ? keytext : "", at ? at + 2 : "");
		assert_false(luks_table_check("crypt", text, key, "253:1"));
	}
}

// A command of handles and zeros, `size` bytes in all.
static size_t command(uint8_t *to, uint16_t tag, uint32_t code, uint32_t handle1, uint32_t handle2,
		      uint32_t size)
{
	const uint32_t words[] = {size, code, handle1, handle2};

	memset(to, 0, size);
	to[0] = (uint8_t)(tag >> 8);
	to[1] = (uint8_t)tag;
	for (size_t i = 0; i < 4; i++)
		for (size_t b = 0; b < 4 && 2 + 4 * i + b < size; b++)
			to[2 + 4 * i + b] = (uint8_t)(words[i] >> (24 - 8 * b));
	return size;
}

static void frames(void **state)
{
	uint8_t c[TPM_HEADER];

	command(c, 0x8001, 0x17b, 0, 0, 10);
	assert_int_equal(tpm_frame(c), 10);
	c[5] = 9;
	assert_int_equal(tpm_frame(c), 0);
	c[4] = 0x10;
	c[5] = 0;
	assert_int_equal(tpm_frame(c), 4096);
	c[5] = 1;
	assert_int_equal(tpm_frame(c), 0);
	c[2] = 0xff;
	assert_int_equal(tpm_frame(c), 0);
	command(c, 0x00c4, 0x17b, 0, 0, 10);
	assert_int_equal(tpm_frame(c), 0);
}

static void filter(void **state)
{
	static const struct {
		uint32_t code, handle1, handle2;
		uint16_t tag;
		int allowed;
	} rows[] = {
		{0x131, 0x40000001, 0, 0x8002, 1},	    // CreatePrimary, owner
		{0x131, 0x4000000b, 0, 0x8002, 0},	    // endorsement
		{0x131, 0x4000000c, 0, 0x8002, 0},	    // platform
		{0x176, 0x80000000, 0x40000007, 0x8001, 1}, // StartAuthSession
		{0x165, 0x80000000, 0, 0x8001, 1},	    // FlushContext
		{0x169, 0x01800000, 0, 0x8001, 1},	    // NV_ReadPublic
		{0x169, 0x01c0000a, 0, 0x8001, 0},	    // the EK's certificate
		{0x14e, 0x01bfffff, 0x01bfffff, 0x8002, 1}, // NV_Read
		{0x14e, 0x40000001, 0x01bfffff, 0x8002, 0}, // by the owner
		{0x14e, 0x01c00002, 0x01c00002, 0x8002, 0},
		{0x134, 0x01800001, 0x01800001, 0x8002, 1}, // NV_Increment
		{0x134, 0x01800001, 0x01800002, 0x8002, 0},
		{0x134, 0x017fffff, 0x017fffff, 0x8002, 0},
		{0x122, 0x40000001, 0x01800001, 0x8002, 0}, // NV_UndefineSpace
		{0x126, 0x4000000a, 0, 0x8002, 0},	    // Clear
		{0x129, 0x40000001, 0, 0x8002, 0},	    // HierarchyChangeAuth
		{0x182, 13, 0, 0x8002, 0},		    // PCR_Extend
		{0x158, 0x81000001, 0, 0x8002, 0},	    // Quote
		{0x120, 0x40000001, 0x81000001, 0x8002, 0}, // EvictControl
		{0x145, 0, 0, 0x8001, 0},		    // Shutdown
		{0x144, 0, 0, 0x8001, 0},		    // Startup
		{0x161, 0, 0, 0x8001, 0},		    // ContextLoad
		{0x20000000, 0, 0, 0x8001, 0},		    // a vendor's
	};
	struct tpm_filter f = {0};
	uint8_t c[256];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		size_t size =
			command(c, rows[i].tag, rows[i].code, rows[i].handle1, rows[i].handle2, 64);
		assert_int_equal(tpm_allowed(&f, c, size), rows[i].allowed);
		assert_false(tpm_allowed(&f, c, size - 1)); // not a whole one
	}
	assert_false(tpm_allowed(&f, c, command(c, 0x8002, 0x14e, 0x01800000, 0, 14)));
	assert_false(tpm_allowed(&f, c, command(c, 0x8001, 0x165, 0, 0, 10)));
}

// NV_DefineSpace as zone/volume/counter.c has it made: `changed` is a byte that is altered.
static int define(size_t changed, uint8_t by, struct tpm_filter *f)
{
	static const uint8_t public[] = {0,    14,   0x01, 0x80, 0x00, 0x07, 0x00, 0x0b,
					 0x02, 0x04, 0x00, 0x14, 0,    0,    0,	   8};
	uint8_t c[256];
	size_t size = 14 + 4 + 9 + 2 + 32 + sizeof(public);

	command(c, 0x8002, 0x12a, 0x40000001, 0, (uint32_t)size);
	memset(c + 14, 0, size - 14);
	c[17] = 9;
	c[14 + 4 + 9 + 1] = 32;
	memcpy(c + size - sizeof(public), public, sizeof(public));
	if (changed)
		c[size - changed] = (uint8_t)(c[size - changed] ^ by);
	return tpm_allowed(f, c, size);
}

static void filter_define(void **state)
{
	struct tpm_filter f = {0};

	assert_false(define(14, 0x40, &f)); // index 0x01c00007
	assert_false(define(14, 0x01, &f) && f.defines > 1);
	f.defines = 0;
	assert_false(define(5, 0x10, &f));  // no counter
	assert_false(define(8, 0x40, &f));  // another attribute
	assert_false(define(1, 0x08, &f));  // size 0
	assert_false(define(3, 0x01, &f));  // a policy
	assert_false(define(15, 0x01, &f)); // TPM2B's size
	assert_true(define(0, 0, &f));
	assert_false(define(0, 0, &f)); // one is enough
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys),
		cmocka_unit_test(key_of_a_disk),
		cmocka_unit_test(generation_block),
		cmocka_unit_test(plans),
		cmocka_unit_test(crashes_and_copies),
		cmocka_unit_test(counter_taken_away),
		cmocka_unit_test(header),
		cmocka_unit_test(table),
		cmocka_unit_test(frames),
		cmocka_unit_test(filter),
		cmocka_unit_test(filter_define),
	};
	return cmocka_run_group_tests_name("volume", tests, NULL, NULL);
}
