// SPDX-License-Identifier: Apache-2.0
// struct cl_zone_info for scripts.
#include "zone_json.h"
#include <stdio.h>

const char *zone_state_name(uint32_t state)
{
	return state == CL_ZONE_LIVE ? "live" : state == CL_ZONE_DEAD ? "dead" : "none";
}

static void set(json_t *json, const char *key, uint64_t value)
{
	json_object_set_new(json, key, json_integer((json_int_t)value));
}

json_t *zone_json(const struct cl_zone_info *info)
{
	char text[2 * CL_DIGEST_SIZE + 1];
	json_t *json = json_object();

	for (size_t i = 0; i < CL_DIGEST_SIZE; i++)
		sprintf(text + 2 * i, "%02x", info->digest[i]);
	json_object_set_new(json, "state", json_string(zone_state_name(info->state)));
	json_object_set_new(json, "reason", json_string(info->reason));
	json_object_set_new(json, "digest", json_string(text));
	snprintf(text, sizeof(text), "%016llx", (unsigned long long)info->handle);
	json_object_set_new(json, "handle", json_string(text));
	set(json, "instance", info->instance);
	set(json, "vcpus", info->vcpus);
	set(json, "memory_bytes", info->memory_bytes);
	set(json, "policy", info->policy);
	set(json, "window_pages", info->window_pages);
	set(json, "idle_ms", info->idle_ms);
	set(json, "open_pages", info->open_pages);
	set(json, "sealed_pages", info->sealed_pages);
	set(json, "surrendered_pages", info->surrendered_pages);
	set(json, "shared_pages", info->shared_pages);
	set(json, "seals", info->seals);
	set(json, "opens", info->opens);
	set(json, "idle_seals", info->idle_seals);
	set(json, "surrenders", info->surrenders);
	set(json, "exits", info->exits);
	set(json, "exits_reflected", info->exits_reflected);
	set(json, "refused", info->refused);
	return json;
}
