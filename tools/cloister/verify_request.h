/* SPDX-License-Identifier: Apache-2.0 */
/* What `cloister verify` was asked to do. */
#ifndef CLOISTER_CLI_VERIFY_REQUEST_H
#define CLOISTER_CLI_VERIFY_REQUEST_H

#include <cloister/verify.h>

#define EXPECTED_MAX 16u

struct request {
	const char *host; /* NULL: nobody is asked */
	uint16_t report_port;
	uint16_t tls_port;	   /* 0: none */
	const char *starttls;	   /* how TLS begins there, as cl_fetch_spki; NULL: at once */
	const char *tls_cert_file; /* where tls_cert is to go; NULL: nowhere */
	const char *evidence_file;
	const char *policy_file;
	const char *ear_key; /* a file; with ear */
	const char *image;
	const char *memory;
	uint32_t vcpus;
	uint8_t digests[EXPECTED_MAX][CL_DIGEST_SIZE];
	size_t nr_digests;
	uint8_t keys[EXPECTED_MAX][CL_CORE_KEY_SIZE];
	size_t nr_keys;
	uint8_t nonce[CL_REPORT_NONCE_SIZE];
	uint8_t spki[CL_REPORT_SPKI_SIZE];
	bool has_nonce, has_spki;
	uint8_t tls_cert[CL_CERTIFICATE_MAX]; /* DER, of the connection that spki is from */
	size_t tls_cert_size;
	uint32_t window_max;
	uint32_t timeout_ms;
	bool require_iommu;
	bool accept_development;
	bool json;
	bool ear;
};

#endif
