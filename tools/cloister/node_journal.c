// SPDX-License-Identifier: Apache-2.0
// The journal's members: "files" {path: [SHA-256...]}, all contents that an interrupted step may
// have left there; "directories" [path...] that were not there; and what node_install.c adds.
#include "node_journal.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include "cleanup.h"
#include "message.h"
#include "node_manifest.h"
#include "regular.h"

#define LOCK_FILE JOURNAL_DIR "/lock"

// The journal's own, outermost first. They are there before it is, so it cannot list them.
static const char *const own[] = {"/var/lib/cloister", JOURNAL_DIR};

static int cannot(const char *what, const char *path, int rc)
{
	return fail(EXIT_ERROR, "%s %s: %s; mend that and give the same command again", what, path,
		    strerror(-rc));
}

static int take_lock(struct journal *j)
{
	char path[NODE_PATH];

	if (!node_path(j->host, path, LOCK_FILE))
		return -ENAMETOOLONG;
	j->lock = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (j->lock < 0 && errno == EEXIST)
		j->lock = regular_open("", path, O_RDWR | O_NOFOLLOW);
	else if (j->lock < 0)
		return -errno;
	if (j->lock < 0)
		return j->lock;
	return flock(j->lock, LOCK_EX | LOCK_NB) ? -errno : 0;
}

static int not_ours(void)
{
	return fail(EXIT_ERROR,
		    "the journal %s is not from an installation of Cloister; move it away",
		    JOURNAL_FILE);
}

static int read_journal(struct journal *j)
{
	char path[NODE_PATH];
	cleanup_content struct content c = {.data = NULL};
	int rc = node_path(j->host, path, JOURNAL_FILE) ? content_of_file(&c, path) : -ENAMETOOLONG;

	if (rc == -ENOENT)
		return EXIT_OK;
	if (rc == -EINVAL) // a link, which may lead anywhere
		return not_ours();
	if (rc)
		return cannot("cannot read", JOURNAL_FILE, rc);
	j->json = json_loadb(c.data ?: "", c.bytes, 0, NULL);
	if (!j->json || json_integer_value(json_object_get(j->json, "version")) != 1 ||
	    !json_is_object(json_object_get(j->json, "files")) ||
	    !json_is_array(json_object_get(j->json, "directories")))
		return fail(EXIT_ERROR, "%s: damaged (%s); restore it from a backup", JOURNAL_FILE,
			    j->json ? "not a journal of this version" : "not JSON");
	return manifest_valid(j->json) ? EXIT_OK : not_ours();
}

int journal_open(struct journal *j, const struct node_host *host, bool force)
{
	*j = (struct journal){.host = host, .lock = -1, .force = force};
	if (!node_exists(host, JOURNAL_DIR))
		return EXIT_OK;
	int rc = take_lock(j);
	if (rc == -EWOULDBLOCK)
		return fail(EXIT_ERROR, "another `cloister node install` or uninstall runs; wait "
					"for its end");
	if (rc)
		return cannot("cannot lock", LOCK_FILE, rc);
	return read_journal(j);
}

void journal_close(struct journal *j)
{
	json_decref(j->json);
	if (j->lock >= 0)
		close(j->lock);
	j->json = NULL;
	j->lock = -1;
}

int journal_begin(struct journal *j)
{
	char full[NODE_PATH];

	if (j->json)
		return EXIT_OK;
	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
		if (!node_path(j->host, full, own[i]) || (mkdir(full, 0755) && errno != EEXIST))
			return cannot("cannot make", own[i], -errno);
	if (j->lock < 0) {
		int rc = take_lock(j);
		if (rc)
			return cannot("cannot lock", LOCK_FILE, rc);
	}
	j->json = json_pack("{s:i,s:{},s:[]}", "version", 1, "files", "directories");
	return journal_save(j);
}

bool journal_place(const struct journal *j, const char **esp, enum node_entry *entry)
{
	const char *name = json_string_value(json_object_get(j->json, "entry"));

	*esp = json_string_value(json_object_get(j->json, "esp"));
	return *esp && name && node_entry_parse(name, entry);
}

int journal_save(struct journal *j)
{
	char full[NODE_PATH];
	cleanup_content struct content c = {.data = NULL};
	cleanup_free char *text = json_dumps(j->json, JSON_INDENT(2));
	int rc = text ? content_of_bytes(&c, text, strlen(text)) : -ENOMEM;

	if (!rc)
		rc = node_path(j->host, full, JOURNAL_FILE) ? content_write(&c, full, 0644)
							    : -ENAMETOOLONG;
	return rc ? cannot("cannot write", JOURNAL_FILE, rc) : EXIT_OK;
}

int journal_directory(struct journal *j, const char *path)
{
	json_t *made = json_object_get(j->json, "directories");
	char full[NODE_PATH];
	struct stat st;

	if (!node_path(j->host, full, path))
		return cannot("cannot make", path, -ENAMETOOLONG);
	if (!lstat(full, &st))
		return S_ISDIR(st.st_mode) ? EXIT_OK : cannot("cannot make", path, -EEXIST);
	json_array_append_new(made, json_string(path));
	if (journal_save(j))
		return EXIT_ERROR;
	return mkdir(full, 0755) ? cannot("cannot make", path, -errno) : EXIT_OK;
}

