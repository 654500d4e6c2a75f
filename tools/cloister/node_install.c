// SPDX-License-Identifier: Apache-2.0
// `cloister node install`: the boot image, the host's kernel beside it, and a way to start it. Only
// adds: the host's own kernel, GRUB and boot entry stay as they are.
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include "../boot/pe_digest.h"
#include "cleanup.h"
#include "lib_dir.h"
#include "message.h"
#include "node_boot.h"
#include "node_checks.h"
#include "node_kernel.h"
#include "node_layout.h"
#include "node_verbs.h"
#include "verbs.h"

static const char help[] =
	"usage: cloister node install [OPTIONS]\n"
	"\n"
	"Make this machine start the Core: on UEFI the measured boot image, with a copy of the\n"
	"newest kernel, on the EFI system partition; on a BIOS (nothing is measured) an entry in\n"
	"GRUB's menu. Adds files only, and writes down which. Again: brings all up to date.\n"
	"\n"
	"  --root DIR    the machine whose file system is mounted there\n"
	"  --esp DIR     its EFI system partition (/boot/efi, /efi or /boot)\n"
	"  --image FILE  the boot image (the one that was installed with this program)\n"
	"  --entry KIND  efi, grub or none: what starts it (as this machine was booted; with\n"
	"                --root none)\n"
	"  --first       make the EFI entry the first in the firmware's order\n"
	"  --update      only the kernel and its arguments; for Debian's hooks\n"
	"  --force       in spite of errors that `cloister node check` finds, and over files that\n"
	"                were changed since\n"
	"  --help        this text\n";

struct install {
	struct node_host host;
	struct journal journal;
	const char *image; /* NULL: the installed one */
	bool first, update, force;
};

// A file of this program's installation (or a path of the user's) to a path of the machine.
static int put_file(struct install *in, const char *path, const char *library, const char *given,
		    unsigned int mode)
{
	char from[NODE_PATH];
	int rc = 0;

	if (!given)
		rc = lib_file(library, from, sizeof(from));
	cleanup_content struct content c = {.data = NULL};
	if (!rc)
		rc = content_of_file(&c, given ?: from);
	if (rc)
		return fail(EXIT_ERROR, "%s: %s; install Cloister as a whole (`make install`)",
			    given ?: library, strerror(-rc));
	return journal_put(&in->journal, path, &c, mode);
}

static int esp_path(const struct install *in, char path[NODE_PATH], const char *format,
		    const char *name)
{
	char tail[NODE_PATH / 4];
	int n = snprintf(tail, sizeof(tail), "%s%s", format, name);

	if (n < 0 || (size_t)n >= sizeof(tail))
		return fail(EXIT_ERROR, "%s%s: the name is too long; use another kernel", format,
			    name);
	snprintf(path, NODE_PATH, "%.*s%s", NODE_PATH / 2, in->host.esp, tail);
	return EXIT_OK;
}

// A kernel or initrd from /boot to the ESP.
static int put_kernel_file(struct install *in, const char *from_prefix, const char *to_prefix,
			   const char *version)
{
	char from[NODE_PATH], full[NODE_PATH], to[NODE_PATH];
	cleanup_content struct content c = {.data = NULL};

	snprintf(from, sizeof(from), "/boot/%s%s", from_prefix, version);
	int rc = node_path(&in->host, full, from) ? content_of_file(&c, full) : -ENAMETOOLONG;
	if (rc)
		return fail(EXIT_ERROR, "%s: %s; mend that and give the same command again", from,
			    strerror(-rc));
	return esp_path(in, to, to_prefix, version) ?: journal_put(&in->journal, to, &c, 0600);
}

// Kernels of ours on the ESP that are not this one.
static int remove_others(struct install *in, const char *version)
{
	char kernel[NODE_PATH], initrd[NODE_PATH], prefix[2][NODE_PATH];
	json_t *digests;
	const char *path;
	void *next;

	if (esp_path(in, kernel, KERNEL_PREFIX, version) ||
	    esp_path(in, initrd, INITRD_PREFIX, version) ||
	    esp_path(in, prefix[0], KERNEL_PREFIX, "") ||
	    esp_path(in, prefix[1], INITRD_PREFIX, ""))
		return EXIT_ERROR;
	json_t *files = json_object_get(in->journal.json, "files");
	json_object_foreach_safe(files, next, path, digests)
	{
		if ((strncmp(path, prefix[0], strlen(prefix[0])) != 0 &&
		     strncmp(path, prefix[1], strlen(prefix[1])) != 0) ||
		    !strcmp(path, kernel) || !strcmp(path, initrd))
			continue;
		if (journal_remove(&in->journal, path))
			return EXIT_ERROR;
	}
	return EXIT_OK;
}

