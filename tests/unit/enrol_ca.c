// SPDX-License-Identifier: Apache-2.0
// The enrolment CA: whose EK certificate it takes, what it signs, and what its directory survives.
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <cmocka.h>
#include <cloister/evidence.h>
#include "ak_cert.h"
#include "ca.h"
#include "ek_cert.h"
#include "enrol_make.h"
#include "files.h"

#define NOW  ((time_t)1800000000)
#define HOUR 3600

static const struct made_rules ek_rules = {.constraints = "critical,CA:FALSE",
					   .usage = "critical,keyAgreement",
					   .eku = "2.23.133.8.1",
					   .from = NOW - HOUR,
					   .to = NOW + HOUR,
					   .version = X509_VERSION_3};

static struct made root, between, other;
static EVP_PKEY *ek_key;
static struct public_key ek;
static char dir[] = "/tmp/enrol_ca.XXXXXX";
static char error[CL_ERROR_SIZE];

static void write_pem(const char *name, X509 *cert)
{
	char path[64];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	FILE *f = fopen(path, "we");
	assert_non_null(f);
	assert_int_equal(PEM_write_X509(f, cert), 1);
	fclose(f);
}

static int setup(void **state)
{
	uint8_t area[PUBLIC_MAX];
	const char *why;

	assert_non_null(mkdtemp(dir));
	root = make_authority("root", NULL, NOW);
	between = make_authority("between", &root, NOW);
	other = make_authority("other", NULL, NOW);
	write_pem("root.pem", root.cert);
	write_pem("between.pem", between.cert);
	write_pem("other.pem", other.cert);
	ek_key = make_key(false);
	size_t size = make_area(PUBLIC_EK_ECC, ek_key, area);
	return public_parse(&ek, PUBLIC_EK_ECC, area, size, &why);
}

static int teardown(void **state)
{
	char command[64];

	made_free(&root);
	made_free(&between);
	made_free(&other);
	EVP_PKEY_free(ek_key);
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command);
}

static void add(struct ek_roots *roots, const char *name)
{
	char path[64];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	assert_int_equal(ek_roots_add(roots, path, error), 0);
}

// What ek_cert_check() says of a certificate by `between` with these rules.
static int judge(const struct made_rules *rules, const struct ek_roots *real,
		 const struct ek_roots *test, struct ek_checked *checked)
{
	uint8_t der[4096];
	X509 *cert = make_cert(ek_key, "tpm", &between, rules);
	size_t size = make_der(cert, der, sizeof(der));

	X509_free(cert);
	error[0] = '\0';
	return ek_cert_check(der, size, &ek, real, test, NOW, checked, error);
}

static void ek_certificates_have_a_chain(void **state)
{
	struct ek_roots both = {0}, alone = {0}, wrong = {0}, none = {0};
	struct ek_checked checked;
	uint8_t hash[32];

	add(&both, "root.pem");
	add(&both, "between.pem");
	add(&alone, "root.pem");
	add(&wrong, "other.pem");
	add(&wrong, "between.pem");
	assert_int_equal(judge(&ek_rules, &both, &none, &checked), 0);
	assert_false(checked.test);
	assert_int_equal(checked.not_after, NOW + HOUR);
	assert_int_equal(spki_hash(ek_key, hash), 0);
	assert_memory_equal(checked.hash, hash, 32);
	assert_int_equal(judge(&ek_rules, &wrong, &both, &checked), 0);
	assert_true(checked.test);
	assert_int_equal(judge(&ek_rules, &both, &both, &checked), 0);
	assert_false(checked.test);
	assert_int_equal(judge(&ek_rules, &alone, &none, &checked), -EINVAL);
	assert_non_null(strstr(error, "intermediate"));
	assert_int_equal(judge(&ek_rules, &wrong, &none, &checked), -EINVAL);
	assert_int_equal(judge(&ek_rules, &none, &none, &checked), -EINVAL);
	ek_roots_free(&both);
	ek_roots_free(&alone);
	ek_roots_free(&wrong);
}

