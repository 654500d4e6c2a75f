/* SPDX-License-Identifier: Apache-2.0 */
/* The Workload API's answers, made of a snapshot for one uid. */
#ifndef AGENT_MESSAGES_H
#define AGENT_MESSAGES_H

#include <jansson.h>
#include "grpc_text.h"
#include "identity.h"

struct account;
struct blob;

/* What is sent again at each change. */
enum message_kind {
	MESSAGE_X509_SVIDS,
	MESSAGE_X509_BUNDLES,
	MESSAGE_JWT_BUNDLES,
	MESSAGE_KINDS,
};

struct message {
	enum grpc_status status;
	const char *why;   /* unless GRPC_OK */
	struct blob *blob; /* with GRPC_OK; charged to the uid */
};

/* `ids` NULL: there is no snapshot yet (UNAVAILABLE). */
struct message message_make(enum message_kind kind, const struct identities *ids,
			    struct account *account);

/* One token for each of `count` identities. */
struct message message_jwt_svids(const struct identity *const *wanted, const char *const *tokens,
				 size_t count, struct account *account);
struct message message_validated(const char *spiffe_id, const json_t *claims,
				 struct account *account);

/* UNAVAILABLE without a snapshot, PERMISSION_DENIED without an identity; else GRPC_OK. */
enum grpc_status message_admits(const struct identities *ids, uid_t uid, const char **why);

#endif
