// SPDX-License-Identifier: Apache-2.0
#include "schema.h"
#include <stdio.h>
#include <string.h>
#include "wire.h"

static const uint8_t schema[] = {
#include <schema.inc>
};

// Field numbers of descriptor.proto.
#define SET_FILE      1
#define FILE_NAME     1
#define FILE_PACKAGE  2
#define FILE_IMPORT   3
#define FILE_SERVICE  6
#define ANYTHING_NAME 1

// Which fields of a thing hold things with names of their own: a file's messages, enums and
// services…
enum kind { A_FILE, A_MESSAGE, AN_ENUM, A_SERVICE, A_LEAF };
static const struct child {
	enum kind of;
	uint32_t field;
	enum kind is;
} children[] = {
	{A_FILE, 4, A_MESSAGE}, {A_FILE, 5, AN_ENUM},	   {A_FILE, FILE_SERVICE, A_SERVICE},
	{A_MESSAGE, 2, A_LEAF}, {A_MESSAGE, 3, A_MESSAGE}, {A_MESSAGE, 4, AN_ENUM},
	{A_MESSAGE, 8, A_LEAF}, {AN_ENUM, 2, A_LEAF},	   {A_SERVICE, 2, A_LEAF},
};

static struct wire wire_of(struct bytes b)
{
	return (struct wire){b.data, b.data + b.size};
}

// The n-th field of that number.
static bool nth(struct bytes thing, uint32_t number, size_t n, struct bytes *out)
{
	struct wire wire = wire_of(thing);
	struct wire_field field;

	while (wire_next(&wire, &field)) {
		if (field.number == number && field.type == 2 && !n--) {
			*out = field.content;
			return true;
		}
	}
	return false;
}

static bool file_at(size_t i, struct bytes *file)
{
	return nth((struct bytes){schema, sizeof(schema)}, SET_FILE, i, file);
}

static bool is_named(struct bytes thing, const char *name, size_t size)
{
	struct bytes own;

	return nth(thing, ANYTHING_NAME, 0, &own) && own.size == size &&
	       !memcmp(own.data, name, size);
}

static bool find_file(const char *name, size_t size, struct bytes *file)
{
	for (size_t i = 0; file_at(i, file); i++) {
		if (is_named(*file, name, size))
			return true;
	}
	return false;
}

static size_t with_imports(struct bytes first, struct bytes files[SCHEMA_FILES_MAX])
{
	size_t count = 0;

	files[count++] = first;
	for (size_t done = 0; done < count; done++) {
		struct bytes name, file;

		for (size_t i = 0; nth(files[done], FILE_IMPORT, i, &name); i++) {
			bool known = !find_file((const char *)name.data, name.size, &file);

			for (size_t k = 0; !known && k < count; k++)
				known = files[k].data == file.data;
			if (!known && count < SCHEMA_FILES_MAX)
				files[count++] = file;
		}
	}
	return count;
}

size_t schema_file(const char *name, struct bytes files[SCHEMA_FILES_MAX])
{
	struct bytes file;

	return find_file(name, strlen(name), &file) ? with_imports(file, files) : 0;
}

static bool child_named(struct bytes *thing, enum kind *kind, const char *name, size_t size)
{
	for (size_t c = 0; c < sizeof(children) / sizeof(children[0]); c++) {
		struct bytes child;

		if (children[c].of != *kind)
			continue;
		for (size_t i = 0; nth(*thing, children[c].field, i, &child); i++) {
			if (is_named(child, name, size)) {
				*thing = child;
				*kind = children[c].is;
				return true;
			}
		}
	}
	return false;
}

static bool declares(struct bytes file, const char *symbol)
{
	struct bytes package = {0};
	enum kind kind = A_FILE;

	if (nth(file, FILE_PACKAGE, 0, &package) && package.size) {
		if (strncmp(symbol, (const char *)package.data, package.size) != 0 ||
		    symbol[package.size] != '.')
			return false;
		symbol += package.size + 1;
	}
	for (;;) {
		size_t size = strcspn(symbol, ".");

		if (!size || !child_named(&file, &kind, symbol, size))
			return false;
		if (!symbol[size])
			return true;
		symbol += size + 1;
	}
}

size_t schema_symbol(const char *symbol, struct bytes files[SCHEMA_FILES_MAX])
{
	struct bytes file;

	for (size_t i = 0; file_at(i, &file); i++) {
		if (declares(file, symbol))
			return with_imports(file, files);
	}
	return 0;
}

size_t schema_services(char names[SCHEMA_SERVICES_MAX][64])
{
	struct bytes file, service, name;
	size_t count = 0;

	for (size_t i = 0; file_at(i, &file); i++) {
		struct bytes package = {0};

		nth(file, FILE_PACKAGE, 0, &package);
		for (size_t k = 0; nth(file, FILE_SERVICE, k, &service); k++) {
			if (count == SCHEMA_SERVICES_MAX || !nth(service, ANYTHING_NAME, 0, &name))
				break;
			snprintf(names[count++], 64, "%.*s%s%.*s", (int)package.size,
				 package.size ? (const char *)package.data : "",
				 package.size ? "." : "", (int)name.size, (const char *)name.data);
		}
	}
	return count;
}
