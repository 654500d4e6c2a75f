/* SPDX-License-Identifier: Apache-2.0 */
/* Pieces of certificates that are made here. Each is false if OpenSSL fails. */
#ifndef SPIFFE_X509_MAKE_H
#define SPIFFE_X509_MAKE_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>
#include <openssl/x509v3.h>
#include "key.h"

#define SPIFFE_SERIAL_SIZE 16u

/* A fresh random one of 128 bits, kept in serial as well. */
bool spiffe_set_serial(X509 *cert, uint8_t serial[SPIFFE_SERIAL_SIZE]);
/* Seconds since 1970, in UTC. */
bool spiffe_set_times(X509 *cert, time_t from, time_t to);
/* A P-256 key, by its point: X509_set_pubkey() takes many times as long. */
bool spiffe_set_point(X509 *cert, const uint8_t point[SPIFFE_POINT_SIZE]);
/* As a line of OpenSSL's configuration has it. */
X509_EXTENSION *spiffe_extension(X509 *issuer, X509 *cert, int nid, const char *value);
/* From the key that cert has. */
bool spiffe_add_key_id(X509 *cert);
/* GEN_URI or GEN_DNS. */
bool spiffe_push_name(GENERAL_NAMES *names, int type, const char *text);

#endif
