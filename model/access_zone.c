// SPDX-License-Identifier: Apache-2.0
/* The real zone.c, with a door to what it keeps to itself. */
#include "model.h"
#define zone_number(z) ((z) == zone_at(0) ? 0u : 1u)
#include "zone/zone.c"

static struct zone zone_0, zone_1;

struct zone *zone_at(unsigned i)
{
	return i ? &zone_1 : &zone_0;
}

uint64_t *zone_last_instance(void)
{
	return &last_instance;
}
