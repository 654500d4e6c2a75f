/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The server's end of one HTTP/2 connection (RFC 9113), on nghttp2: bytes in, bytes out, requests
 * as they come. It knows no socket. What a client may do at no cost to itself, it may not do often
 * (limits.h): then the connection ends with ENHANCE_YOUR_CALM.
 */
#ifndef AGENT_H2_H
#define AGENT_H2_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct account;
struct h2;

struct h2_field {
	const char *name, *value;
};

/*
 * What is done with requests. All but begin() and wants() are about what begin() returned. From
 * within them any function below may be called but h2_receive(), h2_send() and h2_free().
 */
struct h2_ops {
	/* NULL: the stream is refused; the client may try again (RFC 9113, section 8.7). */
	void *(*begin)(void *owner, int32_t stream);
	void (*field)(void *call, const uint8_t *name, size_t name_size, const uint8_t *value,
		      size_t value_size);
	void (*fields_end)(void *call);
	void (*data)(void *call, const uint8_t *data, size_t size);
	/* The client has said all. */
	void (*end)(void *call);
	/* The stream is over, in order or not; the last that is heard of it. */
	void (*closed)(void *call);
	/*
	 * Up to `room` bytes of the answer; 0: none for now (h2_resume() when there are). With
	 * *last, h2_trailers() has been called.
	 */
	size_t (*read)(void *call, uint8_t *to, size_t room, bool *last);
	/* The answer is sent, and the client still has something to say: see h2_enough(). */
	void (*early)(void *call);
	/* There may be something to send. */
	void (*wants)(void *owner);
};

/* NULL: no memory, or none for this uid. */
struct h2 *h2_new(const struct h2_ops *ops, void *owner, struct account *account);
/* Of streams that are open closed() is not called: their owner knows them. */
void h2_free(struct h2 *h2);

/* 0, or a negative errno: the connection has to be dropped. now_ns: any clock that only goes on. */
int h2_receive(struct h2 *h2, const uint8_t *data, size_t size, int64_t now_ns);
/* What goes out next, good until the next call, 0 if there is nothing, or a negative errno. */
ssize_t h2_send(struct h2 *h2, const uint8_t **data);
/* Nothing is expected and nothing is left to send. */
bool h2_over(struct h2 *h2);
/* The client's SETTINGS have come (RFC 9113, section 3.4). */
bool h2_greeted(const struct h2 *h2);
/* Since when there is a part of a frame or of a header block, or 0. */
int64_t h2_partial_since(const struct h2 *h2);

/* An answer's head, and its body from read(). */
void h2_answer(struct h2 *h2, int32_t stream, const struct h2_field *fields, size_t count);
/* An answer without a body: head and end in one. */
void h2_answer_only(struct h2 *h2, int32_t stream, const struct h2_field *fields, size_t count);
void h2_trailers(struct h2 *h2, int32_t stream, const struct h2_field *fields, size_t count);
void h2_resume(struct h2 *h2, int32_t stream);
/* RST_STREAM: NO_ERROR behind an early answer (RFC 9113, section 8.1), or ENHANCE_YOUR_CALM. */
void h2_enough(struct h2 *h2, int32_t stream);
void h2_calm(struct h2 *h2, int32_t stream);
/* The client asked for more than it may have. */
void h2_refused(struct h2 *h2);
/* GOAWAY: no new streams; those that are open go on. */
void h2_goaway(struct h2 *h2);

#endif
