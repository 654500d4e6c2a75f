/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Core's log: lines "cloister: [level] text", kept in a ring and sent to one port. The host
 * can read all of it, so no secret may ever be logged. A format string holds one line and no
 * newline; characters that are not printable come out as '?'.
 */
#ifndef CORE_LIB_LOG_H
#define CORE_LIB_LOG_H

#include <stddef.h>
#include <stdint.h>

enum log_level { LOG_ERR, LOG_WARN, LOG_INFO, LOG_DEBUG };

enum log_port {
	LOG_PORT_DEBUGCON, /* 0xe9, if something there reads back 0xe9 (QEMU, Bochs) */
	LOG_PORT_COM2,
	LOG_PORT_NONE, /* ring only */
};

#define LOG_RING_SIZE 65536u

void log_line(enum log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#define log_err(...)   log_line(LOG_ERR, __VA_ARGS__)
#define log_warn(...)  log_line(LOG_WARN, __VA_ARGS__)
#define log_info(...)  log_line(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_line(LOG_DEBUG, __VA_ARGS__)

/* Choose level and port; what the ring holds already is sent first. */
void log_open(enum log_level level, enum log_port port);

enum log_port log_port(void);

/*
 * Copy log text from *pos on, at most n bytes; returns the count and moves *pos. A position that
 * the ring no longer holds moves up to the oldest byte kept, one past the end to the end.
 */
size_t log_read(uint64_t *pos, char *out, size_t n);

/* The Core cannot go on: scrub (once), log, halt for good. */
void panic(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));

/* What wipes keys and open pages before the Core halts. */
void panic_set_hook(void (*hook)(void));

/* Run the hook now unless it has run; for handlers that log before they panic. */
void panic_scrub(void);

#define ASSERT(cond)                                                                               \
	do {                                                                                       \
		if (!(cond))                                                                       \
			panic("assertion failed: %s (%s:%d)", #cond, __FILE__, __LINE__);          \
	} while (0)

#endif
