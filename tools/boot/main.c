// SPDX-License-Identifier: Apache-2.0
// Prints a PE file's Authenticode SHA-256; boot/build puts it into the boot image's reference.
#include <stdio.h>
#include "pe_digest.h"

int main(int argc, char **argv)
{
	uint8_t digest[PE_DIGEST_SIZE];
	const char *why = "";

	if (argc != 2) {
		fputs("usage: pe-digest FILE\n", stderr);
		return 2;
	}
	if (pe_digest_file(argv[1], digest, &why)) {
		fprintf(stderr, "cloister: %s: %s; give a UEFI application\n", argv[1], why);
		return 1;
	}
	for (size_t i = 0; i < sizeof(digest); i++)
		printf("%02x", digest[i]);
	putchar('\n');
	return 0;
}
