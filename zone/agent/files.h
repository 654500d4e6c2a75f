/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a zone is given, as files for its users (docs/zone-identity.md):
 *
 *   USER/svid.pem, svid_key.pem, svid_bundle.pem   its first identity; the names are
 * spiffe-helper's USER/hint/HINT/…                               the same of each that has a hint
 *   USER/federated/DOMAIN.pem                      other trust domains' bundles
 *   USER/files/NAME
 *
 * USER is a link to a directory of one fetch, .USER.NUMBER, and changes at once. Keys and files are
 * their user's alone. The directory before stays until the next, for who has begun to read it. Who
 * has nothing any more has no link either.
 */
#ifndef ZONE_AGENT_FILES_H
#define ZONE_AGENT_FILES_H

#include "fetch.h"
#include "users.h"

struct files {
	int dir;
	struct user workload;
	unsigned int generation;
};

/* In a directory that this process, or one before it, has for this alone. 0 or -errno. */
int files_open(struct files *files, const char *path, const struct user *workload);

/*
 * Needs CAP_CHOWN. 0, or a negative errno with the sentence: no user has half of something, though
 * some may have the new and others the old.
 */
int files_put(struct files *files, const struct fetched *fetched, char error[CL_ERROR_SIZE]);

#endif
