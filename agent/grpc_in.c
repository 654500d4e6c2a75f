// SPDX-License-Identifier: Apache-2.0
#include "grpc_in.h"
#include <stdlib.h>
#include <string.h>
#include <openssl/crypto.h>
#include "account.h"
#include "limits.h"

#define ALL_MAX (GRPC_PREFIX + REQUEST_MAX)

static bool grow(struct grpc_in *in, size_t need)
{
	size_t room = in->room ? in->room : 128;

	while (room < need)
		room *= 2;
	if (room > ALL_MAX)
		room = ALL_MAX;
	if (room <= in->room)
		return true;
	if (!account_take(in->account, room))
		return false;
	uint8_t *bytes = malloc(room);
	if (!bytes) {
		account_give(in->account, room);
		return false;
	}
	if (in->used)
		memcpy(bytes, in->bytes, in->used);
	OPENSSL_clear_free(in->bytes, in->used);
	account_give(in->account, in->room);
	in->bytes = bytes;
	in->room = room;
	return true;
}

static size_t length(const struct grpc_in *in)
{
	return (size_t)in->bytes[1] << 24 | (size_t)in->bytes[2] << 16 | (size_t)in->bytes[3] << 8 |
	       in->bytes[4];
}

static enum grpc_status check_prefix(const struct grpc_in *in, const char **why)
{
	if (in->used && in->bytes[0] == 1) {
		*why = "compressed messages are not supported";
		return GRPC_UNIMPLEMENTED;
	}
	if (in->used && in->bytes[0]) {
		*why = "this is not a gRPC message";
		return GRPC_INTERNAL;
	}
	if (in->used >= GRPC_PREFIX && length(in) > REQUEST_MAX) {
		*why = "the message is too large";
		return GRPC_RESOURCE_EXHAUSTED;
	}
	return GRPC_OK;
}

enum grpc_status grpc_in_add(struct grpc_in *in, const uint8_t *data, size_t size, const char **why)
{
	// The prefix first: it may say that no more is wanted.
	if (in->used < GRPC_PREFIX) {
		size_t n = GRPC_PREFIX - in->used;

		n = n < size ? n : size;
		if (!grow(in, in->used + n))
			goto full;
		memcpy(in->bytes + in->used, data, n);
		in->used += n;
		data += n;
		size -= n;
		enum grpc_status status = check_prefix(in, why);
		if (status)
			return status;
	}
	if (!size)
		return GRPC_OK;
	if (size > ALL_MAX - in->used || !grow(in, in->used + size))
		goto full;
	memcpy(in->bytes + in->used, data, size);
	in->used += size;
	return GRPC_OK;
full:
	*why = "too much is waiting to be answered";
	return GRPC_RESOURCE_EXHAUSTED;
}

bool grpc_in_message(const struct grpc_in *in, const uint8_t **message, size_t *size)
{
	if (in->used < GRPC_PREFIX || in->used - GRPC_PREFIX < length(in))
		return false;
	*message = in->bytes + GRPC_PREFIX;
	*size = length(in);
	return true;
}

enum grpc_status grpc_in_drop(struct grpc_in *in, const char **why)
{
	size_t gone = GRPC_PREFIX + length(in);

	in->used -= gone;
	memmove(in->bytes, in->bytes + gone, in->used);
	return check_prefix(in, why);
}

void grpc_in_free(struct grpc_in *in)
{
	// A token to be validated is worth something until it expires.
	OPENSSL_clear_free(in->bytes, in->used);
	account_give(in->account, in->room);
	in->bytes = NULL;
	in->used = in->room = 0;
}
