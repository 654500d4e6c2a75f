/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLOISTER_NODE_HEX_H
#define CLOISTER_NODE_HEX_H

#include <stddef.h>
#include <stdint.h>

/* Exactly `size` bytes in hex, nothing behind them. 0 or -EINVAL. */
int hex_parse(const char *text, uint8_t *out, size_t size);

#endif
