// SPDX-License-Identifier: Apache-2.0
// Key and certificate. The certificate proves nothing by itself: clients trust the key because a
// report of the Core carries the hash of its SubjectPublicKeyInfo (cloister/report.h).
#include <errno.h>
#include <fcntl.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "cleanup.h"
#include "tls.h"

static void free_key(EVP_PKEY **key)
{
	EVP_PKEY_free(*key);
}

static void free_cert(X509 **cert)
{
	X509_free(*cert);
}

static int add_extension(X509 *cert, int nid, const char *value)
{
	X509V3_CTX context;
	X509V3_set_ctx_nodb(&context);
	X509V3_set_ctx(&context, cert, cert, NULL, NULL, 0);
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
	int ok = extension && X509_add_ext(cert, extension, -1);
	X509_EXTENSION_free(extension);
	return ok;
}

// The zone has no clock of its own that it could trust, and the key lives no longer than the zone:
// so no dates that mean anything (RFC 5280, section 4.1.2.5: 99991231235959Z, no end).
static int fill(X509 *cert, EVP_PKEY *key)
{
	X509_NAME *name = X509_get_subject_name(cert);
	return X509_set_version(cert, X509_VERSION_3) &&
	       ASN1_INTEGER_set(X509_get_serialNumber(cert), 1) &&
	       X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
					  (const unsigned char *)"cloister zone", -1, -1, 0) &&
	       X509_set_issuer_name(cert, name) &&
	       ASN1_TIME_set_string_X509(X509_getm_notBefore(cert), "20200101000000Z") &&
	       ASN1_TIME_set_string_X509(X509_getm_notAfter(cert), "99991231235959Z") &&
	       X509_set_pubkey(cert, key) &&
	       add_extension(cert, NID_basic_constraints, "critical,CA:FALSE") &&
	       add_extension(cert, NID_key_usage, "critical,digitalSignature") &&
	       add_extension(cert, NID_ext_key_usage, "serverAuth") &&
	       add_extension(cert, NID_subject_alt_name, "DNS:localhost,IP:127.0.0.1") &&
	       X509_sign(cert, key, EVP_sha256()) > 0;
}

static int spki_hash(EVP_PKEY *key, uint8_t hash[CL_REPORT_SPKI_SIZE])
{
	unsigned char *der = NULL;
	int size = i2d_PUBKEY(key, &der);
	if (size <= 0)
		return 0;
	int ok = SHA256(der, (size_t)size, hash) != NULL;
	OPENSSL_free(der);
	return ok;
}

// A new file that was never readable by anyone else.
static FILE *create(const char *dir, const char *name, uint32_t uid, uint32_t gid)
{
	char path[256];
	int n = snprintf(path, sizeof(path), "%s/%s", dir, name);
	if (n <= 0 || (size_t)n >= sizeof(path))
		return NULL;
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0400);
	if (fd < 0)
		return NULL;
	FILE *file = fchown(fd, uid, gid) ? NULL : fdopen(fd, "w");
	if (!file)
		close(fd);
	return file;
}

static int make(const char *dir, uint32_t uid, uint32_t gid, uint8_t spki[CL_REPORT_SPKI_SIZE])
{
	__attribute__((cleanup(free_key))) EVP_PKEY *key = EVP_EC_gen("P-256");
	__attribute__((cleanup(free_cert))) X509 *cert = X509_new();

	if (!key || !cert || !fill(cert, key) || !spki_hash(key, spki))
		return -EIO;
	cleanup_fclose FILE *key_file = create(dir, "tls.key", uid, gid);
	cleanup_fclose FILE *cert_file = create(dir, "tls.crt", uid, gid);
	if (!key_file || !cert_file)
		return errno ? -errno : -EIO;
	if (!PEM_write_PrivateKey(key_file, key, NULL, NULL, 0, NULL, NULL) ||
	    !PEM_write_X509(cert_file, cert) || fflush(key_file) || fflush(cert_file))
		return -EIO;
	return 0;
}

int tls_make(const char *dir, uint32_t uid, uint32_t gid, uint8_t spki[CL_REPORT_SPKI_SIZE])
{
	int ends[2];
	int status;

	if (pipe2(ends, O_CLOEXEC))
		return -errno;
	cleanup_close int from = ends[0];
	cleanup_close int to = ends[1];
	pid_t pid = fork();
	if (pid < 0)
		return -errno;
	if (pid == 0) {
		int error = make(dir, uid, gid, spki);
		if (!error && write(to, spki, CL_REPORT_SPKI_SIZE) != CL_REPORT_SPKI_SIZE)
			error = -EIO;
		_exit(-error); // errno values fit
	}
	if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return -EIO;
	if (WEXITSTATUS(status))
		return -WEXITSTATUS(status);
	return read(from, spki, CL_REPORT_SPKI_SIZE) == CL_REPORT_SPKI_SIZE ? 0 : -EIO;
}
