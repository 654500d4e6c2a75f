// SPDX-License-Identifier: Apache-2.0
#include "tpm/wire.h"

#include "lib/string.h"

void tpm_put(struct tpm_out *o, const void *data, uint32_t size)
{
	if (o->bad || size > o->cap - o->len) {
		o->bad = true;
		return;
	}
	memcpy(o->buf + o->len, data, size);
	o->len += size;
}

void tpm_put8(struct tpm_out *o, uint8_t value)
{
	tpm_put(o, &value, 1);
}

void tpm_put16(struct tpm_out *o, uint16_t value)
{
	const uint8_t bytes[] = {(uint8_t)(value >> 8), (uint8_t)value};

	tpm_put(o, bytes, sizeof(bytes));
}

void tpm_put32(struct tpm_out *o, uint32_t value)
{
	tpm_put16(o, (uint16_t)(value >> 16));
	tpm_put16(o, (uint16_t)value);
}

const uint8_t *tpm_get(struct tpm_in *in, uint32_t n)
{
	const uint8_t *p = in->at;

	if (in->bad || n > in->left) {
		in->bad = true;
		return NULL;
	}
	in->at += n;
	in->left -= n;
	return p;
}

static uint32_t number(struct tpm_in *in, uint32_t bytes)
{
	const uint8_t *p = tpm_get(in, bytes);
	uint32_t value = 0;

	for (uint32_t i = 0; p && i < bytes; i++)
		value = value << 8 | p[i];
	return value;
}

uint8_t tpm_get8(struct tpm_in *in)
{
	return (uint8_t)number(in, 1);
}

uint16_t tpm_get16(struct tpm_in *in)
{
	return (uint16_t)number(in, 2);
}

uint32_t tpm_get32(struct tpm_in *in)
{
	return number(in, 4);
}

struct tpm_in tpm_get_sized(struct tpm_in *in)
{
	uint32_t size = tpm_get16(in);
	const uint8_t *p = tpm_get(in, size);

	return (struct tpm_in){.at = p, .left = p ? size : 0, .bad = !p};
}
