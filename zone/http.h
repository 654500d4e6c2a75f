/* SPDX-License-Identifier: Apache-2.0 */
/* The little of HTTP/1.1 (RFC 9112) that the report service speaks. */
#ifndef CLOISTER_ZONE_HTTP_H
#define CLOISTER_ZONE_HTTP_H

#include <stddef.h>
#include <stdint.h>
#include <cloister/report.h>

#define HTTP_REQUEST_MAX 2048u

/*
 * Look at what a client has sent so far.
 *   0    not complete yet
 *   200  a request for a report; nonce[] is filled
 *   else the status to answer with
 */
int http_parse(const char *text, size_t size, uint8_t nonce[CL_REPORT_NONCE_SIZE]);

/* Status line and headers for a body of that size; returns their length. */
size_t http_head(int status, size_t body_size, char *text, size_t text_size);

#endif
