// SPDX-License-Identifier: Apache-2.0
// Files on an ESP and in /etc: written beside, synced, renamed, so that a crash leaves the old one.
#include "node_content.h"
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <openssl/evp.h>
#include "cleanup.h"
#include "node_host.h"
#include "regular.h"

static int digest(struct content *c)
{
	uint8_t md[32];

	if (EVP_Digest(c->data, c->bytes, md, NULL, EVP_sha256(), NULL) != 1)
		return -EIO;
	for (size_t i = 0; i < sizeof(md); i++)
		sprintf(c->sha256 + 2 * i, "%02x", md[i]);
	return 0;
}

int content_of_file(struct content *c, const char *path)
{
	cleanup_close int fd = regular_open("", path, O_RDONLY | O_NOFOLLOW);
	struct stat st;

	memset(c, 0, sizeof(*c));
	if (fd < 0)
		return fd;
	if (fstat(fd, &st))
		return -errno;
	c->bytes = (size_t)st.st_size;
	if (c->bytes) {
		void *data = mmap(NULL, c->bytes, PROT_READ, MAP_PRIVATE, fd, 0);
		if (data == MAP_FAILED)
			return -errno;
		c->data = data;
		c->mapped = true;
	}
	int rc = digest(c);
	if (rc)
		content_free(c);
	return rc;
}

int content_of_bytes(struct content *c, const void *data, size_t bytes)
{
	memset(c, 0, sizeof(*c));
	c->data = malloc(bytes ? bytes : 1);
	if (!c->data)
		return -ENOMEM;
	memcpy(c->data, data, bytes);
	c->bytes = bytes;
	int rc = digest(c);
	if (rc)
		content_free(c);
	return rc;
}

void content_free(struct content *c)
{
	if (c->mapped)
		munmap(c->data, c->bytes);
	else
		free(c->data);
	memset(c, 0, sizeof(*c));
}

int content_digest(const char *path, char sha256[CONTENT_HEX])
{
	struct content c;
	int rc = content_of_file(&c, path);

	if (rc)
		return rc;
	memcpy(sha256, c.sha256, CONTENT_HEX);
	content_free(&c);
	return 0;
}

static int write_all(int fd, const struct content *c)
{
	const char *p = c->data;

	for (size_t left = c->bytes; left;) {
		ssize_t n = write(fd, p, left);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -ENOSPC;
		p += n;
		left -= (size_t)n;
	}
	return fsync(fd) ? -errno : 0;
}

static int sync_directory(const char *path)
{
	char copy[NODE_PATH + sizeof(CONTENT_PART)];

	snprintf(copy, sizeof(copy), "%s", path);
	cleanup_close int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	// FAT's driver may not sync directories; the file's own sync wrote what matters.
	if (fd < 0 || (fsync(fd) && errno != EINVAL))
		return -errno;
	return 0;
}

int content_write(const struct content *c, const char *path, unsigned int mode)
{
	char part[NODE_PATH + sizeof(CONTENT_PART)];
	int n = snprintf(part, sizeof(part), "%s" CONTENT_PART, path);

	if (n < 0 || (size_t)n >= sizeof(part))
		return -ENAMETOOLONG;
	// Left by an earlier run.
	if (unlink(part) && errno != ENOENT)
		return -errno;
	cleanup_close int fd =
		open(part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
	if (fd < 0)
		return -errno;
	int rc = write_all(fd, c);
	// Whatever the umask is. FAT has no modes.
	if (!rc && fchmod(fd, mode) && errno != EPERM)
		rc = -errno;
	if (!rc && rename(part, path))
		rc = -errno;
	if (rc) {
		unlink(part);
		return rc;
	}
	return sync_directory(path);
}
