/* SPDX-License-Identifier: Apache-2.0 */
/* Contents of files that are installed: whole in memory, and known by their SHA-256. */
#ifndef CLOISTER_CLI_NODE_CONTENT_H
#define CLOISTER_CLI_NODE_CONTENT_H

#include <stdbool.h>
#include <stddef.h>

#define CONTENT_HEX 65 /* with NUL */

struct content {
	void *data;
	size_t bytes;
	bool mapped;
	char sha256[CONTENT_HEX];
};

/* Of a file, by its full path; of bytes (copied). 0 or negative errno. */
int content_of_file(struct content *c, const char *path);
int content_of_bytes(struct content *c, const void *data, size_t bytes);
void content_free(struct content *c);

/* 0 and the file's SHA-256, or negative errno; -EINVAL if it is no regular file. */
int content_digest(const char *path, char sha256[CONTENT_HEX]);

/* Replaces or makes the file whole, and on the disk before this returns; or leaves it as it was. */
int content_write(const struct content *c, const char *path, unsigned int mode);

/* What an interrupted content_write() may have left. */
#define CONTENT_PART	".cloister-part"

#define cleanup_content __attribute__((cleanup(content_free)))

#endif
