/* SPDX-License-Identifier: Apache-2.0 */
/* The digest under which firmware knows a UEFI application: what it extends into PCR 4. */
#ifndef CLOISTER_PE_DIGEST_H
#define CLOISTER_PE_DIGEST_H

#include <stddef.h>
#include <stdint.h>

#define PE_DIGEST_SIZE 32

/* Authenticode SHA-256 of a PE32 or PE32+ file. 0, or -EINVAL and why. */
int pe_digest(const uint8_t *file, size_t bytes, uint8_t digest[PE_DIGEST_SIZE], const char **why);

/* The same of a file by its path. 0, negative errno, or -EINVAL; why is set with each. */
int pe_digest_file(const char *path, uint8_t digest[PE_DIGEST_SIZE], const char **why);

#endif
