// SPDX-License-Identifier: Apache-2.0
// The gate, and the filter that leads to it: a child that is filtered as QEMU is makes the calls,
// this process answers them. All else of a jail is left out, so the child has the same network.
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include <netinet/tcp.h>
#include "../../tools/jail/jail.h"

#define PORT	   7 // of 127.0.0.1, which leads to the service; 9 is one that leads nowhere
#define RESULTS	   64
#define PATIENCE_S 60

typedef void (*calls_fn)(void);

// What the child tells, in memory that both have.
static struct {
	int rc[RESULTS]; // 0 or -errno
	char text[16];
	struct sockaddr_in peer;
} * told;

static struct gate gate;
static int service; // listens
static struct sockaddr_in service_at;
static pid_t child;
static unsigned int nr_told;
static char last_told[GATE_TEXT];

static int result(long rc)
{
	return rc < 0 ? -errno : 0;
}

static int new_socket(void)
{
	return socket(AF_INET, SOCK_STREAM, 0);
}

static int connect_at(int fd, const char *address, uint16_t port)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};

	inet_pton(AF_INET, address, &to.sin_addr);
	return result(connect(fd, (struct sockaddr *)&to, sizeof(to)));
}

// Until it is connected or has failed: 0 or -errno.
static int completed(int fd, int started)
{
	struct pollfd p = {.fd = fd, .events = POLLOUT};
	int error = 0;
	socklen_t size = sizeof(error);

	if (started != -EINPROGRESS)
		return started;
	if (poll(&p, 1, PATIENCE_S * 1000) != 1)
		return -ETIMEDOUT;
	return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) ? -errno : -error;
}

static ssize_t read_patiently(int fd, void *to, size_t bytes)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	return poll(&p, 1, PATIENCE_S * 1000) == 1 ? read(fd, to, bytes) : -1;
}

// Starts a child that is filtered and then makes these calls.
static void start(calls_fn calls, bool connects)
{
	struct jail_plan plan = {.connects = connects};
	const char *what;
	int ready[2], go[2], fd;
	char byte = 0;

	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	assert_int_equal(pipe2(go, O_CLOEXEC), 0);
	child = fork();
	if (child == 0) {
		alarm(PATIENCE_S);
		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
		fd = filter_load(&plan, &what);
		if (write(ready[1], &fd, sizeof(fd)) != sizeof(fd) || read(go[0], &byte, 1) != 1)
			_exit(1);
		close(fd);
		calls();
		_exit(0);
	}
	assert_int_equal(read(ready[0], &fd, sizeof(fd)), sizeof(fd));
	assert_true(fd >= 0);
	int pidfd = (int)syscall(SYS_pidfd_open, child, 0);
	gate.notify = (int)syscall(SYS_pidfd_getfd, pidfd, fd, 0);
	assert_true(gate.notify >= 0);
	assert_int_equal(write(go[1], &byte, 1), 1);
	close(pidfd);
	for (int i = 0; i < 2; i++) {
		close(ready[i]);
		close(go[i]);
	}
}

static void wait_for_call(void)
{
	struct pollfd p = {.fd = gate.notify, .events = POLLIN};

	assert_int_equal(poll(&p, 1, PATIENCE_S * 1000), 1);
	assert_true(p.revents & POLLIN);
}

// Answers until the child has ended; connections to the service are echoed.
static void serve(void)
{
	char refused[GATE_TEXT], byte;
	int status, peer = -1;

	for (;;) {
		struct pollfd p[3] = {{.fd = gate.notify, .events = POLLIN},
				      {.fd = service, .events = POLLIN},
				      {.fd = peer, .events = POLLIN}};
		assert_true(poll(p, 3, PATIENCE_S * 1000) > 0);
		if (p[0].revents & POLLIN) {
			if (gate_serve(&gate, refused)) {
				nr_told++;
				strcpy(last_told, refused);
			}
		} else if (p[0].revents) {
			break;
		}
		if (p[1].revents) {
			close(peer);
			peer = accept4(service, NULL, NULL, SOCK_CLOEXEC);
		} else if (p[2].revents) {
			if (read(peer, &byte, 1) == 1) {
				assert_int_equal(write(peer, &byte, 1), 1);
			} else {
				close(peer);
				peer = -1;
			}
		}
	}
	close(peer);
	assert_int_equal(waitpid(child, &status, 0), child);
	child = 0;
	assert_int_equal(status, 0);
}

