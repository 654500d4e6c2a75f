// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include "ask.h"
#include "cleanup.h"
#include "message.h"
#include "verify_ask.h"

static int no_report(const struct request *r, uint16_t port, const char *what, const char *error)
{
	if (r->json) {
		cleanup_json json_t *json = json_pack("{s:n,s:s}", "verdict", "error", error);
		json_dumpf(json, stdout, JSON_INDENT(2));
		putchar('\n');
	}
	return fail(EXIT_NO_REPORT, "%s port %u: no %s: %s; check --publish and the zone's log",
		    r->host, port, what, error);
}

int ask_report(const struct request *r, const uint8_t *nonce, uint8_t *report, size_t *size)
{
	char error[CL_ERROR_SIZE];
	int n = ask_zone_report(r->host, r->report_port, nonce, r->timeout_ms, report, error);

	if (n < 0)
		return no_report(r, r->report_port, "report", error);
	*size = (size_t)n;
	return EXIT_OK;
}

int ask_tls(struct request *r)
{
	char error[CL_ERROR_SIZE];
	int n = ask_zone_certificate(r->host, r->tls_port, r->starttls, r->timeout_ms, r->tls_cert,
				     r->spki, error);

	if (n < 0)
		return no_report(r, r->tls_port, "TLS key", error);
	r->has_spki = true;
	r->tls_cert_size = (size_t)n;
	return EXIT_OK;
}
