/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names for sets of 4 KiB frames ("open", "core", …), so that hits can be told by where they are.
 *
 * Text, one range a line: NAME FIRST[-LAST], frame numbers in C notation, last one included;
 * empty lines and lines that start with # are skipped. Ranges may not overlap, except within
 * one name. A frame in no range is in class "other".
 */
#ifndef SEARCH_CLASSES_H
#define SEARCH_CLASSES_H

#include <stddef.h>
#include <stdint.h>

#define CLASS_NAME_MAX 31u
#define CLASS_MAX      16u
#define CLASS_OTHER    0u

struct class_range {
	uint64_t first, last;
	unsigned int class;
};

struct classes {
	char name[CLASS_MAX][CLASS_NAME_MAX + 1]; /* name[0] is "other" */
	unsigned int nr;
	size_t ranges;
	struct class_range *range; /* ascending */
};

/* On -EINVAL, *line says which line is wrong (0: two ranges overlap). */
int classes_load(struct classes *c, const char *path, unsigned int *line);
void classes_init(struct classes *c); /* "other" only */
void classes_free(struct classes *c);
unsigned int classes_of(const struct classes *c, uint64_t frame);

#endif
