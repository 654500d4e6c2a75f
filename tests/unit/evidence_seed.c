// SPDX-License-Identifier: Apache-2.0
// Write what the forge makes into a directory: bundles of evidence that are in time now, and what a
// policy for them is made of. For the tests of programs (tests/host/evidence.sh), for the fuzzers
// and for the example. With --serve also evidence about what others say, of the same node.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <openssl/sha.h>

#include <cloister/verify.h>
#include "evidence_serve.h"

static const char *directory;

static void put(const char *name, const void *data, size_t size)
{
	char path[4096];
	FILE *out;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	out = fopen(path, "wb");
	if (!out || fwrite(data, 1, size, out) != size || fclose(out)) {
		fprintf(stderr, "evidence-seed: %s: %s; check the disk\n", path, strerror(errno));
		exit(1);
	}
}

static void put_text(const char *name, const char *text)
{
	put(name, text, strlen(text));
}

static void put_hex(const char *name, const uint8_t *data, size_t size)
{
	char text[256];

	for (size_t i = 0; i < size; i++)
		snprintf(text + 2 * i, 3, "%02x", data[i]);
	put_text(name, text);
}

static void put_bundle(const char *name, struct evidence_forge *f)
{
	static uint8_t bundle[CL_EVIDENCE_MAX];

	put(name, bundle, evidence_forge_make(f, bundle, sizeof(bundle)));
}

static void fresh(struct evidence_forge *f, const uint8_t *data, const uint8_t *digest)
{
	time_t now = time(NULL);

	evidence_forge_default(f, data, digest);
	f->cert.from = now - 60;
	f->cert.until = now + FORGE_DAY;
}

static void put_reference(void)
{
	uint8_t image[CL_HASH_SIZE];
	char hex[2 * CL_HASH_SIZE + 1], text[2048];

	SHA256((const uint8_t *)FORGE_IMAGE, strlen(FORGE_IMAGE), image);
	for (size_t i = 0; i < sizeof(image); i++)
		snprintf(hex + 2 * i, 3, "%02x", image[i]);
	snprintf(
		text, sizeof(text),
		"{\"version\": 1, \"boot_image\": \"%s\", \"commands\": [\"kernel_cmdline: "
		"console=ttyS0\"], \"core_version\": "
		"\"0.1.0+g1234567\", \"core_build\": \"b1d0000000000000000000000000000000000000\"}",
		hex);
	put_text("reference.json", text);
}

/* The key of a TLS server that a test really has. */
static void hash_file(const char *path, uint8_t hash[CL_REPORT_SPKI_SIZE])
{
	uint8_t key[1024];
	FILE *in = fopen(path, "rb");
	size_t size = in ? fread(key, 1, sizeof(key), in) : 0;

	if (size == 0 || size == sizeof(key) || fclose(in)) {
		fprintf(stderr, "evidence-seed: %s: no key; check the path\n", path);
		exit(1);
	}
	SHA256(key, size, hash);
}

static void forge_good(struct evidence_forge *f, const uint8_t data[CL_REPORT_DATA])
{
	static uint8_t digest[CL_DIGEST_SIZE]; // the forge keeps a pointer

	memset(digest, 0xd1, sizeof(digest));
	fresh(f, data, digest);
}

/* A zone with another image. */
static void forge_other(struct evidence_forge *f, const uint8_t data[CL_REPORT_DATA])
{
	static uint8_t digest[CL_DIGEST_SIZE]; // the forge keeps a pointer

	memset(digest, 0xd2, sizeof(digest));
	fresh(f, data, digest);
}

/* The right image on a node that nobody measured. */
static void forge_bios(struct evidence_forge *f, const uint8_t data[CL_REPORT_DATA])
{
	forge_good(f, data);
	f->no_log = true;
}

static int serve(void)
{
	static const struct evidence_kind kinds[] = {
		{"good", forge_good}, {"other", forge_other}, {"bios", forge_bios}};

	evidence_serve(kinds, sizeof(kinds) / sizeof(kinds[0]));
	fprintf(stderr, "evidence-seed: --serve: %s; check the network\n", strerror(errno));
	return 1;
}

int main(int argc, char **argv)
{
	static uint8_t data[CL_REPORT_DATA], digest[CL_DIGEST_SIZE];
	static struct evidence_forge f;
	time_t now = time(NULL);
	bool serving = argc == 3 && strcmp(argv[1], "--serve") == 0;

	argv += serving;
	argc -= serving;
	if (argc < 2 || argc > 3 || (mkdir(argv[1], 0777) && errno != EEXIST)) {
		fprintf(stderr, "usage: evidence-seed DIRECTORY [PUBLIC-KEY.DER]\n"
				"       evidence-seed --serve DIRECTORY\n");
		return 2;
	}
	directory = argv[1];
	forge_ca_from = now - FORGE_DAY;
	forge_ca_until = now + 2 * FORGE_DAY;
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)i;
	if (argc == 3)
		hash_file(argv[2], data + CL_REPORT_NONCE_SIZE);
	memset(digest, 0xd1, sizeof(digest));

	fresh(&f, data, digest);
	put_bundle("good.cbor", &f);
	f.no_report = true;
	put_bundle("node.cbor", &f);
	fresh(&f, data, digest);
	f.no_log = true;
	put_bundle("bios.cbor", &f);
	fresh(&f, data, digest);
	f.cert.policies = CL_OID_TEST_TPM;
	put_bundle("test-tpm.cbor", &f);
	fresh(&f, data, digest);
	f.host_extended = true;
	put_bundle("extended.cbor", &f);
	fresh(&f, data, digest);
	forge_claim(&f.report, CL_CLAIM_IOMMU)->data = "none";
	put_bundle("no-iommu.cbor", &f);
	put_hex("nonce", data, CL_REPORT_NONCE_SIZE);
	put_hex("tls-key", data + CL_REPORT_NONCE_SIZE, CL_REPORT_SPKI_SIZE);
	put_hex("digest", digest, sizeof(digest));
	put_reference();
	put_text("ca.pem", forge_ca_pem(FORGE_THIS));
	put_text("crl.pem", forge_crl_pem(FORGE_THIS, 0, now - 60, now + FORGE_DAY));
	put_text("revoked.pem", forge_crl_pem(FORGE_THIS, 7, now - 60, now + FORGE_DAY));
	put_text("other-ca.pem", forge_ca_pem(FORGE_OTHER));
	put_text("ear.pem", forge_key_pem());
	return serving ? serve() : 0;
}
