// SPDX-License-Identifier: Apache-2.0
// Opens and closes the zone's volume: for init, which is static, and these libraries are not.
//
//   volume open  NAME PATH UID GID    before the workload starts
//   volume close NAME PATH            after it has ended
//
// The disk, the port to the TPM and all that comes from either are the host's.
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "../cleanup.h"
#include "../core.h"
#include "../port.h"
#include "../say.h"
#include "counter.h"
#include "fs.h"
#include "generation.h"
#include "keys.h"
#include "luks.h"
#include "tcti.h"

#define DISK	   "/dev/vdc"
#define TIMEOUT_MS 60000 /* a TPM may take some seconds for a key; a host may take for ever */
#define PORT_TRIES 200
#define PORT_NS	   50000000L

struct volume {
	const char *name;
	const char *path;
	uint32_t uid;
	uint32_t gid;
	struct volume_keys keys;
	struct counter counter;
	struct port_tcti tcti;
};

__attribute__((format(printf, 2, 3))) static int refuse(const struct volume *v, const char *format,
							...)
{
	char text[300];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	say("volume %s: %s", v->name, text);
	return 1;
}

// Outside a zone there is no key to get, and nothing is kept from the host anyway: a key that
// everybody knows, so that the same image runs there.
static int get_keys(struct volume *v, struct cl_seal_key *seal, int *in_zone)
{
	static const uint8_t known[CL_SEAL_KEY_SIZE] = "not a zone: everybody's key";

	int rc = keys_context(v->name, seal->context) ? -EIO : core_open();
	if (!rc)
		rc = core_seal_key(seal);
	*in_zone = rc != CORE_NOT_A_ZONE;
	if (!*in_zone) {
		say("volume %s: this guest is NOT a zone: the volume's key is no secret", v->name);
		memcpy(seal->key, known, sizeof(known));
		rc = 0;
	}
	if (rc == -CL_ENOENT)
		return refuse(v, "the Core has no secrets to make keys from (is there no TPM?); "
				 "see docs/volumes.md");
	if (rc == -CL_EPERM)
		return refuse(v, "this Core is a debug build, which gives out no keys");
	if (rc || keys_derive(seal->key, &v->keys))
		return refuse(v, "no key: %s", strerror(rc ? -rc : EIO));
	return 0;
}

static int open_port(void)
{
	const struct timespec interval = {0, PORT_NS};
	int fd = -ENOENT;

	// Ports turn up some time after their driver.
	for (int i = 0; i < PORT_TRIES && fd == -ENOENT; i++) {
		fd = port_open(PORT_TPM);
		if (fd == -ENOENT)
			nanosleep(&interval, NULL);
	}
	return fd;
}

static int open_counter(struct volume *v)
{
	struct cl_seal_key seal = {0};
	char why[COUNTER_WHY];
	int in_zone;

	int code = get_keys(v, &seal, &in_zone);
	if (code)
		return code;
	int port = open_port();
	if (port < 0)
		return refuse(v, "no way to the TPM: %s; does the host run it with --volume?",
			      strerror(-port));
	tcti_init(&v->tcti, port, TIMEOUT_MS);
	if (counter_open(&v->counter, (TSS2_TCTI_CONTEXT *)&v->tcti, in_zone ? seal.srk_x : NULL,
			 in_zone ? seal.srk_y : NULL, &v->keys, why))
		code = refuse(v, "%s", why);
	explicit_bzero(&seal, sizeof(seal));
	return code;
}

// V, flushed, then C: so that a crash in between leaves V = C + 1, which is accepted.
static int advance(struct volume *v, uint64_t next)
{
	char why[COUNTER_WHY];
	uint64_t c;

	int rc = fs_set_generation(LUKS_PATH, next);
	if (rc)
		return refuse(v, "its generation cannot be written: %s", strerror(-rc));
	if (counter_raise(&v->counter, &c, why))
		return refuse(v, "%s", why);
	if (c != next)
		return refuse(v, "somebody else raised its counter: it is open in another zone");
	return 0;
}

