/* SPDX-License-Identifier: Apache-2.0 */
/* The small formats of gRPC over HTTP/2 (grpc/grpc, doc/PROTOCOL-HTTP2.md). */
#ifndef AGENT_GRPC_TEXT_H
#define AGENT_GRPC_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* grpc/grpc, doc/statuscodes.md. */
enum grpc_status {
	GRPC_OK = 0,
	GRPC_CANCELLED = 1,
	GRPC_UNKNOWN = 2,
	GRPC_INVALID_ARGUMENT = 3,
	GRPC_DEADLINE_EXCEEDED = 4,
	GRPC_NOT_FOUND = 5,
	GRPC_PERMISSION_DENIED = 7,
	GRPC_RESOURCE_EXHAUSTED = 8,
	GRPC_FAILED_PRECONDITION = 9,
	GRPC_UNIMPLEMENTED = 12,
	GRPC_INTERNAL = 13,
	GRPC_UNAVAILABLE = 14,
	GRPC_UNAUTHENTICATED = 16,
};

#define GRPC_STATUS_LAST GRPC_UNAUTHENTICATED

/* Before each message: one byte, 1 if it is compressed; its length in four, big-endian. */
#define GRPC_PREFIX 5u
void grpc_prefix(uint8_t prefix[GRPC_PREFIX], uint32_t size);

/* `grpc-message`: all but printable ASCII, and '%', as %XX. Cut to fit; the size without the NUL.
 */
size_t grpc_percent(char *out, size_t room, const char *text);

/* `grpc-timeout`: one to eight digits and a unit of H, M, S, m, u, n. false: it is not one. */
bool grpc_timeout(const uint8_t *text, size_t size, int64_t *ns);

/* `content-type`: application/grpc, alone or followed by "+" or ";" and anything. */
bool grpc_content_type(const uint8_t *text, size_t size);

#endif
