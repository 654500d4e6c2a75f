// SPDX-License-Identifier: Apache-2.0
// The Core and its TPM: what it gets, what it leaves, and that no failure leaves the door open.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include <cloister/call.h>
#include "cpu/master_key.h"
#include "evidence/entropy.h"
#include "evidence/report_key.h"
#include "evidence/root.h"
#include "tpm/attach.h"
#include "tpm/command.h"
#include "tpm/interface.h"
#include "tpm/wire.h"
#include "tpm_played.h"

#define CORE_BASE  0x10000000u
#define CORE_BYTES 0x02000000u
#define ROOT_TEXT  "cloister root 1, iommu none"
#define POLICY	   0x2015u /* PCRs 0, 2, 4, 13 */

static const uint8_t zero[32];

/* ---- ACPI: a root pointer, its table, and the TPM's ---- */

static uint8_t *acpi;

static void sum(uint8_t *p, size_t n, size_t at)
{
	uint8_t s = 0;

	p[at] = 0;
	for (size_t i = 0; i < n; i++)
		s = (uint8_t)(s + p[i]);
	p[at] = (uint8_t)-s;
}

static void put32(uint8_t *p, uint32_t v)
{
	memcpy(p, &v, sizeof(v));
}

static uint64_t tables(const char *signature, uint32_t length, uint64_t control, uint32_t method)
{
	uint8_t *rsdt = acpi + 64, *tpm2 = acpi + 256;

	memset(acpi, 0, 4096);
	memcpy(acpi, "RSD PTR ", 8);
	put32(acpi + 16, (uint32_t)(uintptr_t)rsdt);
	sum(acpi, 20, 8);
	memcpy(rsdt, "RSDT", 4);
	put32(rsdt + 4, 40);
	put32(rsdt + 36, (uint32_t)(uintptr_t)tpm2);
	sum(rsdt, 40, 9);
	memcpy(tpm2, signature, 4);
	put32(tpm2 + 4, length);
	memcpy(tpm2 + 40, &control, sizeof(control));
	put32(tpm2 + 48, method);
	sum(tpm2, length, 9);
	return (uintptr_t)acpi;
}

/* ---- a boot ---- */

static int setup_all(void **state)
{
	acpi = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1,
		    0);
	return acpi == MAP_FAILED || entropy_init() ? -1 : 0;
}

/* A machine that was just switched on. */
static int switched_on(void)
{
	RAND_bytes(played.seed, sizeof(played.seed));
	for (unsigned i = 0; i < 24; i++)
		RAND_bytes(played.pcr[i], 32);
	played_reset();
	root_wipe();
	master_key_init();
	return report_key_init();
}

static int setup(void **state)
{
	played_fifo = false;
	return switched_on();
}

static int setup_fifo(void **state)
{
	played_fifo = true;
	return switched_on();
}

static void again(void)
{
	played_reset();
	root_wipe();
	master_key_init();
	assert_int_equal(report_key_init(), 0);
}

static const char *arguments = "", *iommu = "none";

static const char *attach(uint64_t rsdp)
{
	static struct boot_info bi;

	bi = (struct boot_info){.rsdp = rsdp,
				.core_base = CORE_BASE,
				.core_size = CORE_BYTES,
				.cmdline = arguments};
	return tpm_attach(&bi, iommu);
}

static const char *boot(void)
{
	return attach(tables("TPM2", 52, PLAYED_BASE + 0x40, played_fifo ? 6 : 7));
}

static void sha256(uint8_t out[32], const void *p, size_t n)
{
	unsigned size;

	assert_int_equal(EVP_Digest(p, n, out, &size, EVP_sha256(), NULL), 1);
}

/* docs/architecture.md, by OpenSSL: what every verifier computes. */
static void want_pcr13(uint8_t out[32])
{
	uint8_t both[64] = {0};

	sha256(both + 32, report_key_public(), 64);
	sha256(both, both, 64);
	sha256(both + 32, "cloister cap 1", 14);
	sha256(out, both, 64);
}

static bool closed(void)
{
	uint8_t want[32];

	want_pcr13(want);
	return !memcmp(played.pcr[13], want, 32);
}

/* The policy of the sealing root on this machine, PCR 13 being zero, by OpenSSL. */
static void root_policy(uint8_t policy[32])
{
	uint8_t all[32 + 14 + 32] = {0}, values[4 * 32] = {0};

	memcpy(values, played.pcr[0], 32);
	memcpy(values + 32, played.pcr[2], 32);
	memcpy(values + 64, played.pcr[4], 32);
	memcpy(all + 32, "\0\0\1\x7f\0\0\0\1\0\x0b\3\x15\x20\0", 14);
	sha256(all + 46, values, sizeof(values));
	sha256(policy, all, sizeof(all));
}

