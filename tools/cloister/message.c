// SPDX-License-Identifier: Apache-2.0
// One way to speak. A supervisor has no terminal, so its words travel to whoever started it.
#include "message.h"
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MESSAGE_MAX 1024

static const char *name = "cloister";
static int target = -1;
static bool quiet;

void message_name(const char *program)
{
	name = program;
}

void message_to(int fd)
{
	target = fd;
}

void message_quiet(void)
{
	quiet = true;
}

static void say(const char *format, va_list args) __attribute__((format(printf, 1, 0)));
static void say(const char *format, va_list args)
{
	char text[MESSAGE_MAX];
	size_t used = (size_t)snprintf(text, sizeof(text), "%s: ", name);
	int n = vsnprintf(text + used, sizeof(text) - used - 1, format, args);

	if (n < 0)
		return;
	used = strlen(text);
	text[used++] = '\n';
	// A reader who has gone is no reason to stop.
	if (target < 0)
		fwrite(text, 1, used, stderr);
	else if (send(target, text, used, MSG_NOSIGNAL) < 0 && write(target, text, used) < 0)
		return;
}

int fail(int code, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	say(format, args);
	va_end(args);
	return code;
}

void note(const char *format, ...)
{
	va_list args;
	if (quiet)
		return;
	va_start(args, format);
	say(format, args);
	va_end(args);
}

void printable(char *to, size_t size, const char *from)
{
	size_t i = 0;
	for (; from[i] && i + 1 < size; i++)
		to[i] = (char)(from[i] >= ' ' && from[i] <= '~' ? from[i] : '?');
	to[i] = '\0';
}
