// SPDX-License-Identifier: Apache-2.0
/* Command line options; see cmdline.h. */
#include "lib/cmdline.h"
#include "lib/string.h"

const char *cmdline_get(const char *cmdline, const char *name, size_t *len)
{
	const char *value = NULL;
	size_t n = strlen(name);

	for (const char *p = cmdline; *p;) {
		size_t word = 0;

		while (p[word] && p[word] != ' ')
			word++;
		if (word > n && !strncmp(p, name, n) && p[n] == '=') {
			value = p + n + 1;
			*len = word - n - 1;
		}
		p += word;
		while (*p == ' ')
			p++;
	}
	return value;
}

bool cmdline_is(const char *cmdline, const char *name, const char *value)
{
	size_t len;
	const char *v = cmdline_get(cmdline, name, &len);

	return v && len == strlen(value) && !strncmp(v, value, len);
}
