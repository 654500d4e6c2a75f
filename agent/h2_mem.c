// SPDX-License-Identifier: Apache-2.0
#include "h2_mem.h"
#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <openssl/crypto.h>
#include "account.h"
#include "limits.h"

struct block {
	size_t size; /* with this head */
	alignas(max_align_t) uint8_t bytes[];
};

static struct block *block_of(void *p)
{
	return (struct block *)((uint8_t *)p - offsetof(struct block, bytes));
}

static void *take(size_t size, void *context)
{
	struct h2_mem *mem = context;
	size_t all;

	if (__builtin_add_overflow(size, sizeof(struct block), &all) ||
	    all > SESSION_BYTES_MAX - mem->bytes || !account_take(mem->account, all))
		return NULL;
	struct block *block = calloc(1, all);
	if (!block) {
		account_give(mem->account, all);
		return NULL;
	}
	mem->bytes += all;
	block->size = all;
	return block->bytes;
}

static void give(void *p, void *context)
{
	struct h2_mem *mem = context;

	if (!p)
		return;
	struct block *block = block_of(p);
	size_t all = block->size;
	mem->bytes -= all;
	account_give(mem->account, all);
	OPENSSL_cleanse(block, all);
	free(block);
}

static void *take_array(size_t count, size_t size, void *context)
{
	size_t all;

	return __builtin_mul_overflow(count, size, &all) ? NULL : take(all, context);
}

static void *resize(void *p, size_t size, void *context)
{
	if (!p)
		return take(size, context);
	size_t had = block_of(p)->size - sizeof(struct block);
	if (size <= had && size >= had / 2)
		return p;
	void *new = take(size, context);
	if (!new)
		return NULL;
	memcpy(new, p, size < had ? size : had);
	give(p, context);
	return new;
}

void h2_mem_init(struct h2_mem *mem, struct account *account)
{
	*mem = (struct h2_mem){.functions = {mem, take, give, take_array, resize},
			       .account = account};
}