static void weak_chains_are_refused(void **state)
{
	const struct made_rules rules = {.constraints = "critical,CA:TRUE",
					 .usage = "critical,keyCertSign",
					 .from = NOW - HOUR,
					 .to = NOW + HOUR,
					 .version = X509_VERSION_3};
	struct made strong = between, weak = {.key = EVP_RSA_gen(512)};
	struct ek_roots roots = {0}, none = {0};
	struct ek_checked checked;

	weak.cert = make_cert(weak.key, "weak", &root, &rules);
	write_pem("weak.pem", weak.cert);
	add(&roots, "root.pem");
	add(&roots, "weak.pem");
	char path[64];
	snprintf(path, sizeof(path), "%s/weak.pem", dir);
	assert_int_equal(unlink(path), 0);
	between = weak;
	assert_int_equal(judge(&ek_rules, &roots, &none, &checked), -EINVAL);
	assert_non_null(strstr(error, "too weak"));
	between = strong;
	made_free(&weak);
	ek_roots_free(&roots);
}

static void ek_certificates_follow_their_rules(void **state)
{
	static const struct {
		struct made_rules rules;
		const char *why;
	} bad[] = {
#define RULES(c, u, e, f, t, v)                                                                    \
	{.constraints = c, .usage = u, .eku = e, .from = NOW + (f), .to = NOW + (t), .version = v}
#define CA_NO  "critical,CA:FALSE"
#define AGREE  "critical,keyAgreement"
#define EK_EKU "2.23.133.8.1"
		{RULES(CA_NO, AGREE, EK_EKU, -HOUR, -1, X509_VERSION_3), "expired"},
		{RULES(CA_NO, AGREE, EK_EKU, 60, HOUR, X509_VERSION_3), "not yet valid"},
		{RULES("critical,CA:TRUE", AGREE, EK_EKU, -HOUR, HOUR, X509_VERSION_3), "a CA's"},
		{RULES(CA_NO, "critical,keyEncipherment", EK_EKU, -HOUR, HOUR, X509_VERSION_3),
		 "key agreement"},
		{RULES(CA_NO, NULL, EK_EKU, -HOUR, HOUR, X509_VERSION_3), "key agreement"},
		{RULES(CA_NO, "critical,keyAgreement,keyCertSign", EK_EKU, -HOUR, HOUR,
		       X509_VERSION_3),
		 "sign certificates"},
		{RULES(CA_NO, AGREE, "serverAuth", -HOUR, HOUR, X509_VERSION_3),
		 "extended key usage"},
		{RULES(CA_NO, AGREE, "2.23.133.8.3", -HOUR, HOUR, X509_VERSION_3),
		 "extended key usage"},
		{RULES(NULL, NULL, NULL, -HOUR, HOUR, X509_VERSION_1), "version 3"},
	};
	struct made_rules rules = ek_rules;
	struct ek_roots roots = {0}, none = {0};
	struct ek_checked checked;

	add(&roots, "root.pem");
	add(&roots, "between.pem");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(judge(&bad[i].rules, &roots, &none, &checked), -EINVAL);
		if (!strstr(error, bad[i].why))
			print_error("%zu: %s\n", i, error);
		assert_non_null(strstr(error, bad[i].why));
	}
	// The extended key usage need not be there.
	rules.eku = NULL;
	assert_int_equal(judge(&rules, &roots, &none, &checked), 0);
	ek_roots_free(&roots);
}

static void ek_certificates_are_of_that_key(void **state)
{
	struct ek_roots roots = {0}, none = {0};
	struct ek_checked checked;
	struct public_key wrong = ek;
	EVP_PKEY *another = make_key(false);
	X509 *cert = make_cert(another, "tpm", &between, &ek_rules);
	uint8_t der[4096];
	size_t size = make_der(cert, der, sizeof(der) - 1);

	add(&roots, "root.pem");
	add(&roots, "between.pem");
	assert_int_equal(ek_cert_check(der, size, &ek, &roots, &none, NOW, &checked, error),
			 -EINVAL);
	assert_non_null(strstr(error, "another key"));
	X509_free(cert);
	cert = make_cert(ek_key, "tpm", &between, &ek_rules);
	size = make_der(cert, der, sizeof(der) - 1);
	wrong.y[0] ^= 1;
	assert_int_equal(ek_cert_check(der, size, &wrong, &roots, &none, NOW, &checked, error),
			 -EINVAL);
	assert_non_null(strstr(error, "holds no key"));
	for (size_t less = 0; less < size; less += 1 + less / 16)
		assert_int_equal(ek_cert_check(der, less, &ek, &roots, &none, NOW, &checked, error),
				 -EINVAL);
	der[size] = 0;
	assert_int_equal(ek_cert_check(der, size + 1, &ek, &roots, &none, NOW, &checked, error),
			 -EINVAL);
	// No byte of it can be another one: the meaning is signed, and the signature checked.
	for (size_t at = 0; at < size; at++) {
		der[at] ^= 1;
		int rc = ek_cert_check(der, size, &ek, &roots, &none, NOW, &checked, error);
		if (!rc)
			print_error("byte %zu of %zu\n", at, size);
		assert_int_equal(rc, -EINVAL);
		der[at] ^= 1;
	}
	assert_int_equal(ek_cert_check(der, size, &ek, &roots, &none, NOW, &checked, error), 0);
	X509_free(cert);
	EVP_PKEY_free(another);
	ek_roots_free(&roots);
}

