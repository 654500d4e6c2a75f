// SPDX-License-Identifier: Apache-2.0
// Members that are missing are those of an installation that was interrupted before it wrote them.
#include "node_manifest.h"
#include <string.h>
#include "node_content.h"
#include "node_host.h"
#include "node_layout.h"

static bool digest_valid(const json_t *json)
{
	const char *text = json_string_value(json);

	return text && strlen(text) == CONTENT_HEX - 1 &&
	       strspn(text, "0123456789abcdef") == CONTENT_HEX - 1;
}

static bool files_valid(json_t *files, const char *esp)
{
	json_t *digests, *digest;
	const char *path;
	size_t i;

	json_object_foreach(files, path, digests)
	{
		if (!layout_file(esp, path) || !json_is_array(digests))
			return false;
		json_array_foreach(digests, i, digest)
		{
			if (!digest_valid(digest))
				return false;
		}
	}
	return true;
}

static bool directories_valid(const json_t *directories, const char *esp)
{
	json_t *directory;
	size_t i;

	json_array_foreach(directories, i, directory)
	{
		if (!layout_directory(esp, json_string_value(directory) ?: ""))
			return false;
	}
	return true;
}

static bool boot_number(const json_t *json)
{
	const char *text = json_string_value(json);

	return text && strlen(text) == 4 && strspn(text, "0123456789abcdefABCDEF") == 4;
}

// Without "before", every entry of our label would be taken for one that was made by it.
static bool efi_valid(const json_t *efi)
{
	const json_t *before = json_object_get(efi, "before");
	const json_t *number = json_object_get(efi, "number");
	json_t *one;
	size_t i;

	json_array_foreach(before, i, one)
	{
		if (!boot_number(one))
			return false;
	}
	return !efi || (json_is_array(before) && (!number || boot_number(number)));
}

bool manifest_valid(const json_t *json)
{
	const json_t *esp = json_object_get(json, "esp"), *entry = json_object_get(json, "entry");
	const char *path = json_string_value(esp) ?: "";
	enum node_entry kind;

	if (esp && (!json_is_string(esp) || (path[0] && !node_esp_valid(path))))
		return false;
	if (entry && !node_entry_parse(json_string_value(entry) ?: "", &kind))
		return false;
	return !esp == !entry && files_valid(json_object_get(json, "files"), path) &&
	       directories_valid(json_object_get(json, "directories"), path) &&
	       efi_valid(json_object_get(json, "efi"));
}
