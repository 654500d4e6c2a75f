// SPDX-License-Identifier: Apache-2.0
// Ask a zone's report service for a report.
#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "hex.h"
#include "http.h"
#include "socket.h"

int cl_fresh_nonce(uint8_t nonce[CL_REPORT_NONCE_SIZE])
{
	size_t have = 0;

	while (have < CL_REPORT_NONCE_SIZE) {
		ssize_t n = getrandom(nonce + have, CL_REPORT_NONCE_SIZE - have, 0);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0)
			have += (size_t)n;
	}
	return 0;
}

int cl_fetch_report(const char *host, uint16_t port, const uint8_t nonce[CL_REPORT_NONCE_SIZE],
		    unsigned int timeout_ms, uint8_t out[CL_REPORT_MAX], char error[CL_ERROR_SIZE])
{
	char target[32 + 2 * CL_REPORT_NONCE_SIZE] = "/report?nonce=";
	const struct clv_request r = {.service = "the report service",
				      .host = host,
				      .port = port,
				      .target = target,
				      .type = "application/cose",
				      .timeout_ms = timeout_ms};

	if (!error)
		return -EINVAL;
	if (!nonce || !out)
		return clv_error(error, -EINVAL, "bad host, port or time-out");
	clv_hex(target + strlen(target), nonce, CL_REPORT_NONCE_SIZE);
	return clv_http(&r, out, CL_REPORT_MAX, error);
}
