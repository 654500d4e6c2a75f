// SPDX-License-Identifier: Apache-2.0
#include "arena.h"
#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <openssl/crypto.h>

#define BLOCK 4096u
#define ALIGN alignof(max_align_t)

struct arena_block {
	struct arena_block *next;
	size_t size, used;
	alignas(max_align_t) uint8_t bytes[];
};

static struct arena_block *add_block(struct arena *arena, size_t size)
{
	if (size < BLOCK - sizeof(struct arena_block))
		size = BLOCK - sizeof(struct arena_block);
	if (size > arena->left || sizeof(struct arena_block) > arena->left - size)
		return NULL;
	struct arena_block *block = calloc(1, sizeof(*block) + size);
	if (!block)
		return NULL;
	arena->left -= sizeof(*block) + size;
	block->size = size;
	block->next = arena->blocks;
	arena->blocks = block;
	return block;
}

void *arena_take(struct arena *arena, size_t size)
{
	struct arena_block *block = arena->blocks;

	if (size > SIZE_MAX / 2)
		return NULL;
	size = (size + ALIGN - 1) / ALIGN * ALIGN;
	if (!block || block->size - block->used < size)
		block = add_block(arena, size);
	if (!block)
		return NULL;
	void *p = block->bytes + block->used;
	block->used += size;
	return p;
}

void *arena_array(struct arena *arena, size_t count, size_t size)
{
	size_t all;

	return __builtin_mul_overflow(count, size, &all) ? NULL : arena_take(arena, all);
}

char *arena_text(struct arena *arena, const char *text)
{
	size_t size = strlen(text) + 1;
	char *copy = arena_take(arena, size);

	return copy ? memcpy(copy, text, size) : NULL;
}

void arena_empty(struct arena *arena)
{
	while (arena->blocks) {
		struct arena_block *block = arena->blocks;

		arena->blocks = block->next;
		arena->left += sizeof(*block) + block->size;
		OPENSSL_cleanse(block->bytes, block->used);
		free(block);
	}
}

static void *take(void *arena, size_t size)
{
	return arena_take(arena, size);
}

static void give(void *arena, void *p)
{
}

ProtobufCAllocator arena_allocator(struct arena *arena)
{
	return (ProtobufCAllocator){.alloc = take, .free = give, .allocator_data = arena};
}
