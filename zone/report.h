/* SPDX-License-Identifier: Apache-2.0 */
/* The zone's report service: HTTP/1.1 on CL_REPORT_PORT; see cloister/report.h. */
#ifndef CLOISTER_ZONE_REPORT_H
#define CLOISTER_ZONE_REPORT_H

#include <stdint.h>
#include <cloister/report.h>

/* A listening socket on `port`, or a negative errno. */
int report_listen(uint16_t port);

/* Serve for ever. Returns only if poll(2) itself fails. */
void report_serve(int listener, const uint8_t spki[CL_REPORT_SPKI_SIZE]);

#endif
