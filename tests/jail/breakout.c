// SPDX-License-Identifier: Apache-2.0
// What a workload that has broken out of its QEMU could try. It is started by `cloister run --plain
// --qemu` in QEMU's place, so it has exactly what QEMU has: same user, namespaces, filter, files.
// Prints one line an attempt, "breakout: NAME got …" or "breakout: NAME no, why", then greets on
// the monitor's socket as QEMU would, so that its zone is "up". Where a test needs its help it gets
// it by
// --qemu-arg: secret@FILE victim=PID service=PORT published=PORT other=PORT suid@PROGRAM hog=MIB.
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/io.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include <linux/kvm.h>
#include <linux/vm_sockets.h>

#define THREADS_TRIED 600

static const char *secret = "/etc/shadow", *suid;
static pid_t victim;
static int service, published, other, hog;

// Each gives 0 if it got what it wanted, or -errno.
typedef int (*attempt_fn)(void);

static int result(long rc)
{
	return rc < 0 ? -errno : 0;
}

static int read_some(const char *path, int flags)
{
	char byte;
	int fd = open(path, flags);

	if (fd < 0)
		return -errno;
	int rc = (flags & O_ACCMODE) == O_RDONLY && read(fd, &byte, 1) < 0 ? -errno : 0;
	close(fd);
	return rc;
}

static int file_secret(void)
{
	return read_some(secret, O_RDONLY);
}

static int file_any(void)
{
	static const char *const places[] = {"/etc/passwd", "/root", "/home", "/var",	  "/run",
					     "/tmp",	    "/sys",  "/boot", "/proc/sys"};
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		if (!access(places[i], F_OK))
			return 0;
	return -ENOENT;
}

static int file_write(void)
{
	static const char *const places[] = {"/",	 "/tmp",   "/dev", "/usr",
					     "/usr/bin", "/lib64", "/proc"};
	char path[64];

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		snprintf(path, sizeof(path), "%s/cl-breakout-%d", places[i], getpid());
		int fd = open(path, O_CREAT | O_RDWR, 0600);
		if (fd >= 0) {
			unlink(path);
			close(fd);
			return 0;
		}
	}
	return -errno;
}

static int file_program(void)
{
	struct stat st;
	// Changing the program itself, as it is on the host.
	return stat("/proc/self/exe", &st) ? -errno : result(chmod("/proc/self/exe", st.st_mode));
}

// A descriptor of something that our starter's caller had open.
static int file_leaked(void)
{
	char path[32], target[256];

	for (int fd = 0; fd < 64; fd++) {
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		ssize_t n = readlink(path, target, sizeof(target) - 1);
		if (n > 0) {
			target[n] = '\0';
			if (!strcmp(target, secret))
				return 0;
		}
	}
	return -EBADF;
}

static int victim_seen(void)
{
	char path[32];
	snprintf(path, sizeof(path), "/proc/%d/status", victim);
	return read_some(path, O_RDONLY);
}

static int victim_signal(void)
{
	return result(kill(victim, 0));
}

static int victim_ptrace(void)
{
	if (ptrace(PTRACE_SEIZE, victim, NULL, NULL))
		return -errno;
	ptrace(PTRACE_DETACH, victim, NULL, NULL);
	return 0;
}

static int victim_memory(void)
{
	char path[32], line[256] = "", byte;
	unsigned long address = 0x400000;

	snprintf(path, sizeof(path), "/proc/%d/maps", victim);
	FILE *f = fopen(path, "r");
	if (f && fgets(line, sizeof(line), f))
		address = strtoul(line, NULL, 16);
	if (f)
		fclose(f);
	struct iovec local = {&byte, 1}, remote = {(void *)address, 1};
	return result(process_vm_readv(victim, &local, 1, &remote, 1, 0));
}

static int victim_mem_file(void)
{
	char path[32];
	snprintf(path, sizeof(path), "/proc/%d/mem", victim);
	int fd = open(path, O_RDWR);
	return fd < 0 ? -errno : close(fd);
}

static int victim_descriptor(void)
{
	int pidfd = (int)syscall(SYS_pidfd_open, victim, 0);
	return pidfd < 0 ? -errno : result(syscall(SYS_pidfd_getfd, pidfd, 0, 0));
}

static int new_process(void)
{
	pid_t pid = fork();
	if (pid == 0)
		_exit(0);
	return pid < 0 ? -errno : result(waitpid(pid, NULL, 0));
}

static int new_process_vfork(void)
{
	pid_t pid = (pid_t)syscall(SYS_clone, CLONE_VFORK | SIGCHLD, 0, 0, 0, 0);
	if (pid == 0)
		_exit(0);
	return pid < 0 ? -errno : result(waitpid(pid, NULL, 0));
}

