// SPDX-License-Identifier: Apache-2.0
// What registrar and node say to each other, and MakeCredential; a real TPM's ActivateCredential is
// in tests/host/enrol.sh.
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>
#include <openssl/core_names.h>
#include <openssl/hmac.h>
#include <openssl/kdf.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include "address.h"
#include "bundle.h"
#include "credential.h"
#include "enrol_make.h"
#include "wire.h"

static void derive(const char *name, OSSL_PARAM *params, uint8_t *out, size_t size)
{
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, name, NULL);
	EVP_KDF_CTX *context = EVP_KDF_CTX_new(kdf);

	assert_int_equal(EVP_KDF_derive(context, out, size, params), 1);
	EVP_KDF_CTX_free(context);
	EVP_KDF_free(kdf);
}

static OSSL_PARAM octets(const char *name, void *data, size_t size)
{
	return OSSL_PARAM_construct_octet_string(name, data, size);
}

// KDFa is the counter mode of SP 800-108, which OpenSSL has as KBKDF.
static void kdfa_is_kbkdf(void **state)
{
	uint8_t key[32], context[34], ours[32], theirs[32];
	char label[] = "INTEGRITY", mac[] = "HMAC", digest[] = "SHA256";

	RAND_bytes(key, sizeof(key));
	RAND_bytes(context, sizeof(context));
	for (uint32_t bits = 128; bits <= 256; bits += 128) {
		OSSL_PARAM params[] = {
			OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_MAC, mac, 0),
			OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
			octets(OSSL_KDF_PARAM_KEY, key, sizeof(key)),
			octets(OSSL_KDF_PARAM_SALT, label, strlen(label)),
			octets(OSSL_KDF_PARAM_INFO, context, sizeof(context)),
			OSSL_PARAM_construct_end()};
		derive("KBKDF", params, theirs, bits / 8);
		assert_int_equal(
			kdfa(key, sizeof(key), label, context, sizeof(context), bits, ours), 0);
		assert_memory_equal(ours, theirs, bits / 8);
	}
	assert_int_not_equal(kdfa(key, sizeof(key), label, NULL, 0, 264, ours), 0);
}

// KDFe is the concatenation KDF of SP 800-56A, which OpenSSL has as SSKDF.
static void kdfe_is_sskdf(void **state)
{
	uint8_t z[32], info[9 + 64] = "IDENTITY", ours[32], theirs[32];
	char digest[] = "SHA256";
	OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
			       octets(OSSL_KDF_PARAM_KEY, z, sizeof(z)),
			       octets(OSSL_KDF_PARAM_INFO, info, sizeof(info)),
			       OSSL_PARAM_construct_end()};

	RAND_bytes(z, sizeof(z));
	RAND_bytes(info + 9, 64);
	derive("SSKDF", params, theirs, sizeof(theirs));
	assert_int_equal(kdfe(z, "IDENTITY", info + 9, info + 41, ours), 0);
	assert_memory_equal(ours, theirs, sizeof(ours));
}

static void open_rsa(EVP_PKEY *ek, const struct credential *c, uint8_t seed[32])
{
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(ek, NULL);
	uint8_t plain[256];
	size_t size = sizeof(plain);

	assert_int_equal(EVP_PKEY_decrypt_init(context), 1);
	EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_OAEP_PADDING);
	EVP_PKEY_CTX_set_rsa_oaep_md(context, EVP_sha256());
	EVP_PKEY_CTX_set_rsa_mgf1_md(context, EVP_sha256());
	EVP_PKEY_CTX_set0_rsa_oaep_label(context, OPENSSL_memdup("IDENTITY", 9), 9);
	assert_int_equal(EVP_PKEY_decrypt(context, plain, &size, c->seed, c->seed_size), 1);
	assert_int_equal(size, 32);
	memcpy(seed, plain, 32);
	EVP_PKEY_CTX_free(context);
}