static int make_service(void **state)
{
	socklen_t size = sizeof(service_at);

	told = mmap(NULL, sizeof(*told), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	service = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	service_at.sin_family = AF_INET;
	service_at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return told == MAP_FAILED || bind(service, (struct sockaddr *)&service_at, size) ||
	       listen(service, 64) || getsockname(service, (struct sockaddr *)&service_at, &size);
}

static int make_gate(void **state)
{
	alarm(2 * PATIENCE_S);
	memset(told, 0xff, sizeof(*told));
	nr_told = 0;
	gate = (struct gate)GATE_CLOSED;
	gate.started = true;
	return gate_connect(&gate, PORT, "127.0.0.1", ntohs(service_at.sin_port));
}

static int end_gate(void **state)
{
	gate_close(&gate);
	if (child > 0) {
		kill(child, SIGKILL);
		waitpid(child, NULL, 0);
		child = 0;
	}
	return 0;
}

static void call_service(void)
{
	int fd = new_socket();
	int one = 0;
	socklen_t size = sizeof(one);

	told->rc[0] = completed(fd, connect_at(fd, "127.0.0.1", PORT));
	told->rc[1] = write(fd, "x", 1) == 1 ? 0 : -errno;
	told->rc[2] = read_patiently(fd, told->text, 1) == 1 ? 0 : -errno;
	told->rc[3] = fcntl(fd, F_GETFL) & O_NONBLOCK ? 0 : -1;
	told->rc[4] = fcntl(fd, F_GETFD) & FD_CLOEXEC ? 0 : -1;
	told->rc[5] = getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, &size) || !one ? -1 : 0;
	told->rc[6] = getsockopt(fd, SOL_SOCKET, SO_OOBINLINE, &one, &size) || !one ? -1 : 0;
	size = sizeof(told->peer);
	told->rc[7] = result(getpeername(fd, (struct sockaddr *)&told->peer, &size));
}

static void connection_leads_there(void **state)
{
	start(call_service, true);
	gate_settle(&gate);
	assert_true(gate.notify >= 0);
	serve();
	for (int i = 0; i < 8; i++)
		if (told->rc[i])
			fail_msg("%d: %d", i, told->rc[i]);
	assert_int_equal(told->text[0], 'x');
	assert_int_equal(told->peer.sin_port, service_at.sin_port);
	assert_int_equal(nr_told, 0);
}

static void call_others(void)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX, .sun_path = "/run/\033[1m"};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6,
				   .sin6_port = htons(PORT),
				   .sin6_addr = IN6ADDR_LOOPBACK_INIT};
	struct sockaddr_in in = {.sin_family = AF_INET,
				 .sin_port = htons(PORT),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct sockaddr none = {.sa_family = AF_UNSPEC};
	int fd = new_socket(), fd_un = socket(AF_UNIX, SOCK_STREAM, 0);
	int fd6 = socket(AF_INET6, SOCK_STREAM, 0), i = 0;

	told->rc[i++] = connect_at(fd, "127.0.0.1", 9);
	// The service itself, past the port that leads to it.
	told->rc[i++] = connect_at(fd, "127.0.0.1", ntohs(service_at.sin_port));
	told->rc[i++] = connect_at(fd, "127.0.0.2", PORT);
	told->rc[i++] = connect_at(fd, "0.0.0.0", PORT);
	told->rc[i++] = connect_at(fd, "192.0.2.1", PORT);
	told->rc[i++] = result(connect(fd, &none, sizeof(none)));
	told->rc[i++] = result(connect(fd6, (struct sockaddr *)&in6, sizeof(in6)));
	told->rc[i++] = result(connect(fd_un, (struct sockaddr *)&un, sizeof(un)));
	// What is no address.
	told->rc[i++] = result(connect(fd, (struct sockaddr *)&in, 8));
	told->rc[i++] = result(connect(fd, (struct sockaddr *)&in, 1));
	told->rc[i++] = result(connect(fd, (struct sockaddr *)&in, 0xffffffff));
	told->rc[i++] = result(syscall(SYS_connect, fd, 4096, sizeof(in)));
	// What is no descriptor, and none that there could be.
	told->rc[i++] = result(connect(-1, (struct sockaddr *)&in, sizeof(in)));
	told->rc[i++] = result(connect(0x7fffffff, (struct sockaddr *)&in, sizeof(in)));
}

