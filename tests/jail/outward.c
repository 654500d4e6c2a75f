// SPDX-License-Identifier: Apache-2.0
// What a workload that has broken out of its QEMU could make of `cloister run --connect`. Started
// in QEMU's place like breakout.c, but it is good until its zone is up: then the gate is open for
// connections and nothing else. On the monitor's socket it takes "go", which tries all and prints a
// line for each, "outward: NAME ok" or "outward: NAME why not", and "flood", which keeps on asking.
// It is told by --qemu-arg: zone=PORT (leads to the service), dead=PORT (leads to where nobody
// listens), service=PORT (where the service is).
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define IN_TURN	    200
#define AT_ONCE	    50
#define FLOODS	    8
#define PATIENCE_MS 30000

static int zone, dead, service;

static int result(long rc)
{
	return rc < 0 ? -errno : 0;
}

static struct sockaddr_in at(const char *address, int port)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	inet_pton(AF_INET, address, &in.sin_addr);
	return in;
}

static int start_connecting(int fd, const char *address, int port)
{
	struct sockaddr_in to = at(address, port);
	return result(connect(fd, (struct sockaddr *)&to, sizeof(to)));
}

static int complete(int fd, int started)
{
	struct pollfd p = {.fd = fd, .events = POLLOUT};
	int error = 0;
	socklen_t size = sizeof(error);

	if (started != -EINPROGRESS)
		return started;
	if (poll(&p, 1, PATIENCE_MS) != 1)
		return -ETIMEDOUT;
	return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) ? -errno : -error;
}

// The service gives back what it is sent in capitals.
static int talk(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	char text[6] = "hello";
	size_t have = 0;

	if (send(fd, text, 5, MSG_NOSIGNAL) != 5)
		return -errno;
	while (have < 5) {
		ssize_t n = poll(&p, 1, PATIENCE_MS) == 1 ? read(fd, text + have, 5 - have) : -1;
		if (n <= 0)
			return -EIO;
		have += (size_t)n;
	}
	return strcmp(text, "HELLO") ? -EBADMSG : 0;
}

// A socket of this type, connected and talked with. A descriptor or -errno.
static int open_talk(int type, const char *address, int port)
{
	int fd = socket(AF_INET, type, 0);
	int rc = fd < 0 ? -errno : complete(fd, start_connecting(fd, address, port));

	if (!rc)
		rc = talk(fd);
	if (rc && fd >= 0)
		close(fd);
	return rc ? rc : fd;
}

static int once(int type, const char *address, int port)
{
	int fd = open_talk(type, address, port);
	return fd < 0 ? fd : close(fd);
}

static int allowed(void)
{
	return once(SOCK_STREAM, "127.0.0.1", zone);
}

// What the socket was before does not matter.
static int allowed_datagram(void)
{
	return once(SOCK_DGRAM, "127.0.0.1", zone);
}

static int refused(void)
{
	return once(SOCK_STREAM, "127.0.0.1", dead);
}

static int direct(void)
{
	return once(SOCK_STREAM, "127.0.0.1", service);
}

static int other_address(void)
{
	return once(SOCK_STREAM, "127.0.0.2", zone);
}

static int outside(void)
{
	return once(SOCK_STREAM, "192.0.2.1", zone);
}

static int abstract(void)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX, .sun_path = "\0cloister-test-service"};
	socklen_t size = (socklen_t)(sizeof(sa_family_t) + 1 + strlen(to.sun_path + 1));
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	int rc = fd < 0 ? -errno : result(connect(fd, (struct sockaddr *)&to, size));
	close(fd);
	return rc;
}

// What QEMU's user network does for a zone's UDP, DNS among it.
static int datagram(void)
{
	struct sockaddr_in to = at("127.0.0.1", service);
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	int rc = result(sendto(fd, "x", 1, 0, (struct sockaddr *)&to, sizeof(to)));
	close(fd);
	return rc;
}

// A connection that was allowed is a socket of the host's. Make it lead elsewhere.
static int turn(int how(int fd))
{
	int fd = open_talk(SOCK_STREAM, "127.0.0.1", zone);
	int rc = fd < 0 ? fd : how(fd);

	if (fd >= 0)
		close(fd);
	return rc;
}

static int connect_on(int fd)
{
	return start_connecting(fd, "127.0.0.1", service);
}

static int disconnect(int fd)
{
	struct sockaddr none = {.sa_family = AF_UNSPEC};
	return result(connect(fd, &none, sizeof(none)));
}

static int reconnect(int fd)
{
	shutdown(fd, SHUT_RDWR);
	return connect_on(fd);
}

