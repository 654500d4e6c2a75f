// SPDX-License-Identifier: Apache-2.0
// Host and port. A colon in a host without brackets would be an IPv6 address or a mistake: refused.
#include "address.h"
#include <errno.h>
#include <string.h>
#include "../launch/size.h"

int address_parse(struct address *address, const char *text, uint16_t port)
{
	const char *end, *rest;
	uint64_t number = port;

	if (text[0] == '[') {
		end = strchr(++text, ']');
		rest = end ? end + 1 : NULL;
	} else {
		end = rest = text + strcspn(text, ":");
	}
	if (!end || end == text || (size_t)(end - text) >= sizeof(address->host))
		return -EINVAL;
	if (*rest == ':' ? parse_number(rest + 1, 65535, &number) : *rest != '\0')
		return -EINVAL;
	memcpy(address->host, text, (size_t)(end - text));
	address->host[end - text] = '\0';
	address->port = (uint16_t)number;
	return 0;
}