static void others_are_refused(void **state)
{
	static const int wanted[] = {-EACCES, -EACCES, -EACCES, -EACCES, -EACCES, -EACCES, -EACCES,
				     -EACCES, -EINVAL, -EFAULT, -EFAULT, -EFAULT, -EBADF,  -EBADF};

	start(call_others, true);
	gate_settle(&gate);
	serve();
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
		if (told->rc[i] != wanted[i])
			fail_msg("%zu: %d, not %d", i, told->rc[i], wanted[i]);
	assert_int_equal(nr_told, 8);
	assert_string_equal(last_told, "connect to /run/?[1m; see --connect");
}

static void call_again(void)
{
	struct sockaddr none = {.sa_family = AF_UNSPEC};
	int fd = new_socket();

	told->rc[0] = completed(fd, connect_at(fd, "127.0.0.1", PORT));
	told->rc[1] = connect_at(fd, "127.0.0.1", ntohs(service_at.sin_port));
	told->rc[2] = result(connect(fd, &none, sizeof(none)));
	told->rc[3] = write(fd, "y", 1) == 1 ? 0 : -errno;
	told->rc[4] = read_patiently(fd, told->text, 1) == 1 ? 0 : -errno;
	told->rc[5] = result(shutdown(fd, SHUT_RDWR));
	told->rc[6] = connect_at(fd, "127.0.0.1", ntohs(service_at.sin_port));
	told->rc[7] = result(sendto(fd, "x", 1, MSG_FASTOPEN | MSG_NOSIGNAL,
				    (struct sockaddr *)&service_at, sizeof(service_at)));
	told->rc[8] = result(listen(fd, 1));
}

static void connection_cannot_be_turned(void **state)
{
	static const int wanted[] = {0, -EACCES, -EACCES, 0, 0, 0, -EACCES, -ENOSYS, -ENOSYS};

	start(call_again, true);
	gate_settle(&gate);
	serve();
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
		if (told->rc[i] != wanted[i])
			fail_msg("%zu: %d, not %d", i, told->rc[i], wanted[i]);
	assert_int_equal(told->text[0], 'y');
}

static void call_for_the_start(void)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(9)};
	char *const argv[] = {NULL};
	int fd = new_socket();

	told->rc[0] = result(bind(fd, (struct sockaddr *)&in, sizeof(in)));
	told->rc[1] = result(listen(fd, 1));
	told->rc[2] = result(execve("/proc/self/exe", argv, argv));
	told->rc[3] = connect_at(fd, "127.0.0.1", 9);
}

// With the gate open for connections, or closed: QEMU sees no difference.
static void nothing_else_after_the_start(void **state)
{
	start(call_for_the_start, true);
	serve();
	assert_int_equal(told->rc[0], -EACCES);
	assert_int_equal(told->rc[1], -EACCES);
	assert_int_equal(told->rc[2], -EPERM);
	assert_string_equal(last_told, "connect to 127.0.0.1 port 9; see --connect");

	gate_close(&gate);
	start(call_for_the_start, true);
	gate_settle(&gate);
	serve();
	for (int i = 0; i < 3; i++)
		assert_int_equal(told->rc[i], -ENOSYS);
	assert_int_equal(told->rc[3], -EACCES);

	gate_close(&gate);
	start(call_for_the_start, true);
	gate_close(&gate);
	assert_int_equal(waitpid(child, NULL, 0), child);
	child = 0;
	for (int i = 0; i < 4; i++)
		assert_int_equal(told->rc[i], -ENOSYS);
}

