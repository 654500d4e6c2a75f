/* SPDX-License-Identifier: Apache-2.0 */
/* Compare versions: Semantic Versioning 2.0.0. */
#ifndef VERIFY_VERSION_H
#define VERIFY_VERSION_H

#include <stdbool.h>
#include <stdint.h>

struct clv_version {
	uint32_t number[3]; /* major, minor, patch */
	bool prerelease;    /* "-…": comes before the same numbers without it */
};

/* "MAJOR.MINOR.PATCH[-pre][+build]"; false if text is none. */
bool clv_version_parse(const char *text, struct clv_version *v);

/* Whether v is at least min, a release. */
bool clv_version_at_least(const struct clv_version *v, const struct clv_version *min);

#endif
