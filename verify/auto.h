/* SPDX-License-Identifier: Apache-2.0 */
/* Scope-bound clean-up of OpenSSL's and jansson's objects. */
#ifndef VERIFY_AUTO_H
#define VERIFY_AUTO_H

#define AUTO(function) __attribute__((cleanup(function)))

/* A type cannot stand in parentheses. NOLINTBEGIN(bugprone-macro-parentheses) */
#define CLV_AUTO(name, type, free_it)                                                              \
	static inline void name(type **p)                                                          \
	{                                                                                          \
		free_it(*p);                                                                       \
	}
/* NOLINTEND(bugprone-macro-parentheses) */

#ifdef OPENSSL_BN_H
CLV_AUTO(clv_free_bn, BIGNUM, BN_free)
#endif
#ifdef OPENSSL_EC_H
CLV_AUTO(clv_free_sig, ECDSA_SIG, ECDSA_SIG_free)
#endif
#ifdef OPENSSL_EVP_H
CLV_AUTO(clv_free_pkey, EVP_PKEY, EVP_PKEY_free)
CLV_AUTO(clv_free_pkey_ctx, EVP_PKEY_CTX, EVP_PKEY_CTX_free)
CLV_AUTO(clv_free_md_ctx, EVP_MD_CTX, EVP_MD_CTX_free)
#endif
#ifdef OPENSSL_X509_H
CLV_AUTO(clv_free_x509, X509, X509_free)
CLV_AUTO(clv_free_crl, X509_CRL, X509_CRL_free)
CLV_AUTO(clv_free_bio, BIO, BIO_free_all)
#endif
#ifdef JANSSON_H
CLV_AUTO(clv_free_json, json_t, json_decref)
#endif

#endif
