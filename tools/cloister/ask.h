/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ask a zone, again and again until it answers or timeout_ms is over: one that has just been
 * started may not listen yet. As the functions of <cloister/verify.h> that they call.
 */
#ifndef CLOISTER_CLI_ASK_H
#define CLOISTER_CLI_ASK_H

#include <cloister/verify.h>

int ask_zone_report(const char *host, uint16_t port, const uint8_t nonce[CL_REPORT_NONCE_SIZE],
		    uint32_t timeout_ms, uint8_t report[CL_REPORT_MAX], char error[CL_ERROR_SIZE]);
int ask_zone_certificate(const char *host, uint16_t port, const char *starttls, uint32_t timeout_ms,
			 uint8_t der[CL_CERTIFICATE_MAX], uint8_t spki[CL_REPORT_SPKI_SIZE],
			 char error[CL_ERROR_SIZE]);

#endif
