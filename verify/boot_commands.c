// SPDX-License-Identifier: Apache-2.0
// What did GRUB do? PCR 8 of the event log (GNU GRUB manual 2.06, section "Measuring boot
// components"): an event's text is a prefix and a string; its digest is the string's alone. Command
// lines only: a GRUB with a script engine logs commands, too, but since the digest does not cover
// the prefix, the host could pass each off as the command line of a module.
#include <string.h>

#include "boot_events.h"
#include "checks.h"
#include "hash.h"

static const char grub_cmd[] = "grub_cmd: ";
static const char kernel_cmdline[] = "kernel_cmdline: ";
static const char module_cmdline[] = "module_cmdline: ";

struct command {
	const char *text; /* whole, with its prefix; not terminated */
	size_t size;
	size_t prefix; /* how much of it the digest does not cover */
};

static bool starts(const char *text, size_t size, const char *with)
{
	return size >= strlen(with) && memcmp(text, with, strlen(with)) == 0;
}

static size_t prefix_size(const char *text, size_t size)
{
	if (starts(text, size, kernel_cmdline))
		return strlen(kernel_cmdline);
	return starts(text, size, module_cmdline) ? strlen(module_cmdline) : 0;
}

static int take_command(const struct clv_event *e, struct command *c, char reason[CL_REASON_SIZE])
{
	uint8_t digest[CL_HASH_SIZE];
	char shown[128];

	if (e->type != CLV_EV_IPL)
		return clv_refuse(reason,
				  "PCR 8 has an event of type 0x%08x, which GRUB never "
				  "makes",
				  e->type);
	/* The text ends with a NUL and has no other. */
	if (e->size == 0 || memchr(e->data, '\0', e->size) != e->data + e->size - 1)
		return clv_refuse(reason, "PCR 8 has an event whose text is malformed");
	c->text = (const char *)e->data;
	c->size = e->size - 1;
	c->prefix = prefix_size(c->text, c->size);
	if (starts(c->text, c->size, grub_cmd)) {
		clv_printable(shown, sizeof(shown), e->data, c->size);
		return clv_refuse(reason,
				  "\"%s\": GRUB ran a script's command; the boot image of `make "
				  "boot-image` runs none",
				  shown);
	}
	if (c->prefix == 0)
		return clv_refuse(reason, "PCR 8 has an event that is no command of GRUB's");
	clv_sha256(e->data + c->prefix, c->size - c->prefix, digest);
	if (!clv_equal(digest, e->digest, CL_HASH_SIZE))
		return clv_refuse(reason, "PCR 8 has an event whose text is not what was measured");
	return 0;
}

static bool named(const struct command *c, const struct cl_policy *p)
{
	for (size_t i = 0; i < p->nr_boot_commands; i++) {
		const char *entry = p->boot_commands[i];
		size_t size = strlen(entry);

		if (size >= 2 && strcmp(entry + size - 2, " *") == 0) {
			if (c->size >= size - 1 && memcmp(entry, c->text, size - 1) == 0)
				return true;
		} else if (size == c->size && memcmp(entry, c->text, size) == 0) {
			return true;
		}
	}
	return false;
}

/* Modules are the host's, so any command line of theirs will do, but the first is the Core's. */
static int judge(const struct command *c, const struct cl_policy *p, bool *kernel,
		 char reason[CL_REASON_SIZE])
{
	bool module = starts(c->text, c->size, module_cmdline);
	char shown[128];

	clv_printable(shown, sizeof(shown), (const uint8_t *)c->text, c->size);
	if (module && !*kernel)
		return clv_refuse(reason, "\"%s\" comes before the Core's command line", shown);
	if (!module && !named(c, p))
		return clv_refuse(reason, "\"%s\" is none of the %zu commands in the policy", shown,
				  p->nr_boot_commands);
	if (!module && memmem(c->text, c->size, CLV_WITHOUT_TPM, strlen(CLV_WITHOUT_TPM)))
		return clv_refuse(reason,
				  "\"%s\": the Core left the TPM to the host, which can then make "
				  "it say anything",
				  shown);
	*kernel = true;
	return 0;
}

int clv_boot_commands(const uint8_t *data, size_t size, const struct cl_policy *p,
		      size_t *nr_commands, char reason[CL_REASON_SIZE])
{
	struct command command = {.text = ""};
	struct clv_event event = {0};
	struct clv_log log;
	bool kernel = false;
	int rc;

	*nr_commands = 0;
	if (clv_log_open(&log, data, size, reason))
		return -1;
	while ((rc = clv_log_next(&log, &event, reason)) > 0) {
		if (event.pcr != CL_PCR_COMMANDS || event.type == CLV_EV_NO_ACTION)
			continue;
		if (take_command(&event, &command, reason) || judge(&command, p, &kernel, reason))
			return -1;
		(*nr_commands)++;
	}
	if (rc == 0 && !kernel)
		return clv_refuse(reason, "PCR 8 has no command line of the Core's: GRUB measured "
					  "nothing of it");
	return rc;
}
