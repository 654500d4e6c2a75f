// SPDX-License-Identifier: Apache-2.0
/* The end of a boot that failed: whoever sits at the machine must learn why. */
#include "boot/fatal.h"
#include "lib/format.h"
#include "lib/log.h"
#include "lib/types.h"
#include "lib/uart.h"

#define VGA_TEXT     0xb8000
#define VGA_CELLS    (80ul * 25)
#define WHITE_ON_RED 0x4f00

void boot_fatal(const char *fmt, ...)
{
	char text[256];
	volatile uint16_t *cell = phys_to_virt(VGA_TEXT);
	va_list ap;
	size_t n = 0;

	va_start(ap, fmt);
	format_v(text, sizeof(text), fmt, ap);
	va_end(ap);
	log_err("%s", text);
	log_err("the Core cannot start; halted");

	char screen[sizeof(text) + 64];

	format(screen, sizeof(screen), "cloister: %s; the Core cannot start; halted ", text);
	if (uart_init(UART_COM1)) {
		for (const char *p = screen; *p; p++)
			uart_putc(UART_COM1, *p);
		uart_putc(UART_COM1, '\r');
		uart_putc(UART_COM1, '\n');
	}
	for (; screen[n]; n++)
		cell[n] = (uint16_t)(WHITE_ON_RED | (uint8_t)screen[n]);
	for (; n < VGA_CELLS; n++)
		cell[n] = 0x0720; /* grey blank */
	for (;;)
		__asm__ volatile("cli; hlt" : : : "memory");
}
