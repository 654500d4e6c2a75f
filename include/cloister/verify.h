/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libcloister-verify: decide whether a zone report is to be believed, and how far.
 *
 *   cl_fresh_nonce → cl_fetch_report → cl_fetch_spki → fill struct cl_policy → cl_verify_report
 *   → cl_print_result or cl_result_json
 *
 * Needs OpenSSL 3 and jansson. Thread-safe: no state is kept between calls.
 *
 * Ownership: the caller owns every structure and every buffer that it points to. Nothing passed in
 * is kept or changed, but for out parameters. Structures hold no pointers to free, except where a
 * function says so.
 *
 * Units: bytes, 4 KiB pages and milliseconds, as the field's name says.
 *
 * Errors: 0 or a negative errno. Functions that take `error` put a sentence for people there on
 * failure; it may quote what the peer sent, with everything unprintable replaced.
 *
 * Sources: COSE_Sign1, RFC 9052; ES256, RFC 9053; EAT, RFC 9711; deterministic CBOR, RFC 8949,
 * section 4.2.1; verdicts, draft-ietf-rats-ear (AR4SI trustworthiness tiers).
 */
#ifndef CLOISTER_VERIFY_H
#define CLOISTER_VERIFY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cloister/call.h>
#include <cloister/report.h>

#ifdef __cplusplus
extern "C" {
#endif

#define CL_CORE_KEY_SIZE 64u /* x ‖ y of a P-256 point, big-endian */
#define CL_TEXT_SIZE	 32u /* text claims: at most 31 printable ASCII characters and a NUL */
#define CL_CHECKS_MAX	 16u
#define CL_REASON_SIZE	 256u
#define CL_ERROR_SIZE	 256u

/* What a report says. Only ever filled from a report whose signature is right. */
struct cl_report {
	uint8_t core_key[CL_CORE_KEY_SIZE]; /* the key that signed it */
	uint8_t data[CL_REPORT_DATA];	    /* verifier's nonce ‖ SHA-256 of the TLS key's SPKI */
	uint8_t digest[CL_DIGEST_SIZE];	    /* launch digest */
	uint64_t instance;		    /* < 2^63 */
	uint64_t memory_bytes;		    /* < 2^63 */
	uint64_t policy;		    /* CL_POLICY_* */
	uint32_t vcpus;
	uint32_t window_pages;
	uint32_t idle_ms;
	uint32_t dbgstat; /* RFC 9711, 4.2.9 */
	char core_version[CL_TEXT_SIZE];
	char iommu[CL_TEXT_SIZE];
	char root[CL_TEXT_SIZE];
	char remap[CL_TEXT_SIZE];
	uint8_t build[CL_BUILD_SIZE]; /* GNU build-id of the Core */
};

/*
 * What the verifier asks for. All zero asks for nothing; the verdict then says what was left
 * unproven. Set `size` to sizeof(struct cl_policy).
 */
struct cl_policy {
	size_t size;
	/* Launch digests that are acceptable; without any, whatever runs is. */
	const uint8_t (*digests)[CL_DIGEST_SIZE];
	size_t nr_digests;
	/* Keys of Cores that are known; without any, the report's key vouches for itself only. */
	const uint8_t (*core_keys)[CL_CORE_KEY_SIZE];
	size_t nr_core_keys;
	/* CL_REPORT_NONCE_SIZE bytes that data must begin with, or NULL. */
	const uint8_t *nonce;
	/* CL_REPORT_SPKI_SIZE bytes that data must end with, or NULL. */
	const uint8_t *spki;
	/* Oldest acceptable Core, "MAJOR.MINOR.PATCH" (Semantic Versioning 2.0.0), or NULL. */
	const char *core_version_min;
	uint64_t memory_bytes_min; /* 0: any */
	uint64_t memory_bytes_max; /* 0: any */
	uint32_t vcpus_min;	   /* 0: any */
	uint32_t vcpus_max;	   /* 0: any */
	uint32_t window_pages_max; /* 0: any */
	uint32_t idle_ms_max;	   /* 0: any */
	bool require_iommu;	   /* a node without one fails; else it is a warning */
};

/* The tiers and values of EAR. */
enum cl_verdict {
	CL_VERDICT_NONE = 0,		 /* never returned */
	CL_VERDICT_AFFIRMING = 2,	 /* everything was asked for and holds */
	CL_VERDICT_WARNING = 32,	 /* nothing is wrong, but something is unproven */
	CL_VERDICT_CONTRAINDICATED = 96, /* do not trust this zone */
};

enum cl_check_status {
	CL_CHECK_PASS = 1,
	CL_CHECK_SKIP = 2, /* not asked for, and no harm in that: no effect on the verdict */
	CL_CHECK_WARN = 3, /* unproven */
	CL_CHECK_FAIL = 4,
};

struct cl_check {
	const char *name; /* static; one of the names listed at cl_verify_report */
	enum cl_check_status status;
	char reason[CL_REASON_SIZE]; /* one sentence, printable */
};

struct cl_verdict_result {
	enum cl_verdict verdict; /* the worst of the checks */
	bool authentic;		 /* the signature is right, so report is filled */
	struct cl_report report; /* all zero unless authentic */
	size_t nr_checks;
	struct cl_check checks[CL_CHECKS_MAX]; /* in the order in which they were made */
};

/*
 * Verify a report. Returns 0 when there is a verdict, whatever it is; -EINVAL for a malformed
 * policy or a null argument; -ENOMEM or -EIO when OpenSSL fails. The verdict is
 * CL_VERDICT_CONTRAINDICATED on every error, too, so that nobody can mistake one for consent.
 *
 * Checks, in order: format, signature (the rest follows only if both pass), core-key, root, digest,
 * nonce, tls-key, debug, policy, vcpus, memory, window, idle, core-version, iommu.
 *
 * In this version nothing but the Core's own word stands behind its key ("root: none,
 * development"): the best verdict is CL_VERDICT_WARNING.
 */
int cl_verify_report(const uint8_t *report, size_t size, const struct cl_policy *policy,
		     struct cl_verdict_result *result);

/* "affirming", "warning", "contraindicated"; "pass", "skip", "warn", "fail". Static. */
const char *cl_verdict_name(enum cl_verdict verdict);
const char *cl_check_status_name(enum cl_check_status status);

/* Render as a readable tree, with ANSI colours if asked. 0 or -EIO. */
int cl_print_result(FILE *out, const struct cl_verdict_result *result, bool colour);

/*
 * Render as one JSON object: verdict, authentic, checks[] of {name, status, reason}, and report
 * (null unless authentic) with byte strings and policy in lower-case hex. NUL-terminated, to be
 * freed with free(3); NULL without memory.
 */
char *cl_result_json(const struct cl_verdict_result *result);

/* 32 random bytes from the kernel. 0 or a negative errno. */
int cl_fresh_nonce(uint8_t nonce[CL_REPORT_NONCE_SIZE]);

/*
 * GET /report?nonce=… from a zone's report service over plain HTTP/1.1; a report needs no secrecy
 * and carries its own signature. The whole exchange ends within timeout_ms.
 *
 * Returns the size of the report now in out[] (at most CL_REPORT_MAX), or -EINVAL (arguments),
 * -EHOSTUNREACH (name), -ETIMEDOUT, -EPROTO (the answer is no report) or the socket's errno.
 */
int cl_fetch_report(const char *host, uint16_t port, const uint8_t nonce[CL_REPORT_NONCE_SIZE],
		    unsigned int timeout_ms, uint8_t out[CL_REPORT_MAX], char error[CL_ERROR_SIZE]);

/*
 * Make a TLS 1.3 handshake with a server and give SHA-256 of the DER SubjectPublicKeyInfo of the
 * key that it proved to hold. The certificate is not checked against any CA: the report takes that
 * role. This speaks for this one connection: a client must see the same key on its own.
 *
 * Returns 0, or as cl_fetch_report; -EPROTO if the handshake fails. Clears OpenSSL's error queue of
 * this thread.
 */
int cl_fetch_spki(const char *host, uint16_t port, unsigned int timeout_ms,
		  uint8_t spki[CL_REPORT_SPKI_SIZE], char error[CL_ERROR_SIZE]);

#ifdef __cplusplus
}
#endif

#endif
