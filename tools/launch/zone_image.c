// SPDX-License-Identifier: Apache-2.0
// Reads and checks a zone image. Files are opened beneath the image's directory once and used by
// descriptor from then on: what was checked and measured is what runs.
#include "zone_image.h"
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <linux/openat2.h>
#include <jansson.h>
#include "size.h"

#define CONFIG_NAME	 "zone.json"
#define CONFIG_MAX	 (64u << 10)
#define CONFIG_VERSION	 1
#define KERNEL_MAX	 (256ull << 20)
#define INITRD_MAX	 (2040ull << 20)
#define DISK_BLOCK	 4096u /* dm-verity's data and hash blocks */
#define FILE_NAME_MAX	 255u
#define ROOTHASH_DIGITS	 64u /* SHA-256 */
#define VOLUME_PATH_MAX	 128u
#define VOLUME_PARAM_MAX 256u

static const char *const file_key[ZONE_FILES] = {"kernel", "initrd", "rootfs", "verity"};

static int refuse(char err[LAUNCH_ERR], const char *format, ...)
	__attribute__((format(printf, 2, 3)));
static int refuse(char err[LAUNCH_ERR], const char *format, ...)
{
	va_list args;
	va_start(args, format);
	vsnprintf(err, LAUNCH_ERR, format, args);
	va_end(args);
	return -EINVAL;
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static void free_json(json_t **json)
{
	json_decref(*json);
}

// Open `name` in `dir` for reading. The kernel refuses names and links that lead out of it.
static int open_beneath(int dir, const char *name)
{
	struct open_how how = {
		.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS,
	};
	long fd = syscall(SYS_openat2, dir, name, &how, sizeof(how));
	return fd < 0 ? -errno : (int)fd;
}

// Read `bytes` bytes; a file that became shorter meanwhile is an error.
static int read_all(int fd, uint8_t *to, size_t bytes)
{
	size_t done = 0;

	while (done < bytes) {
		ssize_t n = pread(fd, to + done, bytes - done, (off_t)done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return -EIO;
		done += (size_t)n;
	}
	return 0;
}

static int check_keys(json_t *config, char err[LAUNCH_ERR])
{
	static const char *const keys[] = {"version",  "kernel",  "initrd", "rootfs", "verity",
					   "roothash", "cmdline", "memory", "ports",  "volume"};
	const char *key;
	json_t *value;

	json_object_foreach(config, key, value)
	{
		bool known = false;
		for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
			known |= !strcmp(key, keys[i]);
		if (!known)
			return refuse(err, CONFIG_NAME ": unknown key \"%.64s\"", key);
	}
	return 0;
}

// The string under `key`; NULL with *rc set if it is missing (though required) or no string.
static const char *get_string(json_t *config, const char *key, bool required, int *rc,
			      char err[LAUNCH_ERR])
{
	json_t *value = json_object_get(config, key);

	if (!value && !required)
		return NULL;
	if (!json_is_string(value)) {
		*rc = refuse(err, CONFIG_NAME ": \"%s\" %s", key,
			     value ? "is not a string" : "is missing");
		return NULL;
	}
	return json_string_value(value);
}

static int check_name(const char *key, const char *name, char err[LAUNCH_ERR])
{
	size_t length = strlen(name);

	if (length == 0 || length > FILE_NAME_MAX)
		return refuse(err, CONFIG_NAME ": \"%s\": name of 1 to %u bytes expected", key,
			      FILE_NAME_MAX);
	if (name[0] == '/')
		return refuse(err, CONFIG_NAME ": \"%s\": absolute path not allowed", key);
	for (const char *part = name; part; part = strchr(part, '/')) {
		part += *part == '/';
		if (!strncmp(part, "..", 2) && (part[2] == '/' || part[2] == '\0'))
			return refuse(err, CONFIG_NAME ": \"%s\": \"..\" not allowed", key);
	}
	return 0;
}

static int check_file(const struct zone_image *img, enum zone_file which, const char *name,
		      char err[LAUNCH_ERR])
{
	uint64_t bytes = img->bytes[which];

	if (bytes == 0)
		return refuse(err, "%s: empty", name);
	if (which == ZONE_KERNEL && bytes > KERNEL_MAX)
		return refuse(err, "%s: larger than %llu MiB", name, KERNEL_MAX >> 20);
	if (which == ZONE_INITRD && bytes > INITRD_MAX)
		return refuse(err, "%s: larger than %llu MiB", name, INITRD_MAX >> 20);
	if ((which == ZONE_ROOTFS || which == ZONE_VERITY) && bytes % DISK_BLOCK)
		return refuse(err, "%s: not whole %u-byte blocks", name, DISK_BLOCK);
	return 0;
}

static int open_file(struct zone_image *img, enum zone_file which, int dir, const char *name,
		     char err[LAUNCH_ERR])
{
	struct stat st;
	int rc = check_name(file_key[which], name, err);
	if (rc)
		return rc;
	int fd = open_beneath(dir, name);
	if (fd == -EXDEV || fd == -ELOOP)
		return refuse(err, "%s: leads out of the image", name);
	if (fd < 0)
		return refuse(err, "%s: %s", name, strerror(-fd));
	img->fd[which] = fd;
	if (fstat(fd, &st))
		return refuse(err, "%s: %s", name, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return refuse(err, "%s: not a regular file", name);
	img->bytes[which] = (uint64_t)st.st_size;
	return check_file(img, which, name, err);
}

static int open_files(struct zone_image *img, json_t *config, int dir, char err[LAUNCH_ERR])
{
	for (int i = 0; i < ZONE_FILES; i++) {
		int rc = 0;
		const char *name = get_string(config, file_key[i], i <= ZONE_INITRD, &rc, err);
		if (name)
			rc = open_file(img, (enum zone_file)i, dir, name, err);
		if (rc)
			return rc;
	}
	return 0;
}

static int get_roothash(struct zone_image *img, json_t *config, char err[LAUNCH_ERR])
{
	int rc = 0;
	const char *hash = get_string(config, "roothash", false, &rc, err);
	if (rc)
		return rc;
	int have = (hash ? 1 : 0) + (img->fd[ZONE_ROOTFS] >= 0) + (img->fd[ZONE_VERITY] >= 0);
	if (have == 0)
		return 0;
	if (have != 3)
		return refuse(err, CONFIG_NAME ": \"rootfs\", \"verity\" and \"roothash\" go "
					       "together: give all three or none");
	if (strlen(hash) != ROOTHASH_DIGITS || strspn(hash, "0123456789abcdef") != ROOTHASH_DIGITS)
		return refuse(err, CONFIG_NAME ": \"roothash\": %u lower-case hex digits expected",
			      ROOTHASH_DIGITS);
	memcpy(img->roothash, hash, ROOTHASH_DIGITS + 1);
	return 0;
}

bool zone_volume_name(const char *name)
{
	size_t length = strlen(name);

	return length > 0 && length <= ZONE_VOLUME_MAX && name[0] != '-' &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == length;
}

// As the zone's init takes it (zone/cmdline.c).
static bool volume_path(const char *path)
{
	size_t length = strlen(path);

	return path[0] == '/' && length > 1 && length <= VOLUME_PATH_MAX && !strstr(path, "/.") &&
	       !strstr(path, "//") &&
	       strspn(path, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./") ==
		       length;
}

// *param is then what the command line gets of it; empty without a volume.
static int get_volume(struct zone_image *img, json_t *config, char param[VOLUME_PARAM_MAX],
		      char err[LAUNCH_ERR])
{
	json_t *volume = json_object_get(config, "volume");
	int rc = 0;

	param[0] = '\0';
	if (!volume)
		return 0;
	if (!json_is_object(volume) || json_object_size(volume) != 2)
		return refuse(err, CONFIG_NAME ": \"volume\": an object of \"name\" and \"path\" "
					       "expected");
	const char *name = get_string(volume, "name", true, &rc, err);
	const char *path = rc ? NULL : get_string(volume, "path", true, &rc, err);
	if (rc)
		return rc;
	if (!zone_volume_name(name))
		return refuse(err,
			      CONFIG_NAME ": \"volume\": \"name\": at most %u of a to z, 0 to "
					  "9 and \"-\" expected",
			      ZONE_VOLUME_MAX);
	if (!volume_path(path))
		return refuse(err,
			      CONFIG_NAME ": \"volume\": \"path\": an absolute path of at most "
					  "%u plain characters expected",
			      VOLUME_PATH_MAX);
	memcpy(img->volume, name, strlen(name) + 1);
	snprintf(param, VOLUME_PARAM_MAX, " " ZONE_VOLUME_PARAM "%s:%s", name, path);
	return 0;
}

static int get_cmdline(struct zone_image *img, json_t *config, char err[LAUNCH_ERR])
{
	char volume[VOLUME_PARAM_MAX];
	int rc = get_volume(img, config, volume, err);
	const char *text = rc ? NULL : get_string(config, "cmdline", true, &rc, err);
	if (rc)
		return rc;
	for (const char *c = text; *c; c++)
		if (*c < ' ' || *c > '~')
			return refuse(err, CONFIG_NAME ": \"cmdline\": only printable ASCII");
	// The zone's init must find one root hash, the one below.
	if (strstr(text, ZONE_ROOTHASH_PARAM))
		return refuse(err, CONFIG_NAME ": \"cmdline\": may not set " ZONE_ROOTHASH_PARAM
					       ", \"roothash\" does");
	if (strstr(text, ZONE_VOLUME_PARAM))
		return refuse(err, CONFIG_NAME ": \"cmdline\": may not set " ZONE_VOLUME_PARAM
					       ", \"volume\" does");
	int n = snprintf(img->cmdline, sizeof(img->cmdline), "%s%s%s%s", text,
			 img->roothash[0] ? " " ZONE_ROOTHASH_PARAM : "", img->roothash, volume);
	if (n < 0 || (size_t)n >= sizeof(img->cmdline))
		return refuse(err, CONFIG_NAME ": \"cmdline\": too long");
	// What follows "--" is init's and not the kernel's.
	for (const char *c = img->cmdline; (c = strstr(c, "--")); c++)
		if ((c == img->cmdline || c[-1] == ' ') && (c[2] == ' ' || c[2] == '\0'))
			return refuse(err, CONFIG_NAME ": \"cmdline\": may not end the kernel's "
						       "parameters with --");
	return 0;
}

static int get_ports(struct zone_image *img, json_t *config, char err[LAUNCH_ERR])
{
	json_t *ports = json_object_get(config, "ports");
	json_t *port;
	size_t i;

	if (!ports)
		return 0;
	if (!json_is_array(ports) || json_array_size(ports) > ZONE_IMAGE_PORTS_MAX)
		return refuse(err,
			      CONFIG_NAME ": \"ports\": array of at most %u TCP ports expected",
			      ZONE_IMAGE_PORTS_MAX);
	json_array_foreach(ports, i, port)
	{
		json_int_t n = json_integer_value(port); // 0 for what is no integer
		if (n < 1 || n > 65535)
			return refuse(err, CONFIG_NAME ": \"ports\": 1 to 65535 expected");
		img->ports[img->nr_ports++] = (uint16_t)n;
	}
	return 0;
}

static int read_config(int dir, json_t **config, char err[LAUNCH_ERR])
{
	__attribute__((cleanup(close_fd))) int fd = open_beneath(dir, CONFIG_NAME);
	char text[CONFIG_MAX];
	json_error_t error;
	struct stat st;

	if (fd < 0)
		return refuse(err, CONFIG_NAME ": %s",
			      fd == -EXDEV || fd == -ELOOP ? "leads out of the image"
							   : strerror(-fd));
	if (fstat(fd, &st) || !S_ISREG(st.st_mode))
		return refuse(err, CONFIG_NAME ": not a regular file");
	if (st.st_size > (off_t)sizeof(text))
		return refuse(err, CONFIG_NAME ": larger than %u KiB", CONFIG_MAX >> 10);
	if (read_all(fd, (uint8_t *)text, (size_t)st.st_size))
		return refuse(err, CONFIG_NAME ": cannot be read");
	*config = json_loadb(text, (size_t)st.st_size, JSON_REJECT_DUPLICATES, &error);
	if (!*config)
		return refuse(err, CONFIG_NAME ":%d:%d: %s", error.line, error.column, error.text);
	if (!json_is_object(*config))
		return refuse(err, CONFIG_NAME ": not a JSON object");
	return 0;
}

static int apply_config(struct zone_image *img, json_t *config, int dir, char err[LAUNCH_ERR])
{
	json_t *version = json_object_get(config, "version");
	int rc = check_keys(config, err);

	if (rc)
		return rc;
	if (!json_is_integer(version) || json_integer_value(version) != CONFIG_VERSION)
		return refuse(err, CONFIG_NAME ": \"version\" must be %d", CONFIG_VERSION);
	const char *memory = get_string(config, "memory", true, &rc, err);
	if (rc)
		return rc;
	if (parse_memory(memory, &img->memory))
		return refuse(err, CONFIG_NAME ": \"memory\": a size from \"64M\" to \"64G\" in "
					       "steps of 2M expected");
	rc = open_files(img, config, dir, err);
	if (!rc)
		rc = get_roothash(img, config, err);
	if (!rc)
		rc = get_cmdline(img, config, err);
	if (!rc)
		rc = get_ports(img, config, err);
	return rc;
}

int zone_image_open(struct zone_image *img, const char *path, char err[LAUNCH_ERR])
{
	__attribute__((cleanup(close_fd))) int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	__attribute__((cleanup(free_json))) json_t *config = NULL;

	memset(img, 0, sizeof(*img));
	for (int i = 0; i < ZONE_FILES; i++)
		img->fd[i] = -1;
	if (dir < 0)
		return refuse(err, "%s",
			      errno == ENOTDIR ? "a zone image is a directory" : strerror(errno));
	int rc = read_config(dir, &config, err);
	if (!rc)
		rc = apply_config(img, config, dir, err);
	if (rc)
		zone_image_close(img);
	return rc;
}

void zone_image_close(struct zone_image *img)
{
	for (int i = 0; i < ZONE_FILES; i++) {
		close_fd(&img->fd[i]);
		img->fd[i] = -1;
	}
}

static int read_file(const struct zone_image *img, enum zone_file which, uint8_t **data,
		     char err[LAUNCH_ERR])
{
	*data = malloc(img->bytes[which]);
	if (!*data)
		return refuse(err, "%s: not enough memory to read it", file_key[which]);
	int rc = read_all(img->fd[which], *data, img->bytes[which]);
	return rc ? refuse(err, "%s: %s", file_key[which], strerror(-rc)) : 0;
}

int zone_image_launch(const struct zone_image *img, uint64_t memory, uint32_t vcpus,
		      struct zone_files *files, struct launch *l, char err[LAUNCH_ERR])
{
	*files = (struct zone_files){0};
	int rc = read_file(img, ZONE_KERNEL, &files->kernel, err);
	if (!rc)
		rc = read_file(img, ZONE_INITRD, &files->initrd, err);
	if (rc)
		return rc;
	struct launch_input in = {
		.kernel = files->kernel,
		.kernel_bytes = img->bytes[ZONE_KERNEL],
		.initrd = files->initrd,
		.initrd_bytes = img->bytes[ZONE_INITRD],
		.cmdline = img->cmdline,
		.memory = memory ? memory : img->memory,
		.vcpus = vcpus ? vcpus : 1,
	};
	return launch_build(l, &in, err);
}

void zone_files_free(struct zone_files *files)
{
	free(files->kernel);
	free(files->initrd);
	*files = (struct zone_files){0};
}
