/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What callers may make the server hold. All of it is charged to the caller's uid (account.h): the
 * HTTP/2 sessions' memory to the byte, requests, messages that have not been taken, calls. One uid
 * holds UID_BYTES_MAX at most, all together BYTES_MAX, and beyond that each uid may still have
 * ACCOUNT_FLOOR, so that others cannot lock it out: 64 MiB if each connection is another uid's, 8
 * MiB if all are one's. Besides there are the snapshots, whatever the producer keeps, and for a
 * moment, while a message is parsed or made, SCRATCH_MAX.
 */
#ifndef AGENT_LIMITS_H
#define AGENT_LIMITS_H

#include <stddef.h>
#include <stdint.h>

#define CONNECTIONS_MAX	    ((size_t)512)
#define UID_CONNECTIONS_MAX 128u
/* The last quarter of the connections is for uids with fewer than this. */
#define UID_CONNECTIONS_FEW 4u

#define BYTES_MAX	    (32u << 20)
#define UID_BYTES_MAX	    (8u << 20)
#define ACCOUNT_FLOOR	    (64u << 10)
/* Of one HTTP/2 session; it has about 25 KiB of it from the start. */
#define SESSION_BYTES_MAX    (256u << 10)

#define CONNECTION_CALLS_MAX 100u
#define UID_CALLS_MAX	     512u
/* JWT-SVIDs being fetched, until the producer has answered, even if the call was cancelled. */
#define FETCHES_MAX	256u
#define UID_FETCHES_MAX 16u

/* Of a request: its header fields as RFC 9113, section 10.5.1, counts, and its message. */
#define HEADER_BYTES_MAX (8u << 10)
#define REQUEST_MAX	 (64u << 10)
#define SCRATCH_MAX	 (1u << 20)
#define AUDIENCES_MAX	 32u
/* Of an answer; clients take 4 MiB if nothing else is said to them. */
#define MESSAGE_MAX (2u << 20)

/*
 * Frames are paid for from a purse of FRAME_PURSE, which FRAME_PER_SECOND flow into: floods of what
 * costs the client nothing end with the connection (RFC 9113, section 10.5). A call in good order
 * costs nothing.
 */
#define FRAME_PURSE	 INT64_C(4000)
#define FRAME_PER_SECOND 500
#define COST_RESET	 20 /* of a call that had not ended */
#define COST_SETTINGS	 20
#define COST_REFUSED	 10 /* a call beyond its uid's number, or a bad one */
#define COST_EMPTY	 5  /* DATA of nothing that ends nothing */
#define COST_PING	 2
#define COST_OTHER	 2 /* PRIORITY, unknown */
#define CONTINUATIONS	 8

/* Of the server's time a uid may have half, after so much that was saved up; then it waits. */
#define CPU_PURSE_NS INT64_C(50000000)

/* Milliseconds. */
#define GREETING_MS 10000  /* from connecting to the client's SETTINGS */
#define PARTIAL_MS  10000  /* from a frame's, or a header block's, first byte to its last */
#define REQUEST_MS  30000  /* from a call's header to the end of its request */
#define LINGER_MS   1000   /* for the rest of a request that has been answered */
#define IDLE_MS	    600000 /* without a call */
#define GOODBYE_MS  2000   /* for what is left to send when the server ends */

#endif