// In a process of its own, if there can be one: with success there would be no way back.
static int apart(int (*what)(void))
{
	int status;
	pid_t pid = fork();

	if (pid < 0)
		return what();
	if (pid == 0)
		_exit(-what() & 0x7f);
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? -WEXITSTATUS(status) : -EINTR;
}

static int do_exec(void)
{
	execl("/proc/self/exe", "breakout", "--nothing", (char *)NULL);
	return -errno;
}

static int program_exec(void)
{
	return apart(do_exec);
}

static int do_suid(void)
{
	// As anybody: in the control we are root, which would show nothing.
	if (!geteuid() && (setresgid(65534, 65534, 65534) || setresuid(65534, 65534, 65534)))
		return -errno;
	execl(suid, "breakout", "--root", (char *)NULL);
	return -errno;
}

static int program_suid(void)
{
	return apart(do_suid);
}

static int be_root(void)
{
	return result(setresuid(0, 0, 0));
}

static int have_capabilities(void)
{
	for (unsigned long cap = 0; cap < 64; cap++)
		if (prctl(PR_CAPBSET_READ, cap, 0, 0, 0) == 1)
			return 0;
	return -EPERM;
}

static int may_gain(void)
{
	return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 0 ? 0 : -EPERM;
}

static int outlive(void)
{
	return result(prctl(PR_SET_PDEATHSIG, 0, 0, 0, 0));
}

static int core_dump(void)
{
	struct rlimit r;
	struct rlimit all = {RLIM_INFINITY, RLIM_INFINITY};
	if (setrlimit(RLIMIT_CORE, &all))
		return -errno;
	return getrlimit(RLIMIT_CORE, &r) ? -errno : r.rlim_cur > 4096 ? 0 : -EPERM;
}

static struct sockaddr_in local_port(int port)
{
	return (struct sockaddr_in){.sin_family = AF_INET,
				    .sin_port = htons((uint16_t)port),
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static int connect_to(int fd, int port)
{
	struct sockaddr_in to = local_port(port);
	return result(connect(fd, (struct sockaddr *)&to, sizeof(to)));
}

static int net_connect(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	int rc = fd < 0 ? -errno : connect_to(fd, service);
	close(fd);
	return rc;
}

static int fast_open(int fd)
{
	struct sockaddr_in to = local_port(service);
	return result(sendto(fd, "x", 1, MSG_FASTOPEN | MSG_NOSIGNAL, (struct sockaddr *)&to,
			     sizeof(to)));
}

static int net_fast_open(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	int rc = fd < 0 ? -errno : fast_open(fd);
	close(fd);
	return rc;
}

static int net_abstract(void)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX, .sun_path = "\0cloister-test-service"};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	int rc = fd < 0 ? -errno
			: result(connect(
				  fd, (struct sockaddr *)&to,
				  (socklen_t)(sizeof(sa_family_t) + 1 + strlen(to.sun_path + 1))));
	close(fd);
	return rc;
}

static int net_family(int family, int type)
{
	int fd = socket(family, type, 0);
	return fd < 0 ? -errno : close(fd);
}

static int net_vsock(void)
{
	return net_family(AF_VSOCK, SOCK_STREAM);
}

static int net_packet(void)
{
	return net_family(AF_PACKET, SOCK_RAW);
}

static int net_netlink(void)
{
	return net_family(AF_NETLINK, SOCK_RAW);
}

static int listen_at(int port)
{
	struct sockaddr_in at = local_port(port);
	int one = 1;
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, (struct sockaddr *)&at, sizeof(at)) || listen(fd, 1)) {
		int rc = -errno;
		close(fd);
		return rc;
	}
	return fd;
}

static int net_listen(void)
{
	int fd = listen_at(other);
	return fd < 0 ? fd : close(fd);
}

// A path that would give another title to the terminal on which the refusal is read.
static int net_listen_path(void)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX, .sun_path = "/tmp/\033]0;breakout\a"};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	int rc = fd < 0 ? -errno : result(bind(fd, (struct sockaddr *)&at, sizeof(at)));

	if (!rc)
		unlink(at.sun_path);
	close(fd);
	return rc;
}

// What is published is there: this one is to succeed everywhere.
static int published_fd = -1;
static int net_published(void)
{
	published_fd = listen_at(published);
	return published_fd < 0 ? published_fd : 0;
}

// Its socket is the host's. Turn it into a connection to something else of the host's.
static int net_published_connect(void)
{
	if (published_fd < 0)
		return -EBADF;
	shutdown(published_fd, SHUT_RDWR);
	return connect_to(published_fd, service);
}

