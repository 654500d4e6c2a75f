/* SPDX-License-Identifier: Apache-2.0 */
/* Is KVM there and usable? Tests link another (tests/unit/cli_fake_core.c). */
#ifndef CLOISTER_CLI_KVM_H
#define CLOISTER_CLI_KVM_H

/* NULL if it is, else what is wrong with /dev/kvm and what to do. */
const char *kvm_problem(void);

#endif
