/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bundles of other trust domains in a file, a SPIFFE Bundle Map
 * (SPIFFE_Trust_Domain_and_Bundle.md, section 5): what is known survives a restart, also when
 * nobody answers then.
 */
#ifndef CLOISTER_ISSUER_FOREIGN_FILE_H
#define CLOISTER_ISSUER_FOREIGN_FILE_H

#include <cloister/verify.h>
#include "../../spiffe/bundle.h"

#define FOREIGN_FILE	 "foreign.json"
#define FOREIGN_FILE_MAX (4u << 20)

/*
 * The bundle of this trust domain. 0; -ENOENT without a sentence: it is not there; or a negative
 * errno with one. -> spiffe_bundle_free() if 0.
 */
int foreign_file_read(int dir, const char *domain, struct spiffe_bundle *bundle,
		      char error[CL_ERROR_SIZE]);
int foreign_file_write(int dir, const struct spiffe_bundles *bundles, char error[CL_ERROR_SIZE]);

/* A bundle in a file of its own, as `cloister-issuer bundle` prints it; errors as above. */
int foreign_bundle_read(const char *path, const char *domain, struct spiffe_bundle *bundle,
			char error[CL_ERROR_SIZE]);

#endif
