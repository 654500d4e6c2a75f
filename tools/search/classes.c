// SPDX-License-Identifier: Apache-2.0
/*
 * Named sets of frames.
 */
#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include "classes.h"
#include "cleanup.h"

void classes_init(struct classes *c)
{
	memset(c, 0, sizeof(*c));
	strcpy(c->name[CLASS_OTHER], "other");
	c->nr = 1;
}

void classes_free(struct classes *c)
{
	free(c->range);
	classes_init(c);
}

static int name_to_class(struct classes *c, const char *name)
{
	if (name[0] == '\0' || strlen(name) > CLASS_NAME_MAX)
		return -EINVAL;
	for (const char *p = name; *p; p++)
		if (!isalnum((unsigned char)*p) && *p != '_')
			return -EINVAL;
	for (unsigned int i = 0; i < c->nr; i++)
		if (strcmp(c->name[i], name) == 0)
			return (int)i;
	if (c->nr == CLASS_MAX)
		return -ENOSPC;
	memcpy(c->name[c->nr], name, strlen(name) + 1);
	return (int)c->nr++;
}

static bool parse_number(const char **text, uint64_t *v)
{
	char *end;

	if (!isdigit((unsigned char)**text))
		return false;
	errno = 0;
	*v = strtoull(*text, &end, 0);
	*text = end;
	return errno == 0;
}

static int parse_line(struct classes *c, char *line, struct class_range *r)
{
	size_t n = strcspn(line, " \t");
	const char *p = line + n;
	int class;

	if (*p == '\0')
		return -EINVAL;
	line[n] = '\0';
	class = name_to_class(c, line);
	if (class < 0)
		return class;
	r->class = (unsigned int)class;
	p += 1 + strspn(p + 1, " \t");
	if (!parse_number(&p, &r->first))
		return -EINVAL;
	r->last = r->first;
	if (*p == '-') {
		p++;
		if (!parse_number(&p, &r->last))
			return -EINVAL;
	}
	return *p == '\0' && r->first <= r->last ? 0 : -EINVAL;
}

static int add(struct classes *c, const struct class_range *r, size_t *room)
{
	if (c->ranges == *room) {
		size_t more = *room ? *room * 2 : 64;
		struct class_range *p = reallocarray(c->range, more, sizeof(*p));

		if (!p)
			return -ENOMEM;
		c->range = p;
		*room = more;
	}
	c->range[c->ranges++] = *r;
	return 0;
}

static int by_first(const void *a, const void *b)
{
	const struct class_range *x = a, *y = b;

	return x->first < y->first ? -1 : x->first > y->first;
}

/* Sort, and join what overlaps within one class. */
static int settle(struct classes *c)
{
	size_t n = 0;

	if (c->ranges == 0)
		return 0;
	qsort(c->range, c->ranges, sizeof(*c->range), by_first);
	for (size_t i = 1; i < c->ranges; i++) {
		struct class_range *prev = &c->range[n], *r = &c->range[i];

		if (r->first > prev->last) {
			c->range[++n] = *r;
			continue;
		}
		if (r->class != prev->class)
			return -EINVAL;
		if (r->last > prev->last)
			prev->last = r->last;
	}
	c->ranges = n + 1;
	return 0;
}

int classes_load(struct classes *c, const char *path, unsigned int *line)
{
	cleanup_fclose FILE *f = fopen(path, "re");
	cleanup_free char *text = NULL;
	size_t text_room = 0, room = 0;
	ssize_t len;
	int rc = 0;

	classes_init(c);
	*line = 0;
	if (!f)
		return -errno;
	while (!rc && (len = getline(&text, &text_room, f)) >= 0) {
		struct class_range r;

		++*line;
		while (len > 0 && isspace((unsigned char)text[len - 1]))
			text[--len] = '\0';
		if (len == 0 || text[0] == '#')
			continue;
		rc = parse_line(c, text, &r);
		if (!rc)
			rc = add(c, &r, &room);
	}
	if (!rc) {
		*line = 0;
		rc = settle(c);
	}
	if (rc)
		classes_free(c);
	return rc;
}

unsigned int classes_of(const struct classes *c, uint64_t frame)
{
	size_t low = 0, high = c->ranges;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (frame < c->range[mid].first)
			high = mid;
		else if (frame > c->range[mid].last)
			low = mid + 1;
		else
			return c->range[mid].class;
	}
	return CLASS_OTHER;
}
