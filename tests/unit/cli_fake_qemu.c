// SPDX-License-Identifier: Apache-2.0
// Stands in for QEMU, loader and Core in tests of the supervisor: reads the launch image that it is
// given, "measures" it, makes the zone known (cli_fake_core.c) and serves just enough QMP to quit.
// It runs in a real jail, so all that it knows comes in arguments of its own: announce=FILE is
// where to say that there is a zone, how=WORD chooses what goes wrong: fail, stall, stubborn.
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <openssl/evp.h>
#include <cloister/launch.h>

static char how[32] = "good";

// The value of KEY= inside a QEMU option, up to the next comma.
static void option_value(const char *option, const char *key, char *value, size_t size)
{
	const char *at = strstr(option, key);
	value[0] = '\0';
	if (at)
		snprintf(value, size, "%.*s", (int)strcspn(at + strlen(key), ","),
			 at + strlen(key));
}

// The descriptor behind "/dev/fdset/SET" by the -add-fd options; -1: none.
static int set_fd(int argc, char **argv, const char *name)
{
	char option[64];
	const char *set = strrchr(name, '/');

	for (int i = 1; set && i + 1 < argc; i++) {
		option_value(argv[i + 1], "set=", option, sizeof(option));
		if (strcmp(argv[i], "-add-fd") || strcmp(option, set + 1))
			continue;
		option_value(argv[i + 1], "fd=", option, sizeof(option));
		return (int)strtol(option, NULL, 10);
	}
	return -1;
}

static int measure_and_announce(const char *image, int announce)
{
	static struct cl_launch_header header;
	static unsigned char block[CL_PAGE_SIZE];
	unsigned char digest[CL_DIGEST_SIZE];
	char line[256];
	FILE *f = fopen(image, "r");
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	size_t n;

	if (!f || !md || fread(&header, sizeof(header), 1, f) != 1 ||
	    header.magic != CL_LAUNCH_MAGIC || EVP_DigestInit_ex(md, EVP_sha384(), NULL) != 1)
		return -1;
	while ((n = fread(block, 1, sizeof(block), f)) > 0)
		EVP_DigestUpdate(md, block, n);
	EVP_DigestFinal_ex(md, digest, NULL);
	EVP_MD_CTX_free(md);
	fclose(f);
	int n2 = snprintf(line, sizeof(line), "zone-%016llx %u ", (unsigned long long)header.handle,
			  (unsigned int)(header.handle & 0x7fffffff) | 1);
	for (size_t i = 0; i < sizeof(digest); i++)
		n2 += snprintf(line + n2, sizeof(line) - (size_t)n2, "%02x", digest[i]);
	n2 += snprintf(line + n2, sizeof(line) - (size_t)n2, " 1\n");
	return lseek(announce, 0, SEEK_END) >= 0 && write(announce, line, (size_t)n2) == n2 ? 0
											    : -1;
}

static void say(int fd, const char *text)
{
	if (send(fd, text, strlen(text), MSG_NOSIGNAL) < 0)
		return;
}

static void serve(int listener)
{
	char text[512];
	for (;;) {
		int fd = accept(listener, NULL, NULL);
		if (fd < 0)
			continue;
		say(fd, "{\"QMP\": {\"version\": {}}}\r\n");
		ssize_t n;
		while ((n = read(fd, text, sizeof(text) - 1)) > 0) {
			text[n] = '\0';
			say(fd, "{\"timestamp\": {}, \"event\": \"NOISE\"}\r\n");
			say(fd, "{\"return\": {}}\r\n");
			if (strstr(text, "\"quit\"") && strcmp(how, "stubborn"))
				exit(0);
		}
		close(fd);
	}
}

int main(int argc, char **argv)
{
	char qmp[256] = "", console[256] = "", announce[256] = "";
	const char *image = NULL;
	int plain = 0;

	for (int i = 1; i < argc; i++) {
		if (strstr(argv[i], "socket,id=qmp"))
			option_value(argv[i], "fd=", qmp, sizeof(qmp));
		if (strstr(argv[i], "file,id=console"))
			option_value(argv[i], "path=", console, sizeof(console));
		if (!strcmp(argv[i], "-initrd") && i + 1 < argc)
			image = argv[i + 1];
		plain |= !strcmp(argv[i], "-append");
		if (!strncmp(argv[i], "announce=", 9))
			option_value(argv[i], "announce=", announce, sizeof(announce));
		if (!strncmp(argv[i], "how=", 4))
			option_value(argv[i], "how=", how, sizeof(how));
	}
	if (!strcmp(how, "fail")) {
		fprintf(stderr, "fake-qemu: told to fail\n");
		return 1;
	}
	if (dprintf(set_fd(argc, argv, console), "zone: hello \033[31m from the console\n") < 0)
		return 3;
	int listener = (int)strtol(qmp, NULL, 10);
	if (strcmp(how, "stall") && !plain &&
	    (!image || measure_and_announce(image, set_fd(argc, argv, announce)))) {
		fprintf(stderr, "fake-qemu: bad launch image\n");
		return 2;
	}
	serve(listener);
}
