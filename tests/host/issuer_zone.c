// SPDX-License-Identifier: Apache-2.0
// A zone with forged evidence, for issuer.sh: it writes a verifier's policy that takes the evidence
// into a directory, and then does what standard input says, a line of answer for each line.
//
//   open PORT PIN BYTE   a channel to the issuer on this port whose key has this hash, as a zone
//                        whose launch digest is 47 zeros and this byte
//   ask                  what it is given: IDs and files; its certificate and token for the first
//                        ID, and the bundles, are then in the directory
//   close
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <jansson.h>
#include <openssl/sha.h>
#include "../../channel/channel.h"
#include "../../issuer/wire.h"
#include "../../spiffe/key.h"
#include "../../tools/node/hex.h"
#include "../../verify/hex.h"
#include "evidence_forge.h"

#define WAIT_MS 20000u

static const char *directory;
static uint8_t digest[CL_DIGEST_SIZE];
static struct channel_key key;
static struct channel channel;
static uint8_t answer_bytes[WIRE_ANSWER_MAX];

static void put(const char *name, const void *data, size_t size)
{
	char path[4096];

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	FILE *out = fopen(path, "wb");
	if (!out || fwrite(data, 1, size, out) != size || fclose(out)) {
		fprintf(stderr, "issuer-zone: %s: %s; check the disk\n", path, strerror(errno));
		exit(1);
	}
}

static void fresh(struct evidence_forge *f, const uint8_t *words)
{
	time_t now = time(NULL);

	evidence_forge_default(f, words, digest);
	f->cert.from = now - 60;
	f->cert.until = now + FORGE_DAY;
}

static int prove(void *context, const uint8_t binding[CL_EVIDENCE_NONCE_SIZE],
		 const uint8_t spki[CL_REPORT_SPKI_SIZE], uint8_t out[CL_EVIDENCE_MAX],
		 char error[CL_ERROR_SIZE])
{
	static struct evidence_forge f;
	uint8_t words[CL_REPORT_DATA];

	memcpy(words, binding, CL_EVIDENCE_NONCE_SIZE);
	memcpy(words + CL_EVIDENCE_NONCE_SIZE, spki, CL_REPORT_SPKI_SIZE);
	fresh(&f, words);
	return (int)evidence_forge_make(&f, out, CL_EVIDENCE_MAX);
}

static json_t *hex_list(const uint8_t *data, size_t size)
{
	char text[2 * CL_DIGEST_SIZE + 1];

	clv_hex(text, data, size);
	return json_pack("[s]", text);
}

// All that the verdict "affirming" needs, whatever the digest is.
static void write_policy(void)
{
	static uint8_t bundle[CL_EVIDENCE_MAX], words[CL_REPORT_DATA];
	static struct evidence_forge f;
	uint8_t image[CL_HASH_SIZE];
	time_t now = time(NULL);

	forge_ca_from = now - FORGE_DAY;
	forge_ca_until = now + 2 * FORGE_DAY;
	fresh(&f, words);
	evidence_forge_make(&f, bundle, sizeof(bundle));
	SHA256((const uint8_t *)FORGE_IMAGE, strlen(FORGE_IMAGE), image);
	json_t *nodes = json_pack("{s:[s],s:[s]}", "ca", forge_ca_pem(FORGE_THIS), "crl",
				  forge_crl_pem(FORGE_THIS, 0, now - 60, now + FORGE_DAY));
	json_t *boot = json_pack("{s:o,s:o,s:o,s:[s]}", "firmware", hex_list(f.pcr[0], CL_PCR_SIZE),
				 "option_roms", hex_list(f.pcr[2], CL_PCR_SIZE), "images",
				 hex_list(image, sizeof(image)), "commands",
				 "kernel_cmdline: console=ttyS0");
	json_t *core = json_pack("{s:s,s:[s]}", "version_min", "0.1.0", "builds",
				 "b1d0000000000000000000000000000000000000");
	json_t *digests = json_array();
	for (digest[CL_DIGEST_SIZE - 1] = 1; digest[CL_DIGEST_SIZE - 1] < 4;
	     digest[CL_DIGEST_SIZE - 1]++) {
		json_t *one = hex_list(digest, sizeof(digest));
		json_array_extend(digests, one);
		json_decref(one);
	}
	json_t *json = json_pack("{s:i,s:o,s:o,s:o,s:o,s:b}", "version", 1, "digests", digests,
				 "nodes", nodes, "boot", boot, "core", core, "require_iommu", 1);
	char *text = json_dumps(json, 0);
	put("verifier.json", text, strlen(text));
	free(text);
	json_decref(json);
}

