// SPDX-License-Identifier: Apache-2.0
#include "relation.h"
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../../verify/socket.h"
#include "../launch/size.h"

#define HTTPS_PORT 443

// Cut off what follows the first `c`: that, or NULL.
static char *cut(char *text, char c)
{
	char *at = text ? strchr(text, c) : NULL;

	if (at)
		*at++ = '\0';
	return at;
}

static bool set_host(struct relation *r, const char *host)
{
	uint8_t address[16];
	size_t size = strlen(host);

	if (!size || size > RELATION_HOST_MAX ||
	    host[strspn(host, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz.:-")])
		return false;
	memcpy(r->host, host, size + 1);
	r->numeric =
		inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1;
	return r->numeric || !strchr(host, ':');
}

// HOST, HOST:PORT or [ADDRESS]:PORT (RFC 3986, section 3.2); userinfo has a character that no host
// has.
static bool take_authority(struct relation *r, char *authority)
{
	char *host = authority, *port;
	uint64_t number = HTTPS_PORT;

	if (*authority == '[') {
		host = authority + 1;
		port = cut(host, ']');
		if (!port || (*port && *port != ':') || !strchr(host, ':'))
			return false;
		port = *port ? port + 1 : NULL;
	} else {
		port = cut(host, ':');
	}
	if (port && (parse_number(port, UINT16_MAX, &number) || !number))
		return false;
	r->port = (uint16_t)number;
	return set_host(r, host);
}

static bool take_url(struct relation *r, char *url)
{
	static const char scheme[] = "https://";
	size_t begin = sizeof(scheme) - 1;

	if (strncmp(url, scheme, begin) != 0)
		return false;
	size_t authority = strcspn(url + begin, "/?");
	const char *target = url + begin + authority;
	const char *slash = *target == '/' ? "" : "/";
	int n = snprintf(r->target, sizeof(r->target), "%s%s", slash, target);
	if (n < 0 || (size_t)n >= sizeof(r->target) || strchr(target, '#'))
		return false;
	for (const char *c = target; *c; c++)
		if (*c <= ' ' || *c > '~')
			return false;
	url[begin + authority] = '\0';
	return take_authority(r, url + begin);
}

static int take_endpoint(struct relation *r, const char *id, char error[CL_ERROR_SIZE])
{
	const char *why = "";

	if (!id || !r->bundle_file || !*r->bundle_file)
		return clv_error(error, -EINVAL,
				 "https_spiffe:URL,ENDPOINT-SPIFFE-ID,BUNDLE-FILE expected");
	if (spiffe_id_parse(&r->endpoint, id, strlen(id), &why))
		return clv_error(error, -EINVAL, "%.200s: %s", id, why);
	if (spiffe_id_is_domain(&r->endpoint))
		return clv_error(error, -EINVAL, "%.200s: an endpoint's SPIFFE ID has a path", id);
	r->self_serving = spiffe_id_in(&r->endpoint, r->domain);
	return 0;
}

int relation_parse(struct relation *r, const char *text, char error[CL_ERROR_SIZE])
{
	const char *why = "";

	*r = (struct relation){.text = strdup(text)};
	if (!r->text)
		return clv_error(error, -ENOMEM, "no memory");
	char *profile = cut(r->text, '='), *url = cut(profile, ':');
	char *second = cut(url, ','), *third = NULL;
	if (!url || (strcmp(profile, "https_web") != 0 && strcmp(profile, "https_spiffe") != 0))
		return clv_error(error, -EINVAL,
				 "NAME=https_web:URL[,CA-FILE] or "
				 "NAME=https_spiffe:URL,ENDPOINT-SPIFFE-ID,BUNDLE-FILE expected");
	r->domain = r->text;
	r->spiffe = strcmp(profile, "https_spiffe") == 0;
	if (spiffe_domain_check(r->domain, strlen(r->domain), &why))
		return clv_error(error, -EINVAL, "%.100s: %s", r->domain, why);
	if (!take_url(r, url))
		return clv_error(error, -EINVAL,
				 "%.100s: https://HOST[:PORT]/PATH expected, without user and "
				 "fragment",
				 r->domain);
	if (r->spiffe) {
		third = cut(second, ',');
		r->bundle_file = third;
		return take_endpoint(r, second, error);
	}
	if (second && !*second)
		return clv_error(error, -EINVAL, "%.100s: the CA's file has no name", r->domain);
	r->ca_file = second;
	return 0;
}

void relation_free(struct relation *r)
{
	free(r->text);
	*r = (struct relation){.text = NULL};
}