static int net_published_fast_open(void)
{
	struct sockaddr none = {.sa_family = AF_UNSPEC};

	if (published_fd < 0)
		return -EBADF;
	// Whatever it has become by now, make it a socket that is not connected.
	if (connect(published_fd, &none, sizeof(none)))
		shutdown(published_fd, SHUT_RDWR);
	return fast_open(published_fd);
}

static int port_iopl(void)
{
	return result(iopl(3));
}

static int port_ioperm(void)
{
	return result(ioperm(0xc1f, 1, 1));
}

static int device_memory(void)
{
	int rc = read_some("/dev/mem", O_RDONLY);
	return rc ? read_some("/dev/port", O_RDONLY) : rc;
}

static int device_kcore(void)
{
	return read_some("/proc/kcore", O_RDONLY);
}

static int device_disk(void)
{
	static const char *const disks[] = {"/dev/sda", "/dev/vda", "/dev/nvme0n1"};
	int rc = -ENOENT;
	for (size_t i = 0; rc && i < sizeof(disks) / sizeof(disks[0]); i++)
		rc = read_some(disks[i], O_RDONLY);
	return rc;
}

// Make the node of /dev/mem oneself.
static int device_make(void)
{
	static const char *const places[] = {"/dev/cl-breakout", "/tmp/cl-breakout",
					     "/cl-breakout"};
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		if (!mknod(places[i], S_IFCHR | 0600, makedev(1, 1))) {
			unlink(places[i]);
			return 0;
		}
	return -errno;
}

// This one is QEMU's, and is to succeed everywhere where there is one.
static int device_kvm(void)
{
	int kvm = open("/dev/kvm", O_RDWR);
	if (kvm < 0)
		return -errno;
	int vm = ioctl(kvm, KVM_CREATE_VM, 0);
	int rc = result(vm);
	close(vm);
	close(kvm);
	return rc;
}

static int do_namespace(void)
{
	return result(unshare(CLONE_NEWNS));
}

static int kernel_namespace(void)
{
	return apart(do_namespace);
}

static int do_user_namespace(void)
{
	return result(unshare(CLONE_NEWUSER));
}

static int kernel_user_namespace(void)
{
	return apart(do_user_namespace);
}

static int do_mount(void)
{
	// The control must not cover the host's own.
	if (!unshare(CLONE_NEWNS) && mount("", "/", NULL, MS_REC | MS_PRIVATE, NULL))
		return -errno;
	return result(mount("cl-breakout", "/dev", "tmpfs", 0, NULL));
}

static int kernel_mount(void)
{
	return apart(do_mount);
}

static int kernel_io_uring(void)
{
	char params[256] = "";
	return result(syscall(SYS_io_uring_setup, 1, params));
}

static int kernel_userfaultfd(void)
{
	return result(syscall(SYS_userfaultfd, 0));
}

static int kernel_bpf(void)
{
	// BPF_MAP_CREATE of an array
	struct {
		unsigned int type, key, value, entries;
		char rest[112];
	} attr = {.type = 2, .key = 4, .value = 4, .entries = 1};
	return result(syscall(SYS_bpf, 0, &attr, sizeof(attr)));
}

static int kernel_keys(void)
{
	return result(syscall(SYS_keyctl, 0 /* KEYCTL_GET_KEYRING_ID */, -3, 1));
}

static int kernel_handle(void)
{
	char handle[144] = "";
	unsigned int *bytes = (unsigned int *)(void *)handle;
	int mount_id;

	*bytes = 128;
	if (syscall(SYS_name_to_handle_at, AT_FDCWD, "/dev", handle, &mount_id, 0))
		return -errno;
	int dev = open("/dev", O_RDONLY);
	return result(syscall(SYS_open_by_handle_at, dev, handle, O_RDONLY));
}

static void *wait_forever(void *unused)
{
	pause();
	return NULL;
}

static int limit_tasks(void)
{
	pthread_attr_t attr;
	pthread_t thread;
	int n = 0;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 65536);
	while (n < THREADS_TRIED && !pthread_create(&thread, &attr, wait_forever, NULL))
		n++;
	printf("breakout: threads %d\n", n);
	return n == THREADS_TRIED ? 0 : -EAGAIN;
}

static int limit_memory(void)
{
	size_t bytes = (size_t)hog << 20;
	char *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return -errno;
	for (size_t i = 0; i < bytes; i += 4096)
		p[i] = 1;
	munmap(p, bytes);
	return 0;
}