static void roots_are_read_strictly(void **state)
{
	struct ek_roots roots = {0};
	char path[64], pem[8192];
	int at = open(dir, O_RDONLY | O_DIRECTORY);

	snprintf(path, sizeof(path), "%s/half.pem", dir);
	int n = file_read(at, "root.pem", pem, sizeof(pem));
	assert_true(n > 0);
	assert_int_equal(file_replace(at, "half.pem", pem, (size_t)n / 2, 0644), 0);
	assert_int_equal(ek_roots_add(&roots, path, error), -EINVAL);
	assert_non_null(strstr(error, "damaged"));
	assert_int_equal(file_replace(at, "half.pem", "text\n", 5, 0644), 0);
	assert_int_equal(ek_roots_add(&roots, path, error), -EINVAL);
	assert_non_null(strstr(error, "no certificate"));
	assert_int_equal(ek_roots_add(&roots, "/nonexistent", error), -EINVAL);
	unlinkat(at, "half.pem", 0);
	assert_int_equal(ek_roots_add(&roots, dir, error), 0);
	assert_int_equal(roots.count, 2);
	assert_int_equal(sk_X509_num(roots.between), 1);
	close(at);
	ek_roots_free(&roots);
}

// A CA of its own for each test.
static void begin(struct ca *ca, char path[64])
{
	static int number;

	snprintf(path, 64, "%s/sub/ca%d", dir, number++);
	assert_int_equal(ca_create(path, NOW, error), 0);
	assert_int_equal(ca_open(ca, path, true, error), 0);
}

static int has_oid(X509 *cert, const char *oid)
{
	CERTIFICATEPOLICIES *policies =
		X509_get_ext_d2i(cert, NID_certificate_policies, NULL, NULL);
	char text[80] = "";

	if (sk_POLICYINFO_num(policies) == 1)
		OBJ_obj2txt(text, sizeof(text), sk_POLICYINFO_value(policies, 0)->policyid, 1);
	CERTIFICATEPOLICIES_free(policies);
	return !strcmp(text, oid);
}

static time_t end_of(X509 *cert)
{
	struct tm tm;

	assert_int_equal(ASN1_TIME_to_tm(X509_get0_notAfter(cert), &tm), 1);
	return timegm(&tm);
}

static void certificates_say_what_they_must(void **state)
{
	char path[64], text[128], hex[65];
	EVP_PKEY *ak = make_key(false);
	struct ak_subject subject = {.name = "n", .ek = hex, .ak = ak, .not_after = NOW + HOUR};
	struct node_cert record;
	struct ca ca;
	X509 *cert;

	memset(hex, 'a', 64);
	hex[64] = '\0';
	begin(&ca, path);
	for (int test = 0; test < 2; test++) {
		subject.test = test;
		assert_int_equal(ca_issue(&ca, &subject, NOW, &cert, &record, error), 0);
		assert_int_equal(X509_verify(cert, X509_get0_pubkey(ca.cert)), 1);
		assert_int_equal(X509_check_issued(ca.cert, cert), X509_V_OK);
		X509_NAME_get_text_by_NID(X509_get_subject_name(cert), NID_commonName, text,
					  sizeof(text));
		assert_string_equal(text, "n");
		X509_NAME_get_text_by_NID(X509_get_subject_name(cert), NID_serialNumber, text,
					  sizeof(text));
		assert_string_equal(text, hex);
		assert_int_equal(X509_get_key_usage(cert), KU_DIGITAL_SIGNATURE);
		assert_true(cert_has_eku(cert, CL_OID_AK_EKU));
		assert_false(X509_get_extension_flags(cert) & EXFLAG_CA);
		assert_int_equal(has_oid(cert, CL_OID_TEST_TPM), test);
		assert_int_equal(end_of(cert), NOW + HOUR);
		assert_int_equal(record.not_after, NOW + HOUR);
		assert_int_equal(strlen(record.serial), 32);
		X509_free(cert);
	}
	// Not longer than the CA itself, and not at all when its time is over.
	subject.not_after = NOW + (time_t)20 * 365 * 86400;
	assert_int_equal(ca_issue(&ca, &subject, NOW, &cert, &record, error), 0);
	assert_int_equal(end_of(cert), end_of(ca.cert));
	X509_free(cert);
	assert_int_equal(ca_issue(&ca, &subject, end_of(ca.cert), &cert, &record, error), -EINVAL);
	ca_close(&ca);
	EVP_PKEY_free(ak);
}

