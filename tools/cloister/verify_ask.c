// SPDX-License-Identifier: Apache-2.0
// Ask a zone, again and again until it answers or the time is over.
#include <stdio.h>
#include <time.h>
#include "cleanup.h"
#include "message.h"
#include "verify_ask.h"

#define RETRY_MS 500
#define TRY_MS	 15000u

// A zone that has just been started may not listen yet: try until the time is over.
static int64_t now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000ll + t.tv_nsec / 1000000;
}

static bool again(int64_t end)
{
	if (now_ms() + RETRY_MS >= end)
		return false;
	struct timespec pause = {.tv_nsec = RETRY_MS * 1000000l};
	nanosleep(&pause, NULL);
	return true;
}

// Not all of the time on one connection: one that a forwarder took before the zone listened hangs.
static uint32_t one_try_ms(const struct request *r)
{
	return r->timeout_ms < TRY_MS ? r->timeout_ms : TRY_MS;
}

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
	int64_t end = now_ms() + r->timeout_ms;
	char error[CL_ERROR_SIZE];
	int n;

	do
		n = cl_fetch_report(r->host, r->report_port, nonce, one_try_ms(r), report, error);
	while (n < 0 && again(end));
	if (n < 0)
		return no_report(r, r->report_port, "report", error);
	*size = (size_t)n;
	return EXIT_OK;
}

int ask_spki(const struct request *r, uint8_t *spki)
{
	int64_t end = now_ms() + r->timeout_ms;
	char error[CL_ERROR_SIZE];
	int rc;

	do
		rc = cl_fetch_spki(r->host, r->tls_port, r->starttls, one_try_ms(r), spki, error);
	while (rc && again(end));
	return rc ? no_report(r, r->tls_port, "TLS key", error) : EXIT_OK;
}