static int fast_open(int fd)
{
	struct sockaddr_in to = at("127.0.0.1", service);
	shutdown(fd, SHUT_RDWR);
	return result(sendto(fd, "x", 1, MSG_FASTOPEN | MSG_NOSIGNAL, (struct sockaddr *)&to,
			     sizeof(to)));
}

static int listen_on(int fd)
{
	shutdown(fd, SHUT_RDWR);
	return result(listen(fd, 1));
}

static int turn_connect(void)
{
	return turn(connect_on);
}

static int turn_disconnect(void)
{
	return turn(disconnect);
}

static int turn_reconnect(void)
{
	return turn(reconnect);
}

static int turn_fast_open(void)
{
	return turn(fast_open);
}

static int turn_listen(void)
{
	return turn(listen_on);
}

static int late_bind(void)
{
	struct sockaddr_in any = at("127.0.0.1", 0);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	int rc = result(bind(fd, (struct sockaddr *)&any, sizeof(any)));
	close(fd);
	return rc;
}

static int late_listen(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	int rc = result(listen(fd, 1));
	close(fd);
	return rc;
}

// There is no such program, which one who may execute programs is told.
static int late_exec(void)
{
	char *const none[] = {NULL};
	return result(execve("/none", none, none));
}

static int in_turn(void)
{
	int rc = 0;
	for (int i = 0; !rc && i < IN_TURN; i++)
		rc = allowed();
	return rc;
}

static pthread_barrier_t all_connected;

static void *one_of_many(void *rc)
{
	int fd = open_talk(SOCK_STREAM, "127.0.0.1", zone);

	pthread_barrier_wait(&all_connected);
	*(int *)rc = fd < 0 ? fd : talk(fd);
	if (fd >= 0)
		close(fd);
	return NULL;
}

static int at_once(void)
{
	pthread_t thread[AT_ONCE];
	int rc[AT_ONCE], first = 0;

	pthread_barrier_init(&all_connected, NULL, AT_ONCE);
	for (int i = 0; i < AT_ONCE; i++)
		if (pthread_create(&thread[i], NULL, one_of_many, &rc[i]))
			return -EAGAIN; // those that there are wait for ever
	for (int i = 0; i < AT_ONCE; i++) {
		pthread_join(thread[i], NULL);
		if (!first)
			first = rc[i];
	}
	return first;
}

static const struct {
	const char *name;
	int (*run)(void);
} attempts[] = {
	{"allowed", allowed},
	{"allowed-datagram", allowed_datagram},
	{"refused", refused},
	{"direct", direct},
	{"other-address", other_address},
	{"outside", outside},
	{"abstract", abstract},
	{"datagram", datagram},
	{"turn-connect", turn_connect},
	{"turn-disconnect", turn_disconnect},
	{"turn-reconnect", turn_reconnect},
	{"turn-fast-open", turn_fast_open},
	{"turn-listen", turn_listen},
	{"late-bind", late_bind},
	{"late-listen", late_listen},
	{"late-exec", late_exec},
	{"in-turn", in_turn},
	{"at-once", at_once},
	{"allowed-still", allowed},
};

static void go(void)
{
	for (size_t i = 0; i < sizeof(attempts) / sizeof(attempts[0]); i++) {
		int rc = attempts[i].run();
		printf("outward: %s %s\n", attempts[i].name, rc ? strerror(-rc) : "ok");
	}
	printf("outward: done\n");
}

__attribute__((noreturn)) static void *ask_for_ever(void *unused)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	for (;;)
		start_connecting(fd, "192.0.2.1", 80);
}

static void flood(void)
{
	pthread_t thread;
	for (int i = 0; i < FLOODS; i++)
		if (pthread_create(&thread, NULL, ask_for_ever, NULL))
			printf("outward: no thread\n");
	printf("outward: flooding\n");
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
			if (strstr(line, "\"go\""))
				go();
			if (strstr(line, "\"flood\""))
				flood();
			n = send(fd, good, sizeof(good) - 1, MSG_NOSIGNAL);
			if (strstr(line, "\"quit\""))
				exit(0);
		}
		close(fd);
	}
}

static int number(const char *argument, const char *key, int old)
{
	size_t length = strlen(key);
	return strncmp(argument, key, length) ? old : (int)strtol(argument + length, NULL, 10);
}

int main(int argc, char **argv)
{
	int listener = -1;

	setvbuf(stdout, NULL, _IOLBF, 0);
	signal(SIGPIPE, SIG_IGN);
	for (int i = 1; i < argc; i++) {
		const char *qmp = strstr(argv[i], "socket,id=qmp,fd=");
		if (qmp)
			listener = (int)strtol(strstr(qmp, "fd=") + 3, NULL, 10);
		zone = number(argv[i], "zone=", zone);
		dead = number(argv[i], "dead=", dead);
		service = number(argv[i], "service=", service);
	}
	serve(listener);
}
