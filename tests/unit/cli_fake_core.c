// SPDX-License-Identifier: Apache-2.0
// A Core and a KVM for tests of `cloister` without either. Zones are lines of the file "announce"
// in CLOISTER_FAKE_DIR, which tests/unit/cli_fake_qemu.c writes: "zone-HANDLE", instance, digest,
// state. Of a zone that was changed since, a file of that name holds the rest, and a reason. The
// file "core" there says how this Core behaves: absent, old, wrong (digest), or as it should. What
// it is told goes to the file "log", with whether the caller still held the zone's RAM.
#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cloister/call.h>
#include "core_port.h"
#include "kvm.h"

struct fake_zone {
	char path[512];
	unsigned long long handle;
	unsigned long long instance;
	unsigned int state;
	char digest[2 * CL_DIGEST_SIZE + 1];
	char reason[64];
};

static const char *fake_dir(void)
{
	const char *dir = getenv("CLOISTER_FAKE_DIR");
	return dir ? dir : "/nonexistent";
}

const char *kvm_problem(void)
{
	char path[512];
	snprintf(path, sizeof(path), "%s/no-kvm", fake_dir());
	return access(path, F_OK) ? NULL : "cannot be opened; this is a test";
}

static void behaviour(char word[32])
{
	char path[512];
	snprintf(path, sizeof(path), "%s/core", fake_dir());
	FILE *f = fopen(path, "re");
	strcpy(word, "good");
	if (f && fscanf(f, "%31s", word) != 1)
		strcpy(word, "good");
	if (f)
		fclose(f);
}

static int read_zone(struct fake_zone *z, const char *name)
{
	if (sscanf(name, "zone-%16llx", &z->handle) != 1)
		return -ENOENT;
	snprintf(z->path, sizeof(z->path), "%s/%.255s", fake_dir(), name);
	FILE *f = fopen(z->path, "re");
	if (!f)
		return -ENOENT;
	z->reason[0] = '\0';
	int n = fscanf(f, "%llu %96s %u %63[^\n]", &z->instance, z->digest, &z->state, z->reason);
	fclose(f);
	return n >= 3 ? 0 : -ENOENT;
}

// Those that nobody has changed, as files.
static void make_files(void)
{
	char path[512], name[32], digest[100];
	unsigned long long instance;
	unsigned int state;

	snprintf(path, sizeof(path), "%s/announce", fake_dir());
	FILE *f = fopen(path, "re");
	while (f && fscanf(f, "%31s %llu %99s %u", name, &instance, digest, &state) == 4) {
		char new_path[600];
		snprintf(path, sizeof(path), "%s/%s", fake_dir(), name);
		if (!access(path, F_OK))
			continue;
		snprintf(new_path, sizeof(new_path), "%s/new-%d", fake_dir(), getpid());
		FILE *zone = fopen(new_path, "we");
		if (!zone)
			continue;
		fprintf(zone, "%llu %s %u\n", instance, digest, state);
		fclose(zone);
		// Whole or not at all, and never over what someone else has made.
		if (link(new_path, path))
			errno = 0;
		unlink(new_path);
	}
	if (f)
		fclose(f);
}

static int find_zone(const struct cl_zone_info *wanted, struct fake_zone *found)
{
	struct fake_zone z;
	struct dirent *entry;
	make_files();
	DIR *dir = opendir(fake_dir());
	int rc = -ENOENT;

	while (dir && (entry = readdir(dir))) {
		if (read_zone(&z, entry->d_name))
			continue;
		bool match = wanted->handle	? z.handle == wanted->handle
			     : wanted->instance ? z.instance == wanted->instance
						: z.instance > wanted->after;
		if (match && (rc || z.instance < found->instance)) {
			*found = z;
			rc = 0;
		}
	}
	if (dir)
		closedir(dir);
	return rc;
}

