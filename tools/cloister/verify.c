// SPDX-License-Identifier: Apache-2.0
// `cloister verify`: fetch a zone's report and its TLS key, and let libcloister-verify judge.
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <jansson.h>
#include <cloister/verify.h>
#include "../launch/size.h"
#include "cleanup.h"
#include "measure.h"
#include "message.h"
#include "verbs.h"

#define EXPECTED_MAX 16u
#define TIMEOUT_MS   30000u
#define RETRY_MS     500
#define TRY_MS	     15000u

static const char help[] =
	"usage: cloister verify [OPTIONS] HOST\n"
	"\n"
	"Ask the zone behind HOST for a fresh report and judge it. Exit status: 0 affirming,\n"
	"3 warning (nothing is wrong, but something is unproven), 1 contraindicated, 4 no report: "
	"the\n"
	"zone could not be asked.\n"
	"\n"
	"  --report-port PORT  the zone's report service, as published (default: 7443)\n"
	"  --tls-port PORT     a TLS server of the zone: its key must be the one in the report\n"
	"  --starttls postgres that server speaks PostgreSQL, which asks for TLS first\n"
	"  --digest HEX        the launch digest to expect; may be repeated\n"
	"  --image IMAGE       expect the digest of this image (see `cloister measure`)\n"
	"  --memory SIZE       with --image: as given to `cloister run`\n"
	"  --vcpus N           likewise\n"
	"  --core-key KEY      the Core's key, 128 hex digits or a file that holds them; may be\n"
	"                      repeated\n"
	"  --max-window PAGES  most plaintext pages to accept\n"
	"  --require-iommu     a node without an IOMMU is contraindicated, not a warning\n"
	"  --accept-development\n"
	"                      exit 0 although the Core's key has no root, which this version\n"
	"                      cannot prove, or there is no IOMMU; the text still says so\n"
	"  --timeout S         for report and TLS key each; tried again until then, as the zone "
	"may\n"
	"                      still be starting (default: 30)\n"
	"  --json              print the verdict as JSON\n"
	"  --help              this text\n";

struct request {
	const char *host;
	uint16_t report_port;
	uint16_t tls_port; /* 0: none */
	const char *starttls;
	const char *image;
	const char *memory;
	uint32_t vcpus;
	uint8_t digests[EXPECTED_MAX][CL_DIGEST_SIZE];
	size_t nr_digests;
	uint8_t keys[EXPECTED_MAX][CL_CORE_KEY_SIZE];
	size_t nr_keys;
	uint32_t window_max;
	uint32_t timeout_ms;
	bool require_iommu;
	bool accept_development;
	bool json;
};

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

// Exactly `bytes` bytes of hex. 0 or -EINVAL.
static int parse_hex(const char *text, uint8_t *to, size_t bytes)
{
	if (strlen(text) != 2 * bytes)
		return -EINVAL;
	for (size_t i = 0; i < bytes; i++) {
		int high = hex_digit(text[2 * i]), low = hex_digit(text[2 * i + 1]);
		if (high < 0 || low < 0)
			return -EINVAL;
		to[i] = (uint8_t)(high << 4 | low);
	}
	return 0;
}

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
	case 'p':
		if (strcmp(optarg, "postgres") != 0)
			return fail(EXIT_USAGE, "--starttls %s: only postgres is known", optarg);
		r->starttls = optarg;
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
	default:
		return verb_usage("verify");
	}
	return code;
}

// Warnings that no installation of this version, or of a machine without IOMMU, can avoid.
static bool only_development(const struct cl_verdict_result *result)
{
	for (size_t i = 0; i < result->nr_checks; i++) {
		const struct cl_check *c = &result->checks[i];
		if (c->status == CL_CHECK_FAIL)
			return false;
		if (c->status == CL_CHECK_WARN && strcmp(c->name, "root") &&
		    strcmp(c->name, "iommu"))
			return false;
	}
	return true;
}

static int verdict_code(const struct request *r, const struct cl_verdict_result *result)
{
	switch (result->verdict) {
	case CL_VERDICT_AFFIRMING:
		return EXIT_OK;
	case CL_VERDICT_WARNING:
		return r->accept_development && only_development(result) ? EXIT_OK : EXIT_WARNING;
	case CL_VERDICT_CONTRAINDICATED:
	case CL_VERDICT_NONE:
		break;
	}
	return EXIT_ERROR;
}

