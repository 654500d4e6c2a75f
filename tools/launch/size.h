/* SPDX-License-Identifier: Apache-2.0 */
/* Sizes and numbers as people write them: "512M", "2G", "65536". */
#ifndef CLOISTER_LAUNCH_SIZE_H
#define CLOISTER_LAUNCH_SIZE_H

#include <stdint.h>

/* Decimal digits only, no sign, no space, at most `max`. 0 or -EINVAL. */
int parse_number(const char *text, uint64_t max, uint64_t *value);

/* A number with K, M or G (1024-based) or without a suffix: bytes. 0 or -EINVAL. */
int parse_size(const char *text, uint64_t *bytes);

/* A guest's memory: parse_size, within what a zone may have, whole 2 MiB. 0 or -EINVAL. */
int parse_memory(const char *text, uint64_t *bytes);

#endif
