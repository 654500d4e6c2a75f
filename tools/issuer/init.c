// SPDX-License-Identifier: Apache-2.0
// `cloister-issuer init`
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include "../../verify/hex.h"
#include "../cloister/message.h"
#include "../launch/size.h"
#include "state.h"
#include "verbs.h"

static const char help[] =
	"usage: cloister-issuer init DIR --trust-domain NAME [--life SECONDS]\n"
	"\n"
	"Make a directory with the first keys of a trust domain, and print what zone images pin:\n"
	"the SHA-256 of the channel key's SubjectPublicKeyInfo.\n"
	"\n"
	"  --trust-domain NAME  as SPIFFE IDs have it: spiffe://NAME/...\n"
	"  --life SECONDS       of the first signing keys (default: 604800, a week)\n"
	"  --help               this text\n";

static int init(const char *path, const char *domain, uint32_t life)
{
	char error[CL_ERROR_SIZE], spki[2 * CL_REPORT_SPKI_SIZE + 1];
	struct state state;

	if (state_init(path, domain, life, time(NULL), error) || state_open(&state, path, error))
		return fail(EXIT_ERROR, "init: %s: %s", path, error);
	clv_hex(spki, state.key.spki, CL_REPORT_SPKI_SIZE);
	printf("%s\n", spki);
	note("%s: new keys of the trust domain %s; keep this directory safe, and its copies", path,
	     state.domain);
	state_close(&state);
	return EXIT_OK;
}

int issuer_verb_init(int argc, char **argv)
{
	static const struct option options[] = {{"trust-domain", required_argument, NULL, 't'},
						{"life", required_argument, NULL, 'l'},
						{"help", no_argument, NULL, 'h'},
						{NULL, 0, NULL, 0}};
	const char *domain = NULL, *why = "";
	uint64_t life = STATE_LIFE;
	int id;

	opterr = 0;
	while ((id = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (id) {
		case 't':
			domain = optarg;
			break;
		case 'l':
			if (parse_number(optarg, STATE_LIFE_MAX, &life) || life < STATE_LIFE_MIN)
				return fail(EXIT_USAGE, "--life %s: %u to %u seconds expected",
					    optarg, STATE_LIFE_MIN, STATE_LIFE_MAX);
			break;
		case 'h':
			return issuer_help(help);
		default:
			return issuer_usage("init");
		}
	}
	if (optind + 1 != argc || !domain)
		return issuer_usage("init");
	if (spiffe_domain_check(domain, strlen(domain), &why))
		return fail(EXIT_USAGE, "--trust-domain %s: %s", domain, why);
	return init(argv[optind], domain, (uint32_t)life);
}
