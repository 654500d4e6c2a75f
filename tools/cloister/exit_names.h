/* SPDX-License-Identifier: Apache-2.0 */
/* Names of SVM's exits (AMD APM vol. 2, appendix C), as struct cl_counters counts them. */
#ifndef CLOISTER_CLI_EXIT_NAMES_H
#define CLOISTER_CLI_EXIT_NAMES_H

#include <stdint.h>

#define EXIT_NAME_MAX 24
void exit_name(uint32_t code, char name[EXIT_NAME_MAX]);

#endif
