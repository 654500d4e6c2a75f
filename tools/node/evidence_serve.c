// SPDX-License-Identifier: Apache-2.0
// `cloister evidence serve`: options, and what must be right before anyone is answered.
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <openssl/pem.h>
#include "../cloister/cleanup.h"
#include "../cloister/message.h"
#include "../cloister/verbs.h"
#include "address.h"
#include "files.h"
#include "listen.h"
#include "serve.h"
#include "tpm.h"
#include "verbs.h"

#define LISTEN_DEFAULT "127.0.0.1:7444"

static const char help[] =
	"usage: cloister evidence serve [OPTIONS]\n"
	"\n"
	"Serve this node's evidence over HTTP, and its part of an enrolment. Runs until SIGTERM.\n"
	"Needs root, for the Core and the TPM.\n"
	"\n"
	"  --listen ADDRESS:PORT  a numeric address (default: " LISTEN_DEFAULT ")\n"
	"  --tcti TCTI            how to reach the TPM, as tpm2-tools name it\n"
	"                         (default: " TPM_TCTI_DEFAULT ")\n"
	"  --state DIR            where the AK's certificate is kept\n"
	"                         (default: " NODE_STATE_DEFAULT ")\n"
	"  --ca FILE              keep a certificate only if this CA (PEM, `cloister node ca`)\n"
	"                         has signed it; without it, whoever reaches this service can\n"
	"                         put another one in its place, which verifiers then refuse\n"
	"  --help                 this text\n";

static void cleanup_x509_fn(X509 **cert)
{
	X509_free(*cert);
}
#define cleanup_x509 __attribute__((cleanup(cleanup_x509_fn)))

static X509 *load_ca(const char *path)
{
	FILE *f = fopen(path, "re");
	X509 *cert = f ? PEM_read_X509(f, NULL, NULL, NULL) : NULL;

	if (f)
		fclose(f);
	return cert;
}

static int open_state(const char *path)
{
	int rc = dir_make(path, 0755);
	int fd = rc ? rc : open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 && !rc ? -errno : fd;
}

static int start(struct node *node, const char *state, struct address *address)
{
	char error[CL_ERROR_SIZE];
	struct tpm tpm;

	cleanup_close int state_fd = open_state(state);
	if (state_fd < 0)
		return fail(EXIT_ERROR, "--state %s: %s; give a directory that can be written",
			    state, strerror(-state_fd));
	node->state = state_fd;
	// A TPM that cannot be reached now is a mistake to tell at once.
	if (tpm_open(&tpm, node->tcti, error))
		return fail(EXIT_ERROR, "%s", error);
	tpm_close(&tpm);
	int listener = listen_on(address);
	if (listener < 0)
		return fail(listener == -EADDRINUSE ? EXIT_PORT : EXIT_ERROR,
			    "--listen %s:%u: %s; give a numeric address of this host and a free "
			    "port",
			    address->host, address->port, strerror(-listener));
	note("evidence: serving on %s port %u", address->host, address->port);
	int rc = serve(node, listener);
	return rc ? fail(EXIT_ERROR, "evidence: the service cannot be started: %s", strerror(-rc))
		  : EXIT_OK;
}

int evidence_verb_serve(int argc, char **argv)
{
	static const struct option options[] = {
		{"listen", required_argument, NULL, 'l'}, {"tcti", required_argument, NULL, 't'},
		{"state", required_argument, NULL, 's'},  {"ca", required_argument, NULL, 'c'},
		{"help", no_argument, NULL, 'h'},	  {NULL, 0, NULL, 0}};
	struct node node = {.tcti = TPM_TCTI_DEFAULT, .lock = PTHREAD_MUTEX_INITIALIZER};
	const char *state = NULL, *listen = LISTEN_DEFAULT, *ca = NULL;
	struct address address;
	int id;

	// The library would write a line of its own about every question that a TPM answers with
	// no.
	setenv("TSS2_LOG", "all+none", 0);
	opterr = 0;
	while ((id = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (id) {
		case 'l':
			listen = optarg;
			break;
		case 't':
			node.tcti = optarg;
			break;
		case 's':
			state = optarg;
			break;
		case 'c':
			ca = optarg;
			break;
		case 'h':
			return verb_help(help);
		default:
			return verb_usage("evidence serve");
		}
	}
	if (optind != argc)
		return verb_usage("evidence serve");
	if (address_parse(&address, listen, CL_EVIDENCE_PORT))
		return fail(EXIT_USAGE, "--listen %s: ADDRESS:PORT expected", listen);
	cleanup_x509 X509 *cert = ca ? load_ca(ca) : NULL;
	if (ca && !cert)
		return fail(EXIT_USAGE,
			    "--ca %s: no certificate in PEM; `cloister node ca` prints "
			    "one",
			    ca);
	node.ca = cert;
	return start(&node, state ?: NODE_STATE_DEFAULT, &address);
}
