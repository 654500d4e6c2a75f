// SPDX-License-Identifier: Apache-2.0
// The Workload API with a producer that is only played, for tests/host/workload_api.sh.
//
// workload-api SOCKET: reads commands from standard input, answers each with "ok" or "not ok WHY":
//   load FILE   the snapshot of a JSON file from now on
//   none        no snapshot
//   end         end in good order
// {"domain": "spiffe://…", "entries": [{"uid": 0 or "all", "id": …, "hint": …, "chain": …, "key":
// …}],
//  "x509": {DOMAIN: …}, "jwt": {DOMAIN: …}, "crls": […], "pad": bytes more in each chain}
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "../../agent/loop.h"
#include "../../agent/workload_api.h"

#define LATER_NS 300000000

struct waiting {
	struct loop_timer timer;
	struct jwt_fetch *fetch;
};

static struct loop *loop;
static struct workload_api *api;

static struct bytes text_bytes(const json_t *text)
{
	const char *s = json_string_value(text);

	return s ? (struct bytes){(const uint8_t *)s, strlen(s)} : (struct bytes){0};
}

static const char *text(const json_t *object, const char *key)
{
	const char *s = json_string_value(json_object_get(object, key));

	return s ? s : "";
}

static int add_entry(struct identities *ids, const json_t *e, size_t pad)
{
	const json_t *uid = json_object_get(e, "uid");
	struct identity entry = {.everyone = json_is_string(uid),
				 .uid = (uid_t)json_integer_value(uid),
				 .spiffe_id = text(e, "id"),
				 .hint = text(e, "hint"),
				 .key = text_bytes(json_object_get(e, "key"))};
	struct bytes chain = text_bytes(json_object_get(e, "chain"));
	uint8_t *padded = calloc(1, chain.size + pad + 1);

	if (!padded)
		return -ENOMEM;
	memcpy(padded, chain.data, chain.size);
	entry.chain = (struct bytes){padded, chain.size ? chain.size + pad : 0};
	int rc = identities_add(ids, &entry);
	free(padded);
	return rc;
}

static int fill(struct identities *ids, json_t *root)
{
	size_t i, pad = (size_t)json_integer_value(json_object_get(root, "pad"));
	const char *domain;
	json_t *v;
	int rc = 0;

	json_array_foreach(json_object_get(root, "entries"), i, v) rc |= add_entry(ids, v, pad);
	json_object_foreach(json_object_get(root, "x509"), domain, v) rc |=
		identities_add_x509(ids, domain, text_bytes(v));
	json_object_foreach(json_object_get(root, "jwt"), domain, v) rc |=
		identities_add_jwt(ids, domain, text_bytes(v));
	json_array_foreach(json_object_get(root, "crls"), i, v) rc |=
		identities_add_crl(ids, text_bytes(v));
	return rc;
}

static const char *load(const char *path)
{
	const char *why = "no such file";
	json_t *root = json_load_file(path, 0, NULL);
	struct identities *ids = root ? identities_new(text(root, "domain")) : NULL;

	if (ids) {
		why = "malformed";
		if (!fill(ids, root) && !identities_seal(ids, &why)) {
			workload_api_update(api, ids);
			why = NULL;
		}
	}
	identities_unref(ids);
	json_decref(root);
	return why;
}

static void give(struct jwt_fetch *fetch)
{
	char *tokens[IDENTITIES_MAX] = {0};

	for (size_t i = 0; i < fetch->count; i++) {
		if (asprintf(&tokens[i], "token:%s:%s", fetch->wanted[i]->spiffe_id,
			     fetch->audiences[fetch->audience_count - 1]) < 0)
			abort();
	}
	jwt_fetch_done(fetch, (const char *const *)tokens);
	for (size_t i = 0; i < IDENTITIES_MAX; i++)
		free(tokens[i]);
}

static void give_later(struct loop_timer *timer)
{
	struct waiting *w = (struct waiting *)timer;

	printf("fetched%s\n", jwt_fetch_cancelled(w->fetch) ? " for nobody" : "");
	give(w->fetch);
	free(w);
}

// "later": after a while; "fail": not at all.
static void fetch_jwt(void *context, struct jwt_fetch *fetch)
{
	if (!strcmp(fetch->audiences[0], "later")) {
		struct waiting *w = calloc(1, sizeof(*w));
		if (!w)
			abort();
		w->timer.fire = give_later;
		w->fetch = fetch;
		loop_set(loop, &w->timer, loop_now() + LATER_NS);
	} else if (!strcmp(fetch->audiences[0], "fail")) {
		jwt_fetch_failed(fetch, GRPC_UNAVAILABLE,
				 "the CA is away: 100 % of it, größtenteils");
	} else {
		give(fetch);
	}
}

static int validate_jwt(void *context, const struct identities *ids, const char *audience,
			const char *token, char spiffe_id[SPIFFE_ID_MAX + 1], json_t **claims,
			const char **why)
{
	if (strcmp(token, "good") != 0) {
		*why = "the token is bad";
		return -EBADMSG;
	}
	strcpy(spiffe_id, "spiffe://example.org/someone");
	*claims = json_pack("{s:s, s:[s], s:i, s:{s:b, s:n, s:[i, [f], {}]}}", "sub",
			    "spiffe://example.org/someone", "aud", audience, "exp", 1900000000,
			    "more", "yes", 1, "nothing", "list", 1, 2.5);
	return *claims ? 0 : -ENOMEM;
}

static void ended(void *context)
{
	loop_end(loop);
}

static void command(char *line)
{
	const char *why = NULL;

	line[strcspn(line, "\n")] = '\0';
	if (!strncmp(line, "load ", 5))
		why = load(line + 5);
	else if (!strcmp(line, "none"))
		workload_api_update(api, NULL);
	else if (!strcmp(line, "end"))
		workload_api_end(api, ended, NULL);
	else
		why = "no such command";
	printf("%sok %s\n", why ? "not " : "", why ? why : "");
}

static void input(struct loop_watch *watch, uint32_t events)
{
	static char line[4096];
	static size_t used;
	ssize_t n = read(watch->fd, line + used, sizeof(line) - 1 - used);

	if (n <= 0) {
		loop_unwatch(loop, watch);
		workload_api_end(api, ended, NULL);
		return;
	}
	used += (size_t)n;
	line[used] = '\0';
	for (char *end = strchr(line, '\n'); end; end = strchr(line, '\n')) {
		size_t size = (size_t)(end + 1 - line);

		command(line);
		used -= size;
		memmove(line, line + size, used + 1);
	}
}

int main(int argc, char **argv)
{
	const struct workload_backend backend = {.fetch_jwt = fetch_jwt,
						 .validate_jwt = validate_jwt};
	struct loop_watch in = {STDIN_FILENO, input};
	const char *why;

	setvbuf(stdout, NULL, _IOLBF, 0);
	loop = loop_new();
	api = loop ? workload_api_new(loop, &backend) : NULL;
	if (argc != 2 || !api)
		return 2;
	int rc = workload_api_listen(api, argv[1], &why);
	if (rc) {
		fprintf(stderr, "%s: %s: %s\n", argv[1], why, strerror(-rc));
		return 1;
	}
	if (loop_watch(loop, &in, EPOLLIN))
		return 2;
	printf("ready\n");
	rc = loop_run(loop);
	workload_api_free(api);
	loop_free(loop);
	return rc ? 1 : 0;
}