static long zone_info(struct cl_zone_info *info, const char *how)
{
	struct fake_zone z;
	int rc = find_zone(info, &z);

	if (rc)
		return rc;
	memset(info, 0, sizeof(*info));
	info->handle = z.handle;
	info->instance = z.instance;
	info->state = z.state;
	info->vcpus = 1;
	info->window_pages = 4096;
	info->open_pages = 17;
	info->sealed_pages = 4;
	snprintf(info->reason, sizeof(info->reason), "%s", z.reason);
	for (size_t i = 0; i < CL_DIGEST_SIZE; i++) {
		unsigned int byte = 0;
		sscanf(z.digest + 2 * i, "%2x", &byte);
		info->digest[i] = (uint8_t)byte;
	}
	if (!strcmp(how, "wrong"))
		info->digest[0] ^= 1;
	return 0;
}

// Is the zone's RAM open in this process?
static bool holds_ram(void)
{
	char path[64], target[64];
	for (int fd = 0; fd < 256; fd++) {
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		ssize_t n = readlink(path, target, sizeof(target) - 1);
		if (n <= 0)
			continue;
		target[n] = '\0';
		if (strstr(target, "memfd:cloister-ram"))
			return true;
	}
	return false;
}

static long zone_end(uint64_t instance)
{
	struct cl_zone_info wanted = {.instance = instance};
	struct fake_zone z;
	char path[512];
	int rc = find_zone(&wanted, &z);

	if (rc || z.state != CL_ZONE_LIVE)
		return rc ? rc : -ENOENT;
	snprintf(path, sizeof(path), "%s/log", fake_dir());
	FILE *f = fopen(path, "ae");
	if (f) {
		fprintf(f, "end %llu ram=%s\n", z.instance, holds_ram() ? "held" : "gone");
		fclose(f);
	}
	f = fopen(z.path, "we");
	if (f) {
		fprintf(f, "%llu %s %u host\n", z.instance, z.digest, CL_ZONE_DEAD);
		fclose(f);
	}
	return 0;
}

// The file "boot-log" is what the firmware has left.
static long boot_log(struct cl_boot_log *log)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/boot-log", fake_dir());
	FILE *f = fopen(path, "re");
	log->count = log->total = 0;
	if (!f)
		return 0;
	if (!fseek(f, 0, SEEK_END))
		log->total = (uint32_t)ftell(f);
	if (!fseek(f, (long)log->position, SEEK_SET))
		log->count = (uint32_t)fread(log->data, 1, sizeof(log->data), f);
	fclose(f);
	log->position += log->count;
	return 0;
}

long core_port_call(uint32_t op, void *argument, size_t bytes)
{
	char how[32];

	behaviour(how);
	if (!strcmp(how, "absent"))
		return -ENODEV;
	if (op == CL_OP_INFO && bytes == sizeof(struct cl_core_info)) {
		struct cl_core_info *info = argument;
		info->abi_version = strcmp(how, "old") ? CL_ABI_VERSION : CL_ABI_VERSION + 1;
		strcpy(info->version, "0.0.0-fake");
		info->refused = 42;
		return 0;
	}
	if (op == CL_OP_LOG && bytes == sizeof(struct cl_log_read)) {
		static const char text[] = "cloister: [info] up\ncloister: [warn] launch refused\n"
					   "cloister: [err] a\033b\ncloister: [warn] half a line";
		struct cl_log_read *log = argument;
		log->count = log->position ? 0 : (uint32_t)strlen(text);
		memcpy(log->text, text, log->count);
		log->position += log->count;
		return 0;
	}
	if (op == CL_OP_BOOT_LOG && bytes == sizeof(struct cl_boot_log))
		return boot_log(argument);
	if (op == CL_OP_ZONE_INFO && bytes == sizeof(struct cl_zone_info))
		return zone_info(argument, how);
	if (op == CL_OP_ZONE_END && bytes == sizeof(struct cl_zone_ref))
		return zone_end(((struct cl_zone_ref *)argument)->instance);
	return -CL_EINVAL;
}
