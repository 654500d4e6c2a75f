// SPDX-License-Identifier: Apache-2.0
/* Checked copies that Debian's libbearssl, built with _FORTIFY_SOURCE, calls. */
#include "lib/log.h"
#include "lib/string.h"

void *__memcpy_chk(void *to, const void *from, size_t n, size_t room);
void *__memset_chk(void *to, int c, size_t n, size_t room);

void *__memcpy_chk(void *to, const void *from, size_t n, size_t room)
{
	ASSERT(n <= room);
	return memcpy(to, from, n);
}

void *__memset_chk(void *to, int c, size_t n, size_t room)
{
	ASSERT(n <= room);
	return memset(to, c, n);
}
