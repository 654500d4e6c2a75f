// SPDX-License-Identifier: Apache-2.0
// `cloister node revoke`, `list` and `ca`.
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <openssl/pem.h>
#include "../../verify/socket.h"
#include "../cloister/cleanup.h"
#include "../cloister/message.h"
#include "../cloister/verbs.h"
#include "ca.h"
#include "files.h"
#include "verbs.h"

static const char revoke_help[] =
	"usage: cloister node revoke [--ca DIR] --name NAME\n"
	"\n"
	"Take all certificates of a node back, for good. Give the new revocation list to every\n"
	"policy: `cloister node ca --crl`.\n"
	"\n"
	"  --name NAME  the node\n"
	"  --ca DIR     the CA's directory (default: " CA_DEFAULT ")\n"
	"  --help       this text\n";

static const char list_help[] = "usage: cloister node list [--ca DIR] [--json]\n"
				"\n"
				"List the nodes that were enrolled.\n"
				"\n"
				"  --ca DIR  the CA's directory (default: " CA_DEFAULT ")\n"
				"  --json    the same and more, for programs\n"
				"  --help    this text\n";

static const char ca_help[] =
	"usage: cloister node ca [--ca DIR] [--certificate | --crl]\n"
	"\n"
	"Print the CA's certificate and revocation list (PEM), for policies. A list that is older\n"
	"than half of its 30 days is signed anew.\n"
	"\n"
	"  --ca DIR       the CA's directory (default: " CA_DEFAULT ")\n"
	"  --certificate  only the certificate\n"
	"  --crl          only the list\n"
	"  --help         this text\n";

struct order {
	const char *verb;
	const char *help;
	const char *ca;
	const char *name;
	bool json;
	bool certificate;
	bool crl;
};

static const struct option revoke_options[] = {{"name", required_argument, NULL, 'n'},
					       {"ca", required_argument, NULL, 'c'},
					       {"help", no_argument, NULL, 'h'},
					       {NULL, 0, NULL, 0}};
static const struct option list_options[] = {{"ca", required_argument, NULL, 'c'},
					     {"json", no_argument, NULL, 'j'},
					     {"help", no_argument, NULL, 'h'},
					     {NULL, 0, NULL, 0}};
static const struct option ca_options[] = {{"ca", required_argument, NULL, 'c'},
					   {"certificate", no_argument, NULL, 'C'},
					   {"crl", no_argument, NULL, 'R'},
					   {"help", no_argument, NULL, 'h'},
					   {NULL, 0, NULL, 0}};

