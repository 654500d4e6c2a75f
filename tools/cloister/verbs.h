/* SPDX-License-Identifier: Apache-2.0 */
/* The verbs. argv[0] is the verb's own name; each returns an exit code. */
#ifndef CLOISTER_CLI_VERBS_H
#define CLOISTER_CLI_VERBS_H

int verb_run(int argc, char **argv);
int verb_ps(int argc, char **argv);
int verb_logs(int argc, char **argv);
int verb_stop(int argc, char **argv);
int verb_inspect(int argc, char **argv);
int verb_measure(int argc, char **argv);
int verb_verify(int argc, char **argv);
int verb_policy(int argc, char **argv);
int verb_core(int argc, char **argv);
int verb_node(int argc, char **argv);
int verb_evidence(int argc, char **argv);

/* For a verb's option loop: --help was given (prints the text, 0) or an option is wrong. */
int verb_help(const char *text);
int verb_usage(const char *verb);

#endif
