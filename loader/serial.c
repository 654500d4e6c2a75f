// SPDX-License-Identifier: Apache-2.0
// COM1, a 16550 at 0x3f8: polled, 115200 8N1.
#include "serial.h"
#include "port.h"

#define COM1	      0x3f8u
#define COM1_THR      (COM1 + 0u)
#define COM1_IER      (COM1 + 1u)
#define COM1_FCR      (COM1 + 2u)
#define COM1_LCR      (COM1 + 3u)
#define COM1_LSR      (COM1 + 5u)
#define LCR_8N1	      0x03u
#define LCR_DLAB      0x80u
#define LSR_THR_EMPTY 0x20u
// A guest without COM1 reads 0xff here, which counts as empty; a stuck one costs this many reads.
#define COM1_WAIT_READS 100000u

void serial_init(void)
{
	port_write(COM1_IER, 0);
	port_write(COM1_LCR, LCR_DLAB);
	port_write(COM1_THR, 1); // divisor 1, low byte
	port_write(COM1_IER, 0); // and high byte
	port_write(COM1_LCR, LCR_8N1);
	port_write(COM1_FCR, 0x07); // FIFOs on and empty
}

static void serial_char(char c)
{
	for (uint32_t i = 0; i < COM1_WAIT_READS; i++)
		if (port_read(COM1_LSR) & LSR_THR_EMPTY)
			break;
	port_write(COM1_THR, (uint8_t)c);
}

void serial_text(const char *text)
{
	for (; *text; text++) {
		if (*text == '\n')
			serial_char('\r');
		serial_char(*text);
	}
}

void serial_number(int64_t number)
{
	char digits[24];
	uint32_t n = 0;
	uint64_t rest = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;

	do {
		digits[n++] = (char)('0' + rest % 10);
		rest /= 10;
	} while (rest);
	if (number < 0)
		serial_char('-');
	while (n)
		serial_char(digits[--n]);
}
