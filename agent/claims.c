// SPDX-License-Identifier: Apache-2.0
// A list of what is still to be filled in takes the place of recursion.
#include "claims.h"
#include <stdbool.h>
#include <string.h>

struct todo {
	struct todo *next;
	const json_t *json;
	Google__Protobuf__Value *value;
	unsigned int depth;
};

struct work {
	struct arena *arena;
	struct todo *todo;
};

static Google__Protobuf__Value *later(struct work *work, const json_t *json, unsigned int depth)
{
	struct todo *todo = arena_take(work->arena, sizeof(*todo));
	Google__Protobuf__Value *value = arena_take(work->arena, sizeof(*value));

	if (!todo || !value || depth > CLAIMS_DEPTH_MAX)
		return NULL;
	google__protobuf__value__init(value);
	*todo = (struct todo){work->todo, json, value, depth};
	work->todo = todo;
	return value;
}

static bool has_nul(const char *text, size_t size)
{
	return strlen(text) != size;
}

static Google__Protobuf__Struct *make_struct(struct work *work, const json_t *json,
					     unsigned int depth)
{
	Google__Protobuf__Struct *made = arena_take(work->arena, sizeof(*made));
	// jansson's iteration takes no const object; it changes none.
	json_t *object = (json_t *)(uintptr_t)json;
	size_t n = 0;

	if (!made)
		return NULL;
	google__protobuf__struct__init(made);
	made->fields = arena_array(work->arena, json_object_size(json), sizeof(void *));
	if (!made->fields)
		return NULL;
	for (void *i = json_object_iter(object); i; i = json_object_iter_next(object, i)) {
		Google__Protobuf__Struct__FieldsEntry *entry =
			arena_take(work->arena, sizeof(*entry));
		const char *key = json_object_iter_key(i);

		if (!entry || has_nul(key, json_object_iter_key_len(i)))
			return NULL;
		google__protobuf__struct__fields_entry__init(entry);
		entry->key = (char *)(uintptr_t)key;
		entry->value = later(work, json_object_iter_value(i), depth + 1);
		if (!entry->value)
			return NULL;
		made->fields[n++] = entry;
	}
	made->n_fields = n;
	return made;
}

static Google__Protobuf__ListValue *make_list(struct work *work, const json_t *json,
					      unsigned int depth)
{
	Google__Protobuf__ListValue *made = arena_take(work->arena, sizeof(*made));

	if (!made)
		return NULL;
	google__protobuf__list_value__init(made);
	made->n_values = json_array_size(json);
	made->values = arena_array(work->arena, made->n_values, sizeof(void *));
	if (!made->values)
		return NULL;
	for (size_t i = 0; i < made->n_values; i++) {
		made->values[i] = later(work, json_array_get(json, i), depth + 1);
		if (!made->values[i])
			return NULL;
	}
	return made;
}

static bool fill(struct work *work, const struct todo *todo)
{
	Google__Protobuf__Value *value = todo->value;
	const json_t *json = todo->json;

	switch (json_typeof(json)) {
	case JSON_OBJECT:
		value->kind_case = GOOGLE__PROTOBUF__VALUE__KIND_STRUCT_VALUE;
		value->struct_value = make_struct(work, json, todo->depth);
		return value->struct_value != NULL;
	case JSON_ARRAY:
		value->kind_case = GOOGLE__PROTOBUF__VALUE__KIND_LIST_VALUE;
		value->list_value = make_list(work, json, todo->depth);
		return value->list_value != NULL;
	case JSON_STRING:
		value->kind_case = GOOGLE__PROTOBUF__VALUE__KIND_STRING_VALUE;
		value->string_value = (char *)(uintptr_t)json_string_value(json);
		return !has_nul(json_string_value(json), json_string_length(json));
	case JSON_INTEGER:
	case JSON_REAL:
		value->kind_case = GOOGLE__PROTOBUF__VALUE__KIND_NUMBER_VALUE;
		value->number_value = json_number_value(json);
		return true;
	case JSON_TRUE:
	case JSON_FALSE:
		value->kind_case = GOOGLE__PROTOBUF__VALUE__KIND_BOOL_VALUE;
		value->bool_value = json_is_true(json);
		return true;
	default:
		value->kind_case = GOOGLE__PROTOBUF__VALUE__KIND_NULL_VALUE;
		return true;
	}
}

Google__Protobuf__Struct *claims_struct(const json_t *claims, struct arena *arena)
{
	struct work work = {.arena = arena};

	if (!json_is_object(claims))
		return NULL;
	Google__Protobuf__Struct *made = make_struct(&work, claims, 1);
	while (made && work.todo) {
		const struct todo *todo = work.todo;

		work.todo = todo->next;
		if (!fill(&work, todo))
			return NULL;
	}
	return made;
}
