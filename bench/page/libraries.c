// SPDX-License-Identifier: Apache-2.0
/* AES-256-GCM of the packaged libraries, each used in its fastest way for one page in place. */
#include <gcrypt.h>
#include <intel-ipsec-mb.h>
#include <nettle/gcm.h>
#include <nettle/memops.h>
#include <openssl/evp.h>
#include <string.h>

#include "contender.h"

static void make_nonce(uint8_t nonce[BENCH_NONCE_SIZE], uint32_t gpn, uint64_t version)
{
	const uint32_t g = __builtin_bswap32(gpn);
	const uint64_t v = __builtin_bswap64(version);

	memcpy(nonce, &g, sizeof(g));
	memcpy(nonce + sizeof(g), &v, sizeof(v));
}

/* OpenSSL: one context per direction, keyed once; only the nonce is set per page. */
static EVP_CIPHER_CTX *ossl_seal_ctx, *ossl_open_ctx;

static bool ossl_start(const uint8_t key[BENCH_KEY_SIZE])
{
	ossl_seal_ctx = EVP_CIPHER_CTX_new();
	ossl_open_ctx = EVP_CIPHER_CTX_new();
	return ossl_seal_ctx && ossl_open_ctx &&
	       EVP_EncryptInit_ex(ossl_seal_ctx, EVP_aes_256_gcm(), NULL, key, NULL) == 1 &&
	       EVP_DecryptInit_ex(ossl_open_ctx, EVP_aes_256_gcm(), NULL, key, NULL) == 1;
}

static void ossl_seal(uint32_t gpn, uint64_t version, uint8_t *page, uint8_t *tag)
{
	uint8_t nonce[BENCH_NONCE_SIZE];
	int n;

	make_nonce(nonce, gpn, version);
	EVP_EncryptInit_ex(ossl_seal_ctx, NULL, NULL, NULL, nonce);
	EVP_EncryptUpdate(ossl_seal_ctx, page, &n, page, BENCH_PAGE);
	EVP_EncryptFinal_ex(ossl_seal_ctx, page + BENCH_PAGE, &n);
	EVP_CIPHER_CTX_ctrl(ossl_seal_ctx, EVP_CTRL_AEAD_GET_TAG, BENCH_TAG_SIZE, tag);
}

static bool ossl_open(uint32_t gpn, uint64_t version, uint8_t *page, const uint8_t *tag)
{
	uint8_t nonce[BENCH_NONCE_SIZE], expected[BENCH_TAG_SIZE];
	int n;

	make_nonce(nonce, gpn, version);
	memcpy(expected, tag, sizeof(expected));
	EVP_DecryptInit_ex(ossl_open_ctx, NULL, NULL, NULL, nonce);
	EVP_DecryptUpdate(ossl_open_ctx, page, &n, page, BENCH_PAGE);
	EVP_CIPHER_CTX_ctrl(ossl_open_ctx, EVP_CTRL_AEAD_SET_TAG, BENCH_TAG_SIZE, expected);
	return EVP_DecryptFinal_ex(ossl_open_ctx, page + BENCH_PAGE, &n) == 1;
}

/* intel-ipsec-mb: the manager's direct call. */
static IMB_MGR *imb;
static struct gcm_key_data imb_key __attribute__((aligned(64)));
static struct gcm_context_data imb_ctx __attribute__((aligned(64)));

static bool imb_start(const uint8_t key[BENCH_KEY_SIZE])
{
	imb = alloc_mb_mgr(0);
	if (!imb)
		return false;
	init_mb_mgr_auto(imb, NULL);
	IMB_AES256_GCM_PRE(imb, key, &imb_key);
	return true;
}

static void imb_seal(uint32_t gpn, uint64_t version, uint8_t *page, uint8_t *tag)
{
	uint8_t nonce[BENCH_NONCE_SIZE];

	make_nonce(nonce, gpn, version);
	IMB_AES256_GCM_ENC(imb, &imb_key, &imb_ctx, page, page, BENCH_PAGE, nonce, NULL, 0, tag,
			   BENCH_TAG_SIZE);
}

