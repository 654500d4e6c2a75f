/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the values of a policy come from: files. Each adds to `policy`, a JSON object as
 * share/schema/policy.schema.json has it. Exit codes; they say what is wrong.
 */
#ifndef CLOISTER_CLI_POLICY_FROM_H
#define CLOISTER_CLI_POLICY_FROM_H

#include <jansson.h>
#include <cloister/verify.h>

/* Says so. An exit code. */
int policy_no_memory(void);

/* Add a text to a list of a section (NULL: of the policy itself), once. */
int policy_add(json_t *policy, const char *section, const char *list, const char *text);
/* Set a member of a section; takes `value` over. */
int policy_set(json_t *policy, const char *section, const char *name, json_t *value);

/* What a verifier makes of a policy's text; free with cl_policy_free(). */
int policy_load(const char *text, struct cl_policy **policy);

/*
 * Certificates go to nodes.ca, CRLs to nodes.crl; there must be a block of this kind, and where
 * that is "X509 CRL" there may be no certificate.
 */
int policy_from_pem(json_t *policy, const char *option, const char *path, const char *kind);
/* Reference values of a boot image. */
int policy_from_reference(json_t *policy, const char *path);
/*
 * PCR 0 and 2 of a bundle of evidence, which must be of a node that the CAs now in `policy`
 * enrolled. The nonce that it answers is not looked at.
 */
int policy_from_evidence(json_t *policy, const char *path);

#endif
