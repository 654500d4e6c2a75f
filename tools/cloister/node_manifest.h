/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A journal read from a disk, before it is trusted: with --root, whoever had that disk may have
 * written it.
 */
#ifndef CLOISTER_CLI_NODE_MANIFEST_H
#define CLOISTER_CLI_NODE_MANIFEST_H

#include <stdbool.h>
#include <jansson.h>

/* Could an installation have written it? Then it names nothing but what installations make. */
bool manifest_valid(const json_t *json);

#endif
