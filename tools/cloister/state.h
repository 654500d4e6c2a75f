/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is kept about each zone: a directory /run/cloister/NAME (0700) with
 *
 *   state.json      this structure
 *   console.log     the zone's serial console
 *   qemu.log        what QEMU and, after start, the supervisor say
 *   qmp.sock        QEMU's monitor
 *
 * CLOISTER_RUN_DIR names another place than /run/cloister; without root it is
 * $XDG_RUNTIME_DIR/cloister.
 */
#ifndef CLOISTER_CLI_STATE_H
#define CLOISTER_CLI_STATE_H

#include <stdbool.h>
#include <stdint.h>
#include <jansson.h>
#include <cloister/launch.h>
#include "options.h"
#include "process.h"

#define STATE_FILE     "state.json"
#define STATE_FILE_NEW "state.json.new"
#define CONSOLE_FILE   "console.log"
#define QEMU_LOG       "qemu.log"
#define QMP_SOCKET     "qmp.sock"
#define REASON_MAX     160
#define IMAGE_MAX      4096

enum phase {
	PHASE_STARTING, /* not yet seen as a zone */
	PHASE_LIVE,
	PHASE_ENDED, /* reason says why */
};

struct state {
	char name[NAME_MAX_LENGTH + 1];
	enum phase phase;
	bool plain; /* an ordinary guest */
	struct process supervisor;
	struct process qemu;
	struct process guardian; /* with a jail; guardian.h */
	int ram_fd;		 /* QEMU's descriptor of the zone's RAM */
	uint64_t handle;	 /* 0 for a plain guest */
	uint64_t instance;
	char digest[2 * CL_DIGEST_SIZE + 1]; /* hex; empty for a plain guest */
	char image[IMAGE_MAX];
	uint64_t memory;
	uint32_t window_pages; /* as asked for; 0: all */
	uint32_t idle_ms;
	struct publish publish[PUBLISH_MAX];
	uint32_t nr_publish;
	struct reach connect[CONNECT_MAX];
	uint32_t nr_connect;
	uint32_t jail_id; /* QEMU's user and group id; 0: no jail */
	bool host_network;
	int64_t started; /* seconds since 1970 */
	int64_t ended;
	char reason[REASON_MAX];
};

/* What is true now, by looking at the processes. */
enum status {
	STATUS_STARTING,
	STATUS_LIVE,
	STATUS_PLAIN,
	STATUS_ORPHANED, /* QEMU runs, the supervisor was killed */
	STATUS_ENDED,
};
enum status state_status(const struct state *st);
const char *status_name(enum status status);

/* Directory and file paths; false if they get too long. */
const char *state_base(void);
bool state_path(char *path, size_t size, const char *name, const char *file);

/* Serialises making, taking over and removing directories. A descriptor to close, or -errno. */
int state_lock(void);

/*
 * Make a new zone's directory and first state.json; what is left of a zone of that name which has
 * ended is thrown away. 0, -EEXIST while such a zone lives, or another negative errno.
 */
int state_create(const struct state *st);
int state_save(const struct state *st);
int state_load(struct state *st, const char *name);
void state_remove(const char *name);

/*
 * A zone whose supervisor and QEMU are both gone without a word: tell the Core and write down what
 * is known. Needs root for a zone.
 */
void state_settle(struct state *st);

/* Names of all zones, sorted: an array of `count` strings, to be freed with state_names_free(). */
int state_names(char ***names, size_t *count);
void state_names_free(char **names, size_t count);

json_t *state_json(const struct state *st);

#endif
