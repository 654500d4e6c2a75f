// SPDX-License-Identifier: Apache-2.0
// Derive zone keys.
#include "evidence/kdf.h"

#include <bearssl.h>

#include "lib/string.h"

void kdf_zone_key(uint8_t out[KDF_KEY_SIZE], const uint8_t master[KDF_KEY_SIZE], uint64_t instance)
{
	static const char label[] = KDF_ZONE_LABEL;
	uint8_t info[sizeof(label) - 1 + 8];
	br_hkdf_context hkdf;

	memcpy(info, label, sizeof(label) - 1);
	for (unsigned int i = 0; i < 8; i++)
		info[sizeof(label) - 1 + i] = (uint8_t)(instance >> (56 - 8 * i));

	br_hkdf_init(&hkdf, &br_sha256_vtable, BR_HKDF_NO_SALT, 0);
	br_hkdf_inject(&hkdf, master, KDF_KEY_SIZE);
	br_hkdf_flip(&hkdf);
	br_hkdf_produce(&hkdf, info, sizeof(info), out, KDF_KEY_SIZE);
	secure_zero(&hkdf, sizeof(hkdf));
}
