// SPDX-License-Identifier: Apache-2.0
// Parsing of the kernel command line: strict, since a typo here would be a weaker zone.
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "cmdline.h"

#define VALUE_MAX 256u

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

int hex_decode(const char *text, size_t digits, uint8_t *bytes, size_t size)
{
	if (digits != 2 * size)
		return -EINVAL;
	for (size_t i = 0; i < size; i++) {
		int high = hex_digit(text[2 * i]);
		int low = hex_digit(text[2 * i + 1]);
		if (high < 0 || low < 0)
			return -EINVAL;
		bytes[i] = (uint8_t)(high << 4 | low);
	}
	return 0;
}

void hex_encode(const uint8_t *bytes, size_t size, char *text)
{
	static const char digits[] = "0123456789abcdef";
	for (size_t i = 0; i < size; i++) {
		text[2 * i] = digits[bytes[i] >> 4];
		text[2 * i + 1] = digits[bytes[i] & 15];
	}
	text[2 * size] = '\0';
}

// Copy the value of `key` ("name="). 1 found, 0 not there, -EINVAL there twice or too long.
static int option(const char *text, const char *key, char value[VALUE_MAX])
{
	size_t key_size = strlen(key);
	int found = 0;

	for (;;) {
		text += strspn(text, " \t\r\n");
		size_t size = strcspn(text, " \t\r\n");
		if (size == 0)
			return found;
		if (size >= key_size && memcmp(text, key, key_size) == 0) {
			size_t value_size = size - key_size;
			if (found || value_size >= VALUE_MAX)
				return -EINVAL;
			memcpy(value, text + key_size, value_size);
			value[value_size] = '\0';
			found = 1;
		}
		text += size;
	}
}

// Digits only: strtoull(3) would take signs and blanks. Returns the first character behind.
static const char *number(const char *text, uint64_t *value)
{
	if (*text < '0' || *text > '9')
		return NULL;
	errno = 0;
	char *end;
	*value = strtoull(text, &end, 10);
	return errno ? NULL : end;
}

static int parse_verity(const char *value, struct cmdline *cmdline)
{
	const char *rest = number(value, &cmdline->data_blocks);
	// 2^40 blocks are 4 PiB: more is a mistake, and byte counts must not wrap.
	if (!rest || *rest != ':' || cmdline->data_blocks == 0 || cmdline->data_blocks > 1ull << 40)
		return -EINVAL;
	size_t digits = strlen(++rest);
	if (digits % 2 || digits / 2 > CMDLINE_SALT_MAX)
		return -EINVAL;
	cmdline->salt_size = digits / 2;
	return hex_decode(rest, digits, cmdline->salt, cmdline->salt_size);
}

static int parse_ip(char *value, struct cmdline *cmdline)
{
	struct in_addr address;
	uint64_t prefix;
	char *slash = strchr(value, '/');
	if (!slash)
		return -EINVAL;
	*slash = '\0';
	if (inet_pton(AF_INET, value, &address) != 1)
		return -EINVAL;
	cmdline->address = address.s_addr;
	const char *rest = number(slash + 1, &prefix);
	if (!rest || prefix == 0 || prefix > 32)
		return -EINVAL;
	cmdline->prefix = (uint32_t)prefix;
	cmdline->gateway = 0;
	if (*rest == '\0')
		return 0;
	if (*rest != ',' || inet_pton(AF_INET, rest + 1, &address) != 1)
		return -EINVAL;
	cmdline->gateway = address.s_addr;
	return 0;
}

static int only(const char *text, size_t size, const char *allowed)
{
	return strspn(text, allowed) >= size;
}

// As zone-image(5) has it: a name of letters, digits and '-', a path without "." and "..".
static int parse_volume(const char *value, struct cmdline *cmdline)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789-";
	static const char path_letters[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./";
	size_t size = strcspn(value, ":");
	const char *path = value + size + 1;

	if (size == 0 || size > CMDLINE_VOLUME_MAX || value[0] == '-' || value[size] != ':' ||
	    !only(value, size, letters))
		return -EINVAL;
	if (path[0] != '/' || !path[1] || strlen(path) > CMDLINE_PATH_MAX || strstr(path, "/.") ||
	    strstr(path, "//") || !only(path, strlen(path), path_letters))
		return -EINVAL;
	memcpy(cmdline->volume, value, size);
	memcpy(cmdline->volume_path, path, strlen(path) + 1);
	return 0;
}

int cmdline_parse(const char *text, struct cmdline *cmdline, const char **why)
{
	char value[VALUE_MAX];

	memset(cmdline, 0, sizeof(*cmdline));
	*why = "cloister.roothash=<64 hex digits> is missing or malformed";
	if (option(text, "cloister.roothash=", value) != 1 ||
	    hex_decode(value, strlen(value), cmdline->root_hash, CMDLINE_HASH_SIZE))
		return -EINVAL;
	*why = "cloister.verity=<data blocks>:<salt> is missing or malformed";
	if (option(text, "cloister.verity=", value) != 1 || parse_verity(value, cmdline))
		return -EINVAL;
	*why = "cloister.ip=<address>/<prefix>[,<gateway>] is malformed";
	int found = option(text, "cloister.ip=", value);
	if (found == 0)
		strcpy(value, "10.0.2.15/24,10.0.2.2");
	if (found < 0 || parse_ip(value, cmdline))
		return -EINVAL;
	*why = "cloister.volume=<name>:<path> is malformed";
	found = option(text, "cloister.volume=", value);
	if (found < 0 || (found && parse_volume(value, cmdline)))
		return -EINVAL;
	*why = NULL;
	return 0;
}
