// SPDX-License-Identifier: Apache-2.0
// `cloister-issuer serve`: options, and what must be right before anyone is answered.
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include "../cloister/cleanup.h"
#include "../cloister/message.h"
#include "../launch/size.h"
#include "../node/address.h"
#include "../node/listen.h"
#include "endpoint.h"
#include "http_head.h"
#include "service.h"
#include "verbs.h"

#define LISTEN_DEFAULT "127.0.0.1:7446"

static const char help[] =
	"usage: cloister-issuer serve DIR --policy FILE --verifier-policy FILE [OPTIONS]\n"
	"\n"
	"Give zones that have proven what they are the identities and files that the policy has\n"
	"for them. Runs until SIGTERM; SIGHUP reads both policies again.\n"
	"\n"
	"  --policy FILE          launch digests, and what such zones get\n"
	"  --verifier-policy FILE what evidence has to say, as for `cloister verify`\n"
	"  --listen ADDRESS:PORT  a numeric address (default: " LISTEN_DEFAULT ")\n"
	"  --least VERDICT        the least that is accepted: affirming (default) or warning\n"
	"  --life SECONDS         of signing keys made from now on (default: 604800, a week)\n"
	"\n"
	"Serve the bundle to other trust domains, at https://ADDRESS:PORT" HTTP_BUNDLE_PATH ":\n"
	"\n"
	"  --bundle-listen ADDRESS:PORT\n"
	"  --bundle-cert FILE     certificate and those above it, PEM: profile https_web\n"
	"  --bundle-key FILE      its private key, PEM\n"
	"  --bundle-spiffe ID     profile https_spiffe instead, under this SPIFFE ID\n"
	"\n"
	"Fetch the bundles of other trust domains and give them to zones (may be repeated):\n"
	"\n"
	"  --federate NAME=https_web:URL[,CA-FILE]\n"
	"  --federate NAME=https_spiffe:URL,ENDPOINT-SPIFFE-ID,BUNDLE-FILE\n"
	"\n"
	"  --help                 this text\n";

struct order {
	const char *directory, *listen, *bundle_listen;
	struct rules_source source;
	struct credential_source credential;
	struct relation relation[FEDERATION_MAX];
	size_t nr_relations;
};

static void log_line(const char *line)
{
	note("%s", line);
}

// The address as it is then, or -1 and *code.
static int open_listener(const char *option, const char *text, uint16_t port,
			 struct address *address, int *code)
{
	if (address_parse(address, text, port)) {
		*code = fail(EXIT_USAGE, "--%s %s: ADDRESS:PORT expected", option, text);
		return -1;
	}
	int fd = listen_on(address);
	if (fd < 0) {
		*code = fail(fd == -EADDRINUSE ? EXIT_PORT : EXIT_ERROR,
			     "--%s %s:%u: %s; give a numeric address of this host and a free port",
			     option, address->host, address->port, strerror(-fd));
		return -1;
	}
	// Who is gone before accept(2) must not make it wait for the next.
	fcntl(fd, F_SETFL, O_NONBLOCK);
	return fd;
}

static int serve_zones(const struct order *o, struct service *s)
{
	struct address address;
	int code = EXIT_OK;
	cleanup_close int listener =
		open_listener("listen", o->listen, ISSUER_PORT, &address, &code);

	if (listener < 0)
		return code;
	s->listener = listener;
	note("trust domain %s: serving zones on %s port %u; %zu launch digests have grants",
	     o->source.domain, address.host, address.port, rules_zones(s->rules));
	int rc = service_run(s);
	if (rc)
		return fail(EXIT_ERROR, "the service has failed: %s", strerror(-rc));
	note("ended");
	return EXIT_OK;
}

