// SPDX-License-Identifier: Apache-2.0
// efibootmgr's and update-grub's part. The firmware is this machine's, with --root too, and so is
// the sysfs that says what it has. The journal's member "efi" is {"before": [numbers]} from the
// moment before the entry is made, and has its "number" afterwards. The host's own entries are only
// read.
#include "node_boot.h"
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>
#include "cleanup.h"
#include "message.h"

#define OUTPUT_MAX 65536

extern char **environ;

#define ARGUMENTS 15

// Runs a program; its standard output to text (NUL-terminated; NULL: to our standard error).
static int run(const char *const arguments[], char *text, size_t size)
{
	char *argv[ARGUMENTS + 1];
	posix_spawn_file_actions_t actions;
	int pipe_fd[2], status = -1;
	size_t used = 0;
	char rest[512];
	pid_t pid;

	// posix_spawn(3) wants them without const, and leaves them alone.
	memset(argv, 0, sizeof(argv));
	for (size_t i = 0; i < ARGUMENTS && arguments[i]; i++)
		memcpy(&argv[i], &arguments[i], sizeof(argv[i]));
	if (pipe2(pipe_fd, O_CLOEXEC))
		return fail(EXIT_ERROR, "%s: %s; close some programs", argv[0], strerror(errno));
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, text ? pipe_fd[1] : STDERR_FILENO,
					 STDOUT_FILENO);
	int rc = posix_spawnp(&pid, argv[0], &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	close(pipe_fd[1]);
	while (!rc) {
		bool fits = text && used + 1 < size;
		ssize_t n = read(pipe_fd[0], fits ? text + used : rest,
				 fits ? size - 1 - used : sizeof(rest));
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		used += fits ? (size_t)n : 0;
	}
	close(pipe_fd[0]);
	if (text)
		text[used] = '\0';
	if (rc)
		return fail(EXIT_PROGRAM, "%s: %s; install efibootmgr or grub2-common", argv[0],
			    strerror(rc));
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (!WIFEXITED(status) || WEXITSTATUS(status))
		return fail(EXIT_ERROR,
			    "%s failed (its message is above); mend that and give the "
			    "same command again",
			    argv[0]);
	return EXIT_OK;
}

int node_boot_update_grub(const struct node_host *h)
{
	const char *argv[] = {"update-grub", NULL};

	// It would write the menu of the machine that this runs on.
	if (h->root[0]) {
		note("GRUB's menu is as it was; run `update-grub` on the machine whose root is %s",
		     h->root);
		return EXIT_OK;
	}
	return run(argv, NULL, 0);
}

// The disk and the partition's number of a directory's file system, by sysfs.
static int find_partition(const struct journal *j, const char *esp, char disk[64], char number[16])
{
	char full[NODE_PATH], link[64], real[PATH_MAX];
	struct stat st;

	if (!node_path(j->host, full, esp) || stat(full, &st))
		return -errno;
	snprintf(link, sizeof(link), "/sys/dev/block/%u:%u", major(st.st_dev), minor(st.st_dev));
	if (!realpath(link, real))
		return -errno;
	strncat(link, "/partition", sizeof(link) - strlen(link) - 1);
	FILE *f = fopen(link, "re");
	if (!f)
		return -errno;
	bool got = fgets(number, 16, f);
	fclose(f);
	if (!got)
		return -EIO;
	number[strcspn(number, "\n")] = '\0';
	int n = snprintf(disk, 64, "/dev/%s", basename(dirname(real)));
	return n < 64 && number[0] && strspn(number, "0123456789") == strlen(number) ? 0 : -EINVAL;
}

// A line "Boot0003* Cloister" of efibootmgr, where a tab or the line's end follows the label.
static bool entry_of_ours(const char *line, char number[5])
{
	for (int i = 0; i < 4; i++)
		if (!isxdigit((unsigned char)line[4 + i]))
			return false;
	memcpy(number, line + 4, 4);
	number[4] = '\0';
	const char *label = line + 8 + (line[8] == '*');
	size_t length = sizeof(BOOT_LABEL) - 1;
	return *label++ == ' ' && !strncmp(label, BOOT_LABEL, length) &&
	       strchr("\t\n", label[length]);
}

