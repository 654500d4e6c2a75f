/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The enrolment CA: a directory with
 *
 *   ca.key          its private key, mode 0600
 *   ca.crt          its certificate
 *   nodes.json      who was enrolled, who is revoked; nodes.json.old: before the last change
 *   crl.pem         the revocation list, always made from nodes.json
 *   .lock           held while something is changed
 *
 * It comes into being whole (made beside, then renamed), and nodes.json decides: whoever is killed
 * between two files leaves a list that the next change or `cloister node ca` brings up to date.
 *
 * Functions return 0 or a negative errno with a sentence in error[].
 */
#ifndef CLOISTER_NODE_CA_H
#define CLOISTER_NODE_CA_H

#include <time.h>
#include <openssl/x509.h>
#include <cloister/verify.h>
#include "nodes.h"

#define CA_DEFAULT   "/var/lib/cloister/ca"
#define CA_YEARS     10
#define CA_SKEW	     300 /* seconds that a node's or verifier's clock may be behind */
#define AK_DAYS	     30u
#define AK_DAYS_MAX  365u
#define CRL_DAYS     30u
#define CA_MAX	     8192u /* bytes of key and certificate */
#define CA_CRL_MAX   (16u << 20)
#define CA_NODES_MAX (128u << 20)

struct ca {
	int dir;
	int lock; /* -1: only looked at */
	EVP_PKEY *key;
	X509 *cert;
	struct nodes nodes;
};

/* A new one where there is nothing, or an empty directory. -EEXIST if there is one. */
int ca_create(const char *path, time_t now, char error[CL_ERROR_SIZE]);
/* `change`: wait for whoever is changing it, and keep others out until ca_close(). */
int ca_open(struct ca *ca, const char *path, bool change, char error[CL_ERROR_SIZE]);
void ca_close(struct ca *ca);

/* Before an enrolment: is there room for this many, and to revoke them all? 0 or -ENOSPC. */
int ca_room(const struct ca *ca, char error[CL_ERROR_SIZE]);
/* What to say of a name that no node has: -ENOENT. */
int ca_not_enrolled(const char *name, char error[CL_ERROR_SIZE]);
/* Write nodes, with the next CRL number, and then the CRL. */
int ca_commit(struct ca *ca, time_t now, char error[CL_ERROR_SIZE]);
/* Is crl.pem the newest list, and less than half of its time over? */
bool ca_crl_fresh(const struct ca *ca, time_t now);

/* What an AK certificate says. */
struct ak_subject {
	const char *name;
	const char *ek; /* hex SHA-256 of the EK's SPKI */
	EVP_PKEY *ak;
	bool test;	  /* a software TPM's */
	time_t not_after; /* cut to the CA's own end */
};
int ca_issue(const struct ca *ca, const struct ak_subject *subject, time_t now, X509 **cert,
	     struct node_cert *record, char error[CL_ERROR_SIZE]);

/* For the above and for tests: PEM to be freed with free(3), NULL if OpenSSL fails. */
char *ca_crl(const struct ca *ca, time_t now);
X509 *ca_self(EVP_PKEY *key, time_t now);

#endif
