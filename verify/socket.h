/* SPDX-License-Identifier: Apache-2.0 */
/* TCP with a deadline over a whole exchange, so that a slow peer cannot hold a verifier. */
#ifndef VERIFY_SOCKET_H
#define VERIFY_SOCKET_H

#include <sys/types.h>

#include <cloister/verify.h>

struct clv_socket {
	int fd;
	int64_t deadline_ms; /* on CLOCK_MONOTONIC */
};

/* Write a sentence into error[], unprintable characters replaced, and return `code`. */
__attribute__((format(printf, 3, 4))) int clv_error(char error[CL_ERROR_SIZE], int code,
						    const char *fmt, ...);

/* 0 or a negative errno with the sentence. Name resolution has its own time-outs (resolv.conf). */
int clv_connect(struct clv_socket *s, const char *host, uint16_t port, unsigned int timeout_ms,
		char error[CL_ERROR_SIZE]);
void clv_close(struct clv_socket *s);
/* From now on. */
void clv_deadline(struct clv_socket *s, unsigned int timeout_ms);

/* All of it, or a negative errno. */
int clv_send(struct clv_socket *s, const void *data, size_t size);
/* At least a byte, 0 at the end, or a negative errno. */
ssize_t clv_receive(struct clv_socket *s, void *data, size_t size);

#endif
