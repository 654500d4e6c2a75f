/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The zone report: a tagged COSE_Sign1 (RFC 9052, CBOR tag 18), ES256 (RFC 9053), over EAT claims
 * (RFC 9711). Deterministically encoded (RFC 8949, section 4.2.1).
 *
 *   [ protected   { 1: -7 },                      alg: ES256
 *     unprotected { CL_HDR_CORE_KEY: bstr 64 },   the Core's public key, x ‖ y; self-asserted
 *     payload     bstr .cbor claims,
 *     signature   bstr 64 ]                       r ‖ s; external_aad is empty
 *
 * claims = { 10: bstr 64,          eat_nonce: the caller's 64 bytes
 *            263: 3,               dbgstat: disabled-permanently; 0, enabled: a debug build
 *            265: tstr,            eat_profile: CL_REPORT_PROFILE
 *            CL_CLAIM_…: … }
 *
 * Integer keys below -65536 are EAT's private-use range. Map keys are sorted as encoded:
 * 10, 263, 265, then CL_CLAIM_DIGEST … CL_CLAIM_BUILD in descending numeric value.
 */
#ifndef CLOISTER_REPORT_H
#define CLOISTER_REPORT_H

#define CL_REPORT_PROFILE     "tag:cloister.example,2026:zone-report:2"

#define CL_HDR_CORE_KEY	      (-70000)

#define CL_CLAIM_EAT_NONCE    10
#define CL_CLAIM_DBGSTAT      263
#define CL_CLAIM_EAT_PROFILE  265
#define CL_DBGSTAT_ENABLED    0 /* a debug build of the Core */
#define CL_DBGSTAT_DISABLED   3

#define CL_CLAIM_DIGEST	      (-70001) /* bstr 48: launch digest */
#define CL_CLAIM_INSTANCE     (-70002) /* uint: never reused while the Core runs */
#define CL_CLAIM_VCPUS	      (-70003) /* uint */
#define CL_CLAIM_MEMORY	      (-70004) /* uint, bytes */
#define CL_CLAIM_WINDOW	      (-70005) /* uint, pages */
#define CL_CLAIM_IDLE_MS      (-70006) /* uint */
#define CL_CLAIM_POLICY	      (-70007) /* uint: CL_POLICY_* */
#define CL_CLAIM_CORE_VERSION (-70008) /* tstr */
#define CL_CLAIM_IOMMU	      (-70009) /* tstr: "amd-vi", "none" */
#define CL_CLAIM_ROOT	      (-70010) /* tstr: what vouches for the Core's key: "none", or "tpm" */
#define CL_CLAIM_REMAP	      (-70011) /* tstr: interrupt remapping: "amd-vi", "none" */
#define CL_CLAIM_BUILD	      (-70012) /* bstr 20: GNU build-id of the Core */

/*
 * How the zone's report service fills the 64 bytes: the verifier's nonce, then SHA-256 of the
 * DER SubjectPublicKeyInfo of the key that the zone's TLS servers use.
 */
#define CL_REPORT_NONCE_SIZE 32
#define CL_REPORT_SPKI_SIZE  32

/* The zone's report service: HTTP/1.1 on this TCP port, GET /report?nonce=<64 hex digits>. */
#define CL_REPORT_PORT 7443

#endif
