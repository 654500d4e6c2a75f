// SPDX-License-Identifier: Apache-2.0
// What the agent has of its zone, played: evidence is the forge's, of `evidence-seed --serve` in
// the place of the node's evidence service. It is told what the evidence is to be about.
#include <errno.h>
#include <string.h>
#include "../../channel/prove.h"
#include "../../verify/socket.h"
#include "../../zone/core.h"

int core_open(void)
{
	return 0;
}

int prover_prove(void *context, const uint8_t binding[CL_EVIDENCE_NONCE_SIZE],
		 const uint8_t spki[CL_REPORT_SPKI_SIZE], uint8_t out[CL_EVIDENCE_MAX],
		 char error[CL_ERROR_SIZE])
{
	const struct prover *p = context;
	struct clv_socket socket;
	size_t size = 0;
	ssize_t n = 0;
	int rc = clv_connect(&socket, p->host, p->port, p->timeout_ms, error);

	if (rc)
		return rc;
	rc = clv_send(&socket, binding, CL_EVIDENCE_NONCE_SIZE)
		     ?: clv_send(&socket, spki, CL_REPORT_SPKI_SIZE);
	while (!rc && size < CL_EVIDENCE_MAX &&
	       (n = clv_receive(&socket, out + size, CL_EVIDENCE_MAX - size)) > 0)
		size += (size_t)n;
	clv_close(&socket);
	rc = rc ?: n < 0 ? (int)n : 0;
	return rc ? clv_error(error, rc, "forged evidence: %s", strerror(-rc)) : (int)size;
}