static void enrol_one(struct ca *ca, const char *name, char digit, int64_t end)
{
	struct node_record *node = nodes_add(&ca->nodes);
	struct node_cert cert = {.not_before = NOW, .not_after = end};

	assert_non_null(node);
	snprintf(node->name, sizeof(node->name), "%s", name);
	memset(node->ek, digit, 64);
	node->enrolled = NOW;
	memset(cert.serial, digit, 32);
	assert_int_equal(node_add_cert(node, &cert, NOW), 0);
}

static X509_CRL *read_crl(const char *path)
{
	char file[80];

	snprintf(file, sizeof(file), "%s/crl.pem", path);
	FILE *f = fopen(file, "re");
	X509_CRL *crl = f ? PEM_read_X509_CRL(f, NULL, NULL, NULL) : NULL;
	if (f)
		fclose(f);
	return crl;
}

static uint64_t number_of(X509_CRL *crl)
{
	ASN1_INTEGER *n = X509_CRL_get_ext_d2i(crl, NID_crl_number, NULL, NULL);
	uint64_t value = 0;

	assert_int_equal(ASN1_INTEGER_get_uint64(&value, n), 1);
	ASN1_INTEGER_free(n);
	return value;
}

// As many as there is room for can be revoked, and more are refused before anything is written.
static void there_is_room_to_revoke(void **state)
{
	struct node_cert cert = {.not_before = NOW, .not_after = NOW + HOUR};
	char path[64], name[32];
	struct ca ca;

	begin(&ca, path);
	memset(cert.serial, 'f', 32);
	for (size_t i = 0; i < 6500; i++) {
		snprintf(name, sizeof(name), "node-%zu", i);
		enrol_one(&ca, name, 'a', NOW + HOUR);
		struct node_record *node = nodes_by_name(&ca.nodes, name);
		snprintf(node->ek, sizeof(node->ek), "%064zx", i);
		while (node->nr_certs < NODE_CERTS_MAX)
			assert_int_equal(node_add_cert(node, &cert, NOW), 0);
		node->revoked = NOW;
		if (i == 3000) {
			assert_int_equal(ca_room(&ca, error), 0);
			assert_int_equal(ca_commit(&ca, NOW, error), 0);
		}
	}
	assert_int_equal(ca_room(&ca, error), -ENOSPC);
	assert_non_null(strstr(error, "make room")); // the whole sentence
	assert_int_equal(ca_commit(&ca, NOW, error), -EFBIG);
	assert_non_null(strstr(error, "nothing has changed"));
	// Time alone makes none, renewals do, as it says.
	for (size_t i = 0; i < ca.nodes.count; i++) {
		assert_int_equal(ca_room(&ca, error), -ENOSPC);
		if (node_add_cert(&ca.nodes.list[i], &cert, NOW + HOUR + 1) || !ca_room(&ca, error))
			break;
	}
	assert_int_equal(ca_room(&ca, error), 0);
	ca_close(&ca);
	assert_int_equal(ca_open(&ca, path, true, error), 0);
	assert_int_equal(ca.nodes.count, 3001);
	assert_true(ca_crl_fresh(&ca, NOW));
	ca_close(&ca);
}

