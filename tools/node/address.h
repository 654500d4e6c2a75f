/* SPDX-License-Identifier: Apache-2.0 */
/* "HOST", "HOST:PORT", "[2001:db8::1]:PORT". */
#ifndef CLOISTER_NODE_ADDRESS_H
#define CLOISTER_NODE_ADDRESS_H

#include <stdint.h>

struct address {
	char host[256]; /* without brackets */
	uint16_t port;
};

/* 0 or -EINVAL. */
int address_parse(struct address *address, const char *text, uint16_t port);

#endif
