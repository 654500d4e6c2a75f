// SPDX-License-Identifier: Apache-2.0
// The CA's directory: opening, checking, changing it.
#include "ca.h"
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include "../../verify/socket.h"
#include "../cloister/cleanup.h"
#include "files.h"

#define KEY_FILE   "ca.key"
#define CERT_FILE  "ca.crt"
#define NODES_FILE "nodes.json"
#define NODES_OLD  "nodes.json.old"
#define CRL_FILE   "crl.pem"
#define LOCK_FILE  ".lock"

static int write_bio(int dir, const char *name, BIO *bio, mode_t mode)
{
	char *data;
	long size = BIO_get_mem_data(bio, &data);

	return size > 0 ? file_replace(dir, name, data, (size_t)size, mode) : -EIO;
}

static int write_key(int dir, EVP_PKEY *key)
{
	BIO *bio = BIO_new(BIO_s_secmem());
	int rc = bio && PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1
			 ? write_bio(dir, KEY_FILE, bio, 0600)
			 : -EIO;
	BIO_free(bio);
	return rc;
}

static int write_cert(int dir, X509 *cert)
{
	BIO *bio = BIO_new(BIO_s_mem());
	int rc = bio && PEM_write_bio_X509(bio, cert) == 1 ? write_bio(dir, CERT_FILE, bio, 0644)
							   : -EIO;
	BIO_free(bio);
	return rc;
}

// The longest that a node, a certificate and a revocation can become, in bytes of JSON and of PEM.
#define NODE_JSON    512u
#define CERT_JSON    192u
#define REVOKED_PEM  80u
#define CRL_HEAD_PEM 4096u

int ca_room(const struct ca *ca, char error[CL_ERROR_SIZE])
{
	size_t certs = 0;

	for (size_t i = 0; i < ca->nodes.count; i++)
		certs += ca->nodes.list[i].nr_certs;
	if (ca->nodes.count * NODE_JSON + certs * CERT_JSON <= CA_NODES_MAX &&
	    CRL_HEAD_PEM + certs * REVOKED_PEM <= CA_CRL_MAX)
		return 0;
	return clv_error(
		error, -ENOSPC,
		"the CA has no room for another certificate: %zu, of %zu nodes, are all that it "
		"could revoke; begin a second CA (--ca), or `cloister node renew` nodes: those of "
		"their certificates that are over then make room",
		certs, ca->nodes.count);
}

int ca_not_enrolled(const char *name, char error[CL_ERROR_SIZE])
{
	return clv_error(error, -ENOENT, "%.64s is not enrolled; see `cloister node list`", name);
}

int ca_commit(struct ca *ca, time_t now, char error[CL_ERROR_SIZE])
{
	cleanup_free char *old = malloc(CA_NODES_MAX), *text = NULL, *crl = NULL;
	int size = old ? file_read(ca->dir, NODES_FILE, old, CA_NODES_MAX) : -ENOMEM;
	int rc = size >= 0	   ? file_replace(ca->dir, NODES_OLD, old, (size_t)size, 0644)
		 : size == -ENOENT ? 0
				   : size;

	ca->nodes.crl_number++;
	text = nodes_print(&ca->nodes);
	crl = ca_crl(ca, now);
	if (!rc && (!text || !crl))
		rc = -EIO;
	// What could not be read again.
	if (!rc && (strlen(text) > CA_NODES_MAX || strlen(crl) > CA_CRL_MAX))
		rc = -EFBIG;
	if (!rc)
		rc = file_replace(ca->dir, NODES_FILE, text, strlen(text), 0644);
	if (rc)
		return clv_error(error, rc, "%s cannot be written: %s; nothing has changed",
				 NODES_FILE, strerror(-rc));
	rc = file_replace(ca->dir, CRL_FILE, crl, strlen(crl), 0644);
	if (rc)
		return clv_error(error, rc,
				 "the change is in %s, but %s cannot be written: %s; make room and "
				 "run `cloister node ca`",
				 NODES_FILE, CRL_FILE, strerror(-rc));
	return 0;
}

