// SPDX-License-Identifier: Apache-2.0
#include <time.h>
#include "ask.h"

#define RETRY_MS 500
// Not all of the time on one connection: one that a forwarder took before the zone listened hangs.
#define TRY_MS	   15000u
#define TRY_MIN_MS 200

static int64_t now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000ll + t.tv_nsec / 1000000;
}

// Is there time for a pause, and for a try that can come to something else than a time-out?
static bool again(int64_t end)
{
	if (now_ms() + RETRY_MS + TRY_MIN_MS >= end)
		return false;
	struct timespec pause = {.tv_nsec = RETRY_MS * 1000000l};
	nanosleep(&pause, NULL);
	return true;
}

// What is left of the time, in milliseconds.
static uint32_t one_try(int64_t end)
{
	int64_t left = end - now_ms();

	if (left < 1) // the pause took longer than it should
		return 1;
	return left < TRY_MS ? (uint32_t)left : TRY_MS;
}

int ask_zone_report(const char *host, uint16_t port, const uint8_t nonce[CL_REPORT_NONCE_SIZE],
		    uint32_t timeout_ms, uint8_t report[CL_REPORT_MAX], char error[CL_ERROR_SIZE])
{
	int64_t end = now_ms() + timeout_ms;
	int n;

	do
		n = cl_fetch_report(host, port, nonce, one_try(end), report, error);
	while (n < 0 && again(end));
	return n;
}

int ask_zone_certificate(const char *host, uint16_t port, const char *starttls, uint32_t timeout_ms,
			 uint8_t der[CL_CERTIFICATE_MAX], uint8_t spki[CL_REPORT_SPKI_SIZE],
			 char error[CL_ERROR_SIZE])
{
	int64_t end = now_ms() + timeout_ms;
	int n;

	do
		n = cl_fetch_certificate(host, port, starttls, one_try(end), der,
					 CL_CERTIFICATE_MAX, spki, error);
	while (n < 0 && again(end));
	return n;
}
