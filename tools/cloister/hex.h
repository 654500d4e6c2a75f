/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLOISTER_CLI_HEX_H
#define CLOISTER_CLI_HEX_H

#include <stddef.h>
#include <stdint.h>

/* Exactly `bytes` bytes of hex. 0 or -EINVAL. */
int parse_hex(const char *text, uint8_t *to, size_t bytes);

#endif
