// SPDX-License-Identifier: Apache-2.0
// `cloister evidence fetch`: a node's evidence and a zone's report under one nonce, as one bundle.
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <cloister/verify.h>
#include "../../verify/hex.h"
#include "../../verify/http.h"
#include "../cloister/ask.h"
#include "../cloister/cleanup.h"
#include "../cloister/message.h"
#include "../cloister/verbs.h"
#include "../launch/size.h"
#include "address.h"
#include "bundle.h"
#include "files.h"
#include "hex.h"
#include "verbs.h"

#define REPORT_PORT 7443
#define TIMEOUT_S   30u

static const char help[] =
	"usage: cloister evidence fetch --node HOST[:PORT] [OPTIONS] -o FILE\n"
	"\n"
	"Ask a node for its evidence, and a zone on it for its report, under one nonce, and write\n"
	"one bundle for `cloister verify --evidence`. Nothing is judged here.\n"
	"\n"
	"  --node HOST[:PORT]  the node's evidence service (default port: 7444)\n"
	"  --zone HOST[:PORT]  the zone's report service (default port: 7443); without it the\n"
	"                      bundle holds the node's evidence alone\n"
	"  --nonce HEX         64 hex digits that nobody could foresee (default: fresh, printed)\n"
	"  --timeout S         for each of the two (default: 30)\n"
	"  -o, --output FILE   where to write it; \"-\": standard output\n"
	"  --help              this text\n";

struct request {
	struct address node;
	struct address zone;
	bool has_zone;
	bool has_nonce;
	uint8_t nonce[CL_EVIDENCE_NONCE_SIZE];
	unsigned int timeout_ms;
	const char *output;
};

static int ask_node(const struct request *r, uint8_t *out, size_t max, struct bundle *bundle)
{
	char target[32 + 2 * CL_EVIDENCE_NONCE_SIZE] = "/evidence?nonce=", error[CL_ERROR_SIZE];
	const struct clv_request request = {.service = "the node",
					    .host = r->node.host,
					    .port = r->node.port,
					    .target = target,
					    .type = CL_EVIDENCE_MEDIA_TYPE,
					    .timeout_ms = r->timeout_ms};
	const char *why;

	clv_hex(target + strlen(target), r->nonce, sizeof(r->nonce));
	int size = clv_http(&request, out, max, error);
	if (size < 0)
		return fail(EXIT_NO_REPORT,
			    "--node %s: %s; is `cloister evidence serve` running "
			    "there?",
			    r->node.host, error);
	if (bundle_take(bundle, out, (size_t)size, &why) || bundle->report.data)
		return fail(EXIT_NO_REPORT, "--node %s: the answer is no node's evidence: %s",
			    r->node.host, bundle->report.data ? "it has a report" : why);
	return EXIT_OK;
}

static int write_file(const char *path, const uint8_t *data, size_t size)
{
	char directory[PATH_MAX], base[PATH_MAX];

	if (!strcmp(path, "-"))
		return fwrite(data, 1, size, stdout) == size
			       ? EXIT_OK
			       : fail(EXIT_ERROR, "standard output: cannot write to it");
	snprintf(directory, sizeof(directory), "%s", path);
	snprintf(base, sizeof(base), "%s", path);
	cleanup_close int dir = open(dirname(directory), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int rc = dir < 0 ? -errno : file_replace(dir, basename(base), data, size, 0644);
	return rc ? fail(EXIT_ERROR, "%s: cannot be written: %s", path, strerror(-rc)) : EXIT_OK;
}

static int fetch(struct request *r)
{
	uint8_t report[CL_REPORT_MAX];
	char error[CL_ERROR_SIZE], hex[2 * CL_EVIDENCE_NONCE_SIZE + 1];
	struct bundle bundle;

	if (!r->has_nonce && cl_fresh_nonce(r->nonce))
		return fail(EXIT_ERROR, "the kernel gives no random numbers");
	cleanup_free struct {
		uint8_t node[CL_EVIDENCE_MAX], out[CL_EVIDENCE_MAX];
	} *room = malloc(sizeof(*room));
	if (!room)
		return fail(EXIT_MEMORY, "no memory; end some programs");
	int code = ask_node(r, room->node, CL_EVIDENCE_MAX, &bundle);
	if (code)
		return code;
	if (r->has_zone) {
		int n = ask_zone_report(r->zone.host, r->zone.port, r->nonce, r->timeout_ms, report,
					error);
		if (n < 0)
			return fail(EXIT_NO_REPORT, "--zone %s: %s; is the zone's port published?",
				    r->zone.host, error);
		bundle.report = (struct wire_bytes){report, (size_t)n};
	}
	int size = bundle_put(&bundle, room->out, CL_EVIDENCE_MAX);
	if (size < 0)
		return fail(EXIT_ERROR, "the bundle is longer than %u bytes", CL_EVIDENCE_MAX);
	code = write_file(r->output, room->out, (size_t)size);
	clv_hex(hex, r->nonce, sizeof(r->nonce));
	if (!code)
		note("evidence: %d bytes; nonce %s", size, hex);
	return code;
}

static int take_option(struct request *r, int id)
{
	uint64_t seconds;

	switch (id) {
	case 'n':
		return address_parse(&r->node, optarg, CL_EVIDENCE_PORT)
			       ? fail(EXIT_USAGE, "--node %s: HOST[:PORT] expected", optarg)
			       : EXIT_OK;
	case 'z':
		r->has_zone = true;
		return address_parse(&r->zone, optarg, REPORT_PORT)
			       ? fail(EXIT_USAGE, "--zone %s: HOST[:PORT] expected", optarg)
			       : EXIT_OK;
	case 'N':
		r->has_nonce = true;
		return hex_parse(optarg, r->nonce, sizeof(r->nonce))
			       ? fail(EXIT_USAGE, "--nonce: 64 hex digits expected")
			       : EXIT_OK;
	case 't':
		if (parse_number(optarg, 3600, &seconds) || !seconds)
			return fail(EXIT_USAGE, "--timeout %s: a number from 1 to 3600 expected",
				    optarg);
		r->timeout_ms = (unsigned int)seconds * 1000;
		return EXIT_OK;
	case 'o':
		r->output = optarg;
		return EXIT_OK;
	default:
		return verb_usage("evidence fetch");
	}
}

int evidence_verb_fetch(int argc, char **argv)
{
	static const struct option options[] = {{"node", required_argument, NULL, 'n'},
						{"zone", required_argument, NULL, 'z'},
						{"nonce", required_argument, NULL, 'N'},
						{"timeout", required_argument, NULL, 't'},
						{"output", required_argument, NULL, 'o'},
						{"help", no_argument, NULL, 'h'},
						{NULL, 0, NULL, 0}};
	struct request r = {.timeout_ms = TIMEOUT_S * 1000};
	int id;

	opterr = 0;
	while ((id = getopt_long(argc, argv, "o:", options, NULL)) != -1) {
		if (id == 'h')
			return verb_help(help);
		int code = take_option(&r, id);
		if (code)
			return code;
	}
	if (optind != argc)
		return verb_usage("evidence fetch");
	if (!r.node.host[0] || !r.output)
		return fail(EXIT_USAGE, "evidence fetch: --node and -o are needed; see `cloister "
					"evidence fetch --help`");
	return fetch(&r);
}
