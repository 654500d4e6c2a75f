/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Evidence of a node, and of a zone on it: what proves that a TPM which the verifier's CA has
 * enrolled saw a known Core start, and that this Core's key signed the zone's report.
 *
 * A bundle is a CMW collection (draft-ietf-rats-msg-wrap-23) in deterministic CBOR (RFC 8949,
 * section 4.2.1), at most CL_EVIDENCE_MAX bytes; docs/evidence.cddl has the grammar:
 *
 *   { "ak":       [ "application/pkix-cert", bstr ],      the AK's certificate, DER
 *     "quote":    [ CL_TYPE_QUOTE, bstr .cbor quote ],
 *     "report":   [ "application/eat+cwt", bstr ],        zone report (report.h); a node's own
 *                                                         evidence has none
 *     "__cmwc_t": CL_EVIDENCE_TYPE,
 *     "boot-log": [ CL_TYPE_BOOT_LOG, bstr ] }            empty: the firmware left none
 *
 *   quote = [ attest: bstr,     TPMS_ATTEST, as the TPM signed it
 *             signature: bstr,  TPMT_SIGNATURE: ECDSA, SHA-256
 *             pcrs: { 0 => bstr .size 32, 2 => …, 4, 7, 8, 9, 13 } ]
 *
 * The keys of the maps stand in the order in which they are written here: bytewise by encoding.
 */
#ifndef CLOISTER_EVIDENCE_H
#define CLOISTER_EVIDENCE_H

#include <cloister/call.h>

#define CL_EVIDENCE_TYPE       "tag:cloister.example,2026:evidence:1"
#define CL_EVIDENCE_MEDIA_TYPE "application/cbor" /* of a bundle over HTTP */

/* The collection's type (draft-ietf-rats-msg-wrap, section 3.3) and the labels of its records. */
#define CL_LABEL_TYPE	  "__cmwc_t"
#define CL_LABEL_AK	  "ak"
#define CL_LABEL_QUOTE	  "quote"
#define CL_LABEL_REPORT	  "report"
#define CL_LABEL_BOOT_LOG "boot-log"

#define CL_TYPE_AK	  "application/pkix-cert" /* RFC 5280 */
#define CL_TYPE_QUOTE	  "application/vnd.cloister.tpm-quote+cbor"
#define CL_TYPE_REPORT	  "application/eat+cwt" /* RFC 9782 */
#define CL_TYPE_BOOT_LOG  "application/vnd.cloister.tcg-log"

/* Largest sizes, in bytes. The report's is CL_REPORT_MAX, the log's CL_BOOT_LOG_MAX (call.h). */
#define CL_EVIDENCE_MAX	       131072u
#define CL_AK_CERT_MAX	       4096u
#define CL_QUOTE_ATTEST_MAX    1024u
#define CL_QUOTE_SIGNATURE_MAX 256u

/*
 * The SHA-256 PCRs that a quote covers (TCG PC Client Platform Firmware Profile 1.05,
 * section 3.3.4): firmware, option ROMs, boot loader, Secure Boot, and GRUB's commands (8) and
 * files (9); and the Core's own. Bit n is PCR n.
 */
#define CL_PCR_SIZE	   32u
#define CL_PCR_FIRMWARE	   0u
#define CL_PCR_OPTION_ROMS 2u
#define CL_PCR_BOOT_IMAGE  4u
#define CL_PCR_SECURE_BOOT 7u
#define CL_PCR_COMMANDS	   8u
#define CL_PCR_FILES	   9u
#define CL_PCR_CORE	   13u
#define CL_QUOTE_PCRS	   0x2395u
#define CL_QUOTE_NR_PCRS   7u

/* The quote's qualifyingData, and the first bytes of the report's data: the verifier's nonce. */
#define CL_EVIDENCE_NONCE_SIZE 32u

/*
 * What the Core extends into PCR 13 before the host first runs, two digests: SHA-256(x ‖ y) of its
 * report key, then SHA-256 of this text, without its NUL. So the PCR is H(H(0 ‖ key) ‖ cap), and no
 * host can bring it to that value with a key of its own.
 */
#define CL_PCR_CORE_CAP "cloister cap 1"

/*
 * AK certificates: the extended key usage (TCG EK Credential Profile 2.5, tcg-kp-AIKCertificate),
 * and the certificate policy that marks a software TPM's.
 */
#define CL_OID_AK_EKU	"2.23.133.8.3"
#define CL_OID_TEST_TPM "2.25.205706116917862094478024842453870341893"

/* The node's evidence service: HTTP/1.1, GET /evidence?nonce=<64 hex digits>. */
#define CL_EVIDENCE_PORT 7444

#endif
