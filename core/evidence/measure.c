// SPDX-License-Identifier: Apache-2.0
// SHA-384 for launch digests.
#include "evidence/measure.h"

#include <bearssl.h>

_Static_assert(sizeof(struct measure) == sizeof(br_sha384_context), "struct measure fits BearSSL");
_Static_assert(_Alignof(struct measure) >= _Alignof(br_sha384_context), "and is aligned for it");
_Static_assert(CL_DIGEST_SIZE == br_sha384_SIZE, "digests are SHA-384");

static br_sha384_context *context(struct measure *m)
{
	return (br_sha384_context *)(void *)m->state;
}

void measure_begin(struct measure *m)
{
	br_sha384_init(context(m));
}

void measure_update(struct measure *m, const void *data, size_t size)
{
	br_sha384_update(context(m), data, size);
}

void measure_end(struct measure *m, uint8_t out[CL_DIGEST_SIZE])
{
	br_sha384_out(context(m), out);
}
