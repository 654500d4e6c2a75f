// SPDX-License-Identifier: Apache-2.0
// `cloister policy show`: what a policy asks for, and what it leaves open.
#include <inttypes.h>
#include <stdio.h>
#include <time.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <cloister/verify.h>
#include "message.h"
#include "policy.h"

static void show_hex(const char *what, const uint8_t *list, size_t nr, size_t bytes,
		     const char *none)
{
	printf("%-14s", what);
	if (nr == 0)
		printf(" %s\n", none);
	for (size_t i = 0; i < nr; i++) {
		printf("%*s", i ? 15 : 1, "");
		for (size_t j = 0; j < bytes; j++)
			printf("%02x", list[i * bytes + j]);
		putchar('\n');
	}
}

static void show_time(const char *what, const ASN1_TIME *time)
{
	char day[32] = "unknown";
	struct tm tm;

	if (time && ASN1_TIME_to_tm(time, &tm) == 1)
		strftime(day, sizeof(day), "%Y-%m-%d %H:%M:%S UTC", &tm);
	printf(", %s %s\n", what, day);
}

static void show_name(X509_NAME *name)
{
	char text[256] = "", shown[256];

	X509_NAME_oneline(name, text, sizeof(text));
	printable(shown, sizeof(shown), text);
	printf("%s", shown);
}

// SHA-256 of the SubjectPublicKeyInfo: any CA can have the same name.
static void show_spki(const X509 *cert)
{
	unsigned char digest[EVP_MAX_MD_SIZE], *der = NULL;
	int size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(cert), &der);

	printf("%15sSHA-256 of its SPKI: ", "");
	if (size > 0 && EVP_Digest(der, (size_t)size, digest, NULL, EVP_sha256(), NULL) == 1)
		for (size_t i = 0; i < CL_HASH_SIZE; i++)
			printf("%02x", digest[i]);
	putchar('\n');
	OPENSSL_free(der);
}

static void show_cas(const struct cl_policy *p)
{
	printf("%-14s", "ca");
	if (p->nr_cas == 0)
		puts(" none: no node is accepted");
	for (size_t i = 0; i < p->nr_cas; i++) {
		BIO *in = BIO_new_mem_buf(p->cas[i], -1);
		X509 *cert = in ? PEM_read_bio_X509(in, NULL, NULL, NULL) : NULL;
		printf("%*s", i ? 15 : 1, "");
		if (cert) {
			show_name(X509_get_subject_name(cert));
			show_time("until", X509_get0_notAfter(cert));
			show_spki(cert);
		}
		X509_free(cert);
		BIO_free(in);
	}
}

static void show_crls(const struct cl_policy *p)
{
	printf("%-14s", "crl");
	if (p->nr_crls == 0)
		puts(" none: whether a node is revoked stays unproven");
	for (size_t i = 0; i < p->nr_crls; i++) {
		BIO *in = BIO_new_mem_buf(p->crls[i], -1);
		X509_CRL *crl = in ? PEM_read_bio_X509_CRL(in, NULL, NULL, NULL) : NULL;
		printf("%*s", i ? 15 : 1, "");
		if (crl) {
			int nr = sk_X509_REVOKED_num(X509_CRL_get_REVOKED(crl));
			show_name(X509_CRL_get_issuer(crl));
			printf(", %d revoked", nr > 0 ? nr : 0);
			show_time("good until", X509_CRL_get0_nextUpdate(crl));
		}
		X509_CRL_free(crl);
		BIO_free(in);
	}
}

static void show_commands(const struct cl_policy *p)
{
	char shown[256];

	printf("%-14s", "boot commands");
	if (p->nr_boot_commands == 0)
		puts(" any: GRUB may have done anything");
	for (size_t i = 0; i < p->nr_boot_commands; i++) {
		printable(shown, sizeof(shown), p->boot_commands[i]);
		printf("%*s%s\n", i ? 15 : 1, "", shown);
	}
}

static void show_range(const char *what, uint64_t min, uint64_t max)
{
	printf("%-14s ", what);
	if (min)
		printf("at least %" PRIu64 "%s", min, max ? ", " : "\n");
	if (max)
		printf("at most %" PRIu64 "\n", max);
	if (!min && !max)
		puts("any");
}

int policy_show(const char *path)
{
	struct cl_policy *p;
	char error[CL_ERROR_SIZE];

	if (cl_policy_load_file(path, &p, error))
		return fail(EXIT_ERROR, "policy show %s: %s; see `cloister policy --help`", path,
			    error);
	show_hex("digests", (const uint8_t *)p->digests, p->nr_digests, CL_DIGEST_SIZE,
		 "any: the zone may run anything");
	show_cas(p);
	show_crls(p);
	printf("%-14s %s\n", "test TPMs",
	       p->accept_test_tpm ? "accepted: for tests only" : "refused");
	show_hex("firmware", (const uint8_t *)p->firmware, p->nr_firmware, CL_PCR_SIZE,
		 "any (PCR 0)");
	show_hex("option ROMs", (const uint8_t *)p->option_roms, p->nr_option_roms, CL_PCR_SIZE,
		 "any (PCR 2)");
	show_hex("boot images", (const uint8_t *)p->boot_images, p->nr_boot_images, CL_HASH_SIZE,
		 "any: whatever boots may call itself a Core");
	show_commands(p);
	printf("%-14s %s\n", "Core", p->core_version_min ? p->core_version_min : "any version");
	show_hex("Core builds", (const uint8_t *)p->core_builds, p->nr_core_builds, CL_BUILD_SIZE,
		 "any");
	show_range("vCPUs", p->vcpus_min, p->vcpus_max);
	show_range("memory", p->memory_bytes_min, p->memory_bytes_max);
	show_range("window pages", 0, p->window_pages_max);
	show_range("idle ms", 0, p->idle_ms_max);
	printf("%-14s %s\n", "IOMMU", p->require_iommu ? "required" : "a warning without one");
	printf("%-14s %s\n", "remapping", p->require_remapping ? "required" : "no matter");
	cl_policy_free(p);
	return EXIT_OK;
}
