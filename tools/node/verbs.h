/* SPDX-License-Identifier: Apache-2.0 */
/* The verbs of `cloister node` and `cloister evidence`. Each returns an exit code. */
#ifndef CLOISTER_NODE_VERBS_H
#define CLOISTER_NODE_VERBS_H

int node_verb_enroll(int argc, char **argv);
int node_verb_renew(int argc, char **argv);
int node_verb_revoke(int argc, char **argv);
int node_verb_list(int argc, char **argv);
int node_verb_ca(int argc, char **argv);

int evidence_verb_serve(int argc, char **argv);
int evidence_verb_fetch(int argc, char **argv);

#endif
