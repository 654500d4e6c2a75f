/* SPDX-License-Identifier: Apache-2.0 */
/* The halves of `cloister policy`. Exit codes; both say what is wrong. */
#ifndef CLOISTER_CLI_POLICY_H
#define CLOISTER_CLI_POLICY_H

int policy_init(int argc, char **argv);
int policy_show(const char *path);

#endif
