/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_CLAIMS_H
#define AGENT_CLAIMS_H

#include <jansson.h>
#include <google/protobuf/struct.pb-c.h>
#include "arena.h"

/*
 * Deeper than this claims are refused. A level of JSON is three of Protocol Buffers, of which
 * parsers take 100; protobuf-c writes them by recursion.
 */
#define CLAIMS_DEPTH_MAX 24

/*
 * A JWT's claims as google.protobuf.Struct: numbers become doubles. In the arena, but for the
 * texts, which are the JSON's. NULL: no object, too deep, too much, a NUL in a text.
 */
Google__Protobuf__Struct *claims_struct(const json_t *claims, struct arena *arena);

#endif