// Numbers (4 hex digits) of the entries with our label.
static json_t *entries_of_ours(void)
{
	const char *argv[] = {"efibootmgr", NULL};
	char number[5], *save = NULL;
	static char text[OUTPUT_MAX];

	if (run(argv, text, sizeof(text)))
		return NULL;
	json_t *list = json_array();
	for (char *l = strtok_r(text, "\n", &save); l; l = strtok_r(NULL, "\n", &save))
		if (strlen(l) > 10 && !strncmp(l, "Boot", 4) && entry_of_ours(l, number))
			json_array_append_new(list, json_string(number));
	return list;
}

static bool among(const json_t *list, const char *number)
{
	json_t *one;
	size_t i;

	json_array_foreach(list, i,
			   one) if (!strcasecmp(json_string_value(one) ?: "", number)) return true;
	return false;
}

int node_boot_add_efi(struct journal *j, const char *esp, bool first)
{
	char disk[64], partition[16];
	json_t *one;
	size_t i;

	if (access("/sys/firmware/efi", F_OK))
		return fail(EXIT_ERROR,
			    "the firmware's boot entries are out of reach%s; give "
			    "--entry none, or the same command again after a boot %s",
			    j->host->core ? " above the Core" : "",
			    j->host->core ? "without it" : "by UEFI");
	cleanup_json json_t *now = entries_of_ours();
	if (!now)
		return EXIT_ERROR;
	json_t *efi = json_object_get(j->json, "efi");
	const char *number = json_string_value(json_object_get(efi, "number"));
	if (number && among(now, number) && !first)
		return EXIT_OK;
	// Made anew where it has gone, has to become the first, or may be half made.
	if (efi && node_boot_remove_efi(j))
		return EXIT_ERROR;
	int rc = find_partition(j, esp, disk, partition);
	if (rc)
		return fail(EXIT_ERROR,
			    "%s: cannot tell its disk and partition: %s; make the boot "
			    "entry by efibootmgr (loader " BOOT_LOADER ") and give --entry none",
			    esp, strerror(-rc));
	cleanup_json json_t *before = entries_of_ours();
	if (!before)
		return EXIT_ERROR;
	json_object_set_new(j->json, "efi", json_pack("{s:O}", "before", before));
	if (journal_save(j))
		return EXIT_ERROR;
	const char *argv[] = {"efibootmgr", "--quiet",	 first ? "--create" : "--create-only",
			      "--disk",	    disk,	 "--part",
			      partition,    "--label",	 BOOT_LABEL,
			      "--loader",   BOOT_LOADER, NULL};
	if (run(argv, NULL, 0))
		return EXIT_ERROR;
	cleanup_json json_t *after = entries_of_ours();
	json_array_foreach(after, i, one) if (!among(before, json_string_value(one)))
		json_object_set(json_object_get(j->json, "efi"), "number", one);
	if (!json_object_get(json_object_get(j->json, "efi"), "number"))
		return fail(EXIT_ERROR,
			    "efibootmgr made no boot entry; see what `efibootmgr` says");
	return journal_save(j);
}

int node_boot_remove_efi(struct journal *j)
{
	json_t *efi = json_object_get(j->json, "efi"), *one;
	const char *ours = json_string_value(json_object_get(efi, "number"));
	size_t i;

	if (!efi)
		return EXIT_OK;
	if (!j->host->firmware) {
		note("the firmware's boot entry %s stays, as --root may be another machine's (with "
		     "--entry efi it is this one's); remove it where it is: efibootmgr --bootnum "
		     "%s "
		     "--delete-bootnum",
		     ours ?: "\"" BOOT_LABEL "\"", ours ?: "NNNN");
		json_object_del(j->json, "efi");
		return journal_save(j);
	}
	if (access("/sys/firmware/efi", F_OK))
		return fail(EXIT_ERROR,
			    "the firmware's boot entry is out of reach%s; give the same "
			    "command again after a boot %s",
			    j->host->core ? " above the Core" : "",
			    j->host->core ? "without it" : "by UEFI");
	cleanup_json json_t *now = entries_of_ours();
	if (!now)
		return EXIT_ERROR;
	json_array_foreach(now, i, one)
	{
		char number[5] = "";
		strncat(number, json_string_value(one), 4);
		// Interrupted before its number was known: it is one that was not there before.
		if (ours ? strcasecmp(ours, number) != 0
			 : among(json_object_get(efi, "before"), number))
			continue;
		const char *argv[] = {"efibootmgr", "--quiet",		"--bootnum",
				      number,	    "--delete-bootnum", NULL};
		if (run(argv, NULL, 0))
			return EXIT_ERROR;
	}
	json_object_del(j->json, "efi");
	return journal_save(j);
}
