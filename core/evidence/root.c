// SPDX-License-Identifier: Apache-2.0
// Keep the sealing root, and derive zones' keys from it.
#include "evidence/root.h"

#include <bearssl.h>

#include "cpu/master_key.h"
#include "lib/string.h"

/* By HKDF, which leaves the root and what comes of it there (tests/unit/evidence_stack.c). */
#define STACK_USED 2048u

_Static_assert(ROOT_SIZE == DERIVED_KEY_SIZE, "one key covers it");

static const char zone_key_label[] = "cloister zone key 1";

static struct {
	bool vouched, kept;
	uint8_t covered[ROOT_SIZE];
	uint8_t srk_x[32], srk_y[32];
} root;

/* Cover the root, or uncover it. */
static void cover(uint8_t to[ROOT_SIZE], const uint8_t from[ROOT_SIZE])
{
	uint8_t pad[DERIVED_KEY_SIZE];

	master_key_derive(pad, KEY_ROOT, 0);
	for (size_t i = 0; i < ROOT_SIZE; i++)
		to[i] = from[i] ^ pad[i];
	secure_zero(pad, sizeof(pad));
}

void root_vouched(void)
{
	root.vouched = true;
}

void root_keep(const uint8_t secret[ROOT_SIZE], const uint8_t x[32], const uint8_t y[32])
{
	cover(root.covered, secret);
	memcpy(root.srk_x, x, sizeof(root.srk_x));
	memcpy(root.srk_y, y, sizeof(root.srk_y));
	root.kept = true;
}

const char *root_name(void)
{
	return root.vouched ? "tpm" : "none";
}

bool root_seals(void)
{
	return root.vouched && root.kept && !CORE_DEBUG;
}

int root_zone_key(const uint8_t digest[CL_DIGEST_SIZE], struct cl_seal_key *k)
{
	uint8_t info[sizeof(zone_key_label) - 1 + CL_DIGEST_SIZE + CL_SEAL_CONTEXT];
	uint8_t secret[ROOT_SIZE];
	br_hkdf_context hkdf;

	/* Who may look into zones' memory must not get the keys of those where nobody may. */
	if (CORE_DEBUG)
		return -CL_EPERM;
	if (!root_seals())
		return -CL_ENOENT;
	memcpy(info, zone_key_label, sizeof(zone_key_label) - 1);
	memcpy(info + sizeof(zone_key_label) - 1, digest, CL_DIGEST_SIZE);
	memcpy(info + sizeof(zone_key_label) - 1 + CL_DIGEST_SIZE, k->context, CL_SEAL_CONTEXT);
	cover(secret, root.covered);
	br_hkdf_init(&hkdf, &br_sha256_vtable, BR_HKDF_NO_SALT, 0);
	br_hkdf_inject(&hkdf, secret, sizeof(secret));
	br_hkdf_flip(&hkdf);
	br_hkdf_produce(&hkdf, info, sizeof(info), k->key, sizeof(k->key));
	secure_zero(secret, sizeof(secret));
	secure_zero(&hkdf, sizeof(hkdf));
	stack_wipe(STACK_USED);
	memcpy(k->srk_x, root.srk_x, sizeof(k->srk_x));
	memcpy(k->srk_y, root.srk_y, sizeof(k->srk_y));
	return 0;
}

void root_wipe(void)
{
	secure_zero(&root, sizeof(root));
}
