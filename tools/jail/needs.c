// SPDX-License-Identifier: Apache-2.0
// Asks the program's own dynamic loader what it would load (ld.so(8), --list). That runs no code of
// the program or of its libraries, and finds what the loader will find.
#include "needs.h"
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "../cloister/cleanup.h"

#define HEADERS_MAX 64
#define INTERP_MAX  256
#define LINE_SIZE   4096

static int problem(char err[NEEDS_ERROR], int rc, const char *what)
{
	snprintf(err, NEEDS_ERROR, "%.159s", what);
	return rc;
}

static int add(struct needs *needs, const char *path)
{
	for (uint32_t i = 0; i < needs->count; i++)
		if (!strcmp(needs->file[i], path))
			return 0;
	if (needs->count == NEEDS_MAX)
		return -E2BIG;
	needs->file[needs->count] = strdup(path);
	return needs->file[needs->count++] ? 0 : -ENOMEM;
}

static int add_directory(struct needs *needs, const char *path)
{
	const char *end = strrchr(path, '/');
	size_t length = (size_t)(end - path);
	size_t used = strlen(needs->directories);

	for (const char *d = needs->directories; *d; d += strcspn(d, ":"), d += *d == ':')
		if (strcspn(d, ":") == length && !memcmp(d, path, length))
			return 0;
	if (used + length + 2 > sizeof(needs->directories))
		return -E2BIG;
	sprintf(needs->directories + used, "%s%.*s", used ? ":" : "", (int)length, path);
	return 0;
}

// The loader that a program names; empty: it needs none.
static int interpreter(const char *program, char interp[INTERP_MAX], char err[NEEDS_ERROR])
{
	Elf64_Ehdr ehdr;
	Elf64_Phdr phdr;
	cleanup_close int fd = open(program, O_RDONLY | O_CLOEXEC);

	interp[0] = '\0';
	if (fd < 0)
		return problem(err, -errno, strerror(errno));
	if (pread(fd, &ehdr, sizeof(ehdr), 0) != sizeof(ehdr) ||
	    memcmp(ehdr.e_ident, ELFMAG, SELFMAG) || ehdr.e_ident[EI_CLASS] != ELFCLASS64 ||
	    ehdr.e_phentsize != sizeof(phdr) || ehdr.e_phnum > HEADERS_MAX)
		return problem(err, -ENOEXEC,
			       "not a 64-bit ELF program (a script cannot be run "
			       "in a jail)");
	for (unsigned int i = 0; i < ehdr.e_phnum; i++) {
		if (pread(fd, &phdr, sizeof(phdr), (off_t)(ehdr.e_phoff + i * sizeof(phdr))) !=
		    sizeof(phdr))
			return problem(err, -ENOEXEC, "a damaged ELF program");
		if (phdr.p_type != PT_INTERP)
			continue;
		if (phdr.p_filesz >= INTERP_MAX ||
		    pread(fd, interp, phdr.p_filesz, (off_t)phdr.p_offset) !=
			    (ssize_t)phdr.p_filesz)
			return problem(err, -ENOEXEC, "a damaged ELF program");
		interp[phdr.p_filesz] = '\0';
	}
	return 0;
}

// "\tlibc.so.6 => /lib/…/libc.so.6 (0x…)", "\t/lib64/ld-linux… (0x…)", "\tlinux-vdso.so.1 (0x…)"
static int take_line(struct needs *needs, char *line, char err[NEEDS_ERROR])
{
	char *path = strstr(line, "=> ");

	path = path ? path + 3 : line + strspn(line, "\t ");
	char *end = strstr(path, " (0x");
	if (!end)
		return strstr(line, "not found") ? problem(err, -ELIBACC, line) : 0;
	*end = '\0';
	if (path[0] != '/')
		return 0; // the kernel's own
	int rc = add(needs, path);
	return rc ? rc : add_directory(needs, path);
}

static int list(struct needs *needs, const char *interp, const char *program, char err[NEEDS_ERROR])
{
	char line[LINE_SIZE];
	int pair[2];
	int rc = 0;
	int status;

	if (pipe2(pair, O_CLOEXEC))
		return problem(err, -errno, strerror(errno));
	pid_t pid = fork();
	if (pid == 0) {
		char *const none[] = {NULL};
		dup2(pair[1], STDOUT_FILENO);
		execle(interp, interp, "--list", program, (char *)NULL, none);
		_exit(127);
	}
	close(pair[1]);
	FILE *f = fdopen(pair[0], "r");
	while (pid > 0 && f && fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = '\0';
		if (!rc)
			rc = take_line(needs, line, err);
	}
	if (f)
		fclose(f);
	else
		close(pair[0]);
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !f)
		return problem(err, -ECHILD, "its dynamic loader cannot be run");
	if (!rc && (!WIFEXITED(status) || WEXITSTATUS(status)))
		return problem(err, -ELIBACC, "its dynamic loader does not take it");
	return rc;
}

int needs_of(struct needs *needs, const char *program, char err[NEEDS_ERROR])
{
	char interp[INTERP_MAX];

	memset(needs, 0, sizeof(*needs));
	int rc = interpreter(program, interp, err);
	if (!rc)
		rc = add(needs, program);
	if (rc || !interp[0])
		return rc;
	rc = add(needs, interp);
	return rc ? problem(err, rc, strerror(-rc)) : list(needs, interp, program, err);
}

void needs_free(struct needs *needs)
{
	for (uint32_t i = 0; i < needs->count; i++)
		free(needs->file[i]);
	needs->count = 0;
}