static void no_connections_by_default(void **state)
{
	gate.nr_peers = 0;
	start(call_for_the_start, false);
	serve();
	assert_int_equal(told->rc[0], -EACCES);
	assert_int_equal(told->rc[3], -ENOSYS);
	assert_int_equal(nr_told, 1);
	gate_settle(&gate);
	assert_int_equal(gate.notify, -1);
}

static void call_in_vain(void)
{
	int fd = new_socket();

	told->rc[0] = completed(fd, connect_at(fd, "127.0.0.1", PORT));
	told->rc[1] = completed(fd, connect_at(fd, "127.0.0.1", 9));
}

static void nobody_there(void **state)
{
	// A port that is surely nobody's: bound, but not listening.
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(at);
	int fd = new_socket();

	assert_int_equal(bind(fd, (struct sockaddr *)&at, size), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &size), 0);
	gate.peer[0].to = at;
	start(call_in_vain, true);
	gate_settle(&gate);
	serve();
	assert_int_equal(told->rc[0], -ECONNREFUSED);
	assert_int_equal(told->rc[1], -EACCES);
	close(fd);
}

static int open_descriptors(void)
{
	DIR *list = opendir("/proc/self/fd");
	int n = 0;

	assert_non_null(list);
	while (readdir(list))
		n++;
	closedir(list);
	return n;
}

static void call_often(void)
{
	for (int i = 0; i < 40; i++) {
		int fd = new_socket();
		told->rc[i] = connect_at(fd, "192.0.2.1", PORT);
		close(fd);
	}
	told->rc[40] = 0;
	for (int i = 0; i < 40; i++) {
		int fd = new_socket();
		int rc = completed(fd, connect_at(fd, "127.0.0.1", PORT));
		if (rc)
			told->rc[40] = rc;
		close(fd);
	}
}

// QEMU chooses how often it asks: neither words nor descriptors of ours may be used up.
static void asking_is_cheap(void **state)
{
	int before = open_descriptors();

	start(call_often, true);
	gate_settle(&gate);
	serve();
	for (int i = 0; i < 40; i++)
		assert_int_equal(told->rc[i], -EACCES);
	assert_int_equal(told->rc[40], 0);
	assert_int_equal(nr_told, GATE_REFUSED_MAX);
	gate_close(&gate);
	assert_int_equal(open_descriptors(), before);
}

// The one who asked is killed before it was answered: that must not have us wait.
static void killed_while_asking(void **state)
{
	char refused[GATE_TEXT];

	start(call_service, true);
	wait_for_call();
	kill(child, SIGKILL);
	assert_int_equal(waitpid(child, NULL, 0), child);
	child = 0;
	assert_int_equal(gate_serve(&gate, refused), 0);
	assert_int_equal(nr_told, 0);
}

static void peers_are_bounded(void **state)
{
	assert_int_equal(gate_connect(&gate, 1, "192.0.2", 1), -EINVAL);
	for (uint16_t i = 1; i < GATE_PEERS_MAX; i++)
		assert_int_equal(gate_connect(&gate, i, "192.0.2.1", i), 0);
	assert_int_equal(gate_connect(&gate, 99, "192.0.2.1", 99), -E2BIG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(connection_leads_there, make_gate, end_gate),
		cmocka_unit_test_setup_teardown(others_are_refused, make_gate, end_gate),
		cmocka_unit_test_setup_teardown(connection_cannot_be_turned, make_gate, end_gate),
		cmocka_unit_test_setup_teardown(nothing_else_after_the_start, make_gate, end_gate),
		cmocka_unit_test_setup_teardown(no_connections_by_default, make_gate, end_gate),
		cmocka_unit_test_setup_teardown(nobody_there, make_gate, end_gate),
		cmocka_unit_test_setup_teardown(asking_is_cheap, make_gate, end_gate),
		cmocka_unit_test_setup_teardown(killed_while_asking, make_gate, end_gate),
		cmocka_unit_test_setup_teardown(peers_are_bounded, make_gate, end_gate),
	};
	return cmocka_run_group_tests(tests, make_service, NULL);
}
