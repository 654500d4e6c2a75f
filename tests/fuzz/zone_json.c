// SPDX-License-Identifier: Apache-2.0
/*
 * libFuzzer target for zone.json of a stranger's zone image: the input is the file, in a directory
 * with a kernel, an initrd, disks, a link that leads out, a directory and a FIFO.
 */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fuzz.h"
#include "zone_image.h"

static char dir[64];

static void make_file(const char *name, const void *data, size_t size)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	require(fd >= 0 && write(fd, data, size) == (ssize_t)size);
	close(fd);
}

static void remove_dir(void)
{
	static const char *const names[] = {"zone.json", "k", "i", "r", "v", "out", "d", "p"};
	char path[128];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		remove(path);
	}
	rmdir(dir);
}

static void make_dir(void)
{
	static const uint8_t block[8192];
	char path[128];

	snprintf(dir, sizeof(dir), "/dev/shm/fuzz-zone-XXXXXX");
	require(mkdtemp(dir));
	atexit(remove_dir);
	make_file("k", block, 1024);
	make_file("i", block, 100);
	make_file("r", block, 4096);
	make_file("v", block, 8192);
	snprintf(path, sizeof(path), "%s/out", dir);
	require(!symlink("/bin/bash", path));
	snprintf(path, sizeof(path), "%s/d", dir);
	require(!mkdir(path, 0700));
	snprintf(path, sizeof(path), "%s/p", dir);
	require(!mkfifo(path, 0600));
}

static void check_image(const struct zone_image *img)
{
	const char *hash = strstr(img->cmdline, ZONE_ROOTHASH_PARAM);

	require(img->memory >= CL_ZONE_MEMORY_MIN && img->memory <= CL_ZONE_MEMORY_MAX);
	require(img->fd[ZONE_KERNEL] >= 0 && img->fd[ZONE_INITRD] >= 0);
	require((img->fd[ZONE_ROOTFS] >= 0) == (img->fd[ZONE_VERITY] >= 0));
	require((img->fd[ZONE_ROOTFS] >= 0) == (img->roothash[0] != '\0'));
	for (int i = 0; i < ZONE_FILES; i++) {
		struct stat st;

		if (img->fd[i] < 0)
			continue;
		require(!fstat(img->fd[i], &st) && S_ISREG(st.st_mode));
		/* None of ours is larger: it did not lead out of the image. */
		require((uint64_t)st.st_size == img->bytes[i] && st.st_size <= 8192);
	}
	for (const char *c = img->cmdline; *c; c++)
		require(*c >= ' ' && *c <= '~');
	/* One root hash, and it is the image's. */
	require(!hash == !img->roothash[0]);
	if (hash) {
		require(!strncmp(hash + strlen(ZONE_ROOTHASH_PARAM), img->roothash, 64));
		require(!strstr(hash + 1, ZONE_ROOTHASH_PARAM));
	}
	require(!strstr(img->cmdline, " -- "));
	require(img->nr_ports <= ZONE_IMAGE_PORTS_MAX);
	for (uint32_t i = 0; i < img->nr_ports; i++)
		require(img->ports[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct zone_image img;
	char err[LAUNCH_ERR] = "";

	if (!dir[0])
		make_dir();
	make_file("zone.json", data, size);
	if (zone_image_open(&img, dir, err)) {
		require(err[0] && strnlen(err, sizeof(err)) < sizeof(err));
		for (int i = 0; i < ZONE_FILES; i++)
			require(img.fd[i] == -1);
	} else {
		check_image(&img);
		zone_image_close(&img);
	}
	/* No descriptor is left open. */
	int fd = dup(0);

	require(fd < 16);
	close(fd);
	return 0;
}
