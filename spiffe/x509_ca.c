// SPDX-License-Identifier: Apache-2.0
// What an authority signs: itself, and leaves.
#include "x509_ca.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <openssl/err.h>
#include "../verify/auto.h"
#include "../verify/hex.h"
#include "key.h"
#include "x509_rules.h"

static int fail(const char **why, int rc, const char *reason)
{
	*why = reason;
	return rc;
}

static bool add(X509 *issuer, X509 *cert, int nid, const char *value)
{
	X509_EXTENSION *extension = spiffe_extension(issuer, cert, nid, value);
	bool good = extension && X509_add_ext(cert, extension, -1) == 1;

	X509_EXTENSION_free(extension);
	return good;
}

// Names of authorities differ, so that no chain is tried with the wrong one.
static bool name_self(X509 *cert, const uint8_t serial[SPIFFE_SERIAL_SIZE])
{
	char text[32] = "SPIFFE CA ";
	X509_NAME *name = X509_get_subject_name(cert);

	clv_hex(text + strlen(text), serial, 8);
	return X509_NAME_add_entry_by_NID(name, NID_commonName, MBSTRING_ASC,
					  (const unsigned char *)text, -1, -1, 0) == 1 &&
	       X509_set_issuer_name(cert, name) == 1;
}

// RFC 5280, section 4.2.1.6: critical where there is no subject.
static bool add_names(X509 *cert, GENERAL_NAMES *names, bool critical)
{
	return X509_add1_ext_i2d(cert, NID_subject_alt_name, names, critical, X509V3_ADD_DEFAULT) ==
	       1;
}

