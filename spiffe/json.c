// SPDX-License-Identifier: Apache-2.0
// A look over the text before jansson gets it.
#include "json.h"
#include <stdbool.h>

// How deep, and how many values at most? What is no JSON is the parser's to refuse.
static bool bounded(const char *text, size_t size)
{
	size_t depth = 0, values = 1;
	bool quoted = false;

	for (size_t i = 0; i < size; i++) {
		char c = text[i];

		if (quoted) {
			if (c == '\\')
				i++;
			else if (c == '"')
				quoted = false;
			continue;
		}
		if (c == '"')
			quoted = true;
		else if (c == '{' || c == '[')
			depth++, values++;
		else if (c == ',')
			values++;
		else if ((c == '}' || c == ']') && depth)
			depth--;
		if (depth > SPIFFE_JSON_DEPTH || values > SPIFFE_JSON_VALUES)
			return false;
	}
	return true;
}

json_t *spiffe_json_object(const char *text, size_t size, const char **why)
{
	json_error_t error;
	json_t *json;

	if (!bounded(text, size)) {
		*why = "its JSON is nested too deep or has too many values";
		return NULL;
	}
	json = json_loadb(text, size, JSON_REJECT_DUPLICATES, &error);
	if (json_is_object(json))
		return json;
	*why = !json && json_error_code(&error) == json_error_duplicate_key
		       ? "its JSON has a member twice"
		       : "it is no JSON object";
	json_decref(json);
	return NULL;
}