static void the_list_has_the_revoked(void **state)
{
	char path[64];
	struct ca ca;

	begin(&ca, path);
	enrol_one(&ca, "good", 'a', NOW + HOUR);
	enrol_one(&ca, "bad", 'b', NOW + HOUR);
	enrol_one(&ca, "over", 'c', NOW + 1);
	assert_int_equal(ca_commit(&ca, NOW, error), 0);
	X509_CRL *crl = read_crl(path);
	assert_int_equal(X509_CRL_verify(crl, ca.key), 1);
	assert_int_equal(sk_X509_REVOKED_num(X509_CRL_get_REVOKED(crl)), -1);
	uint64_t first = number_of(crl);
	X509_CRL_free(crl);
	nodes_by_name(&ca.nodes, "bad")->revoked = NOW + 2;
	nodes_by_name(&ca.nodes, "over")->revoked = NOW + 2;
	assert_int_equal(ca_commit(&ca, NOW + 2, error), 0);
	crl = read_crl(path);
	assert_int_equal(X509_CRL_verify(crl, ca.key), 1);
	assert_int_equal(number_of(crl), first + 1);
	// Who is over needs no entry.
	assert_int_equal(sk_X509_REVOKED_num(X509_CRL_get_REVOKED(crl)), 1);
	char *serial = i2s_ASN1_INTEGER(NULL, X509_REVOKED_get0_serialNumber(sk_X509_REVOKED_value(
						      X509_CRL_get_REVOKED(crl), 0)));
	assert_string_equal(serial, "0xBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB");
	OPENSSL_free(serial);
	X509_CRL_free(crl);
	assert_true(ca_crl_fresh(&ca, NOW + 2));
	assert_true(ca_crl_fresh(&ca, NOW + 14 * 86400));
	assert_false(ca_crl_fresh(&ca, NOW + 16 * 86400));
	ca_close(&ca);
}

static void the_directory_is_checked(void **state)
{
	char path[64], text[256];
	struct ca ca;

	begin(&ca, path);
	int at = dup(ca.dir);
	ca_close(&ca);
	assert_int_equal(ca_create(path, NOW, error), -EEXIST);
	for (int mode = 1; mode < 0100; mode++) {
		assert_int_equal(fchmodat(at, "ca.key", 0600 | (mode_t)mode, 0), 0);
		assert_int_equal(ca_open(&ca, path, false, error), -EPERM);
		assert_non_null(strstr(error, "chmod 600"));
	}
	assert_int_equal(fchmodat(at, "ca.key", 0600, 0), 0);
	assert_int_equal(renameat(at, "ca.key", at, "elsewhere"), 0);
	assert_int_equal(symlinkat("elsewhere", at, "ca.key"), 0);
	assert_int_equal(ca_open(&ca, path, false, error), -EPERM);
	assert_int_equal(renameat(at, "elsewhere", at, "ca.key"), 0);
	assert_int_equal(ca_open(&ca, path, false, error), 0);
	ca_close(&ca);
	// A list of nodes that is cut short at any place is no list.
	int n = file_read(at, "nodes.json", text, sizeof(text));
	assert_true(n > 0);
	for (int less = 0; less < n; less++) {
		assert_int_equal(file_replace(at, "nodes.json", text, (size_t)less, 0644), 0);
		assert_int_equal(ca_open(&ca, path, false, error), -EINVAL);
		assert_non_null(strstr(error, "nodes.json.old"));
	}
	assert_int_equal(unlinkat(at, "nodes.json", 0), 0);
	assert_int_equal(ca_open(&ca, path, false, error), -EINVAL);
	assert_int_equal(file_replace(at, "nodes.json", text, (size_t)n, 0644), 0);
	assert_int_equal(ca_open(&ca, path, false, error), 0);
	ca_close(&ca);
	assert_int_equal(ca_open(&ca, "/nonexistent", false, error), -ENOENT);
	close(at);
}

