/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Evidence about what the client says, for programs that prove themselves (tests/host/identity.sh).
 * A client sends the 64 bytes of the report's data and is sent a bundle, to the connection's end.
 */
#ifndef TESTS_UNIT_EVIDENCE_SERVE_H
#define TESTS_UNIT_EVIDENCE_SERVE_H

#include "evidence_forge.h"

struct evidence_kind {
	const char *name;
	void (*forge)(struct evidence_forge *f, const uint8_t data[CL_REPORT_DATA]);
};

/*
 * Listens on a port of 127.0.0.1 for each kind, prints them, "NAME PORT", and serves until it is
 * killed. Returns if that cannot be, with errno.
 */
void evidence_serve(const struct evidence_kind *kinds, size_t count);

#endif
