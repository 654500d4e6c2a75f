// SPDX-License-Identifier: Apache-2.0
#include "blob.h"
#include <stdlib.h>
#include <string.h>
#include <openssl/crypto.h>
#include "account.h"
#include "grpc_text.h"
#include "limits.h"

struct blob *blob_pack(struct account *account, const ProtobufCMessage *message)
{
	size_t size = protobuf_c_message_get_packed_size(message);

	if (size > MESSAGE_MAX || !account_take(account, sizeof(struct blob) + GRPC_PREFIX + size))
		return NULL;
	struct blob *blob = malloc(sizeof(*blob) + GRPC_PREFIX + size);
	if (!blob) {
		account_give(account, sizeof(*blob) + GRPC_PREFIX + size);
		return NULL;
	}
	blob->references = 1;
	blob->account = account_ref(account);
	blob->size = GRPC_PREFIX + size;
	grpc_prefix(blob->bytes, (uint32_t)size);
	protobuf_c_message_pack(message, blob->bytes + GRPC_PREFIX);
	return blob;
}

struct blob *blob_ref(struct blob *blob)
{
	blob->references++;
	return blob;
}

void blob_unref(struct blob *blob)
{
	if (!blob || --blob->references)
		return;
	account_give(blob->account, sizeof(*blob) + blob->size);
	account_unref(blob->account);
	OPENSSL_cleanse(blob->bytes, blob->size);
	free(blob);
}

bool blob_same(const struct blob *a, const struct blob *b)
{
	return a->size == b->size && CRYPTO_memcmp(a->bytes, b->bytes, a->size) == 0;
}
