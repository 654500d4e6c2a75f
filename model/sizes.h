/* SPDX-License-Identifier: Apache-2.0 */
/* Sizes of the model, for its own files and for the scaled sources (model/scale). */
#ifndef MODEL_SIZES_H
#define MODEL_SIZES_H

#define MODEL_REGION_BITS 1  /* "2 MiB" are 2 frames; a watched table has 2 entries */
#define MODEL_FRAMES	  4u /* of RAM: two regions */
#define MODEL_BEYOND	  0u /* addresses behind RAM; among the RAM are holes of devices as well */
#define MODEL_CORE	  0u /* the frame that is the Core's */
#define MODEL_HIDDEN	  4u /* the frame where an IOMMU's registers are */
#define MODEL_ZONES	  2u
#define MODEL_PAGES	  2u /* of each zone */
#define MODEL_WINDOW	  2u /* W is 1 or 2 */
#define MODEL_BATCHES	  1u
#define MODEL_RECS	  1u
#define MODEL_ASIDS	  1u
#define MODEL_CPUS	  1u	/* with a shadow; another CPU is in a guest of any table */
#define MODEL_LEVELS	  1u	/* of leaves in the host's nested tables: 4 KiB */
#define MODEL_VERSIONS	  0xffu /* greatest at first; they are only compared and counted up */

#endif
