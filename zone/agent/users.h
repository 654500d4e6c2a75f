/* SPDX-License-Identifier: Apache-2.0 */
/* The zone's users, of the measured /etc/passwd: whose identities and files are. */
#ifndef ZONE_AGENT_USERS_H
#define ZONE_AGENT_USERS_H

#include <sys/types.h>

#define USER_NAME_MAX 32u /* useradd(8) */

struct user {
	char name[USER_NAME_MAX + 1];
	uid_t uid;
	gid_t gid;
};

/* Read passwd(5), once, before anything else. 0 or a negative errno. */
int users_load(const char *path);

/* Both: 0 with the user, who is never root, or -ENOENT. */
int users_by_name(const char *name, struct user *user);
int users_by_uid(uid_t uid, struct user *user);

#endif
