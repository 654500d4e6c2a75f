// SPDX-License-Identifier: Apache-2.0
// What a header and a table must say. Nothing but comparisons.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "luks.h"
#include "luks_format.h"

const char *luks_header_check(const struct luks_header *h)
{
	if (strcmp(h->type, "LUKS2") != 0)
		return "it is not LUKS2";
	if (strcmp(h->cipher, FORMAT_CIPHER) != 0 || strcmp(h->mode, FORMAT_MODE) != 0)
		return "it names another cipher";
	if (strcmp(h->integrity, FORMAT_INTEGRITY) != 0 || h->tag_size != FORMAT_TAG)
		return "it names another protection of integrity, or none";
	if (h->sector_size != FORMAT_SECTOR)
		return "it names another size of sectors";
	if (h->data_offset != FORMAT_OFFSET || h->iv_offset != 0)
		return "it names another place of the data";
	if (h->has_data_device)
		return "it names another device";
	if (h->flags)
		return "it has flags set";
	if (h->requirements)
		return "it asks for an operation to be finished";
	if (h->keyslots || h->tokens)
		return "it has key slots or tokens";
	return NULL;
}

// The next word, ended in place.
static char *word(char **rest)
{
	return strsep(rest, " ");
}

static int word_is(char **rest, const char *expected)
{
	const char *w = word(rest);
	return w && strcmp(w, expected) == 0;
}

static int key_is(char **rest, const uint8_t key[VOLUME_KEY_SIZE])
{
	char hex[2 * VOLUME_KEY_SIZE + 1];

	for (unsigned i = 0; i < VOLUME_KEY_SIZE; i++)
		sprintf(hex + 2 * (size_t)i, "%02x", key[i]);
	int same = word_is(rest, hex);
	explicit_bzero(hex, sizeof(hex));
	return same;
}

// drivers/md/dm-crypt.c, crypt_status(): cipher, key, IV offset, device, its offset, options.
static int table_is(char *text, const uint8_t key[VOLUME_KEY_SIZE], const char *below)
{
	char *rest = text;
	int integrity = 0;
	int sector = 0;

	if (!word_is(&rest, FORMAT_KERNEL_CIPHER) || !key_is(&rest, key) || !word_is(&rest, "0") ||
	    !word_is(&rest, below) || !word_is(&rest, "0") || !word_is(&rest, "2"))
		return 0;
	for (const char *w = word(&rest); w; w = word(&rest)) {
		if (strcmp(w, FORMAT_KERNEL_TAG) == 0)
			integrity++;
		else if (strcmp(w, FORMAT_KERNEL_SECTOR) == 0)
			sector++;
		else
			return 0;
	}
	return integrity == 1 && sector == 1;
}

int luks_table_check(const char *type, const char *parameters, const uint8_t key[VOLUME_KEY_SIZE],
		     const char *below)
{
	char text[1024];

	if (strcmp(type, "crypt") != 0 || strlen(parameters) >= sizeof(text))
		return 0;
	strcpy(text, parameters);
	int ok = table_is(text, key, below);
	explicit_bzero(text, sizeof(text));
	return ok;
}