// Killed between the two files; a backup from before; what a killed process left.
static void the_directory_survives(void **state)
{
	static char old[65536];
	char path[64];
	struct ca ca;

	begin(&ca, path);
	enrol_one(&ca, "n", 'a', NOW + HOUR);
	assert_int_equal(ca_commit(&ca, NOW, error), 0);
	int crl = file_read(ca.dir, "crl.pem", old, sizeof(old));
	assert_true(crl > 0);
	nodes_by_name(&ca.nodes, "n")->revoked = NOW;
	assert_int_equal(ca_commit(&ca, NOW, error), 0);
	uint64_t published = ca.nodes.crl_number;
	assert_int_equal(file_replace(ca.dir, "crl.pem", old, (size_t)crl, 0644), 0);
	ca_close(&ca);
	assert_int_equal(ca_open(&ca, path, true, error), 0);
	assert_int_not_equal(nodes_by_name(&ca.nodes, "n")->revoked, 0);
	assert_false(ca_crl_fresh(&ca, NOW));
	assert_int_equal(ca_commit(&ca, NOW, error), 0);
	assert_true(ca_crl_fresh(&ca, NOW));
	assert_true(ca.nodes.crl_number > published);
	published = ca.nodes.crl_number;
	// nodes.json.old is how it was before.
	assert_int_equal(renameat(ca.dir, "nodes.json.old", ca.dir, "nodes.json"), 0);
	ca_close(&ca);
	assert_int_equal(ca_open(&ca, path, true, error), 0);
	assert_int_equal(ca.nodes.crl_number, published);
	assert_int_equal(symlinkat("/dev/full", ca.dir, ".nodes.json.new"), 0);
	assert_int_equal(ca_commit(&ca, NOW, error), 0);
	assert_int_equal(ca.nodes.crl_number, published + 1);
	ca_close(&ca);
}

static void one_at_a_time(void **state)
{
	char path[64];
	struct ca ca, look;

	begin(&ca, path);
	int lock = openat(ca.dir, ".lock", O_RDWR);
	assert_true(lock >= 0);
	assert_int_equal(flock(lock, LOCK_EX | LOCK_NB), -1);
	assert_int_equal(ca_open(&look, path, false, error), 0);
	ca_close(&look);
	ca_close(&ca);
	assert_int_equal(flock(lock, LOCK_EX | LOCK_NB), 0);
	close(lock);
}

static void lists_are_read_strictly(void **state)
{
#define NODE(name, ek, type, rest)                                                                 \
	"{\"name\":\"" name "\",\"ek\":\"" ek "\",\"ek_type\":\"" type                             \
	"\",\"test_tpm\":false,\"enrolled\":1,\"revoked\":0,\"certificates\":[" rest "]}"
#define LIST(nodes) "{\"version\":1,\"crl_number\":3,\"nodes\":[" nodes "]}"
#define A16	    "aaaaaaaaaaaaaaaa"
#define A64	    A16 A16 A16 A16
#define B64	    A16 A16 A16 "aaaaaaaaaaaaaaab"
#define CERT	    "{\"serial\":\"" A16 A16 "\",\"not_before\":1,\"not_after\":2}"
	static const char good[] = LIST(NODE("n", A64, "ecc", CERT) "," NODE("m", B64, "rsa", ""));
	static const char *const bad[] = {
		"",
		"[]",
		"{}",
		"{\"version\":2,\"crl_number\":3,\"nodes\":[]}",
		"{\"version\":1,\"crl_number\":-3,\"nodes\":[]}",
		"{\"version\":1,\"crl_number\":3,\"nodes\":{}}",
		"{\"version\":1,\"crl_number\":3,\"nodes\":[],\"more\":1}",
		"{\"version\":1,\"version\":1,\"crl_number\":3,\"nodes\":[]}",
		LIST("1"),
		LIST(NODE("", A64, "ecc", "")),
		LIST(NODE("../n", A64, "ecc", "")),
		LIST(NODE("n", A16, "ecc", "")),
		LIST(NODE("n", A16 A16 A16 "AAAAAAAAAAAAAAAA", "ecc", "")),
		LIST(NODE("n", A64, "dsa", "")),
		LIST(NODE("n", A64, "ecc", "1")),
		LIST(NODE("n", A64, "ecc", "{\"serial\":\"aa\",\"not_before\":1,\"not_after\":2}")),
		LIST(NODE("n", A64, "ecc",
			  "{\"serial\":\"" A16 A16 "\",\"not_before\":3,\"not_after\":2}")),
		LIST(NODE("n", A64, "ecc", "") "," NODE("n", B64, "ecc", "")),
		LIST(NODE("n", A64, "ecc", "") "," NODE("m", A64, "ecc", "")),
	};
	struct nodes nodes, again;
	char why[160] = "";

	assert_int_equal(nodes_parse(&nodes, good, sizeof(good) - 1, why, sizeof(why)), 0);
	assert_int_equal(nodes.count, 2);
	assert_int_equal(nodes.crl_number, 3);
	assert_true(nodes_by_name(&nodes, "m")->rsa);
	assert_int_equal(nodes_by_ek(&nodes, A64)->nr_certs, 1);
	assert_null(nodes_by_name(&nodes, "x"));
	char *text = nodes_print(&nodes);
	assert_int_equal(nodes_parse(&again, text, strlen(text), why, sizeof(why)), 0);
	assert_int_equal(again.count, 2);
	assert_memory_equal(again.list, nodes.list, 2 * sizeof(*nodes.list));
	free(text);
	nodes_free(&nodes);
	nodes_free(&again);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		why[0] = '\0';
		assert_int_equal(nodes_parse(&nodes, bad[i], strlen(bad[i]), why, sizeof(why)),
				 -EINVAL);
		assert_true(why[0]);
		assert_null(nodes.list);
	}
}

