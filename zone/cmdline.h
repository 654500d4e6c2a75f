/* SPDX-License-Identifier: Apache-2.0 */
/* The options on the kernel command line that init obeys. The line is measured. */
#ifndef CLOISTER_ZONE_CMDLINE_H
#define CLOISTER_ZONE_CMDLINE_H

#include <stddef.h>
#include <stdint.h>

#define CMDLINE_HASH_SIZE  32u /* SHA-256 */
#define CMDLINE_SALT_MAX   64u
#define CMDLINE_VOLUME_MAX 32u
#define CMDLINE_PATH_MAX   128u

struct cmdline {
	/* cloister.roothash=<64 hex>: root of the hash tree. Must be there. */
	uint8_t root_hash[CMDLINE_HASH_SIZE];
	/* cloister.verity=<data blocks>:<salt hex>: the tree's other parameters. Must be there:
	 * a superblock on the hash disk would be the host's word. */
	uint64_t data_blocks;
	uint8_t salt[CMDLINE_SALT_MAX];
	size_t salt_size;
	/* cloister.ip=<address>/<prefix>[,<gateway>]; network byte order. Default: QEMU's user
	 * network. */
	uint32_t address;
	uint32_t prefix;
	uint32_t gateway; /* 0: none */
	/* cloister.volume=<name>:<absolute path>; empty: none. */
	char volume[CMDLINE_VOLUME_MAX + 1];
	char volume_path[CMDLINE_PATH_MAX + 1];
};

/* 0, or -EINVAL with *why saying which option is missing, malformed or there twice. */
int cmdline_parse(const char *text, struct cmdline *cmdline, const char **why);

/* Lower- or upper-case hex, exactly 2 * size digits of `digits` used; 0 or -EINVAL. */
int hex_decode(const char *text, size_t digits, uint8_t *bytes, size_t size);
void hex_encode(const uint8_t *bytes, size_t size, char *text);

#endif
