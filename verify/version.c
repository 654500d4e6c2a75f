// SPDX-License-Identifier: Apache-2.0
// Parse and compare version strings.
#include "version.h"

#include <stddef.h>
#include <string.h>

/* A dotted series of [0-9A-Za-z-]+; returns where it ends, NULL if it is malformed. */
static const char *skip_identifiers(const char *at)
{
	static const char allowed[] =
		"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-";

	for (;;) {
		size_t n = strspn(at, allowed);

		if (n == 0)
			return NULL;
		at += n;
		if (*at != '.')
			return at;
		at++;
	}
}

bool clv_version_parse(const char *text, struct clv_version *v)
{
	const char *at = text;

	for (int i = 0; i < 3; i++) {
		size_t digits = strspn(at, "0123456789");

		if (digits == 0 || digits > 9 || (digits > 1 && *at == '0'))
			return false;
		v->number[i] = 0;
		while (digits-- > 0)
			v->number[i] = v->number[i] * 10 + (uint32_t)(*at++ - '0');
		if (i < 2 && *at++ != '.')
			return false;
	}
	v->prerelease = *at == '-';
	if (v->prerelease)
		at = skip_identifiers(at + 1);
	if (at && *at == '+')
		at = skip_identifiers(at + 1);
	return at && *at == '\0';
}

bool clv_version_at_least(const struct clv_version *v, const struct clv_version *min)
{
	for (int i = 0; i < 3; i++)
		if (v->number[i] != min->number[i])
			return v->number[i] > min->number[i];
	return !v->prerelease;
}