static bool imb_open(uint32_t gpn, uint64_t version, uint8_t *page, const uint8_t *tag)
{
	uint8_t nonce[BENCH_NONCE_SIZE], right[BENCH_TAG_SIZE];

	make_nonce(nonce, gpn, version);
	IMB_AES256_GCM_DEC(imb, &imb_key, &imb_ctx, page, page, BENCH_PAGE, nonce, NULL, 0, right,
			   BENCH_TAG_SIZE);
	return memeql_sec(right, tag, BENCH_TAG_SIZE);
}

static gcry_cipher_hd_t gcry;

static bool gcry_start(const uint8_t key[BENCH_KEY_SIZE])
{
	return gcry_check_version(NULL) && !gcry_control(GCRYCTL_DISABLE_SECMEM, 0) &&
	       !gcry_control(GCRYCTL_INITIALIZATION_FINISHED, 0) &&
	       !gcry_cipher_open(&gcry, GCRY_CIPHER_AES256, GCRY_CIPHER_MODE_GCM, 0) &&
	       !gcry_cipher_setkey(gcry, key, BENCH_KEY_SIZE);
}

static void gcry_seal(uint32_t gpn, uint64_t version, uint8_t *page, uint8_t *tag)
{
	uint8_t nonce[BENCH_NONCE_SIZE];

	make_nonce(nonce, gpn, version);
	gcry_cipher_setiv(gcry, nonce, sizeof(nonce));
	gcry_cipher_final(gcry);
	gcry_cipher_encrypt(gcry, page, BENCH_PAGE, NULL, 0);
	gcry_cipher_gettag(gcry, tag, BENCH_TAG_SIZE);
}

static bool gcry_open(uint32_t gpn, uint64_t version, uint8_t *page, const uint8_t *tag)
{
	uint8_t nonce[BENCH_NONCE_SIZE];

	make_nonce(nonce, gpn, version);
	gcry_cipher_setiv(gcry, nonce, sizeof(nonce));
	gcry_cipher_final(gcry);
	gcry_cipher_decrypt(gcry, page, BENCH_PAGE, NULL, 0);
	return !gcry_cipher_checktag(gcry, tag, BENCH_TAG_SIZE);
}

static struct gcm_aes256_ctx nettle;

static bool nettle_start(const uint8_t key[BENCH_KEY_SIZE])
{
	gcm_aes256_set_key(&nettle, key);
	return true;
}

static void nettle_seal(uint32_t gpn, uint64_t version, uint8_t *page, uint8_t *tag)
{
	uint8_t nonce[BENCH_NONCE_SIZE];

	make_nonce(nonce, gpn, version);
	gcm_aes256_set_iv(&nettle, sizeof(nonce), nonce);
	gcm_aes256_encrypt(&nettle, BENCH_PAGE, page, page);
	gcm_aes256_digest(&nettle, BENCH_TAG_SIZE, tag);
}

static bool nettle_open(uint32_t gpn, uint64_t version, uint8_t *page, const uint8_t *tag)
{
	uint8_t nonce[BENCH_NONCE_SIZE], right[BENCH_TAG_SIZE];

	make_nonce(nonce, gpn, version);
	gcm_aes256_set_iv(&nettle, sizeof(nonce), nonce);
	gcm_aes256_decrypt(&nettle, BENCH_PAGE, page, page);
	gcm_aes256_digest(&nettle, BENCH_TAG_SIZE, right);
	return memeql_sec(right, tag, BENCH_TAG_SIZE);
}

const struct contender libraries[] = {
	{"openssl", ossl_start, ossl_seal, ossl_open},
	{"intel-ipsec-mb", imb_start, imb_seal, imb_open},
	{"libgcrypt", gcry_start, gcry_seal, gcry_open},
	{"nettle", nettle_start, nettle_seal, nettle_open},
	{0},
};
