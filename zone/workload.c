// SPDX-License-Identifier: Apache-2.0
// Parser of the workload file.
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include "workload.h"

#define LINE_WORDS_MAX (WORKLOAD_WORDS_MAX + 1)

// Split in place. Returns the number of words, or -EINVAL if there are too many.
static int split(char *line, char *words[LINE_WORDS_MAX])
{
	unsigned count = 0;
	char *save = NULL;

	for (char *word = strtok_r(line, " \t", &save); word; word = strtok_r(NULL, " \t", &save)) {
		if (count == LINE_WORDS_MAX)
			return -EINVAL;
		words[count++] = word;
	}
	return (int)count;
}

static int only(const char *text, const char *allowed)
{
	return *text && strspn(text, allowed) == strlen(text);
}

static int take_tmpfs(struct workload *workload, char *words[LINE_WORDS_MAX])
{
	struct workload_tmpfs *tmpfs = &workload->tmpfs[workload->tmpfs_count];

	if (workload->tmpfs_count == WORKLOAD_TMPFS_MAX || words[1][0] != '/')
		return -EINVAL;
	// Mode and size become mount options, so nothing but digits and a unit may be in them.
	if (!only(words[2], "01234567") || !only(words[4], "0123456789kmgKMG"))
		return -EINVAL;
	tmpfs->path = words[1];
	tmpfs->mode = words[2];
	tmpfs->size = words[4];
	tmpfs->owned_by_user = strcmp(words[3], "user") == 0;
	if (!tmpfs->owned_by_user && strcmp(words[3], "root") != 0)
		return -EINVAL;
	workload->tmpfs_count++;
	return 0;
}

static int take_line(struct workload *workload, char *line)
{
	char *words[LINE_WORDS_MAX];
	int count = split(line, words);

	if (count < 0)
		return count;
	if (count == 0 || words[0][0] == '#')
		return 0;
	if (strcmp(words[0], "argv") == 0) {
		if (workload->argv[0] || count < 2 || words[1][0] != '/')
			return -EINVAL;
		memcpy(workload->argv, words + 1, (size_t)(count - 1) * sizeof(words[0]));
		return 0;
	}
	if (strcmp(words[0], "user") == 0) {
		if (workload->user || count != 2)
			return -EINVAL;
		workload->user = words[1];
		return 0;
	}
	if (strcmp(words[0], "port") == 0) {
		if (workload->port || count != 2 || !only(words[1], "0123456789"))
			return -EINVAL;
		unsigned long port = strtoul(words[1], NULL, 10);
		if (port == 0 || port > UINT16_MAX)
			return -EINVAL;
		workload->port = (uint16_t)port;
		return 0;
	}
	if (strcmp(words[0], "stop") == 0) {
		if (workload->stop || count != 2)
			return -EINVAL;
		workload->stop = strcmp(words[1], "TERM") == 0	? SIGTERM
				 : strcmp(words[1], "INT") == 0 ? SIGINT
								: 0;
		return workload->stop ? 0 : -EINVAL;
	}
	if (strcmp(words[0], "reload") == 0) {
		if (workload->reload || count != 2)
			return -EINVAL;
		workload->reload = strcmp(words[1], "HUP") == 0	   ? SIGHUP
				   : strcmp(words[1], "USR1") == 0 ? SIGUSR1
				   : strcmp(words[1], "USR2") == 0 ? SIGUSR2
								   : 0;
		return workload->reload ? 0 : -EINVAL;
	}
	if (strcmp(words[0], "env") == 0) {
		if (workload->env_count == WORKLOAD_WORDS_MAX || count != 2 || words[1][0] == '=' ||
		    !strchr(words[1], '='))
			return -EINVAL;
		workload->env[workload->env_count++] = words[1];
		return 0;
	}
	if (strcmp(words[0], "tmpfs") == 0)
		return count == 5 ? take_tmpfs(workload, words) : -EINVAL;
	return -EINVAL;
}

int workload_parse(struct workload *workload, const char *text, size_t size, unsigned *line)
{
	memset(workload, 0, sizeof(*workload));
	*line = 0;
	if (size > WORKLOAD_BYTES_MAX || memchr(text, '\0', size))
		return -EINVAL;
	memcpy(workload->text, text, size);
	for (char *at = workload->text; *at;) {
		char *end = at + strcspn(at, "\n");
		char *next = *end ? end + 1 : end;
		*end = '\0';
		++*line;
		if (take_line(workload, at))
			return -EINVAL;
		at = next;
	}
	*line = 0;
	if (!workload->stop)
		workload->stop = SIGTERM;
	return workload->argv[0] && workload->user && workload->port ? 0 : -EINVAL;
}

// One numeric field of a passwd line, ended by ':'.
static int id_field(const char **text, uint32_t *id)
{
	size_t digits = strspn(*text, "0123456789");
	if (digits == 0 || digits > 9 || (*text)[digits] != ':')
		return -EINVAL;
	*id = (uint32_t)strtoul(*text, NULL, 10);
	*text += digits + 1;
	return *id ? 0 : -EINVAL;
}

int passwd_find(const char *text, const char *name, uint32_t *uid, uint32_t *gid)
{
	size_t name_size = strlen(name);

	for (; *text; text += strcspn(text, "\n"), text += *text == '\n') {
		if (strncmp(text, name, name_size) != 0 || text[name_size] != ':')
			continue;
		const char *field = text + name_size + 1; // the password, not used
		size_t password = strcspn(field, ":\n");
		if (field[password] != ':')
			return -EINVAL;
		field += password + 1;
		if (id_field(&field, uid) || id_field(&field, gid))
			return -EINVAL;
		return 0;
	}
	return -ENOENT;
}
