/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a zone is given, fetched from the issuer on one attested channel: grants, then certificates
 * for keys that are made here, then bundles. The keys stay in this process and in what the Workload
 * API hands to the users that they are for.
 */
#ifndef ZONE_AGENT_FETCH_H
#define ZONE_AGENT_FETCH_H

#include <time.h>
#include "../../channel/channel.h"
#include "../../issuer/wire.h"
#include "../../agent/identity.h"

#define FETCH_MS 30000u /* for each request */

/* Who a grant's users are, by the zone's /etc/passwd. */
struct fetch_users {
	uid_t workload; /* where a grant names nobody */
	/* 0 or -ENOENT. */
	int (*find)(const char *name, uid_t *uid);
};

/* A file that the zone was given. */
struct fetch_file {
	char *name, *user; /* user: "" for the workload's own */
	const uint8_t *content;
	size_t size;
};

struct fetched {
	struct identities *identities; /* sealed; one reference */
	time_t renew;		       /* half of the shortest certificate's life is over */
	time_t refresh;		       /* when to ask for bundles again; never after renew */
	/* To ask for tokens: a grant's number is its place here. */
	char *id[WIRE_GRANTS_MAX];
	size_t nr_ids;
	struct fetch_file file[WIRE_FILES_MAX];
	size_t nr_files;
	uint8_t *memory; /* the contents of files */
};

/* All of it. 0, or a negative errno with the sentence; -> fetched_free(). */
int fetch_all(struct channel *channel, const struct fetch_users *users, time_t now,
	      struct fetched *fetched, char error[CL_ERROR_SIZE]);
void fetched_free(struct fetched *fetched);

/*
 * A JWT-SVID. 0 with the token, for free(3); -EACCES or -EINVAL if the issuer refuses; another
 * negative errno if the channel is of no use any more. The sentence is there for all of them.
 */
int fetch_token(struct channel *channel, size_t grant, const char *const *audiences,
		size_t nr_audiences, char **token, char error[CL_ERROR_SIZE]);

#endif
