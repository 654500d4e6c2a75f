/* SPDX-License-Identifier: Apache-2.0 */
/* The verbs of `cloister-issuer`. argv[0] is the verb's own name; each returns an exit code. */
#ifndef CLOISTER_ISSUER_VERBS_H
#define CLOISTER_ISSUER_VERBS_H

int issuer_verb_init(int argc, char **argv);
int issuer_verb_serve(int argc, char **argv);
int issuer_verb_show(int argc, char **argv);
int issuer_verb_bundle(int argc, char **argv);

/* For a verb's option loop: --help was given (prints the text, 0) or an option is wrong. */
int issuer_help(const char *text);
int issuer_usage(const char *verb);

#endif
