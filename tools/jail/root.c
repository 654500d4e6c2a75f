// SPDX-License-Identifier: Apache-2.0
// The jail's file tree: an empty tmpfs with nothing bound into it but the program, its libraries
// and its data, four devices, and a /proc that shows no process but itself. All of it is read-only,
// and only the program and its libraries can be executed or mapped as code.
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>
#include "../cloister/cleanup.h"
#include "jail.h"

#define LOCKED_DOWN (MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV)

static int put(int root, const char *path, bool directory, uint64_t attributes)
{
	char target[PATH_MAX];
	struct mount_attr attr = {.attr_set = attributes};
	cleanup_close int tree = open_tree(AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);

	if (tree < 0 || mount_setattr(tree, "", AT_EMPTY_PATH, &attr, sizeof(attr)))
		return -errno;
	if (snprintf(target, sizeof(target), "%s", path + 1) >= (int)sizeof(target))
		return -ENAMETOOLONG;
	for (char *c = strchr(target, '/'); c; c = strchr(c + 1, '/')) {
		*c = '\0';
		if (mkdirat(root, target, 0755) && errno != EEXIST)
			return -errno;
		*c = '/';
	}
	if (directory && mkdirat(root, target, 0755) && errno != EEXIST)
		return -errno;
	if (!directory) {
		cleanup_close int file = openat(root, target, O_CREAT | O_WRONLY | O_CLOEXEC, 0444);
		if (file < 0)
			return -errno;
	}
	return move_mount(tree, "", root, target, MOVE_MOUNT_F_EMPTY_PATH) ? -errno : 0;
}

// Devices are made anew: the host's nodes belong to groups that the jail's user is not in.
static int make_devices(const struct jail_plan *plan)
{
	static const struct {
		const char *path;
		unsigned int minor;
	} plain[] = {{"dev/null", 3}, {"dev/zero", 5}, {"dev/urandom", 9}};
	struct stat kvm;

	for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++)
		if (mknod(plain[i].path, S_IFCHR | 0666, makedev(1, plain[i].minor)) ||
		    chmod(plain[i].path, 0666))
			return -errno;
	if (plan->kvm &&
	    (stat("/dev/kvm", &kvm) || !S_ISCHR(kvm.st_mode) ||
	     mknod("dev/kvm", S_IFCHR | 0600, kvm.st_rdev) || chown("dev/kvm", plan->id, plan->id)))
		return errno ? -errno : -ENODEV;
	return 0;
}

static int put_directories(const char *const *list, int root, uint64_t attributes,
			   const char **what)
{
	int rc = 0;

	for (; !rc && *list; list++) {
		*what = *list;
		if (!access(*list, F_OK))
			rc = put(root, *list, true, attributes);
	}
	return rc;
}

static int fill(const struct jail_plan *plan, int root, const char **what)
{
	int rc = 0;

	for (uint32_t i = 0; i < plan->needs->count; i++) {
		*what = plan->needs->file[i];
		rc = put(root, plan->needs->file[i], false, LOCKED_DOWN);
		if (rc)
			return rc;
	}
	rc = put_directories(plan->data, root, LOCKED_DOWN | MOUNT_ATTR_NOEXEC, what);
	if (!rc)
		rc = put_directories(plan->modules, root, LOCKED_DOWN, what);
	if (rc)
		return rc;
	*what = "/dev";
	if (fchdir(root) || mkdir("dev", 0755) ||
	    mount("cloister-dev", "dev", "tmpfs", MS_NOSUID | MS_NOEXEC,
		  "mode=755,size=64k,nr_inodes=32"))
		return -errno;
	rc = make_devices(plan);
	if (rc)
		return rc;
	if (mount(NULL, "dev", NULL, MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NOEXEC, NULL))
		return -errno;
	*what = "/proc";
	if (mkdir("proc", 0755) ||
	    mount("proc", "proc", "proc", MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC,
		  "subset=pid,hidepid=invisible"))
		return -errno;
	return 0;
}

int root_make(const struct jail_plan *plan, const char **what)
{
	struct mount_attr attr = {.attr_set = LOCKED_DOWN | MOUNT_ATTR_NOEXEC};

	*what = "private mounts";
	if (mount("", "/", NULL, MS_REC | MS_PRIVATE, NULL))
		return -errno;
	*what = plan->scratch;
	if (mount("cloister-jail", plan->scratch, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC,
		  "mode=755,size=1m,nr_inodes=4096"))
		return -errno;
	cleanup_close int root = open(plan->scratch, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return -errno;
	int rc = fill(plan, root, what);
	if (rc)
		return rc;
	*what = "a new root";
	// pivot_root(2), "pivot_root(".", ".")": the old root ends up on top of the new one.
	if (mount_setattr(root, "", AT_EMPTY_PATH, &attr, sizeof(attr)) || fchdir(root) ||
	    syscall(SYS_pivot_root, ".", ".") || umount2(".", MNT_DETACH) || chdir("/"))
		return -errno;
	return 0;
}