// First the new files, then the one line that names them, then the old ones go: whenever this is
// interrupted, what host.env names is there.
static int put_kernel(struct install *in, struct node_kernel *k)
{
	cleanup_content struct content env = {.data = NULL};
	char path[NODE_PATH];
	const char *why = "";

	if (node_kernel_find(&in->host, k, &why))
		return fail(EXIT_ERROR,
			    "the host's kernel: %s; mend that and give the same command "
			    "again",
			    why);
	if (node_kernel_env(k, &env))
		return fail(EXIT_MEMORY, "no memory; end some programs");
	return put_kernel_file(in, "vmlinuz-", KERNEL_PREFIX, k->version) ?:
	       put_kernel_file(in, "initrd.img-", INITRD_PREFIX, k->version) ?:
	       esp_path(in, path, ENV_FILE, "") ?: journal_put(&in->journal, path, &env, 0600) ?:
	       remove_others(in, k->version);
}

static int put_hooks(struct install *in)
{
	for (size_t i = 0; i < HOOK_DIRECTORIES; i++)
		if (journal_directory(&in->journal, hook_directories[i]))
			return EXIT_ERROR;
	for (size_t i = 0; i < HOOKS; i++)
		if (put_file(in, hooks[i], "kernel-hook", NULL, 0755))
			return EXIT_ERROR;
	return EXIT_OK;
}

static int install_uefi(struct install *in)
{
	char path[NODE_PATH], digest[2 * PE_DIGEST_SIZE + 1];
	uint8_t sum[PE_DIGEST_SIZE];
	struct node_kernel kernel;
	const char *why = "";

	for (size_t i = 0; i < ESP_DIRECTORIES; i++)
		if (esp_path(in, path, esp_directories[i], "") ||
		    journal_directory(&in->journal, path))
			return EXIT_ERROR;
	if (put_kernel(in, &kernel) || put_hooks(in) || esp_path(in, path, BOOT_IMAGE, "") ||
	    put_file(in, path, "cloister.efi", in->image, 0600))
		return EXIT_ERROR;
	if (in->host.entry == ENTRY_EFI && in->host.firmware) {
		int code = node_boot_add_efi(&in->journal, in->host.esp, in->first);
		if (code)
			return code;
	}
	char full[NODE_PATH];
	if (!node_path(&in->host, full, path) || pe_digest_file(full, sum, &why))
		return fail(EXIT_ERROR, "%s: %s; give another --image", path, why);
	for (size_t i = 0; i < sizeof(sum); i++)
		sprintf(digest + 2 * i, "%02x", sum[i]);
	printf("kernel      %s, %s\n", kernel.version, kernel.arguments);
	printf("boot image  %s (SHA-256, as PCR 4 gets it)\n", digest);
	const char *number = json_string_value(
		json_object_get(json_object_get(in->journal.json, "efi"), "number"));
	if (in->host.entry == ENTRY_EFI && !in->host.firmware)
		puts("boot entry  as it was, as --root may be another machine's; give --entry efi "
		     "too if its firmware is this machine's");
	else if (!number)
		printf("boot entry  none; start %s%s by the firmware's setup\n", in->host.esp,
		       BOOT_IMAGE);
	else if (in->first)
		printf("boot entry  %s, the first\n", number);
	else
		printf("boot entry  %s, not in the boot order: try it once by `efibootmgr "
		       "--bootnext %s`, then `cloister node install --first`\n",
		       number, number);
	return EXIT_OK;
}

static int install_bios(struct install *in)
{
	if (put_file(in, CORE_FILE, "cloister-core.elf", NULL, 0644) ||
	    put_file(in, GRUB_FILE, "grub-entry", NULL, 0755))
		return EXIT_ERROR;
	json_object_set_new(in->journal.json, "grub", json_true());
	int code = journal_save(&in->journal) ?: node_boot_update_grub(&in->host);
	if (!code)
		puts("boot entry  \"Cloister (unmeasured boot)\" in GRUB's menu; nothing of a BIOS "
		     "boot is measured");
	return code;
}