static const char *open_channel(unsigned int port, const char *pin, unsigned int last,
				char error[CL_ERROR_SIZE])
{
	uint8_t keys[1][CL_REPORT_SPKI_SIZE];
	const struct channel_self self = {.key = &key, .prove = prove};
	const struct channel_trust trust = {.keys = (const uint8_t(*)[CL_REPORT_SPKI_SIZE])keys,
					    .nr_keys = 1};
	struct clv_socket socket;

	digest[CL_DIGEST_SIZE - 1] = (uint8_t)last;
	if (hex_parse(pin, keys[0], sizeof(keys[0])))
		return "no pin";
	if (clv_connect(&socket, "127.0.0.1", (uint16_t)port, WAIT_MS, error) ||
	    channel_open(&channel, socket, CHANNEL_INITIATOR, WIRE_PROTOCOL, &self, &trust, error))
		return error;
	return "open";
}

// NULL, or why there is no such answer. What is in it is overwritten by the next.
static const char *ask(const struct wire_request *request, struct wire_answer *answer)
{
	static uint8_t bytes[WIRE_REQUEST_MAX];
	static char reason[256];
	const char *why = "no answer";
	int n = wire_put_request(request, bytes, sizeof(bytes));

	if (channel_send(&channel, bytes, (size_t)n, WAIT_MS))
		return "cannot send";
	n = channel_receive(&channel, answer_bytes, sizeof(answer_bytes), WAIT_MS);
	if (n <= 0 || wire_take_answer(answer, answer_bytes, (size_t)n, &why))
		return why;
	if (!answer->refused)
		return NULL;
	snprintf(reason, sizeof(reason), "refused: %.*s", (int)answer->refusal.reason.size,
		 (const char *)answer->refusal.reason.data);
	return reason;
}

static size_t make_request(uint8_t out[1024])
{
	EVP_PKEY *new = spiffe_key_new();
	X509_REQ *r = X509_REQ_new();
	uint8_t *at = out;

	X509_REQ_set_pubkey(r, new);
	X509_REQ_sign(r, new, EVP_sha256());
	int size = i2d_X509_REQ(r, &at);
	X509_REQ_free(r);
	EVP_PKEY_free(new);
	return size > 0 ? (size_t)size : 0;
}

static void print(const struct wire_span *s)
{
	printf(" %.*s", (int)s->size, (const char *)s->data);
}

static const char *ask_all(void)
{
	static struct wire_request request;
	static struct wire_answer answer;
	uint8_t csr[1024];

	request = (struct wire_request){.kind = WIRE_GRANTS};
	const char *why = ask(&request, &answer);
	if (why || !answer.grants.nr_grants)
		return why ?: "nothing";
	printf("given");
	for (size_t i = 0; i < answer.grants.nr_grants; i++)
		print(&answer.grants.grant[i].id);
	for (size_t i = 0; i < answer.grants.nr_files; i++) {
		print(&answer.grants.file[i].name);
		print(&answer.grants.file[i].content);
	}
	request = (struct wire_request){.kind = WIRE_SIGN, .sign = {.nr_keys = 1}};
	request.sign.key[0].content = (struct wire_span){csr, make_request(csr)};
	why = ask(&request, &answer);
	if (why)
		return why;
	put("svid.der", answer.sign.key[0].content.data, answer.sign.key[0].content.size);
	request = (struct wire_request){.kind = WIRE_TOKEN, .token = {.nr_audiences = 1}};
	request.token.audience[0] = (struct wire_span){(const uint8_t *)"reports", 7};
	why = ask(&request, &answer);
	if (why)
		return why;
	put("token", answer.token.data, answer.token.size);
	request = (struct wire_request){.kind = WIRE_BUNDLES};
	why = ask(&request, &answer);
	if (why)
		return why;
	for (size_t i = 0; i < answer.bundles.nr_bundles; i++) {
		char name[300];
		snprintf(name, sizeof(name), "bundle.%.*s",
			 (int)answer.bundles.bundle[i].trust_domain.size,
			 (const char *)answer.bundles.bundle[i].trust_domain.data);
		print(&answer.bundles.bundle[i].trust_domain);
		put(name, answer.bundles.bundle[i].jwks.data, answer.bundles.bundle[i].jwks.size);
	}
	return "";
}

int main(int argc, char **argv)
{
	char line[256], pin[128], error[CL_ERROR_SIZE];
	unsigned int port, last;
	bool is_open = false;

	if (argc != 2 || channel_key_make(&key)) {
		fprintf(stderr, "usage: issuer-zone DIRECTORY\n");
		return 2;
	}
	directory = argv[1];
	write_policy();
	setvbuf(stdout, NULL, _IOLBF, 0);
	puts("ready");
	while (fgets(line, sizeof(line), stdin)) {
		const char *said = "?";
		if (sscanf(line, "open %u %127s %u", &port, pin, &last) == 3) {
			said = open_channel(port, pin, last, error);
			is_open = strcmp(said, "open") == 0;
		} else if (strcmp(line, "ask\n") == 0) {
			said = is_open ? ask_all() : "not open";
		} else if (strcmp(line, "close\n") == 0 && is_open) {
			channel_close(&channel);
			is_open = false;
			said = "closed";
		}
		puts(said);
	}
	channel_key_free(&key);
	return 0;
}
