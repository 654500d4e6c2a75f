/* SPDX-License-Identifier: Apache-2.0 */
/* `cloister node install`, `check` and `uninstall`. Each returns an exit code. */
#ifndef CLOISTER_CLI_NODE_VERBS_H
#define CLOISTER_CLI_NODE_VERBS_H

int node_verb_check(int argc, char **argv);
int node_verb_install(int argc, char **argv);
int node_verb_uninstall(int argc, char **argv);

#endif
