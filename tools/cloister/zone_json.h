/* SPDX-License-Identifier: Apache-2.0 */
/* What the Core says about a zone, as JSON. */
#ifndef CLOISTER_CLI_ZONE_JSON_H
#define CLOISTER_CLI_ZONE_JSON_H

#include <jansson.h>
#include <cloister/call.h>

json_t *zone_json(const struct cl_zone_info *info);
const char *zone_state_name(uint32_t state);

#endif