static void zone_key(uint8_t key[32])
{
	static const uint8_t digest[CL_DIGEST_SIZE] = {1};
	struct cl_seal_key k = {.context = {2}};

	assert_int_equal(root_zone_key(digest, &k), 0);
	memcpy(key, k.key, 32);
}

static bool left_in_buffer(void)
{
	for (size_t i = 0; i < PLAYED_SIZE; i++)
		if (played.buffer[i])
			return true;
	return false;
}

/* Nothing is loaded any more, the TPM is the host's, and no answer is left for it to read. */
static void expect_tidy(void)
{
	assert_int_equal(played.keys, 0);
	assert_int_equal(played.sessions, 0);
	assert_false(played.locality);
	assert_false(left_in_buffer());
}

/* ---- what it is for ---- */

static void root_and_door(void **state)
{
	uint8_t key[32], secret[32], policy[32], x[32];

	root_policy(policy);
	assert_int_equal(played_host_hmac(policy, ROOT_TEXT, secret), 0);
	assert_null(boot());
	assert_string_equal(root_name(), "tpm");
	assert_true(root_seals());
	assert_true(closed());
	expect_tidy();
	/* the host, from now on */
	assert_int_equal(played_host_hmac(policy, ROOT_TEXT, key), 0x99d);
	/* and the root was that HMAC: the same key, from it alone */
	zone_key(key);
	root_wipe();
	for (unsigned i = 0; i < 32; i++)
		x[i] = (uint8_t)(i + 1);
	root_keep(secret, x, x);
	root_vouched();
	zone_key(secret);
	assert_memory_equal(key, secret, 32);
}

static void storage_key_point(void **state)
{
	static const uint8_t digest[CL_DIGEST_SIZE];
	struct cl_seal_key k = {0};

	assert_null(boot());
	assert_int_equal(root_zone_key(digest, &k), 0);
	for (unsigned i = 0; i < 32; i++) {
		assert_int_equal(k.srk_x[i], i + 1);
		assert_int_equal(k.srk_y[i], i ? i + 100 : 0);
	}
}

static void same_root_at_each_boot(void **state)
{
	static const unsigned pinned[] = {0, 2, 4}, free[] = {1, 3, 5, 7, 8, 9, 14};
	uint8_t first[32], next[32];

	assert_null(boot());
	zone_key(first);
	for (unsigned i = 0; i < sizeof(free) / sizeof(free[0]); i++) {
		again();
		played.pcr[free[i]][5] ^= 1;
		assert_null(boot());
		zone_key(next);
		assert_memory_equal(first, next, 32);
	}
	for (unsigned i = 0; i < sizeof(pinned) / sizeof(pinned[0]); i++) {
		again();
		played.pcr[pinned[i]][31] ^= 1;
		assert_null(boot());
		zone_key(next);
		assert_memory_not_equal(first, next, 32);
		played.pcr[pinned[i]][31] ^= 1;
	}
	again();
	played.seed[0] ^= 1; /* the owner was cleared */
	assert_null(boot());
	zone_key(next);
	assert_memory_not_equal(first, next, 32);
}

/* ---- no TPM, or none that is of use ---- */

static void expect_none(const char *why)
{
	assert_null(why);
	assert_string_equal(root_name(), "none");
	assert_false(root_seals());
}

/* By its command line alone, which is measured; whatever is there is left alone. */
static void told_so(void **state)
{
	arguments = "loglevel=debug tpm=none";
	expect_none(boot());
	expect_none(attach(0));
	arguments = "";
	assert_int_equal(played.commands, 0);
	assert_memory_equal(played.pcr[13], zero, 32);
}

/* The host does not run, and the reason says this; nothing was sent. */
static void expect_refused(const char *why, const char *text)
{
	assert_non_null(why);
	assert_non_null(strstr(why, text));
	assert_non_null(strstr(why, "tpm=none"));
	assert_string_equal(root_name(), "none");
	assert_int_equal(played.commands, 0);
}

