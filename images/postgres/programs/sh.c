// SPDX-License-Identifier: Apache-2.0
// What initdb's popen(3) and system(3) want in place of /bin/sh: `sh -c COMMAND`, where COMMAND is
// one program with quoted words and redirections. No variables, no pipes, no lists, no
// substitution: what has them is refused, and so is every program but PostgreSQL's own.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PROGRAMS  "/usr/lib/postgresql/15/bin/"
#define WORDS_MAX 64u
#define TEXT_MAX  4096u

static int refuse(const char *what)
{
	fprintf(stderr, "sh: %s is not understood: this is no shell\n", what);
	return 126;
}

// One word from *at on into *to, quotes removed. 0 at the end of the text, -1 for what is not
// known.
static int take_word(const char **at, char **to)
{
	const char *c = *at + strspn(*at, " \t\n");

	if (!*c)
		return 0;
	while (*c && !strchr(" \t\n<>", *c)) {
		char quote = *c == '"' || *c == '\'' ? *c++ : 0;
		while (*c && (quote ? *c != quote : !strchr(" \t\n<>\"'", *c))) {
			if (quote != '\'' && *c == '\\')
				c++;
			else if (quote != '\'' && strchr("$`", *c))
				return -1;
			else if (!quote && strchr("|&;()*?[]{}~#!", *c))
				return -1;
			if (!*c)
				return -1;
			*(*to)++ = *c++;
		}
		if (quote && *c++ != quote)
			return -1;
	}
	*(*to)++ = '\0';
	*at = c;
	return 1;
}

// "<FILE", ">FILE", "2>FILE" or "2>&1". 0, or -1.
static int redirect(const char **at, char **to)
{
	int fd = **at == '2' ? STDERR_FILENO : **at == '<' ? STDIN_FILENO : STDOUT_FILENO;
	const char *file = *to;

	*at += fd == STDERR_FILENO;
	int mode = *(*at)++ == '<' ? O_RDONLY : O_WRONLY | O_CREAT | O_TRUNC;
	if (!strncmp(*at, "&1", 2)) {
		*at += 2;
		return fd == STDERR_FILENO && dup2(STDOUT_FILENO, fd) == fd ? 0 : -1;
	}
	if (take_word(at, to) != 1)
		return -1;
	int opened = open(file, mode | O_CLOEXEC, 0600);
	return opened >= 0 && dup2(opened, fd) == fd ? 0 : -1;
}

int main(int argc, char **argv)
{
	static char text[TEXT_MAX];
	char *words[WORDS_MAX + 1] = {NULL};
	unsigned count = 0;
	char *to = text;

	if (argc != 3 || strcmp(argv[1], "-c") != 0 || strlen(argv[2]) >= sizeof(text) / 2)
		return refuse("this use");
	if (!strcmp(argv[2], "locale -a"))
		return 1; // the image has none but C
	for (const char *at = argv[2];;) {
		at += strspn(at, " \t\n");
		if (*at == '<' || *at == '>' || (at[0] == '2' && at[1] == '>')) {
			if (redirect(&at, &to))
				return refuse("a redirection");
			continue;
		}
		words[count] = to;
		int found = take_word(&at, &to);
		if (found < 0 || count == WORDS_MAX)
			return refuse(argv[2]);
		if (!found)
			break;
		count++;
	}
	words[count] = NULL;
	if (!count || strncmp(words[0], PROGRAMS, sizeof(PROGRAMS) - 1) != 0)
		return refuse(argv[2]);
	execv(words[0], words);
	fprintf(stderr, "sh: %s: %s\n", words[0], strerror(errno));
	return 127;
}
