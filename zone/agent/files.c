// SPDX-License-Identifier: Apache-2.0
#include "files.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <openssl/pem.h>
#include "../../verify/socket.h"
#include "../cleanup.h"

#define NAME_SIZE  64u // of a hint or file, with its NUL
#define DEPTH_MAX  4   // USER.N/hint/HINT
#define OWNER_ONLY 0400
#define EVERYBODY  0444

struct put {
	struct files *files;
	const struct fetched *fetched;
	struct user users[WIRE_GRANTS_MAX * WIRE_USERS_MAX + WIRE_FILES_MAX];
	size_t nr_users;
};

static bool plain(const char *name)
{
	size_t size = strlen(name);

	return size && size < NAME_SIZE && name[0] != '.' &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") ==
		       size;
}

// All that lies below a name, which may be no directory.
static void remove_tree(int at, const char *name, int depth)
{
	int fd = depth ? openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : -1;
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;

	while (dir && (entry = readdir(dir)))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			remove_tree(dirfd(dir), entry->d_name, depth - 1);
	if (dir)
		closedir(dir);
	else if (fd >= 0)
		close(fd);
	(void)unlinkat(at, name, fd >= 0 ? AT_REMOVEDIR : 0);
}

static int make_directory(int at, const char *name)
{
	if (mkdirat(at, name, 0755) && errno != EEXIST)
		return -errno;
	int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static int write_all(int fd, const uint8_t *data, size_t size)
{
	while (size) {
		ssize_t n = write(fd, data, size);
		if (n < 0 && errno != EINTR)
			return -errno;
		data += n < 0 ? 0 : n;
		size -= n < 0 ? 0 : (size_t)n;
	}
	return 0;
}

static int write_file(int at, const char *name, const struct user *user, mode_t mode,
		      const uint8_t *data, size_t size)
{
	cleanup_close int fd = openat(at, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd < 0)
		return -errno;
	int rc = write_all(fd, data, size);
	return rc ?: fchmod(fd, mode) || fchown(fd, user->uid, user->gid) ? -errno : 0;
}

// A memory BIO's content, and the end of it.
static int write_pem(BIO *bio, int at, const char *name, const struct user *user, mode_t mode)
{
	char *data;
	long size = BIO_get_mem_data(bio, &data);
	int rc = size > 0 ? write_file(at, name, user, mode, (uint8_t *)data, (size_t)size) : -EIO;

	OPENSSL_cleanse(data, size > 0 ? (size_t)size : 0);
	BIO_free(bio);
	return rc;
}

// Certificates, DER, one behind the other.
static int write_certificates(int at, const char *name, const struct user *user,
			      const struct bytes *der)
{
	const uint8_t *p = der->data, *end = p + der->size;
	BIO *bio = BIO_new(BIO_s_mem());
	bool whole = bio;

	while (whole && p < end) {
		X509 *certificate = d2i_X509(NULL, &p, end - p);
		whole = certificate && PEM_write_bio_X509(bio, certificate);
		X509_free(certificate);
	}
	if (whole && der->size)
		return write_pem(bio, at, name, user, EVERYBODY);
	BIO_free(bio);
	return whole ? write_file(at, name, user, EVERYBODY, NULL, 0) : -EIO;
}

static int write_key(int at, const char *name, const struct user *user, const struct bytes *der)
{
	const uint8_t *p = der->data;
	EVP_PKEY *key = d2i_AutoPrivateKey(NULL, &p, (long)der->size);
	BIO *bio = BIO_new(BIO_s_mem());
	bool whole = key && bio && PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL);

	EVP_PKEY_free(key);
	if (whole)
		return write_pem(bio, at, name, user, OWNER_ONLY);
	BIO_free(bio);
	return -EIO;
}

static int write_identity(const struct put *p, int at, const struct user *user,
			  const struct identity *identity)
{
	const struct bundle *bundle =
		identities_x509_of(p->fetched->identities, identity->spiffe_id);
	int rc = write_certificates(at, "svid.pem", user, &identity->chain);

	rc = rc ?: write_key(at, "svid_key.pem", user, &identity->key);
	return rc
		       ?: bundle ? write_certificates(at, "svid_bundle.pem", user, &bundle->content)
				 : -EIO;
}

static int write_identities(const struct put *p, int at, const struct user *user)
{
	const struct identities *ids = p->fetched->identities;
	cleanup_close int hints = make_directory(at, "hint");
	bool first = true;
	int rc = hints < 0 ? hints : 0;

	for (size_t i = 0; !rc && i < ids->count; i++) {
		const struct identity *identity = &ids->entries[i];
		if (identity->uid != user->uid)
			continue;
		if (first)
			rc = write_identity(p, at, user, identity);
		first = false;
		if (rc || !plain(identity->hint))
			continue;
		cleanup_close int dir = make_directory(hints, identity->hint);
		rc = dir < 0 ? dir : write_identity(p, dir, user, identity);
	}
	return rc;
}

static int write_federated(const struct put *p, int at, const struct user *user)
{
	const struct identities *ids = p->fetched->identities;
	cleanup_close int dir = make_directory(at, "federated");
	int rc = dir < 0 ? dir : 0;
	char name[300];

	for (size_t i = 0; !rc && i < ids->x509_count; i++) {
		const struct bundle *b = &ids->x509[i];
		if (!strcmp(b->domain, ids->own_domain))
			continue;
		snprintf(name, sizeof(name), "%s.pem", b->domain + strlen("spiffe://"));
		rc = write_certificates(dir, name, user, &b->content);
	}
	return rc;
}

