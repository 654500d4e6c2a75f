// SPDX-License-Identifier: Apache-2.0
// Remember the AK certificates that a CA of the policy has signed.
#include <string.h>

#include "ak_cache.h"
#include "checks.h"
#include "hash.h"

/* OpenSSL counts references atomically. */
static void copy(struct clv_ak *to, const struct clv_ak *from)
{
	*to = *from;
	X509_up_ref(to->cert);
	X509_up_ref(to->ca);
	EVP_PKEY_up_ref(to->key);
}

static struct clv_seen *place(struct cl_verifier *v, const uint8_t digest[CL_HASH_SIZE])
{
	return &v->seen[(digest[0] | (unsigned int)digest[1] << 8) % CLV_SEEN_MAX];
}

static bool recall(struct cl_verifier *v, const uint8_t digest[CL_HASH_SIZE], struct clv_ak *ak)
{
	struct clv_seen *seen = place(v, digest);
	bool found;

	pthread_mutex_lock(&v->lock);
	found = seen->ak.cert && clv_equal(seen->digest, digest, CL_HASH_SIZE);
	if (found)
		copy(ak, &seen->ak);
	pthread_mutex_unlock(&v->lock);
	return found;
}

static void remember(struct cl_verifier *v, const uint8_t digest[CL_HASH_SIZE],
		     const struct clv_ak *ak)
{
	struct clv_seen *seen = place(v, digest);
	struct clv_ak old;

	pthread_mutex_lock(&v->lock);
	old = seen->ak;
	memcpy(seen->digest, digest, CL_HASH_SIZE);
	copy(&seen->ak, ak);
	pthread_mutex_unlock(&v->lock);
	clv_ak_free(&old);
}

int clv_ak_known(struct cl_verifier *v, const uint8_t *der, size_t size, time_t now,
		 struct clv_ak *ak, char reason[CL_REASON_SIZE])
{
	uint8_t digest[CL_HASH_SIZE];
	int rc;

	clv_sha256(der, size, digest);
	if (recall(v, digest, ak))
		return clv_ak_current(ak, &v->trust, now, reason) ? 0 : 1;
	if (clv_ak_parse(ak, der, size, reason)) {
		clv_ak_free(ak);
		return 0;
	}
	rc = clv_ak_trusted(ak, &v->trust, now, reason);
	if (rc == 1)
		remember(v, digest, ak);
	return rc;
}
