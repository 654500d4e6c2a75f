/* SPDX-License-Identifier: Apache-2.0 */
/* Output on a 16550 serial port, 115200 8N1, polled. */
#ifndef CORE_LIB_UART_H
#define CORE_LIB_UART_H

#include <stdbool.h>
#include <stdint.h>

#define UART_COM1 0x3f8
#define UART_COM2 0x2f8

/* False if no such port answers. */
bool uart_init(uint16_t port);
void uart_putc(uint16_t port, char c);

#endif