static bool fill_self(X509 *cert, EVP_PKEY *key, const struct spiffe_id *id,
		      const struct spiffe_validity *v)
{
	GENERAL_NAMES *names = GENERAL_NAMES_new();
	uint8_t serial[SPIFFE_SERIAL_SIZE];
	bool good;

	good = names && X509_set_version(cert, X509_VERSION_3) == 1 &&
	       spiffe_set_serial(cert, serial) && name_self(cert, serial) &&
	       spiffe_set_times(cert, v->now - v->slack, v->now + v->lifetime) &&
	       X509_set_pubkey(cert, key) == 1 &&
	       add(cert, cert, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") &&
	       add(cert, cert, NID_key_usage, "critical,keyCertSign,cRLSign") &&
	       spiffe_push_name(names, GEN_URI, id->text) && add_names(cert, names, false) &&
	       spiffe_add_key_id(cert) &&
	       add(cert, cert, NID_authority_key_identifier, "keyid:always") &&
	       X509_sign(cert, key, EVP_sha256()) > 0;
	GENERAL_NAMES_free(names);
	return good;
}

int spiffe_ca_self(const char *domain, EVP_PKEY *key, const struct spiffe_validity *validity,
		   uint8_t **der, const char **why)
{
	AUTO(clv_free_x509) X509 *cert = NULL;
	struct spiffe_id id;
	int size = -1;

	*der = NULL;
	if (spiffe_id_make(&id, domain, "", why))
		return -EINVAL;
	if (spiffe_key_kind(key) != SPIFFE_KEY_P256)
		return fail(why, -EINVAL, "the authority's key is not of P-256");
	if (!validity->lifetime)
		return fail(why, -EINVAL, "the authority's certificate would end at once");
	ERR_set_mark();
	cert = X509_new();
	if (cert && fill_self(cert, key, &id, validity))
		size = i2d_X509(cert, der);
	ERR_pop_to_mark();
	return size > 0 ? size : fail(why, -EIO, "OpenSSL cannot make the certificate");
}

static bool read_time(const ASN1_TIME *from, time_t *to)
{
	struct tm tm;

	if (ASN1_TIME_to_tm(from, &tm) != 1)
		return false;
	*to = timegm(&tm);
	return true;
}

static bool prepare(struct spiffe_ca *ca)
{
	static const struct {
		int nid;
		const char *value;
	} fixed[SPIFFE_CA_FIXED] = {
		{NID_basic_constraints, "critical,CA:FALSE"},
		{NID_key_usage, "critical,digitalSignature"},
		{NID_ext_key_usage, "serverAuth,clientAuth"},
		{NID_authority_key_identifier, "keyid:always"},
	};

	for (size_t i = 0; i < SPIFFE_CA_FIXED; i++) {
		ca->fixed[i] = spiffe_extension(ca->cert, NULL, fixed[i].nid, fixed[i].value);
		if (!ca->fixed[i])
			return false;
	}
	return read_time(X509_get0_notBefore(ca->cert), &ca->not_before) &&
	       read_time(X509_get0_notAfter(ca->cert), &ca->not_after);
}

static const char *open_problem(struct spiffe_ca *ca, const uint8_t *der, size_t size)
{
	const uint8_t *at = der;
	const char *why = NULL;
	struct spiffe_id id;

	ca->cert = spiffe_x509_read(&at, size, &why);
	if (!ca->cert)
		return why;
	if (at != der + size)
		return "something follows the authority's certificate";
	if (spiffe_x509_signing(ca->cert, &id, &why))
		return why;
	if (!id.size)
		return "the authority's certificate has no SPIFFE ID";
	if (spiffe_key_kind(ca->key) != SPIFFE_KEY_P256)
		return "the authority's key is not of P-256";
	if (X509_check_private_key(ca->cert, ca->key) != 1)
		return "the authority's certificate is for another key";
	memcpy(ca->domain, id.text + strlen(SPIFFE_SCHEME), id.domain_size + 1);
	// Besides memory, it can be only this that is not there.
	if (!prepare(ca))
		return "the authority's certificate has no subject key identifier";
	return NULL;
}

int spiffe_ca_open(struct spiffe_ca *ca, EVP_PKEY *key, const uint8_t *der, size_t size,
		   const char **why)
{
	*ca = (struct spiffe_ca){.key = key};
	EVP_PKEY_up_ref(key);
	ERR_set_mark();
	*why = open_problem(ca, der, size);
	ERR_pop_to_mark();
	if (!*why)
		return 0;
	spiffe_ca_close(ca);
	return -EINVAL;
}

void spiffe_ca_close(struct spiffe_ca *ca)
{
	for (size_t i = 0; i < SPIFFE_CA_FIXED; i++)
		X509_EXTENSION_free(ca->fixed[i]);
	X509_free(ca->cert);
	EVP_PKEY_free(ca->key);
	*ca = (struct spiffe_ca){.key = NULL};
}

static bool add_leaf_names(X509 *cert, const struct spiffe_csr *csr,
			   const struct spiffe_grant *grant)
{
	GENERAL_NAMES *names = GENERAL_NAMES_new();
	bool good = names && spiffe_push_name(names, GEN_URI, grant->id->text);

	for (size_t i = 0; good && i < grant->nr_dns; i++)
		if (spiffe_csr_asks(csr, grant->dns[i]))
			good = spiffe_push_name(names, GEN_DNS, grant->dns[i]);
	good = good && add_names(cert, names, true);
	GENERAL_NAMES_free(names);
	return good;
}

static bool fill_leaf(X509 *cert, const struct spiffe_ca *ca, const struct spiffe_csr *csr,
		      const struct spiffe_grant *grant, struct spiffe_svid *svid)
{
	bool good = X509_set_version(cert, X509_VERSION_3) == 1 &&
		    spiffe_set_serial(cert, svid->serial) &&
		    spiffe_set_times(cert, svid->not_before, svid->not_after) &&
		    X509_set_issuer_name(cert, X509_get_subject_name(ca->cert)) == 1 &&
		    spiffe_set_point(cert, csr->point);

	for (size_t i = 0; good && i < SPIFFE_CA_FIXED; i++)
		good = X509_add_ext(cert, ca->fixed[i], -1) == 1;
	return good && spiffe_add_key_id(cert) && add_leaf_names(cert, csr, grant) &&
	       X509_sign(cert, ca->key, EVP_sha256()) > 0;
}

int spiffe_ca_issue(const struct spiffe_ca *ca, const struct spiffe_csr *csr,
		    const struct spiffe_grant *grant, struct spiffe_svid *svid, const char **why)
{
	const struct spiffe_validity *v = &grant->validity;
	AUTO(clv_free_x509) X509 *cert = NULL;
	int size = -1;

	*svid = (struct spiffe_svid){.not_before = v->now - v->slack,
				     .not_after = v->now + v->lifetime};
	if (spiffe_id_is_domain(grant->id))
		return fail(why, -EINVAL, "a workload's SPIFFE ID has a path, this one has none");
	if (!spiffe_id_in(grant->id, ca->domain))
		return fail(why, -EINVAL, "the SPIFFE ID is in another trust domain");
	if (v->now < ca->not_before || v->now >= ca->not_after)
		return fail(why, -EINVAL,
			    "the authority's own time has not come, or is over: it has to be "
			    "replaced");
	if (!v->lifetime)
		return fail(why, -EINVAL, "the certificate would end at once");
	if (svid->not_before < ca->not_before)
		svid->not_before = ca->not_before;
	if (svid->not_after > ca->not_after)
		svid->not_after = ca->not_after;
	ERR_set_mark();
	cert = X509_new();
	if (cert && fill_leaf(cert, ca, csr, grant, svid))
		size = i2d_X509(cert, &svid->der);
	ERR_pop_to_mark();
	if (size <= 0)
		return fail(why, -EIO, "OpenSSL cannot make the certificate");
	svid->size = (size_t)size;
	return 0;
}
