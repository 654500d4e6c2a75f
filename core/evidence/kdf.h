/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The key of each zone: HKDF-SHA256 (RFC 5869) of the boot's master secret and the zone's instance
 * number, which the Core never reuses; so no two zones of a boot share a key.
 *
 * Uses vector registers (BearSSL): call between fpu_begin and fpu_end. Stack use is below 3 KiB.
 */
#ifndef CORE_EVIDENCE_KDF_H
#define CORE_EVIDENCE_KDF_H

#include "lib/types.h"

#define KDF_KEY_SIZE   32u
#define KDF_ZONE_LABEL "cloister zone page key 1"

/* info = KDF_ZONE_LABEL without its NUL ‖ instance, big-endian; no salt, as master is uniform. */
void kdf_zone_key(uint8_t out[KDF_KEY_SIZE], const uint8_t master[KDF_KEY_SIZE], uint64_t instance);

#endif
