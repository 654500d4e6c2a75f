// SPDX-License-Identifier: Apache-2.0
// The agent: what gives the zone's programs their identities (docs/zone-identity.md).
//
// agent USER: USER is the workload's. Started by init as root where the root file system names an
// issuer (config.h). Descriptor 3 gets a byte each time that files have changed, so the first of
// them says that the workload can start.
#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "../../channel/prove.h"
#include "../agent.h"
#include "../core.h"
#include "../say.h"
#include "config.h"
#include "files.h"
#include "privileges.h"
#include "tokens.h"
#include "users.h"

#define PROVE_MS   20000u
#define BIG_BLOCKS (64 << 10) // bytes

struct agent {
	struct files files;
	struct loop *loop;
	struct workload_api *api;
	struct tokens tokens;
	struct loop_waker waker;
};

static struct agent agent;

__attribute__((noreturn)) static void fail(const char *what, int rc)
{
	say("identity: %s: %s", what, strerror(-rc));
	exit(1);
}

static int find(const char *name, uid_t *uid)
{
	struct user user;
	int rc = users_by_name(name, &user);

	if (!rc)
		*uid = user.uid;
	return rc;
}

static int keep(void *context, const struct fetched *fetched, char error[CL_ERROR_SIZE])
{
	int rc = files_put(context, fetched, error);

	// init may not look at once: one byte of many says as much.
	return rc ?: write(AGENT_NOTICE_FD, "r", 1) < 0 && errno != EAGAIN ? -errno : 0;
}

static void say_line(const char *line)
{
	say("%s", line);
}

static void woken(struct loop_waker *waker)
{
	struct worker_news news;
	struct token_job *job, *next;

	worker_take(agent.tokens.worker, &news);
	if (news.changed) {
		tokens_update(&agent.tokens, news.identities);
		workload_api_update(agent.api, news.identities);
		identities_unref(news.identities);
	}
	for (job = news.done; job; job = next) {
		next = job->next;
		tokens_done(job);
	}
}

static void serve(const struct worker_plan *plan)
{
	const struct workload_backend backend = {&agent.tokens, tokens_fetch, tokens_validate};
	const char *why = "no memory";
	int rc = -ENOMEM;

	agent.waker.woken = woken;
	agent.loop = loop_new();
	agent.api = agent.loop ? workload_api_new(agent.loop, &backend) : NULL;
	if (agent.api)
		rc = workload_api_listen(agent.api, AGENT_SOCKET, &why);
	if (rc)
		fail(why, rc);
	rc = loop_add_waker(agent.loop, &agent.waker);
	if (rc)
		fail("events", rc);
	agent.tokens.worker = worker_start(plan, &agent.waker);
	if (!agent.tokens.worker)
		fail("a thread", -ENOMEM);
	fail("events", loop_run(agent.loop));
}

int main(int argc, char **argv)
{
	static struct config config;
	static struct channel_key key;
	struct user workload;
	unsigned int line;

	if (argc != 2) {
		say("identity: usage: agent USER");
		return 1;
	}
	// What a fetch needs goes back after it: glibc would raise this, and keep it.
	mallopt(M_MMAP_THRESHOLD, BIG_BLOCKS);
	int rc = core_open();
	if (rc)
		fail("the call port", rc);
	rc = privileges_drop(AGENT_UID);
	if (rc)
		fail("another user", rc);
	rc = config_read(&config, AGENT_CONFIG, &line);
	if (rc) {
		say("%s, line %u: malformed (0: issuer or evidence is missing)", AGENT_CONFIG,
		    line);
		return 1;
	}
	rc = users_load("/etc/passwd") ?: users_by_name(argv[1], &workload);
	if (rc)
		fail("the workload's user", rc);
	rc = files_open(&agent.files, AGENT_DIR, &workload);
	if (rc)
		fail(AGENT_DIR, rc);
	rc = channel_key_make(&key);
	if (rc)
		fail("a key", rc);
	struct prover prover = {
		.host = config.evidence.host, .port = config.evidence.port, .timeout_ms = PROVE_MS};
	const struct worker_plan plan = {.host = config.issuer.host,
					 .port = config.issuer.port,
					 .issuer =
						 (const uint8_t(*)[CL_REPORT_SPKI_SIZE])config.key,
					 .self = {&key, prover_prove, &prover},
					 .users = {workload.uid, find},
					 .keep = keep,
					 .context = &agent.files,
					 .say = say_line};
	serve(&plan);
}