// What an earlier run decided stays decided: files lie where the journal says.
static int settle(struct install *in)
{
	const char *esp;
	struct node_host *h = &in->host;
	enum node_entry entry;

	if (!journal_place(&in->journal, &esp, &entry))
		return EXIT_OK;
	if ((h->esp_given && strcmp(esp, h->esp) != 0) || (h->entry_given && entry != h->entry))
		return fail(EXIT_ERROR,
			    "it is installed with --esp %s --entry %s; uninstall that "
			    "first",
			    esp, node_entry_name(entry));
	return node_host_settle(h, esp, entry);
}

static int decide(struct install *in)
{
	json_t *json = in->journal.json;

	json_object_set_new(json, "esp", json_string(in->host.esp));
	json_object_set_new(json, "entry", json_string(node_entry_name(in->host.entry)));
	json_object_set_new(json, "complete", json_false());
	return journal_save(&in->journal);
}

static int check(const struct install *in)
{
	struct finding findings[FINDINGS_MAX];
	size_t count = node_checks(&in->host, findings);

	for (size_t i = 0; i < count; i++)
		if (findings[i].state == FINDING_WARNING || findings[i].state == FINDING_ERROR)
			note("%s: %s: %s", findings[i].name, finding_state_name(findings[i].state),
			     findings[i].reason);
	if (findings_worst(findings, count) == FINDING_ERROR && !in->force)
		return fail(EXIT_ERROR, "this machine cannot become a node: see the errors above; "
					"mend them, or give --force");
	return EXIT_OK;
}

static int install(struct install *in)
{
	uint8_t sum[PE_DIGEST_SIZE];
	struct node_kernel kernel;
	const char *why = "";

	if (in->image && pe_digest_file(in->image, sum, &why))
		return fail(EXIT_ERROR, "--image %s: %s; give a UEFI application", in->image, why);
	int code = journal_open(&in->journal, &in->host, in->force);
	if (code || (code = settle(in)))
		return code;
	if (in->update && (!in->journal.json || in->host.entry == ENTRY_GRUB))
		return fail(EXIT_ERROR,
			    "no kernel of ours is on an EFI system partition; `cloister "
			    "node install` first");
	if (!in->update && check(in))
		return EXIT_ERROR;
	if (in->host.entry != ENTRY_GRUB && !in->host.esp[0])
		return fail(EXIT_ERROR, "no EFI system partition; mount it, or give --esp");
	if ((code = journal_begin(&in->journal)) || (code = decide(in)))
		return code;
	code = in->update		      ? put_kernel(in, &kernel)
	       : in->host.entry == ENTRY_GRUB ? install_bios(in)
					      : install_uefi(in);
	if (code)
		return code;
	json_object_set_new(in->journal.json, "complete", json_true());
	return journal_save(&in->journal);
}

int node_verb_install(int argc, char **argv)
{
	static const struct option options[] = {{"root", required_argument, NULL, 'r'},
						{"esp", required_argument, NULL, 'e'},
						{"image", required_argument, NULL, 'i'},
						{"entry", required_argument, NULL, 'b'},
						{"first", no_argument, NULL, '1'},
						{"update", no_argument, NULL, 'u'},
						{"force", no_argument, NULL, 'f'},
						{"help", no_argument, NULL, 'h'},
						{NULL, 0, NULL, 0}};
	const char *root = NULL, *esp = NULL, *entry = NULL;
	static struct install in;
	int id;

	opterr = 0;
	while ((id = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (id == 'h')
			return verb_help(help);
		if (id == 'r')
			root = optarg;
		else if (id == 'e')
			esp = optarg;
		else if (id == 'b')
			entry = optarg;
		else if (id == 'i')
			in.image = optarg;
		else if (id == '1')
			in.first = true;
		else if (id == 'u')
			in.update = true;
		else if (id == 'f')
			in.force = true;
		else
			return verb_usage("node install");
	}
	if (argc != optind || (in.update && (in.image || in.first || entry || esp)))
		return verb_usage("node install");
	in.journal.lock = -1;
	int code = node_host_open(&in.host, root, esp, entry);
	if (!code)
		code = install(&in);
	journal_close(&in.journal);
	return code;
}
