// SPDX-License-Identifier: Apache-2.0
#include "state.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <openssl/crypto.h>
#include <openssl/pem.h>
#include "../../issuer/keyring.h"
#include "../../verify/socket.h"
#include "../cloister/cleanup.h"
#include "../node/files.h"

#define KEY_FILE  "channel.key"
#define KEY_MAX	  4096u
#define LOCK_FILE ".lock"

static int write_key(int dir, EVP_PKEY *key)
{
	BIO *bio = BIO_new(BIO_s_secmem());
	char *data;
	int rc = -EIO;

	if (bio && PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1) {
		long size = BIO_get_mem_data(bio, &data);
		rc = file_replace(dir, KEY_FILE, data, (size_t)size, 0600);
	}
	BIO_free(bio);
	return rc;
}

static int read_key(struct channel_key *key, int dir)
{
	char pem[KEY_MAX];
	int n = file_read(dir, KEY_FILE, pem, sizeof(pem));
	int rc = n < 0 ? n : channel_key_read(key, pem, (size_t)n);

	OPENSSL_cleanse(pem, sizeof(pem));
	return rc;
}

// 0 if there is nothing in it, and whoever else begins it at the same time has lost.
static int claim(int dir)
{
	int copy = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cleanup_dir DIR *list = copy < 0 ? NULL : fdopendir(copy);

	if (!list)
		return -errno;
	for (const struct dirent *e = readdir(list); e; e = readdir(list))
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			return -ENOTEMPTY;
	if (fchmod(dir, 0700))
		return -errno;
	cleanup_close int lock =
		openat(dir, LOCK_FILE, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	return lock >= 0 ? 0 : errno == EEXIST ? -ENOTEMPTY : -errno;
}

static int fill(int dir, const char *domain, uint32_t life, time_t now, char error[CL_ERROR_SIZE])
{
	struct keyring *keyring;
	struct channel_key key;
	int rc = channel_key_make(&key);

	if (!rc) {
		rc = write_key(dir, key.key);
		channel_key_free(&key);
	}
	if (rc)
		return clv_error(error, rc, "%s cannot be written: %s", KEY_FILE, strerror(-rc));
	rc = keyring_open(dir, domain, life, now, &keyring, error);
	keyring_close(keyring);
	return rc;
}

int state_init(const char *path, const char *domain, uint32_t life, time_t now,
	       char error[CL_ERROR_SIZE])
{
	int rc = dir_make(path, 0700);
	cleanup_close int dir = rc ? -1 : open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (!rc)
		rc = dir < 0 ? -errno : claim(dir);
	if (rc == -ENOTEMPTY)
		return clv_error(error, rc, "it is not empty; take another directory");
	if (rc)
		return clv_error(error, rc, "%s", strerror(-rc));
	rc = fill(dir, domain, life, now, error);
	if (rc) {
		unlinkat(dir, KEY_FILE, 0);
		unlinkat(dir, KEYRING_FILE, 0);
		unlinkat(dir, LOCK_FILE, 0);
	}
	return rc;
}

// Whoever could write there could put keys of his own into it.
static int check_owner(int dir, char error[CL_ERROR_SIZE])
{
	struct stat st;

	if (fstat(dir, &st))
		return clv_error(error, -errno, "%s", strerror(errno));
	if (st.st_uid != geteuid())
		return clv_error(error, -EPERM, "it belongs to another user");
	if (st.st_mode & 077)
		return clv_error(error, -EPERM,
				 "it is open to others (mode %04o); chmod it to 0700, and take new "
				 "keys if somebody may have read these",
				 (unsigned int)st.st_mode & 07777);
	return 0;
}

int state_open(struct state *s, const char *path, char error[CL_ERROR_SIZE])
{
	*s = (struct state){.lock = -1};
	s->dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->dir < 0)
		return clv_error(error, -errno, "%s", strerror(errno));
	int rc = check_owner(s->dir, error);
	if (!rc)
		rc = keyring_state_domain(s->dir, s->domain, error);
	if (!rc) {
		rc = read_key(&s->key, s->dir);
		if (rc)
			clv_error(error, rc, "%s: %s", KEY_FILE,
				  rc == -EINVAL ? "this is no private key on P-256 in PEM"
						: strerror(-rc));
	}
	if (rc == -ENOENT)
		clv_error(error, rc, "there are no keys; see `cloister-issuer init --help`");
	if (rc)
		state_close(s);
	return rc;
}

int state_lock(struct state *s, char error[CL_ERROR_SIZE])
{
	s->lock = openat(s->dir, LOCK_FILE, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (s->lock < 0 || flock(s->lock, LOCK_EX | LOCK_NB)) {
		int rc = -errno;
		if (rc == -EWOULDBLOCK)
			return clv_error(error, -EBUSY, "another process serves it");
		return clv_error(error, rc, "%s: %s", LOCK_FILE, strerror(-rc));
	}
	return 0;
}

void state_close(struct state *s)
{
	channel_key_free(&s->key);
	if (s->lock >= 0)
		close(s->lock);
	if (s->dir >= 0)
		close(s->dir);
	s->lock = s->dir = -1;
}
