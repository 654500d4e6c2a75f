/* SPDX-License-Identifier: Apache-2.0 */
/* The CA's list of nodes, nodes.json. */
#ifndef CLOISTER_NODE_NODES_H
#define CLOISTER_NODE_NODES_H

#include <stdbool.h>
#include <stdint.h>
#include <jansson.h>
#include "../cloister/options.h"
#include "public.h"

#define NODES_MAX	 100000u
#define NODE_CERTS_MAX	 64u /* of one node that are still in time */
#define SERIAL_SIZE	 16u
#define SERIAL_TEXT_SIZE (2 * SERIAL_SIZE + 1)

struct node_cert {
	char serial[SERIAL_TEXT_SIZE]; /* lower-case hex */
	int64_t not_before;	       /* seconds since 1970 */
	int64_t not_after;
};

struct node_record {
	char name[NAME_MAX_LENGTH + 1];
	char ek[2 * SPKI_HASH_SIZE + 1]; /* hex SHA-256 of the EK's SPKI */
	char ak[2 * SPKI_HASH_SIZE + 1]; /* the same of the newest AK; "" in lists of old */
	bool rsa;			 /* which EK */
	bool test;			 /* a software TPM's */
	int64_t enrolled;
	int64_t revoked; /* 0: is not */
	struct node_cert certs[NODE_CERTS_MAX];
	size_t nr_certs;
};

struct nodes {
	uint64_t crl_number; /* of the newest revocation list */
	struct node_record *list;
	size_t count;
};

/* From JSON, every member checked. 0, or -EINVAL with what is wrong; free with nodes_free(). */
int nodes_parse(struct nodes *nodes, const char *text, size_t size, char *why, size_t why_size);
/* malloc'ed text, NULL without memory. */
char *nodes_print(const struct nodes *nodes);
void nodes_free(struct nodes *nodes);

struct node_record *nodes_by_name(const struct nodes *nodes, const char *name);
struct node_record *nodes_by_ek(const struct nodes *nodes, const char *ek);

/* Whoever has this AK; NULL also for "". */
struct node_record *nodes_by_ak(const struct nodes *nodes, const char *ak);

/* A new record at the end, zeroed; NULL if there is no room. Pointers into the list go stale. */
struct node_record *nodes_add(struct nodes *nodes);

/* Add a certificate, and drop those whose time is over. 0, or -ENOSPC with NODE_CERTS_MAX left. */
int node_add_cert(struct node_record *node, const struct node_cert *cert, int64_t now);

json_t *node_json(const struct node_record *node);

#endif
