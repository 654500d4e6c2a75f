/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VERIFY_AK_CACHE_H
#define VERIFY_AK_CACHE_H

#include "verifier.h"

/*
 * Is this the certificate of an AK that the policy's CA enrolled, at this time? 1, 0 with the
 * reason, -ENOMEM. The signature of one that has been seen is not verified again; everything else
 * is. Free ak in any case; its key is there whenever the certificate has the right form.
 */
int clv_ak_known(struct cl_verifier *v, const uint8_t *der, size_t size, time_t now,
		 struct clv_ak *ak, char reason[CL_REASON_SIZE]);

#endif
