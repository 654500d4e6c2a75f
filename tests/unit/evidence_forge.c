// SPDX-License-Identifier: Apache-2.0
// Forge bundles: the log, the quote, and how they are put together.
#include "evidence_forge.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/sha.h>

#include <cloister/report.h>
#include "evidence_keys.h"

/* What OVMF and GRUB log (types: PFP 1.05, section 10.4.1). */
static const struct forge_event ordinary[] = {
	{.pcr = 0, .type = 0x00000008, .data = FORGE_CRTM, .size = 6},
	{.pcr = 0,
	 .type = 0x80000008,
	 .data = "PEIFV",
	 .size = 5,
	 .measured = "volume",
	 .measured_size = 6},
	{.pcr = 7, .type = 0x80000001, .data = "SecureBoot", .size = 10},
	{.pcr = 7, .type = 0x80000001, .data = "PK", .size = 2},
	{.pcr = 1, .type = 0x80000002, .data = "BootOrder", .size = 9},
	{.pcr = 2,
	 .type = 0x80000004,
	 .data = "iPXE",
	 .size = 4,
	 .measured = "rom",
	 .measured_size = 3},
	{.pcr = 4,
	 .type = 0x80000007,
	 .data = "Calling EFI Application from Boot Option",
	 .size = 40},
	{.pcr = 0, .type = 4, .data = "\0\0\0", .size = 4},
	{.pcr = 1, .type = 4, .data = "\0\0\0", .size = 4},
	{.pcr = 2, .type = 4, .data = "\0\0\0", .size = 4},
	{.pcr = 4, .type = 4, .data = "\0\0\0", .size = 4},
	{.pcr = 7, .type = 4, .data = "\0\0\0", .size = 4},
	{.pcr = 5, .type = 0x80000006, .data = "GPT", .size = 3},
	{.pcr = 4,
	 .type = 0x80000003,
	 .data = "\\EFI\\BOOT\\BOOTX64.EFI",
	 .size = 21,
	 .measured = FORGE_IMAGE,
	 .measured_size = sizeof(FORGE_IMAGE) - 1},
	{.pcr = 9,
	 .type = 13,
	 .data = "(memdisk)/grub.cfg",
	 .size = 19,
	 .measured = "cfg",
	 .measured_size = 3},
};

static const char *const commands[] = {
	"kernel_cmdline: console=ttyS0",
	"module_cmdline: root=LABEL=root quiet \"a b\"",
	"module_cmdline: ",
};

void evidence_forge_default(struct evidence_forge *f, const uint8_t data[64],
			    const uint8_t digest[48])
{
	memset(f, 0, sizeof(*f));
	f->cert = (struct forge_cert){
		.name = "node-1",
		.ek = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff",
		.usage = "critical,digitalSignature",
		.eku = CL_OID_AK_EKU,
		.constraints = "critical,CA:FALSE",
		.key_type = "P-256",
		.version = 2,
		.serial = 7,
		.from = FORGE_NOW - FORGE_DAY,
		.until = FORGE_NOW + 30 * FORGE_DAY,
	};
	memcpy(f->event, ordinary, sizeof(ordinary));
	f->nr_events = sizeof(ordinary) / sizeof(ordinary[0]);
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		forge_command(f, commands[i]);
	f->log_banks = 3;
	f->magic = 0xff544347;
	f->attest_type = 0x8018;
	f->banks = 1;
	f->bank = 0x000b;
	f->select_size = 3;
	f->select = CL_QUOTE_PCRS;
	memcpy(f->nonce, data, CL_EVIDENCE_NONCE_SIZE);
	f->nonce_size = CL_EVIDENCE_NONCE_SIZE;
	f->sig_alg = 0x0018;
	f->sig_hash = 0x000b;
	f->number_size = 32;
	f->cored = f->capped = true;
	f->lie_pcr = -1;
	forge_default(&f->report, data, digest);
	forge_claim(&f->report, CL_CLAIM_IOMMU)->data = "amd-vi";
	forge_claim(&f->report, CL_CLAIM_ROOT)->data = "tpm";
}

struct forge_event *forge_event_add(struct evidence_forge *f, uint32_t pcr, uint32_t type,
				    const void *data, size_t size)
{
	struct forge_event *e = &f->event[f->nr_events++];

	assert_true(f->nr_events <= FORGE_EVENTS);
	*e = (struct forge_event){.pcr = pcr, .type = type, .data = data, .size = size};
	return e;
}

void forge_command(struct evidence_forge *f, const char *text)
{
	const char *string = strchr(text, ' ') + 1;
	struct forge_event *e = forge_event_add(f, 8, 13, text, strlen(text) + 1);

	e->measured = string;
	e->measured_size = strlen(string);
}

