// SPDX-License-Identifier: Apache-2.0
// State directories. state.json is replaced as a whole, so a reader never sees half of one.
#include "state.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include "cleanup.h"

#define LOCK_FILE ".lock"
#define BASE_MAX  3000

const char *state_base(void)
{
	static char base[BASE_MAX];
	const char *given = getenv("CLOISTER_RUN_DIR");
	const char *user = getenv("XDG_RUNTIME_DIR");

	if (base[0])
		return base;
	// A comma would end the path in QEMU's options.
	if (given && given[0] == '/' && strlen(given) < sizeof(base) && !strchr(given, ','))
		snprintf(base, sizeof(base), "%s", given);
	else if (geteuid() != 0 && user && user[0] == '/' && strlen(user) + 16 < sizeof(base))
		snprintf(base, sizeof(base), "%s/cloister", user);
	else
		strcpy(base, "/run/cloister");
	return base;
}

bool state_path(char *path, size_t size, const char *name, const char *file)
{
	int n = snprintf(path, size, "%s/%s%s%s", state_base(), name, file ? "/" : "",
			 file ? file : "");
	return n > 0 && (size_t)n < size;
}

int state_lock(void)
{
	char path[BASE_MAX + 16];

	if (mkdir(state_base(), 0700) && errno != EEXIST)
		return -errno;
	if (!state_path(path, sizeof(path), LOCK_FILE, NULL))
		return -ENAMETOOLONG;
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	while (flock(fd, LOCK_EX))
		if (errno != EINTR) {
			int rc = -errno;
			close(fd);
			return rc;
		}
	return fd;
}

// Everything of ours in a zone's directory, then the directory.
static void remove_files(const char *name)
{
	static const char *const files[] = {STATE_FILE, STATE_FILE_NEW, CONSOLE_FILE, QEMU_LOG,
					    QMP_SOCKET};
	char path[BASE_MAX + 256];

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		if (state_path(path, sizeof(path), name, files[i]))
			unlink(path);
	if (state_path(path, sizeof(path), name, NULL))
		rmdir(path);
}

void state_remove(const char *name)
{
	cleanup_close int lock = state_lock();
	if (lock >= 0)
		remove_files(name);
}

int state_create(const struct state *st)
{
	char path[BASE_MAX + 256];
	cleanup_close int lock = state_lock();

	if (lock < 0)
		return lock;
	if (!state_path(path, sizeof(path), st->name, NULL))
		return -ENAMETOOLONG;
	if (mkdir(path, 0700)) {
		struct state old;
		if (errno != EEXIST)
			return -errno;
		// Under the lock an unreadable state is one that nobody is about to finish.
		if (!state_load(&old, st->name) && state_status(&old) != STATUS_ENDED)
			return -EEXIST;
		if (!state_load(&old, st->name))
			state_settle(&old);
		remove_files(st->name);
		if (mkdir(path, 0700))
			return -errno;
	}
	int rc = state_save(st);
	if (rc)
		remove_files(st->name);
	return rc;
}

static const char *const phase_name[] = {"starting", "live", "ended"};

// jansson's integers are signed; a handle uses all 64 bits.
static json_t *json_hex(uint64_t value)
{
	char text[20];
	snprintf(text, sizeof(text), "%016llx", (unsigned long long)value);
	return json_string(text);
}

static json_t *process_json(const struct process *p)
{
	return json_pack("{s:i,s:I}", "pid", (int)p->pid, "start", (json_int_t)p->start);
}

static json_t *jail_json(const struct state *st)
{
	if (!st->jail_id)
		return json_null();
	return json_pack("{s:I,s:s}", "id", (json_int_t)st->jail_id, "network",
			 st->host_network ? "host" : "none");
}

