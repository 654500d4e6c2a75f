// SPDX-License-Identifier: Apache-2.0
// Nothing is compiled in, so an installation can be moved as a whole.
#include "lib_dir.h"
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// The directory of this program, without a final slash; "" for the root.
static int program_dir(char dir[PATH_MAX])
{
	ssize_t n = readlink("/proc/self/exe", dir, PATH_MAX - 1);

	if (n < 0)
		return -errno;
	dir[n] = '\0';
	char *slash = strrchr(dir, '/');
	if (!slash)
		return -EINVAL;
	*slash = '\0';
	return 0;
}

int lib_file(const char *name, char *path, size_t size)
{
	const char *given = getenv("CLOISTER_LIBDIR");
	char dir[PATH_MAX];
	int n, rc;

	if (given && *given) {
		n = snprintf(path, size, "%s/%s", given, name);
	} else {
		rc = program_dir(dir);
		if (rc)
			return rc;
		n = snprintf(path, size, "%s/../lib/cloister/%s", dir, name);
	}
	return n < 0 || (size_t)n >= size ? -ENAMETOOLONG : 0;
}
