/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a zone's agent and the issuer say on an attested channel, protocol "svid/1": a request of
 * the agent's, an answer of the issuer's, in deterministic CBOR (docs/issuer.cddl).
 *
 *   grants   what this zone may be and have: identities, and files
 *   sign     certificates for keys that the zone has made
 *   token    a JWT-SVID for an audience
 *   bundles  the trust domain's bundle, and those of others
 *
 * Text travels in byte strings: it is ASCII, and each reader looks at what it makes of it.
 *
 * Encoders return the size or -ENOSPC; decoders 0 or -EPROTO with `why` (static). What is decoded
 * points into the message.
 */
#ifndef ISSUER_WIRE_H
#define ISSUER_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WIRE_PROTOCOL	   "svid/1"

#define WIRE_REQUEST_MAX   (64u << 10)
#define WIRE_ANSWER_MAX	   (1u << 20)

#define WIRE_GRANTS_MAX	   16u
#define WIRE_USERS_MAX	   8u
#define WIRE_NAMES_MAX	   16u
#define WIRE_FILES_MAX	   32u
#define WIRE_AUDIENCES_MAX 16u
#define WIRE_BUNDLES_MAX   32u

struct wire_span {
	const uint8_t *data; /* bytes, or text without NUL bytes */
	size_t size;
};

/* An identity. */
struct wire_grant {
	struct wire_span id;   /* SPIFFE ID */
	struct wire_span hint; /* may be empty */
	struct wire_span users[WIRE_USERS_MAX];
	size_t nr_users; /* of the zone's /etc/passwd; 0: the workload's own */
	struct wire_span names[WIRE_NAMES_MAX];
	size_t nr_names; /* DNS names that its certificate may have */
};

/* A file or a secret, to be put where the workload finds it. */
struct wire_file {
	struct wire_span name; /* no path */
	struct wire_span user; /* whose it is; empty: the workload's */
	struct wire_span content;
};

struct wire_grants {
	struct wire_span trust_domain;
	struct wire_grant grant[WIRE_GRANTS_MAX];
	size_t nr_grants;
	struct wire_file file[WIRE_FILES_MAX];
	size_t nr_files;
};

/* Keys, each for one of the grants. */
struct wire_keys {
	struct {
		uint64_t grant; /* its number in the answer to `grants` */
		struct wire_span
			content; /* request: PKCS#10; answer: certificates, DER, leaf first */
	} key[WIRE_GRANTS_MAX];
	size_t nr_keys;
};

struct wire_token {
	uint64_t grant;
	struct wire_span audience[WIRE_AUDIENCES_MAX];
	size_t nr_audiences;
};

struct wire_bundles {
	struct {
		struct wire_span trust_domain;
		struct wire_span jwks;
	} bundle[WIRE_BUNDLES_MAX]; /* the zone's own first */
	size_t nr_bundles;
};

enum wire_kind { WIRE_GRANTS = 1, WIRE_SIGN = 2, WIRE_TOKEN = 3, WIRE_BUNDLES = 4 };

struct wire_request {
	enum wire_kind kind;
	union {
		struct wire_keys sign;
		struct wire_token token;
	};
};

int wire_put_request(const struct wire_request *request, uint8_t *out, size_t max);
int wire_take_request(struct wire_request *request, const uint8_t *data, size_t size,
		      const char **why);

/* Why a request has no other answer; numbers of gRPC's status codes. */
enum wire_code {
	WIRE_INVALID = 3,
	WIRE_DENIED = 7,
	WIRE_UNAVAILABLE = 14,
};

struct wire_refusal {
	enum wire_code code;
	struct wire_span reason; /* printable ASCII */
};

struct wire_answer {
	bool refused;
	enum wire_kind kind; /* of the request; not looked at if refused */
	union {
		struct wire_refusal refusal;
		struct wire_grants grants;
		struct wire_keys sign;
		struct wire_span token; /* JWS Compact Serialization */
		struct wire_bundles bundles;
	};
};

int wire_put_answer(const struct wire_answer *answer, uint8_t *out, size_t max);
int wire_take_answer(struct wire_answer *answer, const uint8_t *data, size_t size,
		     const char **why);

#endif