static void certificates_of_a_node_are_bounded(void **state)
{
	static struct node_record node;
	struct node_cert cert = {.not_before = NOW, .not_after = NOW + HOUR};

	for (size_t i = 0; i < NODE_CERTS_MAX; i++)
		assert_int_equal(node_add_cert(&node, &cert, NOW), 0);
	assert_int_equal(node_add_cert(&node, &cert, NOW), -ENOSPC);
	assert_int_equal(node.nr_certs, NODE_CERTS_MAX);
	assert_int_equal(node_add_cert(&node, &cert, NOW + HOUR + 1), 0);
	assert_int_equal(node.nr_certs, 1);
}

static void the_node_takes_no_older_certificate(void **state)
{
	EVP_PKEY *ak = make_key(false), *another = make_key(false);
	struct made_rules rules = ek_rules;
	uint8_t kept[4096], der[4096];
	const char *why;

	X509 *cert = make_cert(ak, "n", &root, &rules);
	size_t old = make_der(cert, kept, sizeof(kept));
	X509_free(cert);
	assert_int_equal(ak_cert_newer(kept, old, NULL, 0, root.cert, NOW, &why), 0);
	assert_int_equal(ak_cert_newer(kept, old, kept, old, root.cert, NOW, &why), 0);
	assert_int_equal(ak_cert_newer(kept, old, NULL, 0, root.cert, rules.to + 1, &why), -EINVAL);
	assert_non_null(strstr(why, "its time is over"));
	assert_int_equal(ak_cert_newer(kept, old, NULL, 0, root.cert, rules.from - 1, &why),
			 -EINVAL);
	assert_non_null(strstr(why, "its time has not come"));
	rules.from--;
	cert = make_cert(ak, "n", &root, &rules);
	size_t size = make_der(cert, der, sizeof(der));
	X509_free(cert);
	assert_int_equal(ak_cert_newer(der, size, kept, old, root.cert, NOW, &why), -EINVAL);
	assert_non_null(strstr(why, "older than the one that is kept"));
	assert_int_equal(ak_cert_newer(kept, old, der, size, root.cert, NOW, &why), 0);
	// The TPM was exchanged.
	cert = make_cert(another, "n", &root, &rules);
	size = make_der(cert, der, sizeof(der));
	X509_free(cert);
	assert_int_equal(ak_cert_newer(der, size, kept, old, root.cert, NOW, &why), 0);
	EVP_PKEY_free(ak);
	EVP_PKEY_free(another);
}

// Kept is one of `kept_by` that is newer than what `by` has signed: is that refused?
static bool older_is_refused(EVP_PKEY *ak, const struct made *by, const struct made *kept_by,
			     X509 *ca)
{
	struct made_rules rules = ek_rules;
	uint8_t kept[4096], der[4096];
	const char *why;

	X509 *cert = make_cert(ak, "n", kept_by, &rules);
	size_t old = make_der(cert, kept, sizeof(kept));
	X509_free(cert);
	rules.from--;
	cert = make_cert(ak, "n", by, &rules);
	size_t size = make_der(cert, der, sizeof(der));
	X509_free(cert);
	return ak_cert_newer(der, size, kept, old, ca, NOW, &why) != 0;
}

static void a_certificate_of_another_ca_is_in_no_ones_way(void **state)
{
	EVP_PKEY *ak = make_key(false);
	// Anyone can call a CA so.
	struct made forged = make_authority("root", NULL, NOW);

	assert_true(older_is_refused(ak, &root, &root, root.cert));
	assert_false(older_is_refused(ak, &root, &other, root.cert));
	assert_false(older_is_refused(ak, &root, &forged, root.cert));
	// Whose the kept one is cannot be known.
	assert_false(older_is_refused(ak, &root, &root, NULL));
	made_free(&forged);
	EVP_PKEY_free(ak);
}

