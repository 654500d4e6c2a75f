// SPDX-License-Identifier: Apache-2.0
#include "prove.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "../verify/hex.h"
#include "../verify/http.h"
#include "../verify/socket.h"
#include "../zone/core.h"

static int ask_node(const struct prover *p, const uint8_t binding[CL_EVIDENCE_NONCE_SIZE],
		    uint8_t room[CL_EVIDENCE_MAX], struct cl_evidence *parts,
		    char error[CL_ERROR_SIZE])
{
	char target[32 + 2 * CL_EVIDENCE_NONCE_SIZE] = "/evidence?nonce=", why[CL_ERROR_SIZE];
	const struct clv_request request = {.service = "the node's evidence service",
					    .host = p->host,
					    .port = p->port,
					    .target = target,
					    .type = CL_EVIDENCE_MEDIA_TYPE,
					    .timeout_ms = p->timeout_ms};

	clv_hex(target + strlen(target), binding, CL_EVIDENCE_NONCE_SIZE);
	int size = clv_http(&request, room, CL_EVIDENCE_MAX, error);
	if (size < 0)
		return size;
	if (cl_evidence_unpack(room, (size_t)size, parts, why))
		return clv_error(error, -EPROTO, "the node's answer is no evidence: %.200s", why);
	return 0;
}

static int ask_core(const uint8_t binding[CL_EVIDENCE_NONCE_SIZE],
		    const uint8_t spki[CL_REPORT_SPKI_SIZE], uint8_t report[CL_REPORT_MAX],
		    uint32_t *size, char error[CL_ERROR_SIZE])
{
	uint8_t data[CL_REPORT_DATA];

	memcpy(data, binding, CL_REPORT_NONCE_SIZE);
	memcpy(data + CL_REPORT_NONCE_SIZE, spki, CL_REPORT_SPKI_SIZE);
	int rc = core_report(data, report, size);
	if (rc == CORE_NOT_A_ZONE)
		return clv_error(error, -ENODEV, "this is no zone: no Core beneath this guest");
	return rc ? clv_error(error, rc, "the Core gives no report: %s", strerror(-rc)) : 0;
}

int prover_prove(void *context, const uint8_t binding[CL_EVIDENCE_NONCE_SIZE],
		 const uint8_t spki[CL_REPORT_SPKI_SIZE], uint8_t out[CL_EVIDENCE_MAX],
		 char error[CL_ERROR_SIZE])
{
	uint8_t report[CL_REPORT_MAX], *room = malloc(CL_EVIDENCE_MAX);
	struct cl_evidence parts;
	uint32_t size = 0;

	if (!room)
		return clv_error(error, -ENOMEM, "no memory");
	int rc = ask_node(context, binding, room, &parts, error)
			 ?: ask_core(binding, spki, report, &size, error);
	if (!rc) {
		parts.report = report;
		parts.report_size = size;
		rc = cl_evidence_pack(&parts, out, CL_EVIDENCE_MAX);
		if (rc < 0)
			clv_error(error, rc, "the node's evidence leaves no room for a report");
	}
	free(room);
	return rc;
}