static void open_ecc(EVP_PKEY *ek, const struct public_key *public, const struct credential *c,
		     uint8_t seed[32])
{
	struct public_key theirs = {.kind = PUBLIC_AK, .size = 32};
	uint8_t z[32];
	size_t size = sizeof(z);

	assert_int_equal(c->seed_size, 68);
	assert_int_equal(c->seed[0] << 8 | c->seed[1], 32);
	assert_int_equal(c->seed[34] << 8 | c->seed[35], 32);
	memcpy(theirs.x, c->seed + 2, 32);
	memcpy(theirs.y, c->seed + 36, 32);
	EVP_PKEY *peer = public_pkey(&theirs);
	assert_non_null(peer);
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(ek, NULL);
	assert_int_equal(EVP_PKEY_derive_init(context), 1);
	assert_int_equal(EVP_PKEY_derive_set_peer(context, peer), 1);
	assert_int_equal(EVP_PKEY_derive(context, z, &size), 1);
	assert_int_equal(kdfe(z, "IDENTITY", theirs.x, public->x, seed), 0);
	EVP_PKEY_CTX_free(context);
	EVP_PKEY_free(peer);
}

// What a TPM does: 0 if the HMAC is right for this name.
static int activate(const uint8_t seed[32], const struct credential *c, const uint8_t name[34],
		    uint8_t secret[32])
{
	static const uint8_t iv[16];
	uint8_t key[32], mac[32], text[34 + 34], plain[34];
	EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
	int size;

	assert_int_equal(kdfa(seed, 32, "INTEGRITY", NULL, 0, 256, key), 0);
	memcpy(text, c->blob + 34, 34);
	memcpy(text + 34, name, 34);
	HMAC(EVP_sha256(), key, 32, text, sizeof(text), mac, NULL);
	assert_int_equal(kdfa(seed, 32, "STORAGE", name, 34, 128, key), 0);
	EVP_DecryptInit_ex(context, EVP_aes_128_cfb128(), NULL, key, iv);
	EVP_DecryptUpdate(context, plain, &size, c->blob + 34, 34);
	EVP_CIPHER_CTX_free(context);
	memcpy(secret, plain + 2, 32);
	return memcmp(mac, c->blob + 2, 32) != 0;
}

static void credential_is_for_one_key_and_name(void **state)
{
	uint8_t area[PUBLIC_MAX], secret[32], out[32], name[34], seed[32];
	const char *why;

	for (int rsa = 0; rsa < 2; rsa++) {
		enum public_kind kind = rsa ? PUBLIC_EK_RSA : PUBLIC_EK_ECC;
		EVP_PKEY *ek = make_key(rsa);
		struct public_key public;
		struct credential c;

		RAND_bytes(secret, sizeof(secret));
		RAND_bytes(name, sizeof(name));
		size_t size = make_area(kind, ek, area);
		assert_int_equal(public_parse(&public, kind, area, size, &why), 0);
		assert_int_equal(make_credential(&public, name, secret, &c), 0);
		if (rsa)
			open_rsa(ek, &c, seed);
		else
			open_ecc(ek, &public, &c, seed);
		assert_int_equal(activate(seed, &c, name, out), 0);
		assert_memory_equal(out, secret, sizeof(out));
		name[33] ^= 1;
		assert_int_not_equal(activate(seed, &c, name, out), 0);
		assert_memory_not_equal(out, secret, sizeof(out));
		EVP_PKEY_free(ek);
	}
}

static void a_point_off_the_curve_gets_no_credential(void **state)
{
	EVP_PKEY *ek = make_key(false);
	uint8_t area[PUBLIC_MAX], secret[32] = {0}, name[34] = {0};
	struct public_key public;
	struct credential c;
	const char *why;
	size_t size = make_area(PUBLIC_EK_ECC, ek, area);

	area[size - 1] ^= 1;
	assert_int_equal(public_parse(&public, PUBLIC_EK_ECC, area, size, &why), 0);
	assert_null(public_pkey(&public));
	assert_int_not_equal(make_credential(&public, name, secret, &c), 0);
	EVP_PKEY_free(ek);
}