// OpenSSL reads some of these as a time in one place and not in another.
static void a_time_that_is_none_is_refused(void **state)
{
	static const char *const times[] = {"20991231235959+0000", "991231235959+0000", "x", ""};
	struct made_rules rules = ek_rules;
	EVP_PKEY *ak = make_key(false);
	uint8_t der[4096];
	const char *why;

	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		X509 *cert = make_cert(ak, "n", &root, &rules);
		assert_true(ASN1_STRING_set(X509_getm_notBefore(cert), times[i], -1));
		assert_true(X509_sign(cert, root.key, EVP_sha256()));
		size_t size = make_der(cert, der, sizeof(der));
		X509_free(cert);
		assert_int_equal(ak_cert_newer(der, size, NULL, 0, NULL, NOW, &why), -EINVAL);
		assert_non_null(strstr(why, "its time has not come"));
		assert_int_equal(ak_cert_newer(der, size, NULL, 0, root.cert, NOW, &why), -EINVAL);
		assert_non_null(strstr(why, "its time has not come"));
	}
	EVP_PKEY_free(ak);
}

static void the_node_takes_its_own_certificate_only(void **state)
{
	char path[64], hex[65];
	EVP_PKEY *ak = make_key(false), *another = make_key(false);
	struct ak_subject subject = {.name = "n", .ek = hex, .ak = ak, .not_after = NOW + HOUR};
	uint8_t area[PUBLIC_MAX], der[4096];
	struct node_cert record;
	const char *why;
	struct ca ca;
	X509 *cert;

	memset(hex, 'a', 64);
	hex[64] = '\0';
	begin(&ca, path);
	size_t area_size = make_area(PUBLIC_AK, ak, area);
	assert_int_equal(ca_issue(&ca, &subject, NOW, &cert, &record, error), 0);
	size_t size = make_der(cert, der, sizeof(der) - 1);
	X509_free(cert);
	assert_int_equal(ak_cert_check(der, size, area, area_size, NULL, &why), 0);
	assert_int_equal(ak_cert_check(der, size, area, area_size, ca.cert, &why), 0);
	assert_int_equal(ak_cert_check(der, size, area, area_size, root.cert, &why), -EINVAL);
	assert_int_equal(ak_cert_check(der, size - 1, area, area_size, NULL, &why), -EINVAL);
	der[size] = 0;
	assert_int_equal(ak_cert_check(der, size + 1, area, area_size, NULL, &why), -EINVAL);
	assert_int_equal(ak_cert_check(der, 0, area, area_size, NULL, &why), -EINVAL);
	area_size = make_area(PUBLIC_AK, another, area);
	assert_int_equal(ak_cert_check(der, size, area, area_size, NULL, &why), -EINVAL);
	assert_non_null(strstr(why, "another key"));
	cert = make_cert(ak, "n", &root, &ek_rules);
	size = make_der(cert, der, sizeof(der));
	X509_free(cert);
	area_size = make_area(PUBLIC_AK, ak, area);
	assert_int_equal(ak_cert_check(der, size, area, area_size, NULL, &why), -EINVAL);
	assert_non_null(strstr(why, "extended key usage"));
	ca_close(&ca);
	EVP_PKEY_free(ak);
	EVP_PKEY_free(another);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ek_certificates_have_a_chain),
		cmocka_unit_test(weak_chains_are_refused),
		cmocka_unit_test(ek_certificates_follow_their_rules),
		cmocka_unit_test(ek_certificates_are_of_that_key),
		cmocka_unit_test(roots_are_read_strictly),
		cmocka_unit_test(certificates_say_what_they_must),
		cmocka_unit_test(there_is_room_to_revoke),
		cmocka_unit_test(the_list_has_the_revoked),
		cmocka_unit_test(the_directory_is_checked),
		cmocka_unit_test(the_directory_survives),
		cmocka_unit_test(one_at_a_time),
		cmocka_unit_test(lists_are_read_strictly),
		cmocka_unit_test(certificates_of_a_node_are_bounded),
		cmocka_unit_test(the_node_takes_no_older_certificate),
		cmocka_unit_test(a_certificate_of_another_ca_is_in_no_ones_way),
		cmocka_unit_test(a_time_that_is_none_is_refused),
		cmocka_unit_test(the_node_takes_its_own_certificate_only),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