static const char *user_of(const struct put *p, const struct fetch_file *file)
{
	return file->user[0] ? file->user : p->files->workload.name;
}

static int write_files(const struct put *p, int at, const struct user *user)
{
	cleanup_close int dir = make_directory(at, "files");
	int rc = dir < 0 ? dir : 0;

	for (size_t i = 0; !rc && i < p->fetched->nr_files; i++) {
		const struct fetch_file *f = &p->fetched->file[i];
		if (strcmp(user_of(p, f), user->name) != 0)
			continue;
		rc = plain(f->name)
			     ? write_file(dir, f->name, user, OWNER_ONLY, f->content, f->size)
			     : -EINVAL;
	}
	return rc;
}

static bool has_user(const struct put *p, const char *name)
{
	for (size_t i = 0; i < p->nr_users; i++)
		if (!strcmp(p->users[i].name, name))
			return true;
	return false;
}

static int add_user(struct put *p, const struct user *user)
{
	if (has_user(p, user->name))
		return 0;
	if (p->nr_users == sizeof(p->users) / sizeof(p->users[0]))
		return -E2BIG;
	p->users[p->nr_users++] = *user;
	return 0;
}

static int find_users(struct put *p, char error[CL_ERROR_SIZE])
{
	const struct identities *ids = p->fetched->identities;
	struct user user;
	int rc = 0;

	for (size_t i = 0; !rc && i < ids->count; i++)
		rc = users_by_uid(ids->entries[i].uid, &user) ?: add_user(p, &user);
	for (size_t i = 0; !rc && i < p->fetched->nr_files; i++) {
		const struct fetch_file *f = &p->fetched->file[i];
		if (users_by_name(user_of(p, f), &user))
			return clv_error(error, -ENOENT,
					 "the file %s is for the user \"%s\", whom this zone does "
					 "not know",
					 f->name, user_of(p, f));
		rc = add_user(p, &user);
	}
	return rc ? clv_error(error, rc, "the users that identities are for: %s", strerror(-rc))
		  : 0;
}

static void name_generation(char name[NAME_SIZE], const struct user *user, unsigned int generation)
{
	snprintf(name, NAME_SIZE, ".%s.%u", user->name, generation);
}

static int write_user(const struct put *p, const struct user *user, char error[CL_ERROR_SIZE])
{
	char name[NAME_SIZE];

	name_generation(name, user, p->files->generation);
	cleanup_close int dir = make_directory(p->files->dir, name);
	int rc = dir < 0 ? dir : write_identities(p, dir, user);

	rc = rc ?: write_federated(p, dir, user);
	rc = rc ?: write_files(p, dir, user);
	return rc ? clv_error(error, rc, "files of the user %s: %s", user->name, strerror(-rc)) : 0;
}

static int switch_user(const struct files *files, const struct user *user)
{
	char name[NAME_SIZE];

	name_generation(name, user, files->generation);
	(void)unlinkat(files->dir, ".link", 0);
	if (symlinkat(name, files->dir, ".link") ||
	    renameat(files->dir, ".link", files->dir, user->name))
		return -errno;
	return 0;
}

// Who has nothing any more has no link: what it leads to will go.
static void unlink_others(const struct put *p)
{
	int fd = openat(p->files->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;
	char to[NAME_SIZE];

	while (dir && (entry = readdir(dir)))
		if (entry->d_name[0] != '.' && !has_user(p, entry->d_name) &&
		    readlinkat(p->files->dir, entry->d_name, to, sizeof(to)) >= 0)
			(void)unlinkat(p->files->dir, entry->d_name, 0);
	if (dir)
		closedir(dir);
	else if (fd >= 0)
		close(fd);
}

// Which fetch's directory this is; 0: none.
static unsigned int generation_of(const char *name)
{
	const char *dot = strrchr(name, '.');

	return name[0] == '.' && dot != name ? (unsigned int)strtoul(dot + 1, NULL, 10) : 0;
}

// Remove what these fetches have left. The newest of all there was.
static unsigned int sweep(const struct files *files, unsigned int first, unsigned int last)
{
	int fd = openat(files->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	unsigned int newest = 0;
	struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		unsigned int g = generation_of(entry->d_name);
		newest = g > newest ? g : newest;
		if (g && g >= first && g <= last)
			remove_tree(files->dir, entry->d_name, DEPTH_MAX);
	}
	if (dir)
		closedir(dir);
	else if (fd >= 0)
		close(fd);
	return newest;
}

int files_open(struct files *files, const char *path, const struct user *workload)
{
	*files = (struct files){.workload = *workload};
	files->dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (files->dir < 0)
		return -errno;
	// An agent before this one may have left what is in use.
	files->generation = sweep(files, 1, 0);
	return 0;
}

int files_put(struct files *files, const struct fetched *fetched, char error[CL_ERROR_SIZE])
{
	struct put *p = calloc(1, sizeof(*p));
	int rc;

	if (!p)
		return clv_error(error, -ENOMEM, "no memory");
	p->files = files;
	p->fetched = fetched;
	files->generation++;
	rc = find_users(p, error);
	for (size_t i = 0; !rc && i < p->nr_users; i++)
		rc = write_user(p, &p->users[i], error);
	if (rc) {
		sweep(files, files->generation, files->generation);
		files->generation--;
	}
	for (size_t i = 0; !rc && i < p->nr_users; i++)
		if ((rc = switch_user(files, &p->users[i])))
			clv_error(error, rc, "files of the user %s: %s", p->users[i].name,
				  strerror(-rc));
	if (!rc)
		unlink_others(p);
	if (!rc && files->generation > 1)
		sweep(files, 1, files->generation - 2);
	free(p);
	return rc;
}
