// SPDX-License-Identifier: Apache-2.0
// Lines on the console (standard error of init and its children).
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>
#include "say.h"

void say(const char *format, ...)
{
	static const char prefix[] = "cloister-zone: ";
	char line[512];
	size_t used = sizeof(prefix) - 1;
	va_list args;

	memcpy(line, prefix, used);
	va_start(args, format);
	int n = vsnprintf(line + used, sizeof(line) - used - 1, format, args);
	va_end(args);
	if (n < 0)
		return;
	used += (size_t)n < sizeof(line) - used - 1 ? (size_t)n : sizeof(line) - used - 2;
	line[used++] = '\n';
	// The console is all there is: if it does not take the line, nobody can be told.
	if (write(STDERR_FILENO, line, used) < 0)
		return;
}

void say_flush(void)
{
	(void)tcdrain(STDERR_FILENO);
}