/* A TPM whose PCR 13 nobody would close: the host could put a key of its own there. */
static void other_start_methods(void **state)
{
	char text[32];

	for (uint32_t method = 0; method < 16; method++) {
		if (method == 6 || method == 7)
			continue;
		snprintf(text, sizeof(text), "start method is %u,", method);
		expect_refused(attach(tables("TPM2", 52, PLAYED_BASE + 0x40, method)), text);
	}
	expect_refused(attach(tables("TPM2", 52, PLAYED_BASE + 0x40, 0x107)),
		       "start method is 263,");
	/* The longest of these texts is not cut. */
	const char *why = attach(tables("TPM2", 52, PLAYED_BASE + 0x40, UINT32_MAX));
	const char end[] = "use another";

	expect_refused(why, "start method is 4294967295,");
	assert_true(strlen(why) > sizeof(end));
	assert_string_equal(why + strlen(why) - (sizeof(end) - 1), end);
	/* too short to have one */
	expect_refused(attach(tables("TPM2", 48, PLAYED_BASE + 0x40, 7)), "start method is 0,");
	assert_memory_equal(played.pcr[13], zero, 32);
}

/* By the table one kind, by its registers another; or a table, and nothing there. */
static void not_as_promised(void **state)
{
	for (uint32_t type = 0; type < 16; type++) {
		bool right = played_fifo ? type == 0 || type == 15 : type == 1;

		again();
		played.interface = 0xabc0 | type;
		if (right)
			assert_null(boot());
		else
			expect_refused(boot(), "does not answer");
	}
	again();
	played.absent = true;
	expect_refused(boot(), "does not answer");
	again();
	played.absent_zero = true;
	expect_refused(boot(), "does not answer");
}

/* The host may find one where the Core does not. */
static void no_table(void **state)
{
	expect_refused(attach(0), "tpm=none");
	expect_refused(attach(tables("TCPA", 52, PLAYED_BASE + 0x40, 7)), "tpm=none");
	arguments = "tpm=nonesuch xtpm=none";
	expect_refused(attach(0), "tpm=none");
	arguments = "";
	assert_memory_equal(played.pcr[13], zero, 32);
}

/* What was sealed where devices are held back does not open where they are not. */
static void iommu_matters(void **state)
{
	uint8_t with[32], without[32];

	iommu = "amd-vi";
	assert_null(boot());
	zone_key(with);
	again();
	iommu = "none";
	assert_null(boot());
	zone_key(without);
	assert_memory_not_equal(with, without, 32);
	again();
	iommu = "amd-vi";
	assert_null(boot());
	zone_key(without);
	assert_memory_equal(with, without, 32);
	iommu = "none";
}

static void pcr13_was_used(void **state)
{
	uint8_t before[32];

	played.pcr[13][17] = 1;
	memcpy(before, played.pcr[13], 32);
	expect_none(boot());
	assert_memory_equal(played.pcr[13], before, 32);
	assert_int_equal(played.commands, 1);
	expect_tidy();
}

static void no_sha256_bank(void **state)
{
	played.no_bank = true;
	expect_none(boot());
	assert_int_equal(played.commands, 1);
	expect_tidy();
}

/* ---- a TPM that does not work: the host does not run ---- */

