/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Make whole bundles of evidence that are genuine but for what a test makes wrong: a CA and an AK
 * in software, a log like that of OVMF and GRUB, a quote of the PCRs that the log makes, and a
 * report (verify_forge.h).
 */
#ifndef TESTS_UNIT_EVIDENCE_FORGE_H
#define TESTS_UNIT_EVIDENCE_FORGE_H

#include <stdbool.h>
#include <time.h>

#include <cloister/evidence.h>
#include "verify_forge.h"

#define FORGE_NOW    1800000000 /* 2027-01-15 08:00:00 UTC */
#define FORGE_DAY    86400
#define FORGE_EVENTS 128

/* Keys, made at first use; more than one, so that a test can swap them. */
enum forge_who {
	FORGE_THIS,
	FORGE_OTHER,
	FORGE_CRL_LESS, /* a CA that may sign no CRLs */
	FORGE_WHO,
};

struct forge_cert {
	enum forge_who ca, ak;
	const char *issuer; /* NULL: the CA's name */
	const char *name;
	const char *ek;	   /* serialNumber */
	const char *usage; /* extensions as openssl-x509v3_config(5) has them; NULL: none */
	const char *eku;
	const char *constraints;
	const char *policies;
	const char *unknown;  /* a critical extension that nobody knows, if not NULL */
	const char *key_type; /* "P-256", "P-384", or "RSA" */
	long version;
	long serial;
	time_t from, until;
};

struct forge_event {
	uint32_t pcr, type;
	const void *data;
	size_t size;
	const void *measured; /* what the digest is of; NULL: data */
	size_t measured_size;
};

struct evidence_forge {
	struct forge_cert cert;
	bool no_log;
	struct forge_event event[FORGE_EVENTS];
	size_t nr_events;
	uint32_t log_banks; /* how many the header names, from SHA-1 up */
	uint32_t magic;	    /* TPMS_ATTEST */
	uint16_t attest_type;
	uint32_t banks;
	uint16_t bank;
	uint8_t select_size;
	uint32_t select;
	uint8_t nonce[64]; /* the quote's */
	size_t nonce_size;
	uint16_t sig_alg, sig_hash;
	enum forge_who signer;
	size_t number_size;		    /* of r and s */
	size_t attest_junk, signature_junk; /* bytes after the end */
	bool capped;			    /* the Core extended PCR 13 a second time */
	bool cored;			    /* … a first time */
	bool host_extended;		    /* and the host once more */
	const uint8_t *pcr13_key; /* whose digest the Core extended, 64 bytes; NULL: the report's */
	uint8_t pcr[24][CL_PCR_SIZE]; /* what the last make quoted */
	int lie_pcr; /* this PCR is another one in the map than in the quote; -1: none */
	bool no_report;
	struct forge report;
};

#define FORGE_IMAGE "a boot image" /* its SHA-256 stands for its Authenticode digest */
#define FORGE_CRTM  "OVMF\0001"

void evidence_forge_default(struct evidence_forge *f, const uint8_t data[64],
			    const uint8_t digest[48]);

/* Events can be added at the end or put in the place of another one. */
struct forge_event *forge_event_add(struct evidence_forge *f, uint32_t pcr, uint32_t type,
				    const void *data, size_t size);
/* An event of GRUB's in PCR 8; `text` with its prefix stays where it is. */
void forge_command(struct evidence_forge *f, const char *text);
/* The first event of a PCR and type. */
struct forge_event *forge_event_find(struct evidence_forge *f, uint32_t pcr, uint32_t type);
void forge_event_remove(struct evidence_forge *f, const struct forge_event *event);

/* Each returns the size and fails the test if it does not fit. */
size_t forge_cert_make(const struct forge_cert *c, uint8_t *out, size_t cap);
size_t forge_log_make(const struct evidence_forge *f, uint8_t *out, size_t cap);
size_t forge_attest(const struct evidence_forge *f, uint8_t *out, size_t cap); /* of f->pcr */
size_t forge_signature(const struct evidence_forge *f, const uint8_t *attest, size_t attest_size,
		       uint8_t *out, size_t cap);
size_t evidence_forge_make(struct evidence_forge *f, uint8_t *out, size_t cap);

/* The CAs' own validity. Seeds for the system's clock set it before anything is made. */
extern time_t forge_ca_from, forge_ca_until;

/* PEM, made once for each argument and kept. revoked: a serial number, 0 for none. */
const char *forge_ca_pem(enum forge_who who);
const char *forge_crl_pem(enum forge_who who, long revoked, time_t from, time_t until);
/* One that speaks of some certificates only. */
const char *forge_partial_crl_pem(void);
/* A private key for signing results. */
const char *forge_key_pem(void);

#endif
