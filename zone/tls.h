/* SPDX-License-Identifier: Apache-2.0 */
/* The zone's TLS key: made here at every start, never written outside the zone's own memory. */
#ifndef CLOISTER_ZONE_TLS_H
#define CLOISTER_ZONE_TLS_H

#include <stdint.h>
#include <cloister/report.h>

/*
 * In a process of its own, so that neither init nor the report service, which talks to the network,
 * ever has the key in its memory: make a P-256 key and a self-signed certificate, write both as PEM
 * into the directory `dir` (tls.key, tls.crt), readable by uid and gid only, and return SHA-256 of
 * the key's DER SubjectPublicKeyInfo. 0 or a negative errno.
 */
int tls_make(const char *dir, uint32_t uid, uint32_t gid, uint8_t spki[CL_REPORT_SPKI_SIZE]);

#endif