// A zone that has just been started may not listen yet: try until the time is over.
static int64_t now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000ll + t.tv_nsec / 1000000;
}

static bool again(int64_t end)
{
	if (now_ms() + RETRY_MS >= end)
		return false;
	struct timespec pause = {.tv_nsec = RETRY_MS * 1000000l};
	nanosleep(&pause, NULL);
	return true;
}

// Not all of the time on one connection: one that a forwarder took before the zone listened hangs.
static uint32_t one_try_ms(const struct request *r)
{
	return r->timeout_ms < TRY_MS ? r->timeout_ms : TRY_MS;
}

static int fetch_report(const struct request *r, const uint8_t *nonce, uint8_t *report, char *error)
{
	int64_t end = now_ms() + r->timeout_ms;
	int size;

	do
		size = cl_fetch_report(r->host, r->report_port, nonce, r->timeout_ms, report,
				       error);
	while (size < 0 && again(end));
	return size;
}

static int fetch_spki(const struct request *r, uint8_t *spki, char *error)
{
	int64_t end = now_ms() + r->timeout_ms;
	int rc;

	do
		rc = cl_fetch_spki(r->host, r->tls_port, r->starttls, one_try_ms(r), spki, error);
	while (rc && again(end));
	return rc;
}

static int no_report(const struct request *r, uint16_t port, const char *what, const char *error)
{
	if (r->json) {
		cleanup_json json_t *json = json_pack("{s:n,s:s}", "verdict", "error", error);
		json_dumpf(json, stdout, JSON_INDENT(2));
		putchar('\n');
	}
	return fail(EXIT_NO_REPORT, "%s port %u: no %s: %s; check --publish and the zone's log",
		    r->host, port, what, error);
}

static int judge(const struct request *r)
{
	uint8_t nonce[CL_REPORT_NONCE_SIZE], spki[CL_REPORT_SPKI_SIZE], report[CL_REPORT_MAX];
	char error[CL_ERROR_SIZE];
	static struct cl_verdict_result result;

	if (cl_fresh_nonce(nonce))
		return fail(EXIT_ERROR, "verify: no random numbers; check the kernel's log");
	int size = fetch_report(r, nonce, report, error);
	if (size < 0)
		return no_report(r, r->report_port, "report", error);
	if (r->tls_port && fetch_spki(r, spki, error))
		return no_report(r, r->tls_port, "TLS key", error);
	struct cl_policy policy = {
		.size = sizeof(policy),
		.digests = r->digests,
		.nr_digests = r->nr_digests,
		.core_keys = r->keys,
		.nr_core_keys = r->nr_keys,
		.nonce = nonce,
		.spki = r->tls_port ? spki : NULL,
		.window_pages_max = r->window_max,
		.require_iommu = r->require_iommu,
	};
	int rc = cl_verify_report(report, (size_t)size, &policy, &result);
	if (rc)
		return fail(EXIT_ERROR, "verify: no verdict: %s; check OpenSSL's set-up",
			    strerror(-rc));
	if (r->json) {
		cleanup_free char *text = cl_result_json(&result);
		if (!text || puts(text) < 0)
			return fail(EXIT_ERROR, "verify: cannot print the verdict; check memory");
	} else if (cl_print_result(stdout, &result, isatty(STDOUT_FILENO))) {
		return fail(EXIT_ERROR, "standard output: cannot write to it");
	}
	return verdict_code(r, &result);
}

int verb_verify(int argc, char **argv)
{
	static const struct option options[] = {{"report-port", required_argument, NULL, 'r'},
						{"tls-port", required_argument, NULL, 't'},
						{"starttls", required_argument, NULL, 'p'},
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
	if (argc - optind != 1 || ((r.memory || r.vcpus) && !r.image) ||
	    (r.starttls && !r.tls_port))
		return verb_usage("verify");
	r.host = argv[optind];
	if (r.image) {
		if (r.nr_digests == EXPECTED_MAX)
			return verb_usage("verify");
		int code = image_digest(r.image, r.memory, r.vcpus, r.digests[r.nr_digests]);
		if (code)
			return code;
		r.nr_digests++;
	}
	return judge(&r);
}
