/* SPDX-License-Identifier: Apache-2.0 */
/* Stands before core/lib/io.h in fuzz builds: ports of a machine that the fuzzer plays. */
#ifndef CORE_LIB_IO_H
#define CORE_LIB_IO_H

#include <stdbool.h>
#include <stdint.h>

uint32_t model_in(uint16_t port, unsigned size);
void model_out(uint16_t port, uint32_t value, unsigned size);

static inline uint8_t inb(uint16_t port)
{
	return (uint8_t)model_in(port, 1);
}

static inline uint16_t inw(uint16_t port)
{
	return (uint16_t)model_in(port, 2);
}

static inline uint32_t inl(uint16_t port)
{
	return model_in(port, 4);
}

static inline void outb(uint16_t port, uint8_t v)
{
	model_out(port, v, 1);
}

static inline void outw(uint16_t port, uint16_t v)
{
	model_out(port, v, 2);
}

static inline void outl(uint16_t port, uint32_t v)
{
	model_out(port, v, 4);
}

static inline void port_io(uint16_t port, unsigned size, bool in, uint32_t *value)
{
	if (in)
		*value = model_in(port, size);
	else
		model_out(port, *value, size);
}

#endif
