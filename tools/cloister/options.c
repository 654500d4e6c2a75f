// SPDX-License-Identifier: Apache-2.0
// Argument values, taken strictly: what is not understood is refused, not guessed.
#include "options.h"
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <cloister/launch.h>
#include "../launch/size.h"

static int parse_port(const char *text, uint16_t *port)
{
	uint64_t n;
	if (parse_number(text, 65535, &n) || n == 0)
		return -EINVAL;
	*port = (uint16_t)n;
	return 0;
}

int parse_publish(const char *text, struct publish *p)
{
	char copy[64];
	struct in_addr address;

	if (strlen(text) >= sizeof(copy))
		return -EINVAL;
	memcpy(copy, text, strlen(text) + 1);
	char *zone = strrchr(copy, ':');
	if (!zone)
		return -EINVAL;
	*zone++ = '\0';
	char *host = strrchr(copy, ':');
	const char *name = "0.0.0.0";
	if (host) {
		*host++ = '\0';
		name = copy;
	} else {
		host = copy;
	}
	// inet_pton takes four decimal parts and nothing else.
	if (inet_pton(AF_INET, name, &address) != 1)
		return -EINVAL;
	memset(p, 0, sizeof(*p));
	if (parse_port(host, &p->host_port) || parse_port(zone, &p->zone_port))
		return -EINVAL;
	return inet_ntop(AF_INET, &address, p->address, sizeof(p->address)) ? 0 : -EINVAL;
}

int parse_connect(const char *text, struct reach *r)
{
	char copy[64];
	struct in_addr address;

	if (strlen(text) >= sizeof(copy))
		return -EINVAL;
	memcpy(copy, text, strlen(text) + 1);
	char *host = strchr(copy, ':');
	char *port = strrchr(copy, ':');
	if (!host || host == port)
		return -EINVAL;
	*host++ = '\0';
	*port++ = '\0';
	// 0.0.0.0 is nobody's address.
	if (inet_pton(AF_INET, host, &address) != 1 || address.s_addr == htonl(INADDR_ANY))
		return -EINVAL;
	memset(r, 0, sizeof(*r));
	if (parse_port(copy, &r->zone_port) || parse_port(port, &r->port))
		return -EINVAL;
	return inet_ntop(AF_INET, &address, r->address, sizeof(r->address)) ? 0 : -EINVAL;
}

int parse_window(const char *text, uint64_t memory, uint32_t *pages)
{
	uint64_t total = memory / CL_PAGE_SIZE;
	size_t length = strlen(text);
	uint64_t n;

	if (!strcmp(text, "all")) {
		*pages = 0;
		return 0;
	}
	if (length > 1 && length < 8 && text[length - 1] == '%') {
		char number[8] = "";
		memcpy(number, text, length - 1);
		if (parse_number(number, 100, &n))
			return -EINVAL;
		n = total * n / 100;
	} else if (parse_number(text, UINT32_MAX, &n)) {
		if (parse_size(text, &n) || n % CL_PAGE_SIZE)
			return -EINVAL;
		n /= CL_PAGE_SIZE;
	}
	if (n < CL_WINDOW_MIN || n > total)
		return -EINVAL;
	*pages = (uint32_t)n;
	return 0;
}

static bool name_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '.' || c == '_' || c == '-';
}

bool name_valid(const char *name)
{
	size_t length = strlen(name);

	if (length == 0 || length > NAME_MAX_LENGTH || strchr("._-", name[0]))
		return false;
	for (size_t i = 0; i < length; i++)
		if (!name_char(name[i]))
			return false;
	return true;
}

void name_from_path(const char *path, char name[NAME_MAX_LENGTH + 1])
{
	size_t end = strlen(path);
	size_t used = 0;

	while (end && path[end - 1] == '/')
		end--;
	size_t start = end;
	while (start && path[start - 1] != '/')
		start--;
	for (size_t i = start; i < end && used < NAME_MAX_LENGTH - 8; i++)
		if (name_char(path[i]) && (used || !strchr("._-", path[i])))
			name[used++] = path[i];
	name[used] = '\0';
	if (!used)
		memcpy(name, "zone", sizeof("zone"));
}

int parse_vcpus(const char *text, uint32_t *vcpus)
{
	uint64_t n;

	if (parse_number(text, CL_ZONE_VCPUS_MAX, &n) || !n)
		return -EINVAL;
	*vcpus = (uint32_t)n;
	return 0;
}
