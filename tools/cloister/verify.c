// SPDX-License-Identifier: Apache-2.0
// `cloister verify`: get a report or evidence, and let libcloister-verify judge.
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <string.h>
#include <unistd.h>
#include "../launch/size.h"
#include "cleanup.h"
#include "file.h"
#include "hex.h"
#include "measure.h"
#include "message.h"
#include "verbs.h"
#include "verify_ask.h"
#include "verify_cert.h"
#include "verify_judge.h"

#define TIMEOUT_MS 30000u

static const char help[] =
	"usage: cloister verify [OPTIONS] HOST\n"
	"       cloister verify --evidence FILE --policy FILE [OPTIONS]\n"
	"\n"
	"Ask the zone behind HOST for a fresh report and judge it, or judge a bundle of evidence:\n"
	"a report with the proof of what it came from. Exit status: 0 affirming, 3 warning\n"
	"(nothing is wrong, but something is unproven), 1 contraindicated, 4 no report: the\n"
	"zone could not be asked.\n"
	"\n"
	"  --evidence FILE     a bundle, as `cloister evidence fetch` writes it\n"
	"  --policy FILE       what to ask of it, see `cloister policy --help`; the options below\n"
	"                      go before what the file says\n"
	"  --nonce HEX         what the evidence was asked for with; without it, it may be old\n"
	"  --ear               print an EAT Attestation Result: a JWT, signed with ES256\n"
	"  --ear-key FILE      its key, P-256, PEM\n"
	"  --report-port PORT  the zone's report service, as published (default: 7443)\n"
	"  --tls-port PORT     a TLS server of the zone: its key must be the one in the report\n"
	"  --starttls postgres\n"
	"                      that server speaks PostgreSQL, which asks for TLS first\n"
	"  --tls-cert FILE     if the exit status is 0, write that server's certificate to FILE:\n"
	"                      a client that trusts nothing else reaches this zone and no other\n"
	"                      (psql: sslmode=verify-ca sslrootcert=FILE)\n"
	"  --tls-key HEX       in place of --tls-port: SHA-256 of the SubjectPublicKeyInfo of the\n"
	"                      zone's TLS key, if you know it already\n"
	"  --digest HEX        the launch digest to expect; may be repeated\n"
	"  --image IMAGE       expect the digest of this image (see `cloister measure`)\n"
	"  --memory SIZE       with --image: as given to `cloister run`\n"
	"  --vcpus N           likewise\n"
	"  --core-key KEY      the Core's key, 128 hex digits or a file that holds them; may be\n"
	"                      repeated\n"
	"  --max-window PAGES  most plaintext pages to accept\n"
	"  --require-iommu     a node without an IOMMU is contraindicated, not a warning\n"
	"  --accept-development\n"
	"                      exit 0 although no evidence proves the Core's key, or there is\n"
	"                      no IOMMU; the text still says so\n"
	"  --timeout S         for report and TLS key each; tried again until then, as the zone\n"
	"                      may still be starting (default: 30)\n"
	"  --json              print the verdict as JSON\n"
	"  --help              this text\n";

