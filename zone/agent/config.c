// SPDX-License-Identifier: Apache-2.0
#include "config.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "../cleanup.h"
#include "../cmdline.h"

#define WORDS_MAX 3

static int take_address(struct config_address *to, const char *text)
{
	const char *colon = strrchr(text, ':');
	size_t size = colon ? (size_t)(colon - text) : 0;
	struct in_addr address;

	if (to->port || !size || size >= sizeof(to->host) || strlen(colon + 1) > 5 ||
	    strspn(colon + 1, "0123456789") != strlen(colon + 1))
		return -EINVAL;
	memcpy(to->host, text, size);
	to->host[size] = '\0';
	unsigned long port = strtoul(colon + 1, NULL, 10);
	if (inet_pton(AF_INET, to->host, &address) != 1 || !port || port > UINT16_MAX)
		return -EINVAL;
	to->port = (uint16_t)port;
	return 0;
}

static int take_line(struct config *config, char *line)
{
	char *words[WORDS_MAX + 1] = {0}, *save = NULL;
	int count = 0;

	if (line[strspn(line, " \t")] == '#')
		return 0;
	for (char *word = strtok_r(line, " \t", &save); word; word = strtok_r(NULL, " \t", &save)) {
		if (count == WORDS_MAX)
			return -EINVAL;
		words[count++] = word;
	}
	if (!count)
		return 0;
	if (count == 3 && !strcmp(words[0], "issuer"))
		return take_address(&config->issuer, words[1])
			       ?: hex_decode(words[2], strlen(words[2]), config->key[0],
					     sizeof(config->key[0]));
	if (count == 2 && !strcmp(words[0], "evidence"))
		return take_address(&config->evidence, words[1]);
	return -EINVAL;
}

int config_parse(struct config *config, const char *text, size_t size, unsigned int *line)
{
	char copy[CONFIG_MAX + 1], *at = copy;

	*config = (struct config){0};
	*line = 0;
	if (size > CONFIG_MAX || memchr(text, '\0', size))
		return -EINVAL;
	memcpy(copy, text, size);
	copy[size] = '\0';
	while (*at) {
		char *end = at + strcspn(at, "\n");
		char *next = *end ? end + 1 : end;
		*end = '\0';
		++*line;
		if (take_line(config, at))
			return -EINVAL;
		at = next;
	}
	*line = 0;
	return config->issuer.port && config->evidence.port ? 0 : -EINVAL;
}

int config_read(struct config *config, const char *path, unsigned int *line)
{
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	char text[CONFIG_MAX + 1];
	size_t size = 0;
	ssize_t n;

	*line = 0;
	if (fd < 0)
		return -errno;
	while ((n = read(fd, text + size, sizeof(text) - size)) > 0)
		size += (size_t)n;
	return n < 0 ? -errno : config_parse(config, text, size, line);
}