// EXIT_OK, an exit code, or -1 after --help.
static int take_arguments(struct order *o, const struct option *options, int argc, char **argv)
{
	int id;

	opterr = 0;
	while ((id = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (id) {
		case 'n':
			o->name = optarg;
			break;
		case 'c':
			o->ca = optarg;
			break;
		case 'j':
			o->json = true;
			break;
		case 'C':
			o->certificate = true;
			break;
		case 'R':
			o->crl = true;
			break;
		case 'h':
			verb_help(o->help);
			return -1;
		default:
			return verb_usage(o->verb);
		}
	}
	return optind == argc && !(o->certificate && o->crl) ? EXIT_OK : verb_usage(o->verb);
}

static int revoke_node(const struct order *o, struct ca *ca)
{
	struct node_record *node = nodes_by_name(&ca->nodes, o->name);
	char error[CL_ERROR_SIZE];
	time_t now = time(NULL);

	if (!node) {
		ca_not_enrolled(o->name, error);
		return fail(EXIT_ERROR, "%s", error);
	}
	if (node->revoked) {
		note("%s: is revoked already", node->name);
		return EXIT_OK;
	}
	node->revoked = now;
	if (ca_commit(ca, now, error))
		return fail(EXIT_ERROR, "%s: %s", o->ca, error);
	printf("%s  revoked; give every policy the new list: `cloister node ca --crl`\n",
	       node->name);
	return EXIT_OK;
}

int node_verb_revoke(int argc, char **argv)
{
	struct order o = {.verb = "node revoke", .help = revoke_help, .ca = CA_DEFAULT};
	char error[CL_ERROR_SIZE];
	struct ca ca;
	int code = take_arguments(&o, revoke_options, argc, argv);

	if (code)
		return code < 0 ? EXIT_OK : code;
	if (!o.name)
		return verb_usage(o.verb);
	if (ca_open(&ca, o.ca, true, error))
		return fail(EXIT_ERROR, "%s", error);
	code = revoke_node(&o, &ca);
	ca_close(&ca);
	return code;
}

static int64_t last_end(const struct node_record *node)
{
	int64_t end = 0;

	for (size_t i = 0; i < node->nr_certs; i++)
		if (node->certs[i].not_after > end)
			end = node->certs[i].not_after;
	return end;
}

static const char *state_of(const struct node_record *node, int64_t now)
{
	return node->revoked ? "revoked" : last_end(node) < now ? "expired" : "enrolled";
}

static void print_node(const struct node_record *node, int64_t now)
{
	time_t end = (time_t)last_end(node);
	char until[32] = "-";
	struct tm tm;

	if (end && gmtime_r(&end, &tm))
		strftime(until, sizeof(until), "%Y-%m-%d %H:%M", &tm);
	printf("%-20s %-9s %-4s %-9s %-17s %.16s\n", node->name, state_of(node, now),
	       node->rsa ? "rsa" : "ecc", node->test ? "software" : "hardware", until, node->ek);
}

int node_verb_list(int argc, char **argv)
{
	struct order o = {.verb = "node list", .help = list_help, .ca = CA_DEFAULT};
	char error[CL_ERROR_SIZE];
	int64_t now = time(NULL);
	struct ca ca;
	int code = take_arguments(&o, list_options, argc, argv);

	if (code)
		return code < 0 ? EXIT_OK : code;
	if (ca_open(&ca, o.ca, false, error))
		return fail(EXIT_ERROR, "%s", error);
	cleanup_json json_t *list = o.json ? json_array() : NULL;
	if (!o.json)
		printf("%-20s %-9s %-4s %-9s %-17s %s\n", "NAME", "STATE", "EK", "TPM",
		       "UNTIL (UTC)", "EK SHA-256");
	for (size_t i = 0; i < ca.nodes.count; i++) {
		if (!o.json) {
			print_node(&ca.nodes.list[i], now);
			continue;
		}
		json_t *node = node_json(&ca.nodes.list[i]);
		json_object_set_new(node, "state", json_string(state_of(&ca.nodes.list[i], now)));
		json_array_append_new(list, node);
	}
	if (o.json) {
		json_dumpf(list, stdout, JSON_INDENT(2));
		putchar('\n');
	}
	ca_close(&ca);
	return EXIT_OK;
}

static int print_crl(const struct ca *ca)
{
	cleanup_free char *text = malloc(CA_CRL_MAX);
	int n = text ? file_read(ca->dir, "crl.pem", text, CA_CRL_MAX) : -ENOMEM;

	if (n < 0)
		return fail(EXIT_ERROR, "crl.pem: %s", strerror(-n));
	fwrite(text, 1, (size_t)n, stdout);
	return EXIT_OK;
}

int node_verb_ca(int argc, char **argv)
{
	struct order o = {.verb = "node ca", .help = ca_help, .ca = CA_DEFAULT};
	char error[CL_ERROR_SIZE];
	struct ca ca;
	int code = take_arguments(&o, ca_options, argc, argv);

	if (code)
		return code < 0 ? EXIT_OK : code;
	if (ca_open(&ca, o.ca, !o.certificate, error))
		return fail(EXIT_ERROR, "%s", error);
	if (!o.certificate && !ca_crl_fresh(&ca, time(NULL)) && ca_commit(&ca, time(NULL), error))
		code = fail(EXIT_ERROR, "%s: %s", o.ca, error);
	if (!code && !o.crl && PEM_write_X509(stdout, ca.cert) != 1)
		code = fail(EXIT_ERROR, "standard output: cannot write to it");
	if (!code && !o.certificate)
		code = print_crl(&ca);
	ca_close(&ca);
	return code;
}
