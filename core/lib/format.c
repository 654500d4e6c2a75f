// SPDX-License-Identifier: Apache-2.0
/* printf formatting; see format.h. */
#include "lib/format.h"
#include "lib/string.h"
#include "lib/types.h"

struct sink {
	char *out;
	size_t size, len;
};

static void put(struct sink *s, char c)
{
	if (s->len + 1 < s->size)
		s->out[s->len] = c;
	s->len++;
}

static void put_padding(struct sink *s, char pad, size_t width, size_t used)
{
	for (; used < width; used++)
		put(s, pad);
}

static void put_number(struct sink *s, uint64_t v, unsigned int base, const char *prefix, char pad,
		       size_t width, bool upper)
{
	const char *digits = upper ? "0123456789ABCDEF" : "0123456789abcdef";
	char reversed[20]; /* 2^64 has 20 decimal digits */
	size_t n = 0, used = strlen(prefix);

	do {
		reversed[n++] = digits[v % base];
		v /= base;
	} while (v);
	used += n;

	if (pad == ' ')
		put_padding(s, pad, width, used);
	while (*prefix)
		put(s, *prefix++);
	if (pad == '0')
		put_padding(s, pad, width, used);
	while (n)
		put(s, reversed[--n]);
}

static size_t parse_number(const char **fmt)
{
	size_t n = 0;

	while (**fmt >= '0' && **fmt <= '9' && n < 1000)
		n = n * 10 + (size_t)(*(*fmt)++ - '0');
	return n;
}

/* One conversion; *fmt stands behind the '%'. False if it is not one of ours. */
static bool convert(struct sink *s, const char **fmt, va_list *ap)
{
	size_t width, precision = SIZE_MAX;
	bool wide = false;
	char pad = ' ';

	if (**fmt == '0') {
		pad = '0';
		(*fmt)++;
	}
	width = parse_number(fmt);
	if (**fmt == '.') {
		(*fmt)++;
		if (**fmt == '*') {
			int n = va_arg(*ap, int);

			precision = n < 0 ? SIZE_MAX : (size_t)n;
			(*fmt)++;
		} else {
			precision = parse_number(fmt);
		}
	}
	while (**fmt == 'l' || **fmt == 'z') { /* long, long long and size_t: all 64 bits */
		wide = true;
		(*fmt)++;
	}

	char c = *(*fmt)++;

	if (c == '%') {
		put(s, '%');
	} else if (c == 'c') {
		put_padding(s, ' ', width, 1);
		put(s, (char)va_arg(*ap, int));
	} else if (c == 's') {
		const char *text = va_arg(*ap, const char *);
		size_t n = strnlen(text ? text : "(null)", precision);

		put_padding(s, ' ', width, n);
		for (size_t i = 0; i < n; i++)
			put(s, (text ? text : "(null)")[i]);
	} else if (c == 'd' || c == 'i') {
		int64_t v = wide ? va_arg(*ap, long) : va_arg(*ap, int);
		uint64_t magnitude = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;

		put_number(s, magnitude, 10, v < 0 ? "-" : "", pad, width, false);
	} else if (c == 'u' || c == 'x' || c == 'X') {
		uint64_t v = wide ? va_arg(*ap, unsigned long) : va_arg(*ap, unsigned int);

		put_number(s, v, c == 'u' ? 10 : 16, "", pad, width, c == 'X');
	} else if (c == 'p') {
		put_number(s, virt_to_phys(va_arg(*ap, void *)), 16, "0x", '0', 18, false);
	} else {
		return false;
	}
	return true;
}

size_t format_v(char *out, size_t size, const char *fmt, va_list ap)
{
	struct sink s = {.out = out, .size = size};
	va_list args; /* a va_list parameter may be an array: copied, its address can be passed */

	va_copy(args, ap);
	while (*fmt) {
		if (*fmt != '%') {
			put(&s, *fmt++);
			continue;
		}
		fmt++;
		if (!convert(&s, &fmt, &args)) {
			put(&s, '%');
			put(&s, '?');
			break;
		}
	}
	va_end(args);
	if (size)
		out[s.len < size ? s.len : size - 1] = '\0';
	return s.len;
}

size_t format(char *out, size_t size, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	size_t n = format_v(out, size, fmt, ap);
	va_end(ap);
	return n;
}