// Every bit that is not the key itself is fixed.
static void public_areas_are_exact(void **state)
{
	uint8_t area[PUBLIC_MAX], hash[32];
	struct public_key key;
	const char *why;

	for (int kind = PUBLIC_EK_ECC; kind <= PUBLIC_AK; kind++) {
		EVP_PKEY *pkey = make_key(kind == PUBLIC_EK_RSA);
		size_t size = make_area((enum public_kind)kind, pkey, area);
		size_t sizes = kind == PUBLIC_EK_RSA ? 2 : 2 + 32 + 2, start = size;

		start -= kind == PUBLIC_EK_RSA ? 258 : 68;
		assert_int_equal(public_parse(&key, (enum public_kind)kind, area, size, &why), 0);
		EVP_Digest(area, size, hash, NULL, EVP_sha256(), NULL);
		assert_memory_equal(key.name, "\0\x0b", 2);
		assert_memory_equal(key.name + 2, hash, 32);
		EVP_PKEY *again = public_pkey(&key);
		assert_int_equal(EVP_PKEY_eq(again, pkey), 1);
		EVP_PKEY_free(again);
		for (size_t bit = 0; bit < 8 * size; bit++) {
			size_t at = bit / 8;
			bool in_key = at >= start + 2 && (kind == PUBLIC_EK_RSA ||
							  at < start + 34 || at >= start + sizes);
			area[at] ^= (uint8_t)(1u << bit % 8);
			int rc = public_parse(&key, (enum public_kind)kind, area, size, &why);
			assert_int_equal(rc, in_key ? 0 : -EINVAL);
			area[at] ^= (uint8_t)(1u << bit % 8);
		}
		for (size_t less = 0; less < size; less++)
			assert_int_not_equal(
				public_parse(&key, (enum public_kind)kind, area, less, &why), 0);
		assert_int_not_equal(
			public_parse(&key, (enum public_kind)kind, area, size + 1, &why), 0);
		EVP_PKEY_free(pkey);
	}
}

static void words_say_what_is_wrong(void **state)
{
	EVP_PKEY *pkey = make_key(false);
	uint8_t area[PUBLIC_MAX];
	struct public_key key;
	const char *why;
	size_t size = make_area(PUBLIC_AK, pkey, area);

	area[5] ^= 1; // restricted
	assert_int_equal(public_parse(&key, PUBLIC_AK, area, size, &why), -EINVAL);
	assert_non_null(strstr(why, "restricted signing key"));
	area[5] ^= 1;
	area[9] = 1; // the policy's size
	assert_int_equal(public_parse(&key, PUBLIC_AK, area, size, &why), -EINVAL);
	assert_non_null(strstr(why, "policy"));
	assert_int_equal(public_parse(&key, PUBLIC_EK_RSA, area, size, &why), -EINVAL);
	assert_non_null(strstr(why, "another type"));
	EVP_PKEY_free(pkey);
}

static void messages_survive_the_way(void **state)
{
	uint8_t out[WIRE_ENROL_MAX], bytes[600], secret[32], back[32];
	struct wire_enrol enrol = {{bytes, 88}, {bytes + 1, 120}, {bytes + 2, 500}}, taken;
	struct credential credential = {.seed_size = SEED_MAX}, activated;
	const char *why = NULL;

	RAND_bytes(bytes, sizeof(bytes));
	RAND_bytes(credential.blob, sizeof(credential.blob));
	RAND_bytes(credential.seed, sizeof(credential.seed));
	RAND_bytes(secret, sizeof(secret));
	int n = wire_put_enrol(&enrol, out, sizeof(out));
	assert_true(n > 0);
	assert_int_equal(wire_take_enrol(&taken, out, (size_t)n, &why), 0);
	assert_int_equal(taken.ek_certificate.size, 500);
	assert_memory_equal(taken.ek_certificate.data, bytes + 2, 500);
	assert_memory_equal(taken.ak_public.data, bytes, 88);
	for (int less = 0; less < n; less++)
		assert_int_not_equal(wire_take_enrol(&taken, out, (size_t)less, &why), 0);
	assert_int_not_equal(wire_take_enrol(&taken, out, (size_t)n + 1, &why), 0);
	assert_int_equal(wire_put_enrol(&enrol, out, (size_t)n - 1), -ENOSPC);
	n = wire_put_activate(&credential, out, WIRE_ACTIVATE_MAX);
	assert_true(n > 0);
	assert_int_equal(wire_take_activate(&activated, out, (size_t)n, &why), 0);
	assert_memory_equal(&activated, &credential, sizeof(activated));
	for (int less = 0; less < n; less++)
		assert_int_not_equal(wire_take_activate(&activated, out, (size_t)less, &why), 0);
	n = wire_put_secret(secret, out);
	assert_int_equal(n, WIRE_SECRET_SIZE);
	assert_int_equal(wire_take_secret(back, out, (size_t)n, &why), 0);
	assert_memory_equal(back, secret, 32);
	assert_int_not_equal(wire_take_secret(back, out, (size_t)n - 1, &why), 0);
	out[1] = 31;
	assert_int_not_equal(wire_take_secret(back, out, (size_t)n - 1, &why), 0);
}

