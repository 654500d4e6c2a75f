/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON of strangers: no member twice (SPIFFE_Trust_Domain_and_Bundle.md, section 6.3), and bounded
 * before it is parsed, as jansson recurses into what is nested and needs a hundred bytes for a
 * `[]`.
 */
#ifndef SPIFFE_JSON_H
#define SPIFFE_JSON_H

#include <jansson.h>

#define SPIFFE_JSON_DEPTH  16u
#define SPIFFE_JSON_VALUES 4096u /* about 1 MiB at the worst */

/* An object, or NULL with a sentence in *why. */
json_t *spiffe_json_object(const char *text, size_t size, const char **why);

#endif
