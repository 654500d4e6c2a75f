// SPDX-License-Identifier: Apache-2.0
// A memory walk inside a guest, asked for over TCP, beside the workload that it starts.
//
// usage: walk PORT PROGRAM [ARGUMENT...]
//
// The process becomes PROGRAM; a child of it answers on PORT. A request is a line "PAGES ROUNDS";
// the answer is one line of JSON: nanoseconds per page of the first touch and of each round. Every
// round touches each page once, in a random order of its own: the same order again and again would
// find nothing at all in a window that is a little too small.
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PAGE	   4096u
#define PAGES_MAX  (1u << 20)
#define ROUNDS_MAX 64u
#define LINE_MAX   64

static uint32_t order[PAGES_MAX];

static uint64_t now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

// xorshift64 (Marsaglia, 2003): the same orders in every guest.
static uint32_t below(uint64_t *state, uint32_t n)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return (uint32_t)((*state >> 32) * n >> 32);
}

static void shuffle(uint64_t *state, uint32_t pages)
{
	for (uint32_t i = pages - 1; i; i--) {
		uint32_t j = below(state, i + 1);
		uint32_t other = order[j];
		order[j] = order[i];
		order[i] = other;
	}
}

// One read and one write a page, as a program that works on its memory does.
static double round_ns(volatile uint8_t *memory, uint32_t pages)
{
	uint64_t begin = now_ns();
	for (uint32_t i = 0; i < pages; i++)
		memory[(size_t)order[i] * PAGE]++;
	return (double)(now_ns() - begin) / pages;
}

static void answer(FILE *to, uint32_t pages, uint32_t rounds)
{
	size_t bytes = (size_t)pages * PAGE;
	uint64_t state = 88172645463325252u;

	uint8_t *memory =
		mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED) {
		fprintf(to, "{\"error\": \"%s\"}\n", strerror(errno));
		return;
	}
	// The kernel's large pages would make one fault of 512.
	madvise(memory, bytes, MADV_NOHUGEPAGE);
	for (uint32_t i = 0; i < pages; i++)
		order[i] = i;
	fprintf(to, "{\"first_ns\": %.1f, \"rounds_ns\": [", round_ns(memory, pages));
	for (uint32_t r = 0; r < rounds; r++) {
		shuffle(&state, pages);
		fprintf(to, "%s%.1f", r ? ", " : "", round_ns(memory, pages));
	}
	fprintf(to, "]}\n");
	munmap(memory, bytes);
}

static void serve(int listener)
{
	for (;;) {
		char line[LINE_MAX];
		uint32_t pages, rounds;
		int fd = accept(listener, NULL, NULL);
		FILE *peer = fd < 0 ? NULL : fdopen(fd, "r+");

		if (!peer)
			continue;
		if (!fgets(line, sizeof(line), peer) ||
		    sscanf(line, "%7u %2u", &pages, &rounds) != 2 || pages == 0 ||
		    pages > PAGES_MAX || rounds == 0 || rounds > ROUNDS_MAX)
			fprintf(peer, "{\"error\": \"PAGES ROUNDS expected\"}\n");
		else
			answer(peer, pages, rounds);
		fclose(peer);
	}
}

static int listen_on(uint16_t port)
{
	const struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons(port)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (const struct sockaddr *)&any, sizeof(any)) || listen(fd, 4))
		return -errno;
	return fd;
}

int main(int argc, char **argv)
{
	unsigned long port = argc > 2 ? strtoul(argv[1], NULL, 10) : 0;

	if (port == 0 || port > UINT16_MAX) {
		fputs("walk: usage: walk PORT PROGRAM [ARGUMENT...]\n", stderr);
		return 2;
	}
	int listener = listen_on((uint16_t)port);
	if (listener < 0) {
		fprintf(stderr, "walk: port %lu: %s\n", port, strerror(-listener));
		return 1;
	}
	pid_t pid = fork();
	if (pid < 0) {
		fprintf(stderr, "walk: cannot fork: %s\n", strerror(errno));
		return 1;
	}
	if (pid == 0) {
		signal(SIGPIPE, SIG_IGN);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		serve(listener);
	}
	execv(argv[2], argv + 2);
	fprintf(stderr, "walk: %s: %s\n", argv[2], strerror(errno));
	return 1;
}
