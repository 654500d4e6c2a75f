/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one thing about writing JSON that goes wrong by hand: strings.
 */
#ifndef SEARCH_JSON_H
#define SEARCH_JSON_H

#include <stdio.h>

/* Quoted; every byte outside printable ASCII as \u00XX. */
void json_string(FILE *out, const char *text);

#endif