static int create(struct volume *v, enum counter_state state)
{
	char why[COUNTER_WHY], uuid[UUID_LENGTH + 1];
	const char *what;
	uint64_t c;

	say("volume %s: it is new, and being made", v->name);
	if (state == COUNTER_NONE && counter_define(&v->counter, why))
		return refuse(v, "%s", why);
	int rc = luks_format(DISK, &v->keys, uuid, &what);
	if (!rc)
		rc = luks_open(DISK, &v->keys, uuid, LUKS_DIRECT, &what);
	if (rc)
		return refuse(v, "%s: %s", what, strerror(-rc));
	rc = fs_wipe(LUKS_PATH);
	luks_close();
	if (rc)
		return refuse(v, "it cannot be written over: %s", strerror(-rc));
	rc = luks_open(DISK, &v->keys, uuid, LUKS_JOURNAL, &what);
	if (rc)
		return refuse(v, "%s: %s", what, strerror(-rc));
	rc = fs_make(LUKS_PATH, v->uid, v->gid);
	if (rc)
		return refuse(v, "no file system can be made: %s; is the file large enough?",
			      strerror(-rc));
	// A TPM starts a new counter above all that it ever had. Raised twice, it is above whatever
	// an older volume of this name may have in it.
	if (counter_raise(&v->counter, &c, why))
		return refuse(v, "%s", why);
	return advance(v, c + 1);
}

static enum disk_state look(struct volume *v, uint64_t *generation, const char **what)
{
	bool blank;

	*what = NULL;
	int rc = fs_blank(DISK, &blank);
	if (!rc && blank)
		return DISK_BLANK;
	if (!rc)
		rc = luks_open(DISK, &v->keys, NULL, LUKS_JOURNAL, what);
	if (rc)
		return DISK_UNFINISHED;
	rc = fs_generation(LUKS_PATH, generation);
	if (!rc)
		return DISK_VOLUME;
	*what = "its generation was changed, or never written";
	luks_close();
	return DISK_UNFINISHED;
}

static int open_volume(struct volume *v)
{
	char text[COUNTER_WHY];
	enum counter_state counter;
	uint64_t c, generation = 0;
	const char *why, *what;

	int code = open_counter(v);
	if (code)
		return code;
	if (access(DISK, F_OK))
		return refuse(v, "there is no disk for it; does the host run it with --volume?");
	if (counter_find(&v->counter, &counter, &c, text))
		return refuse(v, "%s", text);
	enum disk_state disk = look(v, &generation, &what);
	enum plan plan = generation_plan(disk, generation, counter, c, &why);
	if (plan == PLAN_REFUSE) {
		if (disk == DISK_VOLUME)
			luks_close();
		return refuse(v, "%s%s%s%s", why, what ? " (" : "", what ? what : "",
			      what ? ")" : "");
	}
	code = plan == PLAN_CREATE ? create(v, counter) : advance(v, c + 1);
	if (!code) {
		int rc = fs_mount(LUKS_PATH, v->path);
		if (rc)
			code = refuse(v, "%s: its file system cannot be mounted: %s", v->path,
				      strerror(-rc));
	}
	if (code)
		luks_close();
	else
		say("volume %s: open", v->name);
	return code;
}

// After this no state of the session that has ended is accepted any more.
static int close_volume(struct volume *v)
{
	char text[COUNTER_WHY];
	enum counter_state counter;
	uint64_t c, generation;

	int rc = fs_unmount(v->path);
	if (rc)
		return refuse(v, "it cannot be unmounted: %s", strerror(-rc));
	int code = open_counter(v);
	if (code)
		return code;
	if (counter_find(&v->counter, &counter, &c, text))
		return refuse(v, "%s", text);
	rc = fs_generation(LUKS_PATH, &generation);
	if (rc)
		return refuse(v, "its generation cannot be read: %s", strerror(-rc));
	if (counter != COUNTER_SET || generation != c)
		return refuse(v, "its counter has changed meanwhile: a copy of it was open in "
				 "another zone");
	code = advance(v, c + 1);
	rc = luks_close();
	if (!code && rc)
		code = refuse(v, "it cannot be closed: %s", strerror(-rc));
	if (!code)
		say("volume %s: closed", v->name);
	return code;
}

int main(int argc, char **argv)
{
	static struct volume v = {.tcti.fd = -1};
	int code = 2;

	if (argc == 6 && !strcmp(argv[1], "open")) {
		v.uid = (uint32_t)strtoul(argv[4], NULL, 10);
		v.gid = (uint32_t)strtoul(argv[5], NULL, 10);
	}
	if (argc > 3) {
		v.name = argv[2];
		v.path = argv[3];
	}
	if (argc == 6 && !strcmp(argv[1], "open"))
		code = open_volume(&v);
	else if (argc == 4 && !strcmp(argv[1], "close"))
		code = close_volume(&v);
	else
		fputs("cloister: volume: it is started by the zone's first process\n", stderr);
	counter_close(&v.counter);
	explicit_bzero(&v, sizeof(v));
	return code;
}
