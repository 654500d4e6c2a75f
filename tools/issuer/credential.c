// SPDX-License-Identifier: Apache-2.0
#include "credential.h"
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include "../../spiffe/key.h"
#include "../../verify/socket.h"
#include "stream.h"

#define SLACK	      60u // clocks of clients may be that late
#define RETRY_SECONDS 60

struct credential {
	struct credential_source source;
	pthread_mutex_t lock; // of the rest
	SSL_CTX *current;
	time_t renew_at;
};

// Nobody is there to be asked for one.
static int no_password(char *to, int size, int writing, void *unused)
{
	(void)to;
	(void)size;
	(void)writing;
	(void)unused;
	return 0;
}

static int load_files(const struct credential_source *s, SSL_CTX *c, char error[CL_ERROR_SIZE])
{
	SSL_CTX_set_default_passwd_cb(c, no_password);
	if (SSL_CTX_use_certificate_chain_file(c, s->certificate) != 1)
		return clv_error(error, -EINVAL, "%.200s: no certificate in PEM", s->certificate);
	if (SSL_CTX_use_PrivateKey_file(c, s->key, SSL_FILETYPE_PEM) != 1 ||
	    SSL_CTX_check_private_key(c) != 1)
		return clv_error(error, -EINVAL,
				 "%.200s: no private key in PEM that belongs to the certificate",
				 s->key);
	return 0;
}

// Our own wish for a certificate needs no proof that we have the key.
static EVP_PKEY *own_request(struct spiffe_csr *csr)
{
	EVP_PKEY *key = spiffe_key_new();
	size_t size = 0;

	*csr = (struct spiffe_csr){.key = key};
	if (key &&
	    EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, csr->point,
					    sizeof(csr->point), &size) == 1 &&
	    size == sizeof(csr->point))
		return key;
	EVP_PKEY_free(key);
	return NULL;
}

static int issue(const struct credential_source *s, const struct spiffe_csr *csr, time_t now,
		 struct spiffe_svid *svid, const char **why)
{
	struct spiffe_id id;
	int rc = spiffe_id_parse(&id, s->spiffe_id, strlen(s->spiffe_id), why);
	const struct spiffe_grant grant = {
		.id = &id, .validity = {.now = now, .slack = SLACK, .lifetime = s->ttl}};

	if (rc)
		return rc;
	const struct authorities *a = keyring_hold(s->keyring);
	rc = spiffe_ca_issue(&a->ca, csr, &grant, svid, why);
	keyring_release(s->keyring, a);
	return rc;
}

static int make_svid(const struct credential_source *s, SSL_CTX *c, time_t now, time_t *renew_at,
		     char error[CL_ERROR_SIZE])
{
	struct spiffe_csr csr;
	struct spiffe_svid svid = {.der = NULL};
	const char *why = "OpenSSL fails";
	EVP_PKEY *key = own_request(&csr);
	int rc = key ? issue(s, &csr, now, &svid, &why) : -EIO;

	if (!rc && (SSL_CTX_use_certificate_ASN1(c, (int)svid.size, svid.der) != 1 ||
		    SSL_CTX_use_PrivateKey(c, key) != 1))
		rc = -EIO;
	*renew_at = now + (svid.not_after - now) / 2;
	OPENSSL_free(svid.der);
	EVP_PKEY_free(key);
	return rc ? clv_error(error, rc, "%.200s: no X509-SVID: %s", s->spiffe_id, why) : 0;
}

// A fresh context in the place of the current one.
static int renew(struct credential *k, time_t now, char error[CL_ERROR_SIZE])
{
	SSL_CTX *c = stream_context(true);
	time_t renew_at = INT64_MAX;
	int rc = !c		       ? clv_error(error, -ENOMEM, "no memory")
		 : k->source.spiffe_id ? make_svid(&k->source, c, now, &renew_at, error)
				       : load_files(&k->source, c, error);

	ERR_clear_error();
	if (rc) {
		SSL_CTX_free(c);
		return rc;
	}
	pthread_mutex_lock(&k->lock);
	SSL_CTX *old = k->current;
	k->current = c;
	k->renew_at = renew_at;
	pthread_mutex_unlock(&k->lock);
	SSL_CTX_free(old);
	return 0;
}

int credential_open(const struct credential_source *source, time_t now,
		    struct credential **credential, char error[CL_ERROR_SIZE])
{
	struct credential *k = calloc(1, sizeof(*k));

	*credential = NULL;
	if (!k)
		return clv_error(error, -ENOMEM, "no memory");
	k->source = *source;
	pthread_mutex_init(&k->lock, NULL);
	int rc = renew(k, now, error);
	if (rc)
		credential_close(k);
	else
		*credential = k;
	return rc;
}

void credential_close(struct credential *k)
{
	if (!k)
		return;
	SSL_CTX_free(k->current);
	pthread_mutex_destroy(&k->lock);
	free(k);
}

int credential_reload(struct credential *k, char error[CL_ERROR_SIZE])
{
	return k->source.spiffe_id ? 0 : renew(k, time(NULL), error);
}

SSL_CTX *credential_context(struct credential *k, time_t now, char error[CL_ERROR_SIZE])
{
	error[0] = '\0';
	pthread_mutex_lock(&k->lock);
	bool due = now >= k->renew_at;
	if (due)
		k->renew_at = now + RETRY_SECONDS; // nobody else does it meanwhile
	pthread_mutex_unlock(&k->lock);
	if (due)
		renew(k, now, error);
	pthread_mutex_lock(&k->lock);
	SSL_CTX *c = k->current;
	SSL_CTX_up_ref(c);
	pthread_mutex_unlock(&k->lock);
	return c;
}
