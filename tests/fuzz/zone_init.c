// SPDX-License-Identifier: Apache-2.0
/*
 * libFuzzer target for what a zone's first process reads: kernel command line, workload file,
 * passwd.
 */
#include "fuzz.h"
#include "../../zone/cmdline.h"
#include "../../zone/workload.h"

static void check_cmdline(const char *text)
{
	struct cmdline c;
	const char *why = "";

	if (cmdline_parse(text, &c, &why)) {
		require(why);
		return;
	}
	require(!why && c.data_blocks && c.data_blocks <= 1ull << 40);
	require(c.salt_size <= CMDLINE_SALT_MAX && c.prefix >= 1 && c.prefix <= 32);
}

static void check_workload(const char *text, size_t size)
{
	struct workload *w = malloc(sizeof(*w));
	unsigned line;

	require(w);
	if (!workload_parse(w, text, size, &line)) {
		const char *end = w->text + sizeof(w->text);

		require(!line && w->argv[0] && w->argv[0][0] == '/' && w->user && w->port);
		require(w->env_count <= WORKLOAD_WORDS_MAX && !w->env[w->env_count]);
		require(w->tmpfs_count <= WORKLOAD_TMPFS_MAX);
		for (unsigned i = 0; w->argv[i]; i++)
			require(w->argv[i] >= w->text && w->argv[i] < end &&
				i < WORKLOAD_WORDS_MAX);
		for (uint32_t i = 0; i < w->env_count; i++)
			require(strchr(w->env[i], '=') > w->env[i]);
		for (uint32_t i = 0; i < w->tmpfs_count; i++) {
			/* They become mount options. */
			require(!strpbrk(w->tmpfs[i].mode, ",= ") && w->tmpfs[i].path[0] == '/');
			require(!strpbrk(w->tmpfs[i].size, ",= "));
		}
	}
	free(w);
}

static void check_passwd(const char *text)
{
	uint32_t uid = 0, gid = 0;

	if (!passwd_find(text, "redis", &uid, &gid))
		require(uid && gid && strstr(text, "redis:"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);

	require(text);
	if (size)
		memcpy(text, data, size);
	text[size] = '\0';
	check_cmdline(text);
	check_workload(text, size);
	check_passwd(text);
	free(text);
	return 0;
}
