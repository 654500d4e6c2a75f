// SPDX-License-Identifier: Apache-2.0
// `cloister-issuer show` and `cloister-issuer bundle`: what there is, for who may read it. Nothing
// is changed, and nobody who serves is disturbed.
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include "../../issuer/keyring.h"
#include "../../spiffe/key.h"
#include "../../verify/hex.h"
#include "../cloister/cleanup.h"
#include "../cloister/message.h"
#include "state.h"
#include "verbs.h"

static const char show_help[] =
	"usage: cloister-issuer show DIR [--json]\n"
	"\n"
	"Show the trust domain, the channel key that zone images pin, and the signing keys: which\n"
	"one signs, which will, and until when each is believed.\n"
	"\n"
	"  --json  for programs\n"
	"  --help  this text\n";

static const char bundle_help[] =
	"usage: cloister-issuer bundle DIR\n"
	"\n"
	"Print the trust domain's bundle, a JWK Set, for those who check what it has signed.\n"
	"\n"
	"  --help  this text\n";

struct view {
	struct state state;
	struct keyring_state keys;
	time_t now;
};

static int view_open(struct view *v, const char *path, char error[CL_ERROR_SIZE])
{
	int rc = state_open(&v->state, path, error);

	if (rc)
		return rc;
	v->now = time(NULL);
	rc = keyring_state_read(&v->keys, v->state.dir, v->state.domain, error);
	if (rc)
		state_close(&v->state);
	return rc;
}

static void view_close(struct view *v)
{
	keyring_state_free(&v->keys);
	state_close(&v->state);
}

static const char *state_of(const struct keyring_keys *keys, size_t i, time_t now)
{
	size_t signing = keyring_signing(keys, now);

	if (keys->key[i].until <= now)
		return "over";
	return i == signing ? "signs" : i > signing ? "next" : "believed";
}

static void time_text(char text[32], time_t t)
{
	struct tm tm;

	if (!gmtime_r(&t, &tm) || !strftime(text, 32, "%Y-%m-%dT%H:%M:%SZ", &tm))
		text[0] = '\0';
}

static json_t *key_json(const struct keyring_keys *keys, size_t i, const char *kind, time_t now)
{
	const struct keyring_key *k = &keys->key[i];
	char kid[SPIFFE_KID_SIZE] = "", made[32], until[32];

	time_text(made, k->made);
	time_text(until, k->until);
	spiffe_key_kid(k->key, kid);
	return json_pack("{s:s,s:s,s:s,s:s,s:s}", "kind", kind, "thumbprint", kid, "state",
			 state_of(keys, i, now), "made", made, "until", until);
}

static json_t *view_json(const struct view *v)
{
	char spki[2 * CL_REPORT_SPKI_SIZE + 1];
	json_t *list = json_array();

	clv_hex(spki, v->state.key.spki, CL_REPORT_SPKI_SIZE);
	for (size_t i = 0; i < v->keys.x509.count; i++)
		json_array_append_new(list, key_json(&v->keys.x509, i, "x509", v->now));
	for (size_t i = 0; i < v->keys.jwt.count; i++)
		json_array_append_new(list, key_json(&v->keys.jwt, i, "jwt", v->now));
	return json_pack("{s:s,s:s,s:I,s:o}", "trust_domain", v->state.domain, "channel_key", spki,
			 "sequence", (json_int_t)v->keys.sequence, "keys", list);
}

static void print_people(json_t *json)
{
	const char *domain = "", *channel = "", *kind, *thumbprint, *state, *made, *until;
	json_int_t sequence = 0;
	json_t *keys = NULL;

	json_unpack(json, "{s:s,s:s,s:I,s:o}", "trust_domain", &domain, "channel_key", &channel,
		    "sequence", &sequence, "keys", &keys);
	printf("trust domain  %s\n"
	       "channel key   %s\n"
	       "sequence      %lld\n\n"
	       "%-5s %-9s %-21s %-21s %s\n",
	       domain, channel, (long long)sequence, "KIND", "STATE", "MADE", "UNTIL",
	       "THUMBPRINT");
	for (size_t i = 0; i < json_array_size(keys); i++)
		if (!json_unpack(json_array_get(keys, i), "{s:s,s:s,s:s,s:s,s:s}", "kind", &kind,
				 "state", &state, "made", &made, "until", &until, "thumbprint",
				 &thumbprint))
			printf("%-5s %-9s %-21s %-21s %s\n", kind, state, made, until, thumbprint);
}

static int show(const char *path, bool as_json)
{
	char error[CL_ERROR_SIZE];
	struct view v;

	if (view_open(&v, path, error))
		return fail(EXIT_ERROR, "show: %s: %s", path, error);
	cleanup_json json_t *json = view_json(&v);
	cleanup_free char *text = json ? json_dumps(json, JSON_INDENT(2)) : NULL;
	view_close(&v);
	if (!text)
		return fail(EXIT_ERROR, "show: no memory");
	if (as_json)
		puts(text);
	else
		print_people(json);
	return EXIT_OK;
}

static int bundle(const char *path)
{
	char error[CL_ERROR_SIZE];
	struct spiffe_bundle bundle;
	const char *why = "no memory";
	struct view v;

	if (view_open(&v, path, error))
		return fail(EXIT_ERROR, "bundle: %s: %s", path, error);
	int rc = keyring_bundle(&v.keys, v.state.domain, v.now, &bundle, &why);
	cleanup_free char *text = rc ? NULL : spiffe_bundle_write(&bundle);
	bool empty = !bundle.nr_x509 && !bundle.nr_jwt;
	spiffe_bundle_free(&bundle);
	view_close(&v);
	if (!text)
		return fail(EXIT_ERROR, "bundle: %s: %s", path, why);
	if (empty)
		note("bundle: all keys are over: nobody serves %s; `cloister-issuer serve` makes "
		     "new ones",
		     path);
	puts(text);
	return EXIT_OK;
}

// The directory that is the only argument, or NULL and *code.
static const char *take_arguments(int argc, char **argv, const struct option *options,
				  const char *help, bool *as_json, int *code)
{
	int id;

	opterr = 0;
	while ((id = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (id == 'h' || id == '?') {
			*code = id == 'h' ? issuer_help(help) : issuer_usage(argv[0]);
			return NULL;
		}
		*as_json = true;
	}
	if (optind + 1 == argc)
		return argv[optind];
	*code = issuer_usage(argv[0]);
	return NULL;
}

int issuer_verb_show(int argc, char **argv)
{
	static const struct option options[] = {{"json", no_argument, NULL, 'j'},
						{"help", no_argument, NULL, 'h'},
						{NULL, 0, NULL, 0}};
	bool as_json = false;
	int code = EXIT_OK;
	const char *path = take_arguments(argc, argv, options, show_help, &as_json, &code);

	return path ? show(path, as_json) : code;
}

int issuer_verb_bundle(int argc, char **argv)
{
	static const struct option options[] = {{"help", no_argument, NULL, 'h'},
						{NULL, 0, NULL, 0}};
	bool unused = false;
	int code = EXIT_OK;
	const char *path = take_arguments(argc, argv, options, bundle_help, &unused, &code);

	return path ? bundle(path) : code;
}
