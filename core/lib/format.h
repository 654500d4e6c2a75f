/* SPDX-License-Identifier: Apache-2.0 */
/*
 * printf formatting into a buffer. Conversions: %c %s %d %i %u %x %X %p %%, with 0, width,
 * precision for %s ("%.16s", "%.*s"), and the lengths l, ll, z. Anything else ends the output
 * with "%?" because the remaining arguments could not be told apart.
 *
 * As with snprintf(3): out is always terminated if size > 0, and the result is the length that
 * the whole text has.
 */
#ifndef CORE_LIB_FORMAT_H
#define CORE_LIB_FORMAT_H

#include <stdarg.h>
#include <stddef.h>

size_t format(char *out, size_t size, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
size_t format_v(char *out, size_t size, const char *fmt, va_list ap)
	__attribute__((format(printf, 3, 0)));

#endif
