/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the node's evidence service answers. Requests may come from anybody. The caller holds the
 * lock: the TPM works for one of them at a time, and the others wait.
 */
#ifndef CLOISTER_NODE_ANSWERS_H
#define CLOISTER_NODE_ANSWERS_H

#include <pthread.h>
#include <stdint.h>
#include <openssl/x509.h>
#include <cloister/evidence.h>

#define NODE_STATE_DEFAULT "/var/lib/cloister/node"
#define AK_CERT_FILE	   "ak.crt"

struct node {
	const char *tcti;
	int state; /* the directory */
	X509 *ca;  /* NULL: whoever certifies this AK */
	pthread_mutex_t lock;
};

struct answer {
	unsigned int status;
	const char *type;
	uint8_t *body; /* malloc'ed */
	size_t size;
};

/* Each fills the answer, also on failure. */
void answer_text(struct answer *a, unsigned int status, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void answer_evidence(struct node *node, const char *nonce, struct answer *a);
/* ek: "ecc", "rsa", or NULL for the former. */
void answer_enrol(struct node *node, const char *ek, struct answer *a);
void answer_activate(struct node *node, const uint8_t *body, size_t size, struct answer *a);
void answer_ak(struct node *node, const uint8_t *body, size_t size, struct answer *a);

#endif
