// SPDX-License-Identifier: Apache-2.0
// Attacks on an issuer's attested channel by someone who owns the network and the node: with a key
// of his own, the node's evidence service, and the zone's public report service, which answers any
// nonce.
//
// channel-attack ATTACK KEY ISSUER NODE ZONE (KEY: the issuer's, as cloister-issuer show has it;
// then ports of 127.0.0.1): tries it, and prints how it ended.
//   relay        evidence for this very connection, its report from the zone's public service
//   replay       the same, made for an earlier connection
//   own-report   the right evidence, and a report that the attacker has made up
//   no-evidence  none
// Exit status 0: refused; 1: it has got a channel; 2: it could not even try.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../../channel/channel.h"
#include "../../issuer/wire.h"
#include "../../verify/hex.h"
#include "../../verify/http.h"
#include "../../zone/cmdline.h"

#define HOST	   "127.0.0.1"
#define TIMEOUT_MS 120000u

struct attack {
	const char *name;
	uint16_t node, zone;
	bool tried; // evidence was shown, or on purpose none
};

static int ask_node(const struct attack *a, const uint8_t nonce[CL_EVIDENCE_NONCE_SIZE],
		    uint8_t *room, struct cl_evidence *parts, char error[CL_ERROR_SIZE])
{
	char target[32 + 2 * CL_EVIDENCE_NONCE_SIZE] = "/evidence?nonce=";
	const struct clv_request request = {.service = "the node's evidence service",
					    .host = HOST,
					    .port = a->node,
					    .target = target,
					    .type = CL_EVIDENCE_MEDIA_TYPE,
					    .timeout_ms = TIMEOUT_MS};

	clv_hex(target + strlen(target), nonce, CL_EVIDENCE_NONCE_SIZE);
	int size = clv_http(&request, room, CL_EVIDENCE_MAX, error);
	return size < 0 ? size : cl_evidence_unpack(room, (size_t)size, parts, error);
}

static int show(void *context, const uint8_t binding[CL_EVIDENCE_NONCE_SIZE],
		const uint8_t spki[CL_REPORT_SPKI_SIZE], uint8_t out[CL_EVIDENCE_MAX],
		char error[CL_ERROR_SIZE])
{
	struct attack *a = context;
	uint8_t nonce[CL_EVIDENCE_NONCE_SIZE], report[CL_REPORT_MAX];
	uint8_t *room = malloc(CL_EVIDENCE_MAX);
	struct cl_evidence parts;

	memcpy(nonce, binding, sizeof(nonce));
	if (!strcmp(a->name, "replay"))
		nonce[0] ^= 1; // that of another connection
	int rc = room ? ask_node(a, nonce, room, &parts, error) : -ENOMEM;
	int size = rc ? rc : cl_fetch_report(HOST, a->zone, nonce, TIMEOUT_MS, report, error);
	if (size >= 0 && !strcmp(a->name, "own-report"))
		// Its own key in the place of the service's, which is the report's last words.
		for (int i = 0; i + (int)CL_REPORT_SPKI_SIZE <= size; i++)
			if (!memcmp(report + i, nonce, sizeof(nonce)))
				memcpy(report + i + sizeof(nonce), spki, CL_REPORT_SPKI_SIZE);
	if (size >= 0) {
		parts.report = report;
		parts.report_size = (size_t)size;
		size = cl_evidence_pack(&parts, out, CL_EVIDENCE_MAX);
	}
	free(room);
	a->tried = size >= 0;
	return size;
}

static int known(const char *name)
{
	return !strcmp(name, "relay") || !strcmp(name, "replay") || !strcmp(name, "own-report") ||
	       !strcmp(name, "no-evidence");
}

int main(int argc, char **argv)
{
	static struct channel channel;
	char error[CL_ERROR_SIZE] = "";
	struct channel_key key;
	struct clv_socket socket;

	uint8_t issuer[1][CL_REPORT_SPKI_SIZE];

	if (argc != 6 || !known(argv[1]) ||
	    hex_decode(argv[2], strlen(argv[2]), issuer[0], sizeof(issuer[0]))) {
		fputs("usage: channel-attack relay|replay|own-report|no-evidence KEY ISSUER NODE "
		      "ZONE\n",
		      stderr);
		return 2;
	}
	bool none = !strcmp(argv[1], "no-evidence");
	struct attack attack = {.name = argv[1],
				.node = (uint16_t)atoi(argv[4]),
				.zone = (uint16_t)atoi(argv[5]),
				.tried = none};
	if (channel_key_make(&key) ||
	    clv_connect(&socket, HOST, (uint16_t)atoi(argv[3]), TIMEOUT_MS, error)) {
		fprintf(stderr, "channel-attack: %s\n", error);
		return 2;
	}
	const struct channel_self self = {&key, none ? NULL : show, &attack};
	const struct channel_trust trust = {.keys = (const uint8_t(*)[CL_REPORT_SPKI_SIZE])issuer,
					    .nr_keys = 1};
	int rc = channel_open(&channel, socket, CHANNEL_INITIATOR, WIRE_PROTOCOL, &self, &trust,
			      error);
	channel_key_free(&key);
	puts(rc ? error : "the channel is open");
	if (!rc)
		channel_close(&channel);
	return !rc ? 1 : attack.tried && rc == -EACCES ? 0 : 2;
}
