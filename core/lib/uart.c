// SPDX-License-Identifier: Apache-2.0
/* 16550 serial output; register offsets and bits as in the NS16550A data sheet. */
#include "lib/io.h"
#include "lib/uart.h"

#define UART_DATA    0
#define UART_IER     1
#define UART_FCR     2
#define UART_LCR     3
#define UART_MCR     4
#define UART_LSR     5
#define UART_SCRATCH 7

bool uart_init(uint16_t port)
{
	outb((uint16_t)(port + UART_SCRATCH), 0x5a);
	if (inb((uint16_t)(port + UART_SCRATCH)) != 0x5a)
		return false;
	outb((uint16_t)(port + UART_IER), 0);	 /* no interrupts */
	outb((uint16_t)(port + UART_LCR), 0x80); /* divisor latch: 1 = 115200 baud */
	outb((uint16_t)(port + UART_DATA), 1);
	outb((uint16_t)(port + UART_IER), 0);
	outb((uint16_t)(port + UART_LCR), 0x03); /* 8N1 */
	outb((uint16_t)(port + UART_FCR), 0x07); /* FIFOs on and empty */
	outb((uint16_t)(port + UART_MCR), 0x03); /* DTR, RTS */
	return true;
}

void uart_putc(uint16_t port, char c)
{
	/* A port that never gets ready must not stop the Core: wait for about one character. */
	for (int spins = 0; spins < 1000; spins++)
		if (inb((uint16_t)(port + UART_LSR)) & 0x20)
			break;
	outb((uint16_t)(port + UART_DATA), (uint8_t)c);
}