static json_t *publish_json(const struct state *st)
{
	json_t *list = json_array();
	for (uint32_t i = 0; i < st->nr_publish; i++)
		json_array_append_new(list,
				      json_pack("{s:s,s:i,s:i}", "address", st->publish[i].address,
						"host_port", (int)st->publish[i].host_port,
						"zone_port", (int)st->publish[i].zone_port));
	return list;
}

static json_t *connect_json(const struct state *st)
{
	json_t *list = json_array();
	for (uint32_t i = 0; i < st->nr_connect; i++)
		json_array_append_new(list, json_pack("{s:i,s:s,s:i}", "zone_port",
						      (int)st->connect[i].zone_port, "address",
						      st->connect[i].address, "port",
						      (int)st->connect[i].port));
	return list;
}

json_t *state_json(const struct state *st)
{
	return json_pack(
		"{s:i,s:s,s:s,s:s,s:o,s:o,s:o,s:i,s:o,s:I,s:s,s:s,s:I,s:I,s:I,s:o,s:o,s:o,s:I,s:I,"
		"s:s}",
		"version", 1, "name", st->name, "mode", st->plain ? "plain" : "zone", "phase",
		phase_name[st->phase], "supervisor", process_json(&st->supervisor), "qemu",
		process_json(&st->qemu), "guardian", process_json(&st->guardian), "ram_fd",
		st->ram_fd, "handle", json_hex(st->handle), "instance", (json_int_t)st->instance,
		"digest", st->digest, "image", st->image, "memory_bytes", (json_int_t)st->memory,
		"window_pages", (json_int_t)st->window_pages, "idle_ms", (json_int_t)st->idle_ms,
		"publish", publish_json(st), "connect", connect_json(st), "jail", jail_json(st),
		"started", (json_int_t)st->started, "ended", (json_int_t)st->ended, "reason",
		st->reason);
}

int state_save(const struct state *st)
{
	char path[BASE_MAX + 256], new_path[BASE_MAX + 256];
	cleanup_json json_t *json = state_json(st);

	if (!json)
		return -ENOMEM;
	if (!state_path(path, sizeof(path), st->name, STATE_FILE) ||
	    !state_path(new_path, sizeof(new_path), st->name, STATE_FILE_NEW))
		return -ENAMETOOLONG;
	if (json_dump_file(json, new_path, JSON_INDENT(2)) || rename(new_path, path)) {
		unlink(new_path);
		return -EIO;
	}
	return 0;
}

static void copy_text(char *to, size_t size, const char *from)
{
	snprintf(to, size, "%s", from ? from : "");
}

static struct process process_from(const json_t *json)
{
	return (struct process){(pid_t)json_integer_value(json_object_get(json, "pid")),
				(uint64_t)json_integer_value(json_object_get(json, "start"))};
}

static int load_publish(struct state *st, const json_t *list)
{
	json_t *entry;
	size_t i;

	json_array_foreach(list, i, entry)
	{
		struct publish *p = &st->publish[i];
		if (i >= PUBLISH_MAX)
			return -EINVAL;
		copy_text(p->address, sizeof(p->address),
			  json_string_value(json_object_get(entry, "address")));
		p->host_port = (uint16_t)json_integer_value(json_object_get(entry, "host_port"));
		p->zone_port = (uint16_t)json_integer_value(json_object_get(entry, "zone_port"));
		st->nr_publish++;
	}
	return 0;
}

static int load_connect(struct state *st, const json_t *list)
{
	json_t *entry;
	size_t i;

	json_array_foreach(list, i, entry)
	{
		struct reach *r = &st->connect[i];
		if (i >= CONNECT_MAX)
			return -EINVAL;
		r->zone_port = (uint16_t)json_integer_value(json_object_get(entry, "zone_port"));
		copy_text(r->address, sizeof(r->address),
			  json_string_value(json_object_get(entry, "address")));
		r->port = (uint16_t)json_integer_value(json_object_get(entry, "port"));
		st->nr_connect++;
	}
	return 0;
}

static const char *get_text(const json_t *json, const char *key)
{
	return json_string_value(json_object_get(json, key));
}