static void bundles_survive_the_way(void **state)
{
	static uint8_t out[CL_EVIDENCE_MAX], log[CL_BOOT_LOG_MAX];
	uint8_t quoted[2048], report[100];
	struct tpm_quote quote = {.attest_size = 129, .signature_size = 72};
	struct bundle bundle = {.ak = {log, 700}, .boot_log = {log, sizeof(log)}}, taken;
	const char *why;

	RAND_bytes(log, sizeof(log));
	int n = bundle_put_quote(&quote, quoted, sizeof(quoted));
	assert_true(n > 0);
	bundle.quote = (struct wire_bytes){quoted, (size_t)n};
	for (int with = 0; with < 2; with++) {
		bundle.report = (struct wire_bytes){with ? report : NULL, with ? 100 : 0};
		n = bundle_put(&bundle, out, sizeof(out));
		assert_true(n > 0);
		assert_int_equal(bundle_take(&taken, out, (size_t)n, &why), 0);
		assert_int_equal(taken.report.data != NULL, with);
		assert_int_equal(taken.boot_log.size, sizeof(log));
		assert_memory_equal(taken.boot_log.data, log, sizeof(log));
		assert_int_equal(taken.quote.size, bundle.quote.size);
		for (int less = 0; less < n; less += 1 + less / 8)
			assert_int_not_equal(bundle_take(&taken, out, (size_t)less, &why), 0);
		assert_int_not_equal(bundle_take(&taken, out, (size_t)n + 1, &why), 0);
		assert_int_equal(bundle_put(&bundle, out, (size_t)n - 1), -ENOSPC);
	}
	bundle.ak.size = CL_AK_CERT_MAX + 1;
	bundle.boot_log.size = 0;
	n = bundle_put(&bundle, out, sizeof(out));
	assert_int_not_equal(bundle_take(&taken, out, (size_t)n, &why), 0);
}

static void addresses(void **state)
{
	static const char *const bad[] = {"",	   ":1",     "a:",   "a:0x1", "a:65536",
					  "a:1:2", "::1",    "[::1", "[]:1",  "[::1]1",
					  "a:-1",  "[::1]:", "a: 1", "a:1 "};
	struct address a;

	assert_int_equal(address_parse(&a, "node", 7), 0);
	assert_string_equal(a.host, "node");
	assert_int_equal(a.port, 7);
	assert_int_equal(address_parse(&a, "127.0.0.1:0", 7), 0);
	assert_int_equal(a.port, 0);
	assert_int_equal(address_parse(&a, "[2001:db8::1]:65535", 7), 0);
	assert_string_equal(a.host, "2001:db8::1");
	assert_int_equal(a.port, 65535);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(address_parse(&a, bad[i], 7), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kdfa_is_kbkdf),
		cmocka_unit_test(kdfe_is_sskdf),
		cmocka_unit_test(credential_is_for_one_key_and_name),
		cmocka_unit_test(a_point_off_the_curve_gets_no_credential),
		cmocka_unit_test(public_areas_are_exact),
		cmocka_unit_test(words_say_what_is_wrong),
		cmocka_unit_test(messages_survive_the_way),
		cmocka_unit_test(bundles_survive_the_way),
		cmocka_unit_test(addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