static void bad_places(void **state)
{
	static const uint64_t places[] = {PLAYED_BASE,	    PLAYED_BASE + 0x48,
					  CORE_BASE + 0x40, CORE_BASE + CORE_BYTES - 4096 + 0x40,
					  SIZE_4G + 0x40,   0,
					  ~0ull - 0xfbf};

	for (unsigned i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		assert_non_null(attach(tables("TPM2", 52, places[i], 7)));
	played.command_addr = CORE_BASE + 4096;
	assert_non_null(boot());
	played_reset();
	played.response_addr = CORE_BASE - 100;
	assert_non_null(boot());
	played_reset();
	played.response_addr = SIZE_4G - 100;
	assert_non_null(boot());
	played_reset();
	played.response_addr = 1ull << 40 | PLAYED_BUFFER;
	assert_non_null(boot());
	played_reset();
	played.command_size = 9;
	assert_non_null(boot());
	played_reset();
	played.response_size = 4;
	assert_non_null(boot());
	assert_int_equal(played.commands, 0);
	assert_string_equal(root_name(), "none");
}

static void dead_tpm(void **state)
{
	played.never_grants = true;
	assert_non_null(boot());
	played_reset();
	played.never_ready = true;
	assert_non_null(boot());
	played_reset();
	played.error_state = true;
	assert_non_null(boot());
	assert_int_equal(played.commands, 0);
	assert_string_equal(root_name(), "none");
}

/* Too small for the commands, which are cut short by nobody. */
static void small_buffers(void **state)
{
	played.command_size = 64; /* PCR_Extend has 65 */
	assert_non_null(boot());
	again();
	played.response_size = 100; /* the four PCRs' values need 164 */
	assert_null(boot());
	assert_true(closed());
	assert_string_equal(root_name(), "tpm");
	assert_false(root_seals());
}

/* The invariant behind all of this. */
static void expect_safe(const char *why)
{
	if (why) {
		assert_string_equal(root_name(), "none");
		assert_false(root_seals());
		return;
	}
	assert_true(closed());
	assert_string_equal(root_name(), "tpm");
}

static void any_command_refused(void **state)
{
	unsigned all, sealed = 0, vouched = 0;

	assert_null(boot());
	all = played.commands;
	for (unsigned n = 1; n <= all; n++) {
		again();
		played.refuse_at = n;
		played.refuse_code = 0x9a2; /* TPM_RC_BAD_AUTH */
		const char *why = boot();

		expect_safe(why);
		vouched += !why;
		sealed += root_seals();
		assert_int_equal(played.locality, 0);
		assert_false(left_in_buffer());
		/* what could be flushed was */
		if (played.codes[n - 1] != 0x165)
			assert_int_equal(played.keys + played.sessions, 0);
	}
	/* the two extensions and the look at PCR 13 behind them cannot be done without */
	assert_int_equal(vouched, all - 3);
	assert_int_equal(sealed, 0);
}

/* The owner has a password: no root, but the door is closed all the same. */
static void owner_has_a_password(void **state)
{
	uint8_t policy[32], key[32];

	root_policy(policy);
	played.refuse_at = 2;
	played.refuse_code = 0x9a2;
	assert_null(boot());
	assert_string_equal(root_name(), "tpm");
	assert_false(root_seals());
	assert_true(closed());
	assert_int_equal(played_host_hmac(policy, ROOT_TEXT, key), 0x99d);
	assert_int_equal(tpm_refused, 0x9a2);
}

static unsigned change_nth;
static uint32_t change_size, change_at;
static uint8_t change_bits;
static bool changed;

static void cut(unsigned nth, uint32_t code, uint8_t *response, uint32_t *size)
{
	if (nth != change_nth || change_size >= *size)
		return;
	*size = change_size;
	for (unsigned i = 0; i < 4; i++)
		response[2 + i] = (uint8_t)(change_size >> (24 - 8 * i));
	changed = true;
}

static void flip(unsigned nth, uint32_t code, uint8_t *response, uint32_t *size)
{
	/* What PCR 13 is only the TPM can say, and the values of the others, too. */
	if (nth != change_nth || change_at >= *size || (code == 0x17e && change_at >= 28))
		return;
	response[change_at] ^= change_bits;
	changed = true;
}

static unsigned nr_commands(void)
{
	again();
	assert_null(boot());
	return played.commands;
}

static void any_answer_cut(void **state)
{
	for (unsigned n = 1, all = nr_commands(); n <= all; n++) {
		change_nth = n;
		changed = true;
		for (change_size = 0; changed; change_size++) {
			again();
			changed = false;
			played.change = cut;
			expect_safe(boot());
			assert_false(changed && root_seals());
		}
	}
}

static void any_answer_changed(void **state)
{
	static const uint8_t bits[] = {0x01, 0x80, 0xff};
	unsigned sealed = 0, tried = 0;

	for (unsigned n = 1, all = nr_commands(); n <= all; n++) {
		change_nth = n;
		for (unsigned b = 0; b < sizeof(bits); b++) {
			change_bits = bits[b];
			changed = true;
			for (change_at = 0; changed; change_at++) {
				again();
				changed = false;
				played.change = flip;
				expect_safe(boot());
				tried += changed;
				sealed += changed && root_seals();
			}
		}
	}
	/* What may differ: nonces, names, the session's part, the values themselves. */
	assert_true(tried > 1000);
	assert_true(sealed < tried);
}

/* ---- the FIFO ---- */

/* Each of these is as good as no TPM, and none of them hangs. */
static void lying_fifo(void **state)
{
	bool *const lies[] = {&played.no_burst,	    &played.never_expects, &played.always_expects,
			      &played.avail_sticks, &played.never_avail,   &played.never_ready,
			      &played.error_state};

	for (unsigned i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		again();
		*lies[i] = true;
		assert_non_null(boot());
		assert_string_equal(root_name(), "none");
		assert_false(root_seals());
		assert_true(played.ms < 120000);
	}
}

static void any_burst(void **state)
{
	static const uint32_t bursts[] = {1, 2, 9, 10, 11, 63, 64, 65, 4096, 0xffff};

	for (unsigned i = 0; i < sizeof(bursts) / sizeof(bursts[0]); i++) {
		again();
		played.burst = bursts[i];
		assert_null(boot());
		assert_true(root_seals() && closed());
		expect_tidy();
	}
}

static void tell_other_size(unsigned nth, uint32_t code, uint8_t *response, uint32_t *size)
{
	if (nth == change_nth)
		response[5] = (uint8_t)(*size + change_size);
}

/* More than the size tells, or less: no answer. */
static void longer_and_shorter(void **state)
{
	played.extra_bytes = 1;
	assert_non_null(boot());
	again();
	played.extra_bytes = 3000;
	assert_non_null(boot());
	for (unsigned n = 1, all = nr_commands(); n <= all; n++)
		for (int by = -1; by <= 1; by += 2) {
			again();
			change_nth = n;
			change_size = (uint32_t)by;
			played.change = tell_other_size;
			expect_safe(boot());
			assert_false(root_seals());
		}
}

/* The firmware had it at locality 0 and has kept it: that is no reason to ask again. */
static void firmware_kept_it(void **state)
{
	played.locality = true;
	assert_null(boot());
	assert_int_equal(played.requests, 0);
	assert_true(closed());
	expect_tidy();
	again();
	assert_null(boot());
	assert_int_equal(played.requests, 1);
}

/* ---- time ---- */

static void slow_but_in_time(void **state)
{
	for (unsigned n = 1, all = nr_commands(); n <= all; n++) {
		again();
		played.slow_at = n;
		played.slow_ms = 4900;
		assert_null(boot());
		assert_true(root_seals());
	}
}

/* Cancelled: the answer that then comes is dropped, and the next command has its own. */
static void too_slow(void **state)
{
	for (unsigned n = 1, all = nr_commands(); n <= all; n++) {
		again();
		played.slow_at = n;
		played.slow_ms = PLAYED_NEVER;
		expect_safe(boot());
		assert_false(root_seals());
	}
}

/* Not even cancelled: no command follows, whose answer it might be taken for. */
static void given_up(void **state)
{
	static const uint8_t command[10] = {0x80, 1, 0, 0, 0, 10, 0, 0, 1, 0x65};
	uint8_t response[64] = {0};

	for (unsigned n = 1, all = nr_commands(); n <= all; n++) {
		again();
		played.slow_at = n;
		played.slow_ms = 500000;
		played.deaf_to_cancel = true;
		expect_safe(boot());
		assert_false(root_seals());
		assert_int_equal(played.commands, n);
		played.ms += 1000000; /* there it is */
		assert_int_equal(tpm_transmit(command, 10, response, 64, 100), -CL_EIO);
		assert_int_equal(response[0], 0);
		assert_int_equal(played.commands, n);
	}
}

/* For a header of an answer: the command is not even sent. */
static void no_room(void **state)
{
	static const uint8_t command[10] = {0x80, 1, 0, 0, 0, 10, 0, 0, 1, 0x65};
	struct tpm_place place = {played_fifo ? TPM_FIFO : TPM_CRB, PLAYED_BASE};
	uint8_t response[10];

	assert_int_equal(tpm_open(&place, 0, 0), 0);
	assert_int_equal(tpm_transmit(command, 10, response, TPM_HEADER - 1, 100), -CL_E2BIG);
	assert_int_equal(played.commands, 0);
	tpm_close();
}

static void asked_to_retry(void **state)
{
	static const uint32_t codes[] = {0x922, 0x908, 0x90a};

	for (unsigned i = 0; i < 3; i++) {
		again();
		played.refuse_at = 4;
		played.refuse_times = 20;
		played.refuse_code = codes[i];
		assert_null(boot());
		assert_true(root_seals());
	}
	again();
	played.refuse_at = 1;
	played.refuse_times = 100000;
	played.refuse_code = 0x922;
	assert_non_null(boot());
	assert_true(played.ms < 120000);
}

/* ---- the readers ---- */

static void reader_stays_inside(void **state)
{
	static const uint8_t data[] = {0, 3, 'a', 'b', 'c', 0xff, 0xff, 1};
	struct tpm_in in = {.at = data, .left = sizeof(data)}, sized = tpm_get_sized(&in);

	assert_int_equal(sized.left, 3);
	assert_memory_equal(tpm_get(&sized, 3), "abc", 3);
	assert_null(tpm_get(&sized, 1));
	assert_true(sized.bad);
	sized = tpm_get_sized(&in);
	assert_true(sized.bad && in.bad);
	assert_int_equal(sized.left, 0);
	assert_null(tpm_get(&in, 0)); /* once bad, always bad */
	assert_int_equal(tpm_get32(&in), 0);
	assert_int_equal(tpm_get8(&in), 0);
}

static void writer_stays_inside(void **state)
{
	uint8_t buf[8] = {0};
	struct tpm_out o = {.buf = buf, .cap = 7};

	tpm_put32(&o, 0x01020304);
	tpm_put16(&o, 0x0506);
	tpm_put16(&o, 0x0708);
	assert_true(o.bad);
	tpm_put8(&o, 9);
	assert_int_equal(o.len, 6);
	assert_memory_equal(buf, "\1\2\3\4\5\6\0\0", 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(root_and_door, setup),
		cmocka_unit_test_setup(storage_key_point, setup),
		cmocka_unit_test_setup(same_root_at_each_boot, setup),
		cmocka_unit_test_setup(iommu_matters, setup),
		cmocka_unit_test_setup(told_so, setup),
		cmocka_unit_test_setup(no_table, setup),
		cmocka_unit_test_setup(other_start_methods, setup),
		cmocka_unit_test_setup(not_as_promised, setup),
		cmocka_unit_test_setup(pcr13_was_used, setup),
		cmocka_unit_test_setup(no_sha256_bank, setup),
		cmocka_unit_test_setup(bad_places, setup),
		cmocka_unit_test_setup(dead_tpm, setup),
		cmocka_unit_test_setup(small_buffers, setup),
		cmocka_unit_test_setup(any_command_refused, setup),
		cmocka_unit_test_setup(owner_has_a_password, setup),
		cmocka_unit_test_setup(any_answer_cut, setup),
		cmocka_unit_test_setup(any_answer_changed, setup),
		cmocka_unit_test_setup(slow_but_in_time, setup),
		cmocka_unit_test_setup(too_slow, setup),
		cmocka_unit_test_setup(given_up, setup),
		cmocka_unit_test_setup(no_room, setup),
		cmocka_unit_test_setup(asked_to_retry, setup),
		{"root_and_door_fifo", root_and_door, setup_fifo, NULL, NULL},
		{"storage_key_point_fifo", storage_key_point, setup_fifo, NULL, NULL},
		{"same_root_at_each_boot_fifo", same_root_at_each_boot, setup_fifo, NULL, NULL},
		{"not_as_promised_fifo", not_as_promised, setup_fifo, NULL, NULL},
		{"iommu_matters_fifo", iommu_matters, setup_fifo, NULL, NULL},
		{"pcr13_was_used_fifo", pcr13_was_used, setup_fifo, NULL, NULL},
		{"no_sha256_bank_fifo", no_sha256_bank, setup_fifo, NULL, NULL},
		{"dead_tpm_fifo", dead_tpm, setup_fifo, NULL, NULL},
		{"any_command_refused_fifo", any_command_refused, setup_fifo, NULL, NULL},
		{"owner_has_a_password_fifo", owner_has_a_password, setup_fifo, NULL, NULL},
		{"any_answer_cut_fifo", any_answer_cut, setup_fifo, NULL, NULL},
		{"any_answer_changed_fifo", any_answer_changed, setup_fifo, NULL, NULL},
		{"lying_fifo", lying_fifo, setup_fifo, NULL, NULL},
		{"any_burst", any_burst, setup_fifo, NULL, NULL},
		{"longer_and_shorter", longer_and_shorter, setup_fifo, NULL, NULL},
		{"firmware_kept_it", firmware_kept_it, setup_fifo, NULL, NULL},
		{"slow_but_in_time_fifo", slow_but_in_time, setup_fifo, NULL, NULL},
		{"too_slow_fifo", too_slow, setup_fifo, NULL, NULL},
		{"given_up_fifo", given_up, setup_fifo, NULL, NULL},
		{"no_room_fifo", no_room, setup_fifo, NULL, NULL},
		{"asked_to_retry_fifo", asked_to_retry, setup_fifo, NULL, NULL},
		cmocka_unit_test(reader_stays_inside),
		cmocka_unit_test(writer_stays_inside),
	};

	return cmocka_run_group_tests(tests, setup_all, NULL);
}