static const struct {
	const char *name;
	attempt_fn run;
	const void *needs; // NULL, or an argument without which it makes no sense
} attempts[] = {
	{"file-secret", file_secret, NULL},
	{"file-any", file_any, NULL},
	{"file-write", file_write, NULL},
	{"file-program", file_program, NULL},
	{"file-leaked", file_leaked, NULL},
	{"victim-seen", victim_seen, &victim},
	{"victim-signal", victim_signal, &victim},
	{"victim-ptrace", victim_ptrace, &victim},
	{"victim-memory", victim_memory, &victim},
	{"victim-mem-file", victim_mem_file, &victim},
	{"victim-descriptor", victim_descriptor, &victim},
	{"new-process", new_process, NULL},
	{"new-process-vfork", new_process_vfork, NULL},
	{"program-exec", program_exec, NULL},
	{"program-suid", program_suid, NULL},
	{"be-root", be_root, NULL},
	{"have-capabilities", have_capabilities, NULL},
	{"may-gain", may_gain, NULL},
	{"outlive", outlive, NULL},
	{"core-dump", core_dump, NULL},
	{"net-connect", net_connect, &service},
	{"net-fast-open", net_fast_open, &service},
	{"net-abstract", net_abstract, &service},
	{"net-vsock", net_vsock, NULL},
	{"net-packet", net_packet, NULL},
	{"net-netlink", net_netlink, NULL},
	{"net-listen", net_listen, &other},
	{"net-listen-path", net_listen_path, NULL},
	{"net-published", net_published, &published},
	{"net-published-connect", net_published_connect, &published},
	{"net-published-fast-open", net_published_fast_open, &published},
	{"port-iopl", port_iopl, NULL},
	{"port-ioperm", port_ioperm, NULL},
	{"device-memory", device_memory, NULL},
	{"device-kcore", device_kcore, NULL},
	{"device-disk", device_disk, NULL},
	{"device-make", device_make, NULL},
	{"device-kvm", device_kvm, NULL},
	{"kernel-namespace", kernel_namespace, NULL},
	{"kernel-user-namespace", kernel_user_namespace, NULL},
	{"kernel-mount", kernel_mount, NULL},
	{"kernel-io-uring", kernel_io_uring, NULL},
	{"kernel-userfaultfd", kernel_userfaultfd, NULL},
	{"kernel-bpf", kernel_bpf, NULL},
	{"kernel-keys", kernel_keys, NULL},
	{"kernel-handle", kernel_handle, NULL},
	{"limit-tasks", limit_tasks, NULL},
};

static int number(const char *argument, const char *key, int old)
{
	size_t length = strlen(key);
	return strncmp(argument, key, length) ? old : (int)strtol(argument + length, NULL, 10);
}

static const char *text(const char *argument, const char *key, const char *old)
{
	size_t length = strlen(key);
	return strncmp(argument, key, length) ? old : argument + length;
}

static void serve(int listener)
{
	static const char greeting[] = "{\"QMP\": {\"version\": {}}}\r\n",
			  good[] = "{\"return\": {}}\r\n";
	char line[512];

	for (;;) {
		int fd = accept(listener, NULL, NULL);
		if (fd < 0)
			exit(3);
		ssize_t n = send(fd, greeting, sizeof(greeting) - 1, MSG_NOSIGNAL);
		while (n > 0 && (n = read(fd, line, sizeof(line) - 1)) > 0) {
			line[n] = '\0';
			if (strstr(line, "\"hog\""))
				printf("breakout: limit-memory %s\n",
				       limit_memory() ? "no" : "got");
			n = send(fd, good, sizeof(good) - 1, MSG_NOSIGNAL);
			if (strstr(line, "\"quit\""))
				exit(0);
		}
		close(fd);
	}
}

int main(int argc, char **argv)
{
	int listener = -1;

	if (argc == 2 && !strcmp(argv[1], "--nothing"))
		return 0;
	if (argc == 2 && !strcmp(argv[1], "--root"))
		return geteuid() ? EPERM : 0;
	setvbuf(stdout, NULL, _IOLBF, 0);
	signal(SIGPIPE, SIG_IGN);
	for (int i = 1; i < argc; i++) {
		const char *qmp = strstr(argv[i], "socket,id=qmp,fd=");
		if (qmp)
			listener = (int)strtol(strstr(qmp, "fd=") + 3, NULL, 10);
		victim = number(argv[i], "victim=", victim);
		service = number(argv[i], "service=", service);
		published = number(argv[i], "published=", published);
		other = number(argv[i], "other=", other);
		hog = number(argv[i], "hog=", hog);
		secret = text(argv[i], "secret@", secret);
		suid = text(argv[i], "suid@", suid);
	}
	for (size_t i = 0; i < sizeof(attempts) / sizeof(attempts[0]); i++) {
		if (attempts[i].needs && !*(const int *)attempts[i].needs)
			continue;
		if (attempts[i].run == program_suid && !suid)
			continue;
		int rc = attempts[i].run();
		if (rc)
			printf("breakout: %s no, %s\n", attempts[i].name, strerror(-rc));
		else
			printf("breakout: %s got\n", attempts[i].name);
	}
	printf("breakout: done\n");
	serve(listener);
}
