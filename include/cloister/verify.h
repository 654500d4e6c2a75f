/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libcloister-verify: decide whether evidence of a zone is to be believed, and how far.
 *
 *   cl_policy_load_file → cl_fresh_nonce → (fetch a bundle) → cl_verify_evidence
 *   → cl_print_result, cl_result_json or cl_ear_jwt → cl_policy_free
 *
 * or, for a report that no evidence comes with: cl_fetch_report → cl_fetch_spki
 * → fill struct cl_policy → cl_verify_report. A service that judges many bundles under one policy
 * makes a struct cl_verifier once.
 *
 * Needs OpenSSL 3 and jansson. Thread-safe: no state is kept between calls, but in a struct
 * cl_verifier, which any number of threads may share.
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
 * section 4.2.1; X.509, RFC 5280; quotes, TPM 2.0 Library 1.59, parts 2 and 3; event log, TCG PC
 * Client Platform Firmware Profile 1.05; verdicts, draft-ietf-rats-ear-00 (AR4SI tiers).
 */
#ifndef CLOISTER_VERIFY_H
#define CLOISTER_VERIFY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>

#include <cloister/call.h>
#include <cloister/evidence.h>
#include <cloister/report.h>

#ifdef __cplusplus
extern "C" {
#endif

#define CL_CORE_KEY_SIZE 64u /* x ‖ y of a P-256 point, big-endian */
#define CL_TEXT_SIZE	 32u /* text claims: at most 31 printable ASCII characters and a NUL */
#define CL_CHECKS_MAX	 32u
#define CL_HASH_SIZE	 32u	    /* SHA-256 */
#define CL_NODE_NAME_MAX 64u	    /* an X.520 common name (RFC 5280, appendix A.1) */
#define CL_POLICY_MAX	 (1u << 20) /* a policy file, in bytes */
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

/* What evidence proved about the node. Only ever filled from evidence that holds. */
struct cl_node {
	char name[CL_NODE_NAME_MAX + 1]; /* that the CA enrolled it under */
	uint8_t ek[CL_HASH_SIZE];	 /* SHA-256 of the SPKI of the TPM's endorsement key */
	bool test_tpm;			 /* a software TPM */
	time_t ak_until;		 /* the AK certificate's last second */
	uint8_t pcrs[CL_QUOTE_NR_PCRS][CL_PCR_SIZE]; /* those of CL_QUOTE_PCRS, ascending */
	uint8_t boot_image[CL_HASH_SIZE]; /* Authenticode digest; zero if there was not one */
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
	bool require_remapping;	   /* the same for the remapping of interrupts; else no matter */
	/* GNU build-ids of Cores that are acceptable; without any, whatever boots is. */
	const uint8_t (*core_builds)[CL_BUILD_SIZE];
	size_t nr_core_builds;

	/* The rest is asked of evidence only. */

	/* CAs that enrol nodes, one PEM certificate each; without any, no node is known. */
	const char *const *cas;
	size_t nr_cas;
	/* Their revocation lists, PEM; without any, revocation is not checked: a warning. */
	const char *const *crls;
	size_t nr_crls;
	/* Values of PCR 0 and PCR 2; Authenticode digests of boot images. */
	const uint8_t (*firmware)[CL_PCR_SIZE];
	size_t nr_firmware;
	const uint8_t (*option_roms)[CL_PCR_SIZE];
	size_t nr_option_roms;
	const uint8_t (*boot_images)[CL_HASH_SIZE];
	size_t nr_boot_images;
	/* What GRUB may log into PCR 8, "kernel_cmdline: …"; one that ends in " *" is a prefix. */
	const char *const *boot_commands;
	size_t nr_boot_commands;
	/* Software TPMs that the CA marked as such. They prove nothing: for tests only. */
	bool accept_test_tpm;
	time_t now; /* the time of the check; 0: the system's clock */
	/* CL_HASH_SIZE bytes that name this policy to others, or NULL: of one that was loaded, the
	 * SHA-256 of its text. */
	const uint8_t *id;
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
	bool has_policy_id;
	uint8_t policy_id[CL_HASH_SIZE]; /* the policy's id, if it has one */
	bool proven;			 /* AK certificate and quote hold, so node is filled */
	struct cl_node node;		 /* all zero unless proven */
	size_t nr_checks;
	struct cl_check checks[CL_CHECKS_MAX]; /* in the order in which they were made */
};

/*
 * Verify a report that comes alone. Returns 0 when there is a verdict, whatever it is; -EINVAL for
 * a malformed policy or a null argument; -ENOMEM or -EIO when OpenSSL fails. The verdict is
 * CL_VERDICT_CONTRAINDICATED on every error, too, so that nobody can mistake one for consent.
 *
 * Checks, in order: format, signature (the rest follows only if both pass), core-key, root, digest,
 * nonce, tls-key, debug, policy, vcpus, memory, window, idle, core-version, core-build, iommu,
 * remapping.
 *
 * Nothing but the Core's own word stands behind its key here: the best verdict is
 * CL_VERDICT_WARNING.
 */
int cl_verify_report(const uint8_t *report, size_t size, const struct cl_policy *policy,
		     struct cl_verdict_result *result);

/*
 * Verify a bundle of evidence with a zone's report. Returns as cl_verify_report; -EINVAL also if a
 * CA or CRL of the policy cannot be read, or no CA of the policy signed a CRL.
 *
 * Checks, in order: format, signature, ak, test-tpm, quote (the rest follows only if format,
 * signature and quote pass), nonce, boot-log, firmware, option-roms, boot-image, boot-commands,
 * core-key, root, digest, tls-key, and so on as above. docs/evidence.md says what each one means.
 */
int cl_verify_evidence(const uint8_t *bundle, size_t size, const struct cl_policy *policy,
		       struct cl_verdict_result *result);

/*
 * The same for many bundles: CAs and CRLs are read once, and the signature of an AK certificate
 * that has been seen is not verified again (its time and revocation are). The policy must outlive
 * the verifier, unchanged; its nonce and spki are not looked at.
 */
struct cl_verifier;

/* 0, or -EINVAL or -ENOMEM with *verifier NULL. */
int cl_verifier_create(const struct cl_policy *policy, struct cl_verifier **verifier,
		       char error[CL_ERROR_SIZE]);
void cl_verifier_free(struct cl_verifier *verifier); /* NULL: nothing */

/* nonce and spki: as in struct cl_policy. Any number of threads may call this at a time. */
int cl_verifier_check(struct cl_verifier *verifier, const uint8_t *bundle, size_t size,
		      const uint8_t *nonce, const uint8_t *spki, struct cl_verdict_result *result);

/*
 * Verify the node's part of a bundle alone, whether it has a report or not: has a CA of the policy
 * enrolled the TPM that signed these PCRs? Checks: format, ak, test-tpm, quote, and nonce if the
 * policy has one. Nothing is said of a zone, nor whether the PCRs are good ones. Returns as
 * cl_verify_evidence; node is filled unless one of them fails.
 */
int cl_verify_node(const uint8_t *bundle, size_t size, const struct cl_policy *policy,
		   struct cl_verdict_result *result);

/*
 * The parts of a bundle. Pointers go into the caller's buffers. No report: a node's own evidence;
 * boot_log_size 0: the firmware left no log.
 */
struct cl_evidence {
	const uint8_t *ak; /* certificate, DER */
	size_t ak_size;
	const uint8_t *attest; /* TPMS_ATTEST */
	size_t attest_size;
	const uint8_t *signature; /* TPMT_SIGNATURE */
	size_t signature_size;
	uint8_t pcrs[CL_QUOTE_NR_PCRS][CL_PCR_SIZE]; /* those of CL_QUOTE_PCRS, ascending */
	const uint8_t *boot_log;
	size_t boot_log_size;
	const uint8_t *report; /* NULL: none */
	size_t report_size;
};

/* The bundle's size, now in out[]; -EINVAL (a part is empty or too large), -ENOSPC. */
int cl_evidence_pack(const struct cl_evidence *parts, uint8_t *out, size_t capacity);

/* Take a bundle apart; nothing in it is verified. 0, or -EPROTO with the reason. */
int cl_evidence_unpack(const uint8_t *bundle, size_t size, struct cl_evidence *parts,
		       char error[CL_ERROR_SIZE]);

/*
 * Read a policy file (share/schema/policy.schema.json). What is unknown, double or malformed is
 * refused. 0 with a policy to be freed with cl_policy_free, whose nonce, spki and now are the
 * caller's to set; or -EINVAL, -ENOMEM or open(2)'s errno with *policy NULL.
 */
int cl_policy_load(const char *json, size_t size, struct cl_policy **policy,
		   char error[CL_ERROR_SIZE]);
int cl_policy_load_file(const char *path, struct cl_policy **policy, char error[CL_ERROR_SIZE]);
void cl_policy_free(struct cl_policy *policy); /* NULL: nothing */

/* "affirming", "warning", "contraindicated"; "pass", "skip", "warn", "fail". Static. */
const char *cl_verdict_name(enum cl_verdict verdict);
const char *cl_check_status_name(enum cl_check_status status);

/* Render as a readable tree, with ANSI colours if asked. 0 or -EIO. */
int cl_print_result(FILE *out, const struct cl_verdict_result *result, bool colour);

/*
 * Render as one JSON object: verdict, authentic, checks[] of {name, status, reason}, node (null
 * unless proven) and report (null unless authentic) with byte strings and policy in lower-case hex.
 * NUL-terminated, to be freed with free(3); NULL without memory.
 */
char *cl_result_json(const struct cl_verdict_result *result);

/*
 * The verdict as an EAT Attestation Result (draft-ietf-rats-ear-00): a JWT, signed with ES256 under
 * `key_pem`, an unencrypted P-256 private key. `now` is its iat; 0: the system's clock. To be freed
 * with free(3); NULL with the reason.
 */
char *cl_ear_jwt(const struct cl_verdict_result *result, const char *key_pem, time_t now,
		 char error[CL_ERROR_SIZE]);

/* 32 random bytes from the kernel. 0 or a negative errno. */
int cl_fresh_nonce(uint8_t nonce[CL_REPORT_NONCE_SIZE]);

/*
 * GET /report?nonce=… from a zone's report service over plain HTTP/1.1; a report needs no secrecy
 * and carries its own signature. The whole exchange ends within timeout_ms, but for the
 * resolver's time to look up a host that is no numeric address (resolv.conf(5)). Each address gets
 * a fair share of what is left.
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
 * starttls: NULL where TLS begins at once, or the protocol that asks for it first: "postgres"
 * (PostgreSQL's SSLRequest; PostgreSQL 15 documentation, section 55.2.10).
 *
 * Returns 0, or as cl_fetch_report; -EINVAL for another protocol; -EPROTO if the server has no TLS
 * or the handshake fails. Clears OpenSSL's error queue of this thread.
 */
int cl_fetch_spki(const char *host, uint16_t port, const char *starttls, unsigned int timeout_ms,
		  uint8_t spki[CL_REPORT_SPKI_SIZE], char error[CL_ERROR_SIZE]);

/* No certificate is longer, as a server that says more in its handshake is refused. */
#define CL_CERTIFICATE_MAX 65536u

/*
 * The same, with the certificate (X.509, DER) that the server showed in that very handshake: for
 * clients that cannot compare a key, but can be given this one certificate as all that they trust.
 * What it says but for the key is the word of whoever holds the key: worth nothing before a verdict
 * on a report with this SPKI.
 *
 * Returns the certificate's size, now in der[] (caller's, `capacity` bytes), or as cl_fetch_spki;
 * -ENOSPC if it does not fit, which CL_CERTIFICATE_MAX always does.
 */
int cl_fetch_certificate(const char *host, uint16_t port, const char *starttls,
			 unsigned int timeout_ms, uint8_t *der, size_t capacity,
			 uint8_t spki[CL_REPORT_SPKI_SIZE], char error[CL_ERROR_SIZE]);

#ifdef __cplusplus
}
#endif

#endif
