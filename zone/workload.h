/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What runs in the zone: /etc/cloister/workload in the root file system, one directive a line,
 * words separated by blanks, '#' starts a comment line. The file is covered by the root hash.
 *
 *   argv  PROGRAM WORD…              once; the program's absolute path and its arguments
 *   user  NAME                       once; from the root's /etc/passwd, not root
 *   port  NUMBER                     once; the zone is ready when this TCP port accepts
 *   stop  TERM|INT                   at most once; the signal that asks it to end (default: TERM)
 *   reload HUP|USR1|USR2             at most once; the signal that says that the files of its
 *                                    identity are new ones (default: none)
 *   env   NAME=VALUE                 any number
 *   tmpfs PATH MODE OWNER SIZE       any number; OWNER is "root" or "user", SIZE as in tmpfs(5)
 */
#ifndef CLOISTER_ZONE_WORKLOAD_H
#define CLOISTER_ZONE_WORKLOAD_H

#include <stddef.h>
#include <stdint.h>

#define WORKLOAD_FILE	   "/etc/cloister/workload"
#define WORKLOAD_BYTES_MAX 4096u
#define WORKLOAD_WORDS_MAX 32u
#define WORKLOAD_TMPFS_MAX 16u

struct workload_tmpfs {
	const char *path;
	const char *mode;
	const char *size;
	int owned_by_user;
};

/* All strings point into text[]. */
struct workload {
	char text[WORKLOAD_BYTES_MAX + 1];
	char *argv[WORKLOAD_WORDS_MAX + 1]; /* NULL-terminated, as execve(2) wants them */
	char *env[WORKLOAD_WORDS_MAX + 1];
	uint32_t env_count;
	const char *user;
	uint16_t port;
	int stop;   /* a signal */
	int reload; /* a signal; 0: none */
	uint32_t tmpfs_count;
	struct workload_tmpfs tmpfs[WORKLOAD_TMPFS_MAX];
};

/* Parse `size` bytes. 0, or -EINVAL with *line the offending line (0: something is missing). */
int workload_parse(struct workload *workload, const char *text, size_t size, unsigned *line);

/* Look a user up in the text of a passwd(5) file. 0, -ENOENT, or -EINVAL for uid 0 or nonsense. */
int passwd_find(const char *text, const char *name, uint32_t *uid, uint32_t *gid);

#endif
