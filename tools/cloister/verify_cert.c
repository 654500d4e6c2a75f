// SPDX-License-Identifier: Apache-2.0
#include <openssl/bio.h>
#include <openssl/pem.h>
#include "file.h"
#include "message.h"
#include "verify_cert.h"

int save_certificate(const struct request *r, int code)
{
	char *pem;

	if (!r->tls_cert_file)
		return code;
	if (code)
		return fail(code,
			    "--tls-cert %s: not written, as the exit status is %d; let no client "
			    "trust this server before it is 0",
			    r->tls_cert_file, code);
	BIO *bio = BIO_new(BIO_s_mem());
	// The bytes of the handshake as they came: nothing is read out of them and put together.
	if (!bio || !PEM_write_bio(bio, PEM_STRING_X509, "", r->tls_cert, (long)r->tls_cert_size)) {
		BIO_free(bio);
		return fail(EXIT_MEMORY, "--tls-cert %s: not written: out of memory; free some",
			    r->tls_cert_file);
	}
	long size = BIO_get_mem_data(bio, &pem);
	code = write_file(r->tls_cert_file, pem, (size_t)size);
	BIO_free(bio);
	return code;
}