static int fill(int dir, time_t now, char error[CL_ERROR_SIZE])
{
	struct ca ca = {.dir = dir, .lock = -1, .key = EVP_EC_gen("P-256")};
	int rc = -EIO;

	ca.cert = ca.key ? ca_self(ca.key, now) : NULL;
	if (ca.cert) {
		rc = write_key(dir, ca.key);
		if (!rc)
			rc = write_cert(dir, ca.cert);
	}
	if (!rc)
		rc = ca_commit(&ca, now, error);
	EVP_PKEY_free(ca.key);
	X509_free(ca.cert);
	return rc;
}

static void remove_new(const char *path)
{
	static const char *const files[] = {KEY_FILE, CERT_FILE, NODES_FILE, CRL_FILE};
	cleanup_close int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	for (size_t i = 0; dir >= 0 && i < sizeof(files) / sizeof(files[0]); i++)
		unlinkat(dir, files[i], 0);
	rmdir(path);
}

static int sync_parent(const char *path)
{
	char copy[PATH_MAX];

	snprintf(copy, sizeof(copy), "%s", path);
	cleanup_close int dir = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return dir < 0 || fsync(dir) ? -errno : 0;
}

int ca_create(const char *path, time_t now, char error[CL_ERROR_SIZE])
{
	char beside[PATH_MAX], parent[PATH_MAX];
	struct stat st;
	int n = snprintf(beside, sizeof(beside), "%s.new.XXXXXX", path);
	size_t length = strlen(path);

	if (n < 0 || (size_t)n >= sizeof(beside) || !length || path[length - 1] == '/')
		return clv_error(error, -EINVAL,
				 "%s: a directory's name without a slash at its end expected",
				 path);
	snprintf(parent, sizeof(parent), "%s", path);
	int rc = dir_make(dirname(parent), 0755);
	if (rc)
		return clv_error(error, rc, "%s: %s", path, strerror(-rc));
	// rename(2) below replaces an empty directory and nothing else.
	if (!stat(path, &st) && !S_ISDIR(st.st_mode))
		return clv_error(error, -ENOTDIR, "%s: is no directory", path);
	if (!mkdtemp(beside))
		return clv_error(error, -errno, "%s: %s", path, strerror(errno));
	cleanup_close int dir = open(beside, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	rc = dir < 0 ? -errno : fill(dir, now, error);
	if (!rc && rename(beside, path))
		rc = errno == ENOTEMPTY ? -EEXIST : -errno;
	if (rc)
		remove_new(beside);
	else
		rc = sync_parent(path);
	if (rc == -EEXIST)
		return clv_error(error, rc, "%s: is not empty", path);
	return rc ? clv_error(error, rc, "%s: a new CA cannot be made there: %s", path,
			      strerror(-rc))
		  : 0;
}

static int load_key(struct ca *ca, const char *path, char error[CL_ERROR_SIZE])
{
	char text[CA_MAX];
	struct stat st;

	if (fstatat(ca->dir, KEY_FILE, &st, AT_SYMLINK_NOFOLLOW))
		return clv_error(error, -errno, "%s/%s: %s", path, KEY_FILE, strerror(errno));
	if (!S_ISREG(st.st_mode) || st.st_mode & 077 || (st.st_uid != geteuid() && st.st_uid != 0))
		return clv_error(error, -EPERM,
				 "%s/%s: others than its owner may read or write it, or you are "
				 "not its owner; if nobody has read it: `chown` it to you and "
				 "`chmod 600` it, else begin a new CA",
				 path, KEY_FILE);
	int n = file_read(ca->dir, KEY_FILE, text, sizeof(text));
	BIO *bio = n > 0 ? BIO_new_mem_buf(text, n) : NULL;
	ca->key = bio ? PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL) : NULL;
	BIO_free(bio);
	OPENSSL_cleanse(text, sizeof(text));
	if (!ca->key)
		return clv_error(error, -EINVAL, "%s/%s: is no private key in PEM; restore it",
				 path, KEY_FILE);
	return 0;
}

