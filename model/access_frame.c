// SPDX-License-Identifier: Apache-2.0
/* The real frame.c, with a door to what it keeps to itself. */
#include "svm/frame.c"
#include "model.h"

uint64_t model_frames[ADDRS];
uint32_t model_region_large[REGIONS];

void frame_access(uint64_t decoy_pa)
{
	frames = model_frames;
	nr_frames = MODEL_FRAMES;
	region_large = model_region_large;
	decoy = decoy_pa;
	host_npt.root = (uint64_t *)table_at(HOSTS_TABLE);
}

struct npt *frame_host_table(void)
{
	return &host_npt;
}
