// SPDX-License-Identifier: Apache-2.0
// Stands in for QEMU, loader and Core in tests of the supervisor: reads the launch image that it is
// given, "measures" it, makes the zone known (cli_fake_core.c) and serves just enough QMP to quit.
// The file "qemu" in CLOISTER_FAKE_DIR chooses what goes wrong: fail, stall, stubborn.
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <openssl/evp.h>
#include <cloister/launch.h>

static char how[32] = "good";

static const char *fake_dir(void)
{
	const char *dir = getenv("CLOISTER_FAKE_DIR");
	return dir ? dir : "/nonexistent";
}

// The value of KEY= inside a QEMU option, up to the next comma.
static void option_value(const char *option, const char *key, char *value, size_t size)
{
	const char *at = strstr(option, key);
	value[0] = '\0';
	if (at)
		snprintf(value, size, "%.*s", (int)strcspn(at + strlen(key), ","),
			 at + strlen(key));
}

static void zone_path(char *path, size_t size, uint64_t handle)
{
	snprintf(path, size, "%s/zone-%016llx", fake_dir(), (unsigned long long)handle);
}

static int measure_and_announce(const char *image)
{
	static struct cl_launch_header header;
	static unsigned char block[CL_PAGE_SIZE];
	unsigned char digest[CL_DIGEST_SIZE];
	char path[512];
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
	zone_path(path, sizeof(path), header.handle);
	f = fopen(path, "w");
	if (!f)
		return -1;
	fprintf(f, "%d ", getpid());
	for (size_t i = 0; i < sizeof(digest); i++)
		fprintf(f, "%02x", digest[i]);
	fprintf(f, " 1\n");
	return fclose(f);
}

static int listen_at(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) || listen(fd, 4))
		exit(3);
	return fd;
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
	char qmp[256] = "", console[256] = "", path[512];
	const char *image = NULL;
	int plain = 0;

	snprintf(path, sizeof(path), "%s/qemu", fake_dir());
	FILE *f = fopen(path, "r");
	if (f && fscanf(f, "%31s", how) != 1)
		strcpy(how, "good");
	if (f)
		fclose(f);
	for (int i = 1; i < argc; i++) {
		if (strstr(argv[i], "socket,id=qmp"))
			option_value(argv[i], "path=", qmp, sizeof(qmp));
		if (strstr(argv[i], "file,id=console"))
			option_value(argv[i], "path=", console, sizeof(console));
		if (!strcmp(argv[i], "-initrd") && i + 1 < argc)
			image = argv[i + 1];
		plain |= !strcmp(argv[i], "-append");
	}
	if (!strcmp(how, "fail")) {
		fprintf(stderr, "fake-qemu: told to fail\n");
		return 1;
	}
	f = fopen(console, "a");
	if (!f)
		return 3;
	fprintf(f, "zone: hello \033[31m from the console\n");
	fclose(f);
	int listener = listen_at(qmp);
	if (strcmp(how, "stall") && !plain && (!image || measure_and_announce(image))) {
		fprintf(stderr, "fake-qemu: bad launch image\n");
		return 2;
	}
	serve(listener);
}