static int load_cert(struct ca *ca, const char *path, char error[CL_ERROR_SIZE])
{
	char text[CA_MAX];
	int n = file_read(ca->dir, CERT_FILE, text, sizeof(text));
	BIO *bio = n > 0 ? BIO_new_mem_buf(text, n) : NULL;

	ca->cert = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
	BIO_free(bio);
	if (!ca->cert || X509_check_private_key(ca->cert, ca->key) != 1)
		return clv_error(error, -EINVAL,
				 "%s/%s: is not the certificate of %s; restore both from one "
				 "backup",
				 path, CERT_FILE, KEY_FILE);
	return 0;
}

// The list in crl.pem: its number (0: there is none), and whether half of its time is left.
static uint64_t crl_number(const struct ca *ca, time_t now, bool *young)
{
	cleanup_free char *text = malloc(CA_CRL_MAX);
	int n = text ? file_read(ca->dir, CRL_FILE, text, CA_CRL_MAX) : -ENOMEM;
	BIO *bio = n > 0 ? BIO_new_mem_buf(text, n) : NULL;
	X509_CRL *crl = bio ? PEM_read_bio_X509_CRL(bio, NULL, NULL, NULL) : NULL;
	ASN1_INTEGER *number = NULL;
	time_t half = now + (time_t)CRL_DAYS * 43200;
	uint64_t value = 0;

	*young = false;
	if (crl && X509_CRL_verify(crl, ca->key) == 1) {
		number = X509_CRL_get_ext_d2i(crl, NID_crl_number, NULL, NULL);
		*young = X509_cmp_time(X509_CRL_get0_nextUpdate(crl), &half) > 0;
	}
	if (!number || !ASN1_INTEGER_get_uint64(&value, number))
		value = 0;
	ASN1_INTEGER_free(number);
	X509_CRL_free(crl);
	BIO_free(bio);
	ERR_clear_error();
	return value;
}

static int load_nodes(struct ca *ca, const char *path, char error[CL_ERROR_SIZE])
{
	cleanup_free char *text = malloc(CA_NODES_MAX);
	char why[160];
	int n = text ? file_read(ca->dir, NODES_FILE, text, CA_NODES_MAX) : -ENOMEM;
	bool young;

	if (n < 0)
		snprintf(why, sizeof(why), "%s", strerror(-n));
	if (n < 0 || nodes_parse(&ca->nodes, text, (size_t)n, why, sizeof(why)))
		return clv_error(error, -EINVAL,
				 "%s/%s: %s; nothing was changed: restore it (%s is how it was "
				 "before the last change; make that change again)",
				 path, NODES_FILE, why, NODES_OLD);
	// After a restored backup: the numbers of what was published only go up.
	uint64_t published = crl_number(ca, 0, &young);
	if (published > ca->nodes.crl_number)
		ca->nodes.crl_number = published;
	return 0;
}

bool ca_crl_fresh(const struct ca *ca, time_t now)
{
	bool young;

	return crl_number(ca, now, &young) == ca->nodes.crl_number && young;
}

static int take_lock(struct ca *ca, const char *path, char error[CL_ERROR_SIZE])
{
	ca->lock = openat(ca->dir, LOCK_FILE, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (ca->lock < 0 || flock(ca->lock, LOCK_EX))
		return clv_error(error, -errno, "%s: cannot be locked: %s", path, strerror(errno));
	return 0;
}

int ca_open(struct ca *ca, const char *path, bool change, char error[CL_ERROR_SIZE])
{
	*ca = (struct ca){.dir = -1, .lock = -1};
	ca->dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (ca->dir < 0)
		return clv_error(error, -errno, "%s: %s; `cloister node enroll` begins a CA", path,
				 strerror(errno));
	int rc = change ? take_lock(ca, path, error) : 0;
	if (!rc)
		rc = load_key(ca, path, error);
	if (!rc)
		rc = load_cert(ca, path, error);
	if (!rc)
		rc = load_nodes(ca, path, error);
	if (rc)
		ca_close(ca);
	ERR_clear_error();
	return rc;
}

void ca_close(struct ca *ca)
{
	EVP_PKEY_free(ca->key);
	X509_free(ca->cert);
	nodes_free(&ca->nodes);
	if (ca->lock >= 0)
		close(ca->lock);
	if (ca->dir >= 0)
		close(ca->dir);
	*ca = (struct ca){.dir = -1, .lock = -1};
}