struct forge_event *forge_event_find(struct evidence_forge *f, uint32_t pcr, uint32_t type)
{
	for (size_t i = 0; i < f->nr_events; i++)
		if (f->event[i].pcr == pcr && f->event[i].type == type)
			return &f->event[i];
	fail_msg("no event of PCR %u and type 0x%x", pcr, type);
	return NULL;
}

void forge_event_remove(struct evidence_forge *f, const struct forge_event *event)
{
	size_t i = (size_t)(event - f->event);

	f->nr_events--;
	memmove(&f->event[i], &f->event[i + 1], (f->nr_events - i) * sizeof(*event));
}

struct out {
	uint8_t *bytes;
	size_t size, cap;
};

static void put(struct out *o, const void *data, size_t size)
{
	assert_true(size <= o->cap - o->size);
	if (size)
		memcpy(o->bytes + o->size, data, size);
	o->size += size;
}

static void put_le(struct out *o, uint64_t value, size_t size)
{
	for (size_t i = 0; i < size; i++)
		put(o, &(uint8_t){(uint8_t)(value >> (8 * i))}, 1);
}

static void put_be(struct out *o, uint64_t value, size_t size)
{
	for (size_t i = size; i-- > 0;)
		put(o, &(uint8_t){(uint8_t)(value >> (8 * i))}, 1);
}

static const struct bank {
	uint16_t alg;
	uint16_t size;
} banks[] = {{4, 20}, {0xb, 32}, {0xc, 48}, {0xd, 64}};

static void put_event(struct out *o, const struct evidence_forge *f, const struct forge_event *e)
{
	const void *measured = e->measured ? e->measured : e->data;
	size_t size = e->measured ? e->measured_size : e->size;
	uint8_t digest[64];

	put_le(o, e->pcr, 4);
	put_le(o, e->type, 4);
	put_le(o, f->log_banks, 4);
	for (size_t i = 0; i < f->log_banks; i++) {
		const EVP_MD *md = i == 0   ? EVP_sha1()
				   : i == 1 ? EVP_sha256()
				   : i == 2 ? EVP_sha384()
					    : EVP_sha512();

		assert_int_equal(EVP_Digest(measured, size, digest, NULL, md, NULL), 1);
		if (e->type == 3)
			memset(digest, 0, sizeof(digest));
		put_le(o, banks[i].alg, 2);
		put(o, digest, banks[i].size);
	}
	put_le(o, e->size, 4);
	put(o, e->data, e->size);
}

size_t forge_log_make(const struct evidence_forge *f, uint8_t *bytes, size_t cap)
{
	struct out o = {bytes, 0, cap};
	static const uint8_t sha1[20];

	put_le(&o, 0, 4);
	put_le(&o, 3, 4);
	put(&o, sha1, sizeof(sha1));
	put_le(&o, 16 + 8 + 4 + 4 * f->log_banks + 1, 4);
	put(&o, "Spec ID Event03", 16);
	put(&o, "\0\0\0\0\0\2\0\2", 8);
	put_le(&o, f->log_banks, 4);
	for (size_t i = 0; i < f->log_banks; i++) {
		put_le(&o, banks[i].alg, 2);
		put_le(&o, banks[i].size, 2);
	}
	put_le(&o, 0, 1);
	for (size_t i = 0; i < f->nr_events; i++)
		put_event(&o, f, &f->event[i]);
	return o.size;
}

static void extend(uint8_t pcr[32], const void *data, size_t size)
{
	uint8_t both[64];

	memcpy(both, pcr, 32);
	SHA256(data, size, both + 32);
	SHA256(both, 64, pcr);
}

/* What a TPM would have made of it all. */
static void boot(struct evidence_forge *f)
{
	memset(f->pcr, 0, sizeof(f->pcr));
	for (size_t i = 0; i < f->nr_events; i++) {
		const struct forge_event *e = &f->event[i];

		if (e->type == 3 && e->pcr == 0 && e->size == 17)
			f->pcr[0][31] = ((const uint8_t *)e->data)[16];
		if (e->type != 3 && e->pcr < 24)
			extend(f->pcr[e->pcr], e->measured ? e->measured : e->data,
			       e->measured ? e->measured_size : e->size);
	}
	if (f->cored)
		extend(f->pcr[13], f->pcr13_key ? f->pcr13_key : forge_public(), 64);
	if (f->capped)
		extend(f->pcr[13], "cloister cap 1", 14);
	if (f->host_extended)
		extend(f->pcr[13], "host", 4);
}

