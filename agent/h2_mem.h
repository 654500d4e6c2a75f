/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The memory of one HTTP/2 session: charged to its uid, at most SESSION_BYTES_MAX, and wiped when
 * it is given back, as frames carry private keys.
 */
#ifndef AGENT_H2_MEM_H
#define AGENT_H2_MEM_H

#include <nghttp2/nghttp2.h>

struct account;

struct h2_mem {
	nghttp2_mem functions;
	struct account *account;
	size_t bytes;
};

void h2_mem_init(struct h2_mem *mem, struct account *account);

#endif