static uint64_t get_number(const json_t *json, const char *key)
{
	return (uint64_t)json_integer_value(json_object_get(json, key));
}

// The directory is ours (0700), so this is read to find damage, not attacks.
int state_load(struct state *st, const char *name)
{
	char path[BASE_MAX + 256];

	memset(st, 0, sizeof(*st));
	if (!name_valid(name) || !state_path(path, sizeof(path), name, STATE_FILE))
		return -EINVAL;
	if (access(path, R_OK))
		return -errno;
	cleanup_json json_t *json = json_load_file(path, 0, NULL);
	const char *phase = get_text(json, "phase");
	if (!phase || get_number(json, "version") != 1)
		return -EINVAL;

	copy_text(st->name, sizeof(st->name), name);
	st->phase = PHASE_ENDED;
	for (int i = 0; i < 3; i++)
		if (!strcmp(phase, phase_name[i]))
			st->phase = (enum phase)i;
	const char *mode = get_text(json, "mode");
	st->plain = mode && !strcmp(mode, "plain");
	st->supervisor = process_from(json_object_get(json, "supervisor"));
	st->qemu = process_from(json_object_get(json, "qemu"));
	st->guardian = process_from(json_object_get(json, "guardian"));
	st->ram_fd = (int)json_integer_value(json_object_get(json, "ram_fd"));
	const char *handle = get_text(json, "handle");
	st->handle = handle ? strtoull(handle, NULL, 16) : 0;
	st->instance = get_number(json, "instance");
	copy_text(st->digest, sizeof(st->digest), get_text(json, "digest"));
	copy_text(st->image, sizeof(st->image), get_text(json, "image"));
	st->memory = get_number(json, "memory_bytes");
	st->window_pages = (uint32_t)get_number(json, "window_pages");
	st->idle_ms = (uint32_t)get_number(json, "idle_ms");
	const json_t *jail = json_object_get(json, "jail");
	const char *network = get_text(jail, "network");
	st->jail_id = (uint32_t)get_number(jail, "id");
	st->host_network = network && !strcmp(network, "host");
	st->started = (int64_t)get_number(json, "started");
	st->ended = (int64_t)get_number(json, "ended");
	copy_text(st->reason, sizeof(st->reason), get_text(json, "reason"));
	int rc = load_publish(st, json_object_get(json, "publish"));
	return rc ? rc : load_connect(st, json_object_get(json, "connect"));
}

enum status state_status(const struct state *st)
{
	if (st->phase == PHASE_ENDED)
		return STATUS_ENDED;
	if (!process_alive(&st->supervisor))
		return process_alive(&st->qemu) ? STATUS_ORPHANED : STATUS_ENDED;
	if (st->phase == PHASE_STARTING)
		return STATUS_STARTING;
	return st->plain ? STATUS_PLAIN : STATUS_LIVE;
}

const char *status_name(enum status status)
{
	static const char *const names[] = {"starting", "live", "plain", "orphaned", "ended"};
	return names[status];
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

void state_names_free(char **names, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(names[i]);
	free(names);
}

int state_names(char ***names, size_t *count)
{
	cleanup_dir DIR *dir = opendir(state_base());
	char **list = NULL;
	size_t n = 0;
	struct dirent *entry;

	*names = NULL;
	*count = 0;
	if (!dir)
		return errno == ENOENT ? 0 : -errno;
	while ((entry = readdir(dir))) {
		if (!name_valid(entry->d_name))
			continue;
		char **longer = realloc(list, (n + 1) * sizeof(*list));
		char *name = longer ? strdup(entry->d_name) : NULL;
		if (longer)
			list = longer;
		if (!name) {
			state_names_free(list, n);
			return -ENOMEM;
		}
		list[n++] = name;
	}
	if (n)
		qsort(list, n, sizeof(*list), compare_names);
	*names = list;
	*count = n;
	return 0;
}
