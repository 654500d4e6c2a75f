/* SPDX-License-Identifier: Apache-2.0 */
/* Port I/O. */
#ifndef CORE_LIB_IO_H
#define CORE_LIB_IO_H

#include <stdbool.h>
#include <stdint.h>

static inline uint8_t inb(uint16_t port)
{
	uint8_t v;
	__asm__ volatile("inb %1, %0" : "=a"(v) : "Nd"(port) : "memory");
	return v;
}

static inline uint16_t inw(uint16_t port)
{
	uint16_t v;
	__asm__ volatile("inw %1, %0" : "=a"(v) : "Nd"(port) : "memory");
	return v;
}

static inline uint32_t inl(uint16_t port)
{
	uint32_t v;
	__asm__ volatile("inl %1, %0" : "=a"(v) : "Nd"(port) : "memory");
	return v;
}

static inline void outb(uint16_t port, uint8_t v)
{
	__asm__ volatile("outb %0, %1" : : "a"(v), "Nd"(port) : "memory");
}

static inline void outw(uint16_t port, uint16_t v)
{
	__asm__ volatile("outw %0, %1" : : "a"(v), "Nd"(port) : "memory");
}

static inline void outl(uint16_t port, uint32_t v)
{
	__asm__ volatile("outl %0, %1" : : "a"(v), "Nd"(port) : "memory");
}

/* An access of 1, 2 or 4 bytes; *value is read into or written. */
static inline void port_io(uint16_t port, unsigned size, bool in, uint32_t *value)
{
	if (in)
		*value = size == 1 ? inb(port) : size == 2 ? inw(port) : inl(port);
	else
		size == 1   ? outb(port, (uint8_t)*value)
		: size == 2 ? outw(port, (uint16_t)*value)
			    : outl(port, *value);
}

#endif
