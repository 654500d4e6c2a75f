/* SPDX-License-Identifier: Apache-2.0 */
/* The one place that speaks to the Core; tests link another (tests/unit/cli_fake_core.c). */
#ifndef CLOISTER_CLI_CORE_PORT_H
#define CLOISTER_CLI_CORE_PORT_H

#include <stddef.h>
#include <stdint.h>

#define CORE_PORT_MAX 8192u /* most bytes of an argument */

/*
 * One call of <cloister/call.h>; `argument` is copied in and out. What the Core answered (0 or
 * more), its negative CL_E*, -ENODEV without a Core, or -EPERM without the right to use the port.
 */
long core_port_call(uint32_t op, void *argument, size_t bytes);

#endif