static int take_key(struct request *r, const char *text)
{
	char line[2 * CL_CORE_KEY_SIZE + 2] = "";

	if (r->nr_keys == EXPECTED_MAX)
		return fail(EXIT_USAGE, "--core-key: at most %u; give fewer", EXPECTED_MAX);
	if (!parse_hex(text, r->keys[r->nr_keys], CL_CORE_KEY_SIZE)) {
		r->nr_keys++;
		return EXIT_OK;
	}
	cleanup_close int fd = open(text, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return fail(EXIT_USAGE,
			    "--core-key: neither 128 hex digits nor a file: %s; see "
			    "`cloister core info`",
			    strerror(errno));
	ssize_t n = read(fd, line, sizeof(line) - 1);
	line[strcspn(line, "\r\n")] = '\0';
	if (n < 0 || parse_hex(line, r->keys[r->nr_keys], CL_CORE_KEY_SIZE))
		return fail(EXIT_USAGE, "--core-key: the file does not hold 128 hex digits; see "
					"`cloister core info`");
	r->nr_keys++;
	return EXIT_OK;
}

static int take_number(const char *option, const char *text, uint64_t max, uint64_t *n)
{
	if (parse_number(text, max, n) || *n == 0)
		return fail(EXIT_USAGE, "--%s %s: a number from 1 to %llu expected", option, text,
			    (unsigned long long)max);
	return EXIT_OK;
}

static int take_option(struct request *r, int id)
{
	uint64_t n = 0;
	int code = EXIT_OK;

	switch (id) {
	case 'r':
		code = take_number("report-port", optarg, 65535, &n);
		r->report_port = (uint16_t)n;
		break;
	case 't':
		code = take_number("tls-port", optarg, 65535, &n);
		r->tls_port = (uint16_t)n;
		break;
	case 'S':
		if (strcmp(optarg, "postgres") != 0)
			return fail(EXIT_USAGE, "--starttls %s: only postgres is known", optarg);
		r->starttls = optarg;
		break;
	case 'C':
		r->tls_cert_file = optarg;
		break;
	case 'd':
		if (r->nr_digests == EXPECTED_MAX ||
		    parse_hex(optarg, r->digests[r->nr_digests], CL_DIGEST_SIZE))
			return fail(EXIT_USAGE,
				    "--digest: 96 hex digits expected, at most %u "
				    "times; see `cloister measure`",
				    EXPECTED_MAX);
		r->nr_digests++;
		break;
	case 'i':
		r->image = optarg;
		break;
	case 'm':
		r->memory = optarg;
		break;
	case 'v':
		code = take_number("vcpus", optarg, CL_ZONE_VCPUS_MAX, &n);
		r->vcpus = (uint32_t)n;
		break;
	case 'k':
		code = take_key(r, optarg);
		break;
	case 'w':
		code = take_number("max-window", optarg, UINT32_MAX, &n);
		r->window_max = (uint32_t)n;
		break;
	case 'u':
		r->require_iommu = true;
		break;
	case 'a':
		r->accept_development = true;
		break;
	case 's':
		code = take_number("timeout", optarg, 3600, &n);
		r->timeout_ms = (uint32_t)n * 1000;
		break;
	case 'j':
		r->json = true;
		break;
	case 'e':
		r->evidence_file = optarg;
		break;
	case 'p':
		r->policy_file = optarg;
		break;
	case 'n':
		if (parse_hex(optarg, r->nonce, sizeof(r->nonce)))
			return fail(EXIT_USAGE, "--nonce: 64 hex digits expected: those that the "
						"evidence was asked for with");
		r->has_nonce = true;
		break;
	case 'K':
		if (parse_hex(optarg, r->spki, sizeof(r->spki)))
			return fail(EXIT_USAGE, "--tls-key: 64 hex digits expected: SHA-256 of the "
						"key's SubjectPublicKeyInfo");
		r->has_spki = true;
		break;
	case 'E':
		r->ear = true;
		break;
	case 'P':
		r->ear_key = optarg;
		break;
	default:
		return verb_usage("verify");
	}
	return code;
}

// The key of the zone's TLS server: asked for, or given.
static int find_spki(struct request *r)
{
	return r->tls_port ? ask_tls(r) : EXIT_OK;
}

static int verify_file(struct request *r)
{
	cleanup_free char *bundle = NULL;
	size_t size;

	int code = read_file("--evidence", r->evidence_file, CL_EVIDENCE_MAX, &bundle, &size);
	if (!code)
		code = find_spki(r);
	if (code)
		return code;
	return judge_evidence(r, (const uint8_t *)bundle, size, r->has_nonce ? r->nonce : NULL,
			      r->has_spki ? r->spki : NULL);
}

static int verify_host(struct request *r)
{
	uint8_t report[CL_REPORT_MAX];
	size_t size;

	if (!r->has_nonce && cl_fresh_nonce(r->nonce))
		return fail(EXIT_ERROR, "verify: no random numbers; check the kernel's log");
	int code = ask_report(r, r->nonce, report, &size);
	if (!code)
		code = find_spki(r);
	if (code)
		return code;
	return judge_report(r, report, size, r->nonce, r->has_spki ? r->spki : NULL);
}

// Which options go together.
static int check_request(const struct request *r)
{
	if ((r->memory || r->vcpus) && !r->image)
		return fail(EXIT_USAGE, "verify: --memory and --vcpus belong to --image; add it");
	if (!r->host && !r->evidence_file)
		return fail(EXIT_USAGE,
			    "verify: nothing to verify; give a HOST or --evidence FILE");
	if (r->host && r->evidence_file && !r->tls_port)
		return fail(EXIT_USAGE, "verify: with --evidence a HOST is asked for its TLS key "
					"only; give --tls-port or no HOST");
	if (!r->host && r->tls_port)
		return fail(EXIT_USAGE, "verify: --tls-port needs a HOST to ask; give it");
	if (r->starttls && !r->tls_port)
		return fail(EXIT_USAGE,
			    "verify: --starttls says how to begin on --tls-port; give it");
	if (r->tls_cert_file && !r->tls_port)
		return fail(EXIT_USAGE, "verify: --tls-cert writes what the server at --tls-port "
					"shows; give that");
	if (r->has_spki && r->tls_port)
		return fail(EXIT_USAGE, "verify: --tls-key or --tls-port; give one of them");
	if (r->evidence_file && !r->policy_file)
		return fail(EXIT_USAGE,
			    "verify: evidence needs a policy, which says whom you trust; "
			    "give --policy FILE (see `cloister policy --help`)");
	if (r->ear != (r->ear_key != NULL) || (r->ear && r->json))
		return fail(EXIT_USAGE,
			    "verify: --ear goes with --ear-key FILE and without --json");
	return EXIT_OK;
}

int verb_verify(int argc, char **argv)
{
	static const struct option options[] = {{"report-port", required_argument, NULL, 'r'},
						{"tls-port", required_argument, NULL, 't'},
						{"starttls", required_argument, NULL, 'S'},
						{"tls-cert", required_argument, NULL, 'C'},
						{"digest", required_argument, NULL, 'd'},
						{"image", required_argument, NULL, 'i'},
						{"memory", required_argument, NULL, 'm'},
						{"vcpus", required_argument, NULL, 'v'},
						{"core-key", required_argument, NULL, 'k'},
						{"max-window", required_argument, NULL, 'w'},
						{"require-iommu", no_argument, NULL, 'u'},
						{"accept-development", no_argument, NULL, 'a'},
						{"timeout", required_argument, NULL, 's'},
						{"json", no_argument, NULL, 'j'},
						{"evidence", required_argument, NULL, 'e'},
						{"policy", required_argument, NULL, 'p'},
						{"nonce", required_argument, NULL, 'n'},
						{"tls-key", required_argument, NULL, 'K'},
						{"ear", no_argument, NULL, 'E'},
						{"ear-key", required_argument, NULL, 'P'},
						{"help", no_argument, NULL, 'h'},
						{NULL, 0, NULL, 0}};
	static struct request r;
	int id;

	r = (struct request){.report_port = CL_REPORT_PORT, .timeout_ms = TIMEOUT_MS};
	opterr = 0;
	while ((id = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (id == 'h')
			return verb_help(help);
		int code = take_option(&r, id);
		if (code)
			return code;
	}
	if (argc - optind > 1)
		return verb_usage("verify");
	r.host = argv[optind];
	int wrong = check_request(&r);
	if (wrong)
		return wrong;
	if (r.image) {
		if (r.nr_digests == EXPECTED_MAX)
			return verb_usage("verify");
		int code = image_digest(r.image, r.memory, r.vcpus, r.digests[r.nr_digests]);
		if (code)
			return code;
		r.nr_digests++;
	}
	return save_certificate(&r, r.evidence_file ? verify_file(&r) : verify_host(&r));
}