static int with_endpoint(struct order *o, struct service *s)
{
	struct address address;
	struct endpoint *endpoint;
	char error[CL_ERROR_SIZE];
	int code = EXIT_OK;

	if (!o->bundle_listen)
		return serve_zones(o, s);
	cleanup_close int listener =
		open_listener("bundle-listen", o->bundle_listen, ENDPOINT_PORT, &address, &code);
	if (listener < 0)
		return code;
	o->credential.keyring = s->issuer.keyring;
	o->credential.ttl = ENDPOINT_SVID_TTL(o->source.life);
	if (credential_open(&o->credential, time(NULL), &s->credential, error))
		return fail(EXIT_ERROR, "the bundle endpoint cannot be served: %s", error);
	int rc = endpoint_start(listener, s->credential, s->issuer.keyring, &endpoint);
	if (rc) {
		code = fail(EXIT_ERROR, "the bundle endpoint cannot be served: %s", strerror(-rc));
	} else {
		note("serving the bundle on %s port %u, path " HTTP_BUNDLE_PATH ", profile %s",
		     address.host, address.port,
		     o->credential.spiffe_id ? "https_spiffe" : "https_web");
		code = serve_zones(o, s);
		endpoint_stop(endpoint);
	}
	credential_close(s->credential);
	return code;
}

static int with_federation(struct order *o, struct service *s, int dir)
{
	char error[CL_ERROR_SIZE];

	if (!o->nr_relations)
		return with_endpoint(o, s);
	if (federation_start(o->relation, o->nr_relations, dir, &s->federation, error))
		return fail(EXIT_ERROR, "--federate: %s", error);
	s->issuer.foreign = federation_foreign(s->federation);
	int code = with_endpoint(o, s);
	federation_stop(s->federation);
	return code;
}

// What can only be checked now that the trust domain is known.
static int check_domain(const struct order *o, const char *domain)
{
	struct spiffe_id id;
	const char *why = "it is not in this trust domain, or is the trust domain's own";
	const char *text = o->credential.spiffe_id;

	for (size_t i = 0; i < o->nr_relations; i++)
		if (strcmp(o->relation[i].domain, domain) == 0)
			return fail(EXIT_USAGE, "--federate: %s is this trust domain itself",
				    domain);
	if (text && (spiffe_id_parse(&id, text, strlen(text), &why) || !spiffe_id_in(&id, domain) ||
		     spiffe_id_is_domain(&id)))
		return fail(EXIT_USAGE, "--bundle-spiffe %s: %s", text, why);
	return EXIT_OK;
}

static int with_keys(struct order *o, const struct state *state)
{
	struct service s = {.issuer = {.self = {.key = &state->key}, .log = log_line}};
	char error[CL_ERROR_SIZE];
	int code = check_domain(o, state->domain);

	if (code)
		return code;
	o->source.domain = state->domain;
	if (rules_open(&o->source, &s.rules, error))
		return fail(EXIT_ERROR, "serve: %s", error);
	s.issuer.authority = rules_authority(s.rules);
	if (keyring_open(state->dir, state->domain, o->source.life, time(NULL), &s.issuer.keyring,
			 error))
		code = fail(EXIT_ERROR, "serve: %s: %s", o->directory, error);
	else
		code = with_federation(o, &s, state->dir);
	keyring_close(s.issuer.keyring);
	rules_close(s.rules);
	return code;
}

static int serve(struct order *o)
{
	char error[CL_ERROR_SIZE];
	struct state state;

	if (service_signals())
		return fail(EXIT_ERROR, "serve: signals cannot be caught");
	if (state_open(&state, o->directory, error))
		return fail(EXIT_ERROR, "serve: %s: %s", o->directory, error);
	int code = state_lock(&state, error)
			   ? fail(EXIT_ERROR, "serve: %s: %s", o->directory, error)
			   : with_keys(o, &state);
	state_close(&state);
	return code;
}

static int take_life(const char *text, uint32_t *life)
{
	uint64_t seconds;

	if (parse_number(text, STATE_LIFE_MAX, &seconds) || seconds < STATE_LIFE_MIN)
		return fail(EXIT_USAGE, "--life %s: %u to %u seconds expected", text,
			    STATE_LIFE_MIN, STATE_LIFE_MAX);
	*life = (uint32_t)seconds;
	return EXIT_OK;
}

static int take_least(const char *text, enum cl_verdict *least)
{
	if (strcmp(text, "affirming") != 0 && strcmp(text, "warning") != 0)
		return fail(EXIT_USAGE, "--least %s: affirming or warning expected", text);
	*least = strcmp(text, "warning") == 0 ? CL_VERDICT_WARNING : CL_VERDICT_AFFIRMING;
	return EXIT_OK;
}

