// SPDX-License-Identifier: Apache-2.0
// Read a policy file (share/schema/policy.schema.json). A policy that is not understood whole is
// refused: what was overlooked might be what matters.
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include <jansson.h>
#include <openssl/err.h>

#include "ak.h"
#include "boot_events.h"
#include "checks.h"
#include "hash.h"
#include "version.h"

#define LIST_MAX 4096u

enum kind {
	KIND_HEX,   /* a list of byte strings of `size` bytes */
	KIND_TEXTS, /* a list of texts */
	KIND_TEXT,
	KIND_U32,
	KIND_U63,
	KIND_BOOL,
	KIND_SECTION, /* an object, whose members have its name */
	KIND_VERSION,
};

static const struct member {
	const char *section; /* "": the file itself */
	const char *name;
	enum kind kind;
	size_t size;
	size_t field, count; /* into struct cl_policy */
} members[] = {
#define HEX(section, name, size, field)                                                            \
	{                                                                                          \
		section, name, KIND_HEX, size, offsetof(struct cl_policy, field),                  \
			offsetof(struct cl_policy, nr_##field)                                     \
	}
#define TEXTS(section, name, field)                                                                \
	{                                                                                          \
		section, name, KIND_TEXTS, 0, offsetof(struct cl_policy, field),                   \
			offsetof(struct cl_policy, nr_##field)                                     \
	}
#define ONE(section, name, kind, field)                                                            \
	{                                                                                          \
		section, name, kind, 0, offsetof(struct cl_policy, field), 0                       \
	}
	{"", "version", KIND_VERSION, 0, 0, 0},
	HEX("", "digests", CL_DIGEST_SIZE, digests),
	{"", "nodes", KIND_SECTION, 0, 0, 0},
	TEXTS("nodes", "ca", cas),
	TEXTS("nodes", "crl", crls),
	ONE("nodes", "accept_test_tpm", KIND_BOOL, accept_test_tpm),
	{"", "boot", KIND_SECTION, 0, 0, 0},
	HEX("boot", "firmware", CL_PCR_SIZE, firmware),
	HEX("boot", "option_roms", CL_PCR_SIZE, option_roms),
	HEX("boot", "images", CL_HASH_SIZE, boot_images),
	TEXTS("boot", "commands", boot_commands),
	{"", "core", KIND_SECTION, 0, 0, 0},
	ONE("core", "version_min", KIND_TEXT, core_version_min),
	HEX("core", "builds", CL_BUILD_SIZE, core_builds),
	{"", "zone", KIND_SECTION, 0, 0, 0},
	ONE("zone", "vcpus_min", KIND_U32, vcpus_min),
	ONE("zone", "vcpus_max", KIND_U32, vcpus_max),
	ONE("zone", "memory_bytes_min", KIND_U63, memory_bytes_min),
	ONE("zone", "memory_bytes_max", KIND_U63, memory_bytes_max),
	ONE("zone", "window_pages_max", KIND_U32, window_pages_max),
	ONE("zone", "idle_ms_max", KIND_U32, idle_ms_max),
	ONE("", "require_iommu", KIND_BOOL, require_iommu),
	ONE("", "require_remapping", KIND_BOOL, require_remapping),
#undef HEX
#undef TEXTS
#undef ONE
};

#define NR_MEMBERS (sizeof(members) / sizeof(members[0]))

/* The policy's texts are the JSON value's, its lists these. */
struct loaded {
	struct cl_policy policy; /* first: what the caller has a pointer to */
	json_t *json;
	void *list[NR_MEMBERS];
	uint8_t id[CL_HASH_SIZE];
};

__attribute__((format(printf, 3, 4))) static int
malformed(char error[CL_ERROR_SIZE], const struct member *m, const char *fmt, ...)
{
	va_list args;
	int n = snprintf(error, CL_ERROR_SIZE, "%s%s%s: ", m->section, *m->section ? "." : "",
			 m->name);

	va_start(args, fmt);
	vsnprintf(error + n, CL_ERROR_SIZE - (size_t)n, fmt, args);
	va_end(args);
	return -EINVAL;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool parse_hex(const char *text, uint8_t *out, size_t size)
{
	if (strlen(text) != 2 * size)
		return false;
	for (size_t i = 0; i < size; i++) {
		int high = hex_digit(text[2 * i]), low = hex_digit(text[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		out[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

static int take_list(struct loaded *l, const struct member *m, json_t *value,
		     char error[CL_ERROR_SIZE])
{
	size_t nr = json_array_size(value), width = m->kind == KIND_HEX ? m->size : sizeof(char *);
	uint8_t *list;

	if (!json_is_array(value) || nr > LIST_MAX)
		return malformed(error, m, "a list of at most %u expected", LIST_MAX);
	if (nr == 0)
		return 0;
	list = l->list[m - members] = calloc(nr, width);
	if (!list)
		return -ENOMEM;
	for (size_t i = 0; i < nr; i++) {
		const char *text = json_string_value(json_array_get(value, i));

		if (!text || !*text)
			return malformed(error, m, "entry %zu: a text expected", i + 1);
		if (m->kind == KIND_TEXTS)
			memcpy(list + i * width, &text, sizeof(text));
		else if (!parse_hex(text, list + i * width, width))
			return malformed(error, m, "entry %zu: %zu lower-case hex digits expected",
					 i + 1, 2 * width);
	}
	memcpy((char *)&l->policy + m->field, &list, sizeof(void *));
	memcpy((char *)&l->policy + m->count, &nr, sizeof(nr));
	return 0;
}

static int take_number(struct loaded *l, const struct member *m, json_t *value,
		       char error[CL_ERROR_SIZE])
{
	json_int_t number = json_integer_value(value);
	json_int_t max = m->kind == KIND_U32 ? UINT32_MAX : INT64_MAX;
	uint64_t wide = (uint64_t)number;
	uint32_t narrow = (uint32_t)number;

	/* 0 would be no limit; whoever wants none leaves it out. */
	if (!json_is_integer(value) || number < 1 || number > max)
		return malformed(error, m, "a whole number from 1 to %lld expected",
				 (long long)max);
	if (m->kind == KIND_U32)
		memcpy((char *)&l->policy + m->field, &narrow, sizeof(narrow));
	else
		memcpy((char *)&l->policy + m->field, &wide, sizeof(wide));
	return 0;
}

static int take_text(struct loaded *l, const struct member *m, json_t *value,
		     char error[CL_ERROR_SIZE])
{
	const char *text = json_string_value(value);
	struct clv_version version;

	if (!text || !clv_version_parse(text, &version) || version.prerelease)
		return malformed(error, m, "a release, \"MAJOR.MINOR.PATCH\", expected");
	memcpy((char *)&l->policy + m->field, &text, sizeof(text));
	return 0;
}

static int take_section(struct loaded *l, const char *section, json_t *object,
			char error[CL_ERROR_SIZE]);

static int take_member(struct loaded *l, const struct member *m, json_t *value,
		       char error[CL_ERROR_SIZE])
{
	bool flag = json_is_true(value);

	switch (m->kind) {
	case KIND_HEX:
	case KIND_TEXTS:
		return take_list(l, m, value, error);
	case KIND_TEXT:
		return take_text(l, m, value, error);
	case KIND_U32:
	case KIND_U63:
		return take_number(l, m, value, error);
	case KIND_BOOL:
		if (!json_is_boolean(value))
			return malformed(error, m, "true or false expected");
		memcpy((char *)&l->policy + m->field, &flag, sizeof(flag));
		return 0;
	case KIND_SECTION:
		if (!json_is_object(value))
			return malformed(error, m, "an object expected");
		return take_section(l, m->name, value, error);
	case KIND_VERSION:
		if (!json_is_integer(value) || json_integer_value(value) != 1)
			return malformed(error, m, "1 expected: this is all that is known here");
		return 0;
	}
	return -EINVAL;
}

static const struct member *find(const char *section, const char *name)
{
	for (size_t i = 0; i < NR_MEMBERS; i++)
		if (strcmp(members[i].section, section) == 0 && strcmp(members[i].name, name) == 0)
			return &members[i];
	return NULL;
}

static int take_section(struct loaded *l, const char *section, json_t *object,
			char error[CL_ERROR_SIZE])
{
	for (void *at = json_object_iter(object); at; at = json_object_iter_next(object, at)) {
		const char *name = json_object_iter_key(at);
		const struct member *m = find(section, name);
		char shown[64];
		int rc;

		if (!m) {
			clv_printable(shown, sizeof(shown), (const uint8_t *)name, strlen(name));
			snprintf(error, CL_ERROR_SIZE, "%s%s%s: there is no such member", section,
				 *section ? "." : "", shown);
			return -EINVAL;
		}
		rc = take_member(l, m, json_object_iter_value(at), error);
		if (rc)
			return rc;
	}
	return 0;
}

/* Nothing would ever match these: see boot_commands.c. */
static int check_commands(const struct cl_policy *p, char error[CL_ERROR_SIZE])
{
	for (size_t i = 0; i < p->nr_boot_commands; i++) {
		const char *why = NULL;

		if (strncmp(p->boot_commands[i], "grub_cmd:", 9) == 0)
			why = "a script's commands (grub_cmd) are never accepted; name the Core's "
			      "command line, \"kernel_cmdline: ...\"";
		else if (strstr(p->boot_commands[i], CLV_WITHOUT_TPM))
			why = "a Core with " CLV_WITHOUT_TPM " leaves the TPM to the host and is "
			      "never accepted; make the boot image without it";
		if (!why)
			continue;
		snprintf(error, CL_ERROR_SIZE, "boot.commands: entry %zu: %s", i + 1, why);
		return -EINVAL;
	}
	return 0;
}

static int check_ranges(const struct cl_policy *p, char error[CL_ERROR_SIZE])
{
	struct clv_trust trust = {0};
	int rc;

	if (!clv_policy_ok(p)) {
		snprintf(error, CL_ERROR_SIZE, "zone: a least number is more than the most");
		return -EINVAL;
	}
	ERR_set_mark();
	rc = clv_trust_make(&trust, p, error);
	clv_trust_free(&trust);
	ERR_pop_to_mark();
	return rc;
}

static int load(struct loaded *l, const char *text, size_t size, char error[CL_ERROR_SIZE])
{
	json_error_t where;
	char shown[128];
	int rc;

	l->policy.size = sizeof(l->policy);
	clv_sha256((const uint8_t *)text, size, l->id);
	l->policy.id = l->id;
	l->json = json_loadb(text, size, JSON_REJECT_DUPLICATES, &where);
	if (!l->json) {
		clv_printable(shown, sizeof(shown), (const uint8_t *)where.text,
			      strlen(where.text));
		snprintf(error, CL_ERROR_SIZE, "line %d: %s", where.line, shown);
		return -EINVAL;
	}
	if (!json_is_object(l->json) || !json_object_get(l->json, "version")) {
		snprintf(error, CL_ERROR_SIZE, "an object with \"version\": 1 expected");
		return -EINVAL;
	}
	rc = take_section(l, "", l->json, error);
	if (!rc)
		rc = check_commands(&l->policy, error);
	return rc ? rc : check_ranges(&l->policy, error);
}

int cl_policy_load(const char *json, size_t size, struct cl_policy **policy,
		   char error[CL_ERROR_SIZE])
{
	struct loaded *l;
	int rc;

	if (!policy || !error)
		return -EINVAL;
	*policy = NULL;
	if (!json || size > CL_POLICY_MAX) {
		snprintf(error, CL_ERROR_SIZE, "at most %u bytes expected", CL_POLICY_MAX);
		return -EINVAL;
	}
	l = calloc(1, sizeof(*l));
	rc = l ? load(l, json, size, error) : -ENOMEM;
	if (rc == -ENOMEM)
		snprintf(error, CL_ERROR_SIZE, "out of memory");
	if (rc)
		cl_policy_free(l ? &l->policy : NULL);
	else
		*policy = &l->policy;
	return rc;
}

void cl_policy_free(struct cl_policy *policy)
{
	struct loaded *l = (struct loaded *)policy;

	if (!l)
		return;
	for (size_t i = 0; i < NR_MEMBERS; i++)
		free(l->list[i]);
	json_decref(l->json);
	free(l);
}

static ssize_t read_all(int fd, char *text, size_t size)
{
	size_t have = 0;

	while (have < size) {
		ssize_t n = read(fd, text + have, size - have);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		have += (size_t)n;
	}
	return (ssize_t)have;
}

int cl_policy_load_file(const char *path, struct cl_policy **policy, char error[CL_ERROR_SIZE])
{
	char *text;
	ssize_t n;
	int fd, rc;

	if (!path || !policy || !error)
		return -EINVAL;
	*policy = NULL;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0) {
		rc = -errno;
		snprintf(error, CL_ERROR_SIZE, "cannot open it: %s", strerror(errno));
		return rc;
	}
	text = malloc(CL_POLICY_MAX + 1);
	n = text ? read_all(fd, text, CL_POLICY_MAX + 1) : -ENOMEM;
	close(fd);
	if (n < 0) {
		rc = (int)n;
		snprintf(error, CL_ERROR_SIZE, "cannot read it: %s", strerror(-rc));
	} else {
		rc = cl_policy_load(text, (size_t)n, policy, error);
	}
	free(text);
	return rc;
}
