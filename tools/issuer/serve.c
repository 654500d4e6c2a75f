// SPDX-License-Identifier: Apache-2.0
// `cloister-issuer serve`: options, and what must be right before anyone is answered.
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "../cloister/cleanup.h"
#include "../cloister/message.h"
#include "../launch/size.h"
#include "../node/address.h"
#include "../node/listen.h"
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
	"  --help                 this text\n";

struct order {
	const char *directory, *listen;
	struct rules_source source;
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

static int with_keys(struct order *o, const struct state *state)
{
	struct service s = {.issuer = {.self = {.key = &state->key}, .log = log_line}};
	char error[CL_ERROR_SIZE];
	int code;

	o->source.domain = state->domain;
	if (rules_open(&o->source, &s.rules, error))
		return fail(EXIT_ERROR, "serve: %s", error);
	s.issuer.authority = rules_authority(s.rules);
	if (keyring_open(state->dir, state->domain, o->source.life, time(NULL), &s.issuer.keyring,
			 error))
		code = fail(EXIT_ERROR, "serve: %s: %s", o->directory, error);
	else
		code = serve_zones(o, &s);
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
	default:
		return issuer_usage("serve");
	}
}

int issuer_verb_serve(int argc, char **argv)
{
	static const struct option options[] = {{"policy", required_argument, NULL, 'p'},
						{"verifier-policy", required_argument, NULL, 'v'},
						{"listen", required_argument, NULL, 'l'},
						{"least", required_argument, NULL, 'e'},
						{"life", required_argument, NULL, 'f'},
						{"help", no_argument, NULL, 'h'},
						{NULL, 0, NULL, 0}};
	struct order o = {.listen = LISTEN_DEFAULT,
			  .source = {.least = CL_VERDICT_AFFIRMING, .life = STATE_LIFE}};
	int id;

	opterr = 0;
	while ((id = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (id == 'h')
			return issuer_help(help);
		int code = take_option(&o, id);
		if (code)
			return code;
	}
	if (optind + 1 != argc)
		return issuer_usage("serve");
	o.directory = argv[optind];
	if (!o.source.policy || !o.source.verifier_policy)
		return fail(EXIT_USAGE, "--policy and --verifier-policy are needed; see "
					"`cloister-issuer serve --help`");
	return serve(&o);
}