static int take_relation(struct order *o, const char *text)
{
	char error[CL_ERROR_SIZE];

	if (o->nr_relations == FEDERATION_MAX)
		return fail(EXIT_USAGE, "--federate: at most %u trust domains", FEDERATION_MAX);
	struct relation *new = &o->relation[o->nr_relations++];
	if (relation_parse(new, text, error))
		return fail(EXIT_USAGE, "--federate %s", error);
	for (struct relation *r = o->relation; r < new; r++)
		if (strcmp(r->domain, new->domain) == 0)
			return fail(EXIT_USAGE, "--federate: %s is there twice", r->domain);
	return EXIT_OK;
}

static int take_option(struct order *o, int id)
{
	switch (id) {
	case 'p':
		o->source.policy = optarg;
		return EXIT_OK;
	case 'v':
		o->source.verifier_policy = optarg;
		return EXIT_OK;
	case 'l':
		o->listen = optarg;
		return EXIT_OK;
	case 'e':
		return take_least(optarg, &o->source.least);
	case 'f':
		return take_life(optarg, &o->source.life);
	case 'b':
		o->bundle_listen = optarg;
		return EXIT_OK;
	case 'c':
		o->credential.certificate = optarg;
		return EXIT_OK;
	case 'k':
		o->credential.key = optarg;
		return EXIT_OK;
	case 's':
		o->credential.spiffe_id = optarg;
		return EXIT_OK;
	case 'r':
		return take_relation(o, optarg);
	default:
		return issuer_usage("serve");
	}
}

// Which options need which others.
static int check_options(const struct order *o)
{
	const struct credential_source *c = &o->credential;

	if (!o->source.policy || !o->source.verifier_policy)
		return fail(EXIT_USAGE, "--policy and --verifier-policy are needed; see "
					"`cloister-issuer serve --help`");
	if (!o->bundle_listen && (c->certificate || c->key || c->spiffe_id))
		return fail(EXIT_USAGE, "--bundle-listen is needed for a bundle endpoint");
	if (!c->certificate != !c->key || (o->bundle_listen && !c->key == !c->spiffe_id))
		return fail(EXIT_USAGE, "--bundle-listen needs --bundle-cert and --bundle-key, or "
					"--bundle-spiffe");
	return EXIT_OK;
}

// -1: help was given, and that is all.
static int take_arguments(struct order *o, int argc, char **argv)
{
	static const struct option options[] = {{"policy", required_argument, NULL, 'p'},
						{"verifier-policy", required_argument, NULL, 'v'},
						{"listen", required_argument, NULL, 'l'},
						{"least", required_argument, NULL, 'e'},
						{"life", required_argument, NULL, 'f'},
						{"bundle-listen", required_argument, NULL, 'b'},
						{"bundle-cert", required_argument, NULL, 'c'},
						{"bundle-key", required_argument, NULL, 'k'},
						{"bundle-spiffe", required_argument, NULL, 's'},
						{"federate", required_argument, NULL, 'r'},
						{"help", no_argument, NULL, 'h'},
						{NULL, 0, NULL, 0}};
	int id;

	opterr = 0;
	while ((id = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (id == 'h') {
			issuer_help(help);
			return -1;
		}
		int code = take_option(o, id);
		if (code)
			return code;
	}
	if (optind + 1 != argc)
		return issuer_usage("serve");
	o->directory = argv[optind];
	return check_options(o);
}

int issuer_verb_serve(int argc, char **argv)
{
	struct order *o = calloc(1, sizeof(*o));

	if (!o)
		return fail(EXIT_ERROR, "no memory");
	o->listen = LISTEN_DEFAULT;
	o->source.least = CL_VERDICT_AFFIRMING;
	o->source.life = STATE_LIFE;
	int code = take_arguments(o, argc, argv);
	if (!code)
		code = serve(o);
	for (size_t i = 0; i < o->nr_relations; i++)
		relation_free(&o->relation[i]);
	free(o);
	return code < 0 ? EXIT_OK : code;
}
