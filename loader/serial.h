/* SPDX-License-Identifier: Apache-2.0 */
/* Messages on COM1, the zone's console. */
#ifndef CLOISTER_LOADER_SERIAL_H
#define CLOISTER_LOADER_SERIAL_H

#include <stdint.h>

void serial_init(void);
void serial_text(const char *text);
void serial_number(int64_t number);

#endif