bool journal_has(const struct journal *j, const char *path)
{
	return j->json && json_object_get(json_object_get(j->json, "files"), path);
}

static bool known(const json_t *digests, const char *sha256)
{
	json_t *one;
	size_t i;

	json_array_foreach(digests, i,
			   one) if (!strcmp(json_string_value(one) ?: "", sha256)) return true;
	return false;
}

// Is what lies there ours? 0 (now[0] is NUL if nothing does), or an exit code.
static int look(const struct journal *j, const char *path, const char *full, char now[CONTENT_HEX])
{
	json_t *digests = json_object_get(json_object_get(j->json, "files"), path);
	int rc = content_digest(full, now);

	if (rc == -ENOENT || rc == -ENOTDIR) {
		now[0] = '\0';
		return EXIT_OK;
	}
	if (rc && rc != -EINVAL)
		return cannot("cannot read", path, rc);
	if (!digests)
		return fail(EXIT_ERROR,
			    "%s is there, and not from an installation of Cloister; "
			    "move it away",
			    path);
	if ((rc || !known(digests, now)) && !j->force)
		return fail(EXIT_ERROR,
			    "%s was changed since it was installed; undo that, or give "
			    "--force to lose the change",
			    path);
	return EXIT_OK;
}

int journal_put(struct journal *j, const char *path, const struct content *c, unsigned int mode)
{
	json_t *files = json_object_get(j->json, "files");
	char full[NODE_PATH], now[CONTENT_HEX] = "";

	if (!node_path(j->host, full, path))
		return cannot("cannot write", path, -ENAMETOOLONG);
	if (look(j, path, full, now))
		return EXIT_ERROR;
	if (strcmp(now, c->sha256) != 0) {
		json_t *both = json_array();
		if (now[0])
			json_array_append_new(both, json_string(now));
		json_array_append_new(both, json_string(c->sha256));
		json_object_set_new(files, path, both);
		if (journal_save(j))
			return EXIT_ERROR;
		int rc = content_write(c, full, mode);
		if (rc)
			return cannot("cannot write", path, rc);
	}
	json_object_set_new(files, path, json_pack("[s]", c->sha256));
	return journal_save(j);
}

static int remove_file(const char *full, const char *path)
{
	char part[NODE_PATH + sizeof(CONTENT_PART)];

	snprintf(part, sizeof(part), "%s" CONTENT_PART, full);
	// The first is there only after a crash.
	if (unlink(part) && errno != ENOENT && errno != ENOTDIR)
		return cannot("cannot remove", path, -errno);
	if (unlink(full) && errno != ENOENT && errno != ENOTDIR)
		return cannot("cannot remove", path, -errno);
	return EXIT_OK;
}

int journal_remove(struct journal *j, const char *path)
{
	char full[NODE_PATH], key[NODE_PATH], now[CONTENT_HEX] = "";

	if (!journal_has(j, path))
		return EXIT_OK;
	if (!node_path(j->host, full, path))
		return cannot("cannot remove", path, -ENAMETOOLONG);
	if (look(j, path, full, now) || remove_file(full, path))
		return EXIT_ERROR;
	// `path` may be the entry's own key, and go with it.
	snprintf(key, sizeof(key), "%s", path);
	json_object_del(json_object_get(j->json, "files"), key);
	return journal_save(j);
}

int journal_check(struct journal *j)
{
	char full[NODE_PATH], now[CONTENT_HEX];
	const char *path;
	json_t *digests;

	json_object_foreach(json_object_get(j->json, "files"), path, digests)
	{
		if (!node_path(j->host, full, path) || look(j, path, full, now))
			return EXIT_ERROR;
	}
	return EXIT_OK;
}

int journal_remove_all(struct journal *j)
{
	json_t *files = json_object_get(j->json, "files");
	json_t *made = json_object_get(j->json, "directories");
	char full[NODE_PATH];
	const char *path;
	json_t *digests;
	void *next;

	json_object_foreach_safe(files, next, path, digests)
	{
		if (journal_remove(j, path))
			return EXIT_ERROR;
	}
	for (size_t i = json_array_size(made); i-- > 0;) {
		const char *directory = json_string_value(json_array_get(made, i)) ?: "";
		if (node_path(j->host, full, directory) && rmdir(full) && errno != ENOENT)
			note("%s stays: %s", directory, strerror(errno));
	}
	return EXIT_OK;
}

int journal_end(struct journal *j)
{
	static const char *const files[] = {JOURNAL_FILE, JOURNAL_FILE CONTENT_PART, LOCK_FILE};
	char full[NODE_PATH];

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		if (!node_path(j->host, full, files[i]) || (unlink(full) && errno != ENOENT))
			return cannot("cannot remove", files[i], -errno);
	// Where they are not empty, others have put something there.
	for (size_t i = sizeof(own) / sizeof(own[0]); i-- > 0;)
		if (node_path(j->host, full, own[i]))
			rmdir(full);
	return EXIT_OK;
}
