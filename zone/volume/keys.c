// SPDX-License-Identifier: Apache-2.0
// HKDF-SHA256 (RFC 5869) with a label for each use, so that no value says anything about another.
#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <string.h>
#include "keys.h"

int keys_context(const char *name, uint8_t context[CL_SEAL_CONTEXT])
{
	static const char label[] = "volume ";
	char text[sizeof(label) + VOLUME_NAME_MAX];
	size_t length = strlen(name);

	if (length > VOLUME_NAME_MAX)
		return -EINVAL;
	memcpy(text, label, sizeof(label) - 1);
	memcpy(text + sizeof(label) - 1, name, length);
	return EVP_Digest(text, sizeof(label) - 1 + length, context, NULL, EVP_sha256(), NULL)
		       ? 0
		       : -EIO;
}

static void free_kdf(EVP_KDF **kdf)
{
	EVP_KDF_free(*kdf);
}

static void free_kdf_context(EVP_KDF_CTX **context)
{
	EVP_KDF_CTX_free(*context);
}

static int derive(const uint8_t secret[CL_SEAL_KEY_SIZE], const char *label, uint8_t *out,
		  size_t size)
{
	__attribute__((cleanup(free_kdf))) EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
	__attribute__((cleanup(free_kdf_context))) EVP_KDF_CTX *context =
		kdf ? EVP_KDF_CTX_new(kdf) : NULL;
	char digest[] = "SHA256";
	uint8_t key[CL_SEAL_KEY_SIZE];
	char info[64];

	memcpy(key, secret, sizeof(key));
	strcpy(info, label);
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, key, sizeof(key)),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, info, strlen(info)),
		OSSL_PARAM_construct_end(),
	};
	int ok = context && EVP_KDF_derive(context, out, size, params) > 0;
	explicit_bzero(key, sizeof(key));
	return ok ? 0 : -EIO;
}

int keys_derive(const uint8_t secret[CL_SEAL_KEY_SIZE], struct volume_keys *keys)
{
	uint8_t index[4];

	if (derive(secret, "cloister volume 2 disks", keys->disks, sizeof(keys->disks)) ||
	    derive(secret, "cloister volume 2 counter auth", keys->auth, sizeof(keys->auth)) ||
	    derive(secret, "cloister volume 2 counter index", index, sizeof(index)))
		return -EIO;
	uint32_t number = (uint32_t)index[0] << 24 | (uint32_t)index[1] << 16 |
			  (uint32_t)index[2] << 8 | index[3];
	keys->index = COUNTER_BASE | (number & COUNTER_MASK);
	return 0;
}

int keys_disk(const struct volume_keys *keys, const char *uuid, uint8_t key[VOLUME_KEY_SIZE])
{
	static const char label[] = "cloister disk 2 ";
	char info[sizeof(label) + UUID_LENGTH];

	if (strlen(uuid) != UUID_LENGTH)
		return -EINVAL;
	memcpy(info, label, sizeof(label) - 1);
	memcpy(info + sizeof(label) - 1, uuid, UUID_LENGTH + 1);
	return derive(keys->disks, info, key, VOLUME_KEY_SIZE);
}

int keys_new_uuid(char uuid[UUID_LENGTH + 1])
{
	uint8_t r[16];

	if (RAND_bytes(r, sizeof(r)) != 1)
		return -EIO;
	r[6] = (uint8_t)((r[6] & 0x0f) | 0x40);
	r[8] = (uint8_t)((r[8] & 0x3f) | 0x80);
	for (unsigned i = 0, at = 0; i < sizeof(r); i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			uuid[at++] = '-';
		sprintf(uuid + at, "%02x", r[i]);
		at += 2;
	}
	return 0;
}
