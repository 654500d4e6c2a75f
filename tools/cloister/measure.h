/* SPDX-License-Identifier: Apache-2.0 */
/* An image's launch digest, for verbs that compare it. */
#ifndef CLOISTER_CLI_MEASURE_H
#define CLOISTER_CLI_MEASURE_H

#include <stdint.h>
#include <cloister/launch.h>

/* `memory` as given to --memory, or NULL; vcpus 0: one. An exit code; says what is wrong. */
int image_digest(const char *path, const char *memory, uint32_t vcpus,
		 uint8_t digest[CL_DIGEST_SIZE]);

#endif