size_t forge_attest(const struct evidence_forge *f, uint8_t *bytes, size_t cap)
{
	struct out o = {bytes, 0, cap};
	uint8_t all[24 * 32], digest[32];
	size_t n = 0;

	for (size_t i = 0; i < 24; i++)
		if (f->select & 1u << i)
			memcpy(all + 32 * n++, f->pcr[i], 32);
	SHA256(all, 32 * n, digest);
	put_be(&o, f->magic, 4);
	put_be(&o, f->attest_type, 2);
	put_be(&o, 34, 2);
	put_be(&o, 0xb, 2);
	put(&o, digest, 32); /* any name */
	put_be(&o, f->nonce_size, 2);
	put(&o, f->nonce, f->nonce_size);
	put_be(&o, 123456, 8);
	put_be(&o, 3, 4);
	put_be(&o, 0, 4);
	put_be(&o, 1, 1);
	put_be(&o, 0x20191023, 8);
	put_be(&o, f->banks, 4);
	for (size_t i = 0; i < f->banks; i++) {
		put_be(&o, f->bank, 2);
		put_be(&o, f->select_size, 1);
		put_le(&o, f->select, f->select_size);
	}
	put_be(&o, 32, 2);
	put(&o, digest, 32);
	for (size_t i = 0; i < f->attest_junk; i++)
		put_be(&o, 0, 1);
	return o.size;
}

size_t forge_signature(const struct evidence_forge *f, const uint8_t *attest, size_t attest_size,
		       uint8_t *bytes, size_t cap)
{
	uint8_t der[80], number[2][64] = {{0}};
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	struct out o = {bytes, 0, cap};
	const uint8_t *at = der;
	size_t size = sizeof(der);
	ECDSA_SIG *sig;

	assert_int_equal(EVP_DigestSignInit_ex(ctx, NULL, "SHA256", NULL, NULL,
					       forge_ak(f->signer, "P-256"), NULL),
			 1);
	assert_int_equal(EVP_DigestSign(ctx, der, &size, attest, attest_size), 1);
	sig = d2i_ECDSA_SIG(NULL, &at, (long)size);
	assert_int_equal(BN_bn2binpad(ECDSA_SIG_get0_r(sig), number[0], 32), 32);
	assert_int_equal(BN_bn2binpad(ECDSA_SIG_get0_s(sig), number[1], 32), 32);
	put_be(&o, f->sig_alg, 2);
	put_be(&o, f->sig_hash, 2);
	for (size_t i = 0; i < 2; i++) {
		put_be(&o, f->number_size, 2);
		put(&o, number[i], f->number_size);
	}
	for (size_t i = 0; i < f->signature_junk; i++)
		put_be(&o, 0, 1);
	ECDSA_SIG_free(sig);
	EVP_MD_CTX_free(ctx);
	return o.size;
}

/* With the Core's encoder, so that the verifier's own does not check itself. */
static size_t make_quote(struct evidence_forge *f, uint8_t *bytes, size_t cap)
{
	uint8_t attest[512], signature[256], value[32];
	size_t attest_size = forge_attest(f, attest, sizeof(attest));
	size_t size = forge_signature(f, attest, attest_size, signature, sizeof(signature));
	struct cbor_out o;

	cbor_begin(&o, bytes, cap);
	cbor_put_array(&o, 3);
	cbor_put_bytes(&o, attest, attest_size);
	cbor_put_bytes(&o, signature, size);
	cbor_put_map(&o, CL_QUOTE_NR_PCRS);
	for (size_t i = 0; i < 24; i++) {
		if (!(CL_QUOTE_PCRS & 1u << i))
			continue;
		memcpy(value, f->pcr[i], 32);
		if (f->lie_pcr == (int)i)
			value[5] ^= 1;
		cbor_put_uint(&o, i);
		cbor_put_bytes(&o, value, 32);
	}
	assert_false(o.full);
	return o.len;
}

static void put_record(struct cbor_out *o, const char *label, const char *type, const uint8_t *data,
		       size_t size)
{
	cbor_put_text(o, label);
	cbor_put_array(o, 2);
	cbor_put_text(o, type);
	cbor_put_bytes(o, data, size);
}

size_t evidence_forge_make(struct evidence_forge *f, uint8_t *out, size_t cap)
{
	static uint8_t part[CL_EVIDENCE_MAX];
	struct cbor_out o;
	size_t size;

	boot(f);
	cbor_begin(&o, out, cap);
	cbor_put_map(&o, f->no_report ? 4 : 5);
	size = forge_cert_make(&f->cert, part, sizeof(part));
	put_record(&o, "ak", CL_TYPE_AK, part, size);
	size = make_quote(f, part, sizeof(part));
	put_record(&o, "quote", CL_TYPE_QUOTE, part, size);
	if (!f->no_report) {
		size = forge_make(&f->report, part, sizeof(part));
		put_record(&o, "report", CL_TYPE_REPORT, part, size);
	}
	cbor_put_text(&o, "__cmwc_t");
	cbor_put_text(&o, CL_EVIDENCE_TYPE);
	size = f->no_log ? 0 : forge_log_make(f, part, sizeof(part));
	put_record(&o, "boot-log", CL_TYPE_BOOT_LOG, part, size);
	assert_false(o.full);
	return o.len;
}
