// SPDX-License-Identifier: Apache-2.0
// The launch digest, and the file that carries what it covers. Both walk the same parts, so what
// is written is what was measured.
#include "launch.h"
#include <errno.h>
#include <unistd.h>
#include <openssl/evp.h>

static const uint8_t zeros[CL_PAGE_SIZE];

static void free_md(EVP_MD_CTX **md)
{
	EVP_MD_CTX_free(*md);
}

static int hash_part(EVP_MD_CTX *md, const struct launch_part *part)
{
	if (EVP_DigestUpdate(md, part->data, part->data_bytes) != 1)
		return -EIO;
	return EVP_DigestUpdate(md, zeros, part->bytes - part->data_bytes) == 1 ? 0 : -EIO;
}

int launch_digest(const struct launch *l, uint8_t digest[CL_DIGEST_SIZE])
{
	__attribute__((cleanup(free_md))) EVP_MD_CTX *md = EVP_MD_CTX_new();

	if (!md || EVP_DigestInit_ex(md, EVP_sha384(), NULL) != 1 ||
	    EVP_DigestUpdate(md, &l->desc, sizeof(l->desc)) != 1)
		return -EIO;
	for (uint32_t i = 0; i < l->desc.nr_segs; i++)
		if (hash_part(md, &l->part[i]))
			return -EIO;
	return EVP_DigestFinal_ex(md, digest, NULL) == 1 ? 0 : -EIO;
}

int launch_part_digest(const struct launch_part *part, uint8_t digest[CL_DIGEST_SIZE])
{
	__attribute__((cleanup(free_md))) EVP_MD_CTX *md = EVP_MD_CTX_new();

	if (!md || EVP_DigestInit_ex(md, EVP_sha384(), NULL) != 1 || hash_part(md, part))
		return -EIO;
	return EVP_DigestFinal_ex(md, digest, NULL) == 1 ? 0 : -EIO;
}

static int write_all(int fd, const void *data, size_t bytes)
{
	const uint8_t *p = data;

	while (bytes) {
		ssize_t n = write(fd, p, bytes);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		p += n;
		bytes -= (size_t)n;
	}
	return 0;
}

int launch_write(const struct launch *l, int fd, uint32_t window_pages, uint32_t idle_ms,
		 uint64_t handle)
{
	struct cl_launch_header header = {
		.magic = CL_LAUNCH_MAGIC,
		.version = CL_LAUNCH_VERSION,
		.window_pages = window_pages,
		.idle_ms = idle_ms,
		.handle = handle,
		.file_bytes = l->file_bytes,
	};
	int rc = write_all(fd, &header, sizeof(header));

	if (!rc)
		rc = write_all(fd, &l->desc, sizeof(l->desc));
	for (uint32_t i = 0; !rc && i < l->desc.nr_segs; i++) {
		const struct launch_part *part = &l->part[i];
		rc = write_all(fd, part->data, part->data_bytes);
		if (!rc)
			rc = write_all(fd, zeros, part->bytes - part->data_bytes);
	}
	return rc;
}
