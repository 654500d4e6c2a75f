/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The key of one side of a channel: P-256, made here, in a certificate that nobody signs and nobody
 * believes. TLS proves that the peer holds the key; evidence says what the key is.
 */
#ifndef CHANNEL_KEY_H
#define CHANNEL_KEY_H

#include <stdint.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <cloister/report.h>

struct channel_key {
	EVP_PKEY *key;
	X509 *certificate;
	uint8_t spki[CL_REPORT_SPKI_SIZE];
};

/*
 * A fresh one. It may serve many channels, and nothing else: a report about it must never be given
 * to whoever asks. 0, -ENOMEM or -EIO; -> channel_key_free().
 */
int channel_key_make(struct channel_key *key);
/* The same with a private key that is there already (PEM, P-256); -EINVAL if it is none. */
int channel_key_read(struct channel_key *key, const char *pem, size_t size);
void channel_key_free(struct channel_key *key);

/* SHA-256 of the DER SubjectPublicKeyInfo (RFC 5280, section 4.1). 0, or -EINVAL: not on P-256. */
int channel_spki(EVP_PKEY *key, uint8_t spki[CL_REPORT_SPKI_SIZE]);

#endif
