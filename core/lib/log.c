// SPDX-License-Identifier: Apache-2.0
/* Log ring, its output port, and panic. */
#include "lib/format.h"
#include "lib/io.h"
#include "lib/log.h"
#include "lib/types.h"
#include "lib/uart.h"

#define DEBUGCON_PORT 0xe9
#define LINE_MAX      256

static char ring[LOG_RING_SIZE];
static uint64_t ring_head; /* bytes ever written; the next goes to ring[head % size] */
static enum log_level threshold = LOG_INFO;
static enum log_port out_port = LOG_PORT_NONE;

static void (*panic_hook)(void);
static unsigned int panics;

static void emit(char c)
{
	if (out_port == LOG_PORT_DEBUGCON) {
		outb(DEBUGCON_PORT, (uint8_t)c);
	} else if (out_port == LOG_PORT_COM2) {
		if (c == '\n')
			uart_putc(UART_COM2, '\r');
		uart_putc(UART_COM2, c);
	}
}

static void put(char c)
{
	ring[ring_head++ % LOG_RING_SIZE] = c;
	emit(c);
}

static void vlog(enum log_level level, const char *fmt, va_list ap)
{
	static const char *const names[] = {"err", "warn", "info", "debug"};
	char line[LINE_MAX];
	size_t prefix;

	prefix = format(line, sizeof(line), "cloister: [%s] ", names[level]);
	format_v(line + prefix, sizeof(line) - prefix, fmt, ap);
	for (const char *p = line; *p; p++)
		put((char)(*p >= 0x20 && *p < 0x7f ? *p : '?'));
	put('\n');
}

void log_line(enum log_level level, const char *fmt, ...)
{
	va_list ap;

	if (level > threshold)
		return;
	va_start(ap, fmt);
	vlog(level, fmt, ap);
	va_end(ap);
}

void log_open(enum log_level level, enum log_port port)
{
	threshold = level;
	if (port == LOG_PORT_DEBUGCON && inb(DEBUGCON_PORT) != DEBUGCON_PORT)
		port = LOG_PORT_NONE;
	if (port == LOG_PORT_COM2 && !uart_init(UART_COM2))
		port = LOG_PORT_NONE;
	if (port == out_port)
		return;
	out_port = port;

	uint64_t pos = 0;
	char c;

	while (log_read(&pos, &c, 1))
		emit(c);
}

enum log_port log_port(void)
{
	return out_port;
}

size_t log_read(uint64_t *pos, char *out, size_t n)
{
	if (*pos > ring_head)
		*pos = ring_head;
	if (ring_head - *pos > LOG_RING_SIZE)
		*pos = ring_head - LOG_RING_SIZE;
	if (n > ring_head - *pos)
		n = ring_head - *pos;
	for (size_t i = 0; i < n; i++)
		out[i] = ring[(*pos)++ % LOG_RING_SIZE];
	return n;
}

void panic_set_hook(void (*hook)(void))
{
	panic_hook = hook;
}

void panic_scrub(void)
{
	void (*hook)(void) = panic_hook;

	panic_hook = NULL; /* once, even if it fails half-way and comes back here */
	if (hook)
		hook();
}

void panic(const char *fmt, ...)
{
	va_list ap;

	__asm__ volatile("cli" : : : "memory");
	panic_scrub();
	if (panics++ < 2) { /* a panic while panicking is still worth a line; a third is not */
		va_start(ap, fmt);
		vlog(LOG_ERR, fmt, ap);
		va_end(ap);
		log_line(LOG_ERR, "the Core has stopped");
	}
	for (;;)
		__asm__ volatile("cli; hlt" : : : "memory");
}
