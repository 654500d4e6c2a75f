/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_VAPIC_H
#define TESTS_VAPIC_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Have QEMU's kvmvapic add VAPIC_DELTA to a word of physical memory: by its port, or by a read of
 * the local APIC's task priority register. *state: physical address of the state in its option ROM;
 * 0: look for it, and tell. How much was added.
 */
#define VAPIC_DELTA 0x1234u
uint32_t vapic(bool by_port, uint64_t *state);

#endif
