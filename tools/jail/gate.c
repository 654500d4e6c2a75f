// SPDX-License-Identifier: Apache-2.0
// The supervisor's side of the gated calls. Nothing is ever let through to the kernel on the
// strength of what lies in QEMU's memory, which may change after we have looked: bind, listen and
// connect are answered without being carried out, and the one execve happens before any code of
// QEMU's.
#include "gate.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>
#include <linux/seccomp.h>
#include "../cloister/cleanup.h"
#include "../cloister/message.h"

union any_address {
	struct sockaddr any;
	struct sockaddr_in in;
	struct sockaddr_un un;
	char bytes[128];
};

int gate_listen(struct gate *gate, const char *address, uint16_t port)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(port)};
	int one = 1;

	if (gate->nr_ports == GATE_PORTS_MAX)
		return -E2BIG;
	if (inet_pton(AF_INET, address, &in.sin_addr) != 1)
		return -EINVAL;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	// A connection in TIME_WAIT does not matter, a listener does.
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) ||
	    bind(fd, (struct sockaddr *)&in, sizeof(in)) || listen(fd, SOMAXCONN)) {
		int rc = -errno;
		if (fd >= 0)
			close(fd);
		return rc;
	}
	gate->port[gate->nr_ports++] = (struct gate_port){
		.address = in.sin_addr.s_addr, .port = port, .listener = fd, .given = -1};
	return 0;
}

int gate_connect(struct gate *gate, uint16_t port, const char *to_address, uint16_t to_port)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(to_port)};

	if (gate->nr_peers == GATE_PEERS_MAX)
		return -E2BIG;
	if (inet_pton(AF_INET, to_address, &to.sin_addr) != 1)
		return -EINVAL;
	gate->peer[gate->nr_peers++] = (struct gate_peer){.port = port, .to = to};
	return 0;
}

int gate_inherits(struct gate *gate, int fd)
{
	if (gate->nr_ports == GATE_PORTS_MAX)
		return -E2BIG;
	gate->port[gate->nr_ports++] = (struct gate_port){.listener = -1, .given = fd};
	return 0;
}

static bool read_address(pid_t pid, uint64_t from, uint64_t bytes, union any_address *address)
{
	struct iovec local = {address, sizeof(*address)};
	// NOLINTNEXTLINE(performance-no-int-to-ptr): an address in the other process
	struct iovec remote = {(void *)(uintptr_t)from, bytes};

	memset(address, 0, sizeof(*address));
	if (bytes < sizeof(sa_family_t) || bytes >= sizeof(*address))
		return false;
	local.iov_len = bytes;
	return process_vm_readv(pid, &local, 1, &remote, 1, 0) == (ssize_t)bytes;
}

// What bind and connect have in common. The address is copied once. 0, or -errno for QEMU.
static int take_address(const struct gate *gate, const struct seccomp_notif *call,
			union any_address *address)
{
	uint32_t bytes = (uint32_t)call->data.args[2];

	if (!read_address((pid_t)call->pid, call->data.args[1], bytes, address))
		return -EFAULT;
	// The process that we have read must be the one that waits.
	if (ioctl(gate->notify, SECCOMP_IOCTL_NOTIF_ID_VALID, &call->id))
		return -ESRCH;
	return address->any.sa_family == AF_INET && bytes < sizeof(address->in) ? -EINVAL : 0;
}

static bool is_port(const union any_address *address, uint32_t ip, uint16_t port)
{
	return address->any.sa_family == AF_INET && address->in.sin_addr.s_addr == ip &&
	       ntohs(address->in.sin_port) == port;
}

static void refuse(char text[GATE_TEXT], const char *what, const union any_address *address,
		   const char *option)
{
	char name[GATE_TEXT / 2], ip[INET_ADDRSTRLEN] = "?";

	if (address->any.sa_family == AF_INET) {
		inet_ntop(AF_INET, &address->in.sin_addr, ip, sizeof(ip));
		snprintf(name, sizeof(name), "%s port %u", ip, ntohs(address->in.sin_port));
	} else if (address->any.sa_family == AF_UNIX && address->un.sun_path[0]) {
		printable(name, sizeof(name), address->un.sun_path);
	} else {
		snprintf(name, sizeof(name), "an address of family %u", address->any.sa_family);
	}
	snprintf(text, GATE_TEXT, "%s %s; see %s", what, name, option);
}

// Put our socket in the place of QEMU's. 0, or -errno for QEMU.
static int replace(const struct gate *gate, const struct seccomp_notif *call, int ours)
{
	struct seccomp_notif_addfd add = {.id = call->id,
					  .flags = SECCOMP_ADDFD_FLAG_SETFD,
					  .srcfd = (uint32_t)ours,
					  .newfd = (uint32_t)call->data.args[0],
					  .newfd_flags = O_CLOEXEC};

	return ioctl(gate->notify, SECCOMP_IOCTL_NOTIF_ADDFD, &add) < 0 ? -errno : 0;
}

static int give(const struct gate *gate, const struct seccomp_notif *call, struct gate_port *port)
{
	int rc = replace(gate, call, port->listener);

	if (rc)
		return rc;
	close(port->listener);
	port->listener = -1;
	port->given = (int)call->data.args[0];
	return 0;
}

static int answer_bind(struct gate *gate, const struct seccomp_notif *call, char refused[GATE_TEXT])
{
	union any_address address;
	int rc = take_address(gate, call, &address);

	if (rc)
		return rc;
	for (uint32_t i = 0; i < gate->nr_ports; i++) {
		struct gate_port *port = &gate->port[i];
		if (port->listener >= 0 && is_port(&address, port->address, port->port))
			return give(gate, call, port);
	}
	refuse(refused, "listen on", &address, "--publish");
	return -EACCES;
}

// On its way to there. What connect(2) gives, with the socket in *fd.
static int start_connection(const struct sockaddr_in *to, int *fd)
{
	int one = 1;

	*fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	// Those that libslirp gives to the socket that this one replaces.
	if (*fd < 0 || setsockopt(*fd, SOL_SOCKET, SO_OOBINLINE, &one, sizeof(one)) ||
	    setsockopt(*fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)))
		return -errno;
	return connect(*fd, (const struct sockaddr *)to, sizeof(*to)) ? -errno : 0;
}

// QEMU never holds a socket of the host's network that has not been told where to connect.
static int give_connection(const struct gate *gate, const struct seccomp_notif *call,
			   const struct sockaddr_in *to)
{
	cleanup_close int fd = -1;
	int connected = start_connection(to, &fd);

	if (connected && connected != -EINPROGRESS)
		return connected;
	int rc = replace(gate, call, fd);
	return rc ? rc : connected;
}

static int answer_connect(const struct gate *gate, const struct seccomp_notif *call,
			  char refused[GATE_TEXT])
{
	union any_address address;
	int rc = take_address(gate, call, &address);

	if (rc)
		return rc;
	for (uint32_t i = 0; i < gate->nr_peers; i++)
		if (is_port(&address, htonl(INADDR_LOOPBACK), gate->peer[i].port))
			return give_connection(gate, call, &gate->peer[i].to);
	refuse(refused, "connect to", &address, "--connect");
	return -EACCES;
}

static int answer_listen(const struct gate *gate, const struct seccomp_notif *call)
{
	for (uint32_t i = 0; i < gate->nr_ports; i++)
		if (gate->port[i].given >= 0 && (int)call->data.args[0] == gate->port[i].given)
			return 0; // it does already
	return -EACCES;
}

int gate_serve(struct gate *gate, char refused[GATE_TEXT])
{
	struct seccomp_notif call = {0};
	struct seccomp_notif_resp response = {0};
	int rc = -EPERM;

	refused[0] = '\0';
	if (ioctl(gate->notify, SECCOMP_IOCTL_NOTIF_RECV, &call))
		return 0; // it was killed meanwhile
	if (call.data.nr == SYS_connect) {
		rc = answer_connect(gate, &call, refused);
	} else if (gate->connects_only) {
		rc = -ENOSYS; // as the kernel answers where the gate is closed
	} else if (call.data.nr == SYS_execve && !gate->started) {
		gate->started = true;
		response.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
		rc = 0;
	} else if (call.data.nr == SYS_bind) {
		rc = answer_bind(gate, &call, refused);
	} else if (call.data.nr == SYS_listen) {
		rc = answer_listen(gate, &call);
	}
	response.id = call.id;
	response.error = rc;
	if (ioctl(gate->notify, SECCOMP_IOCTL_NOTIF_SEND, &response))
		return 0;
	if (!refused[0] || gate->nr_refused == GATE_REFUSED_MAX)
		return 0;
	gate->nr_refused++;
	return 1;
}

static void close_ports(struct gate *gate)
{
	for (uint32_t i = 0; i < gate->nr_ports; i++)
		if (gate->port[i].listener >= 0)
			close(gate->port[i].listener);
	gate->nr_ports = 0;
}

void gate_settle(struct gate *gate)
{
	gate->connects_only = true;
	close_ports(gate);
	if (!gate->nr_peers)
		gate_close(gate);
}

void gate_close(struct gate *gate)
{
	if (gate->notify >= 0)
		close(gate->notify);
	gate->notify = -1;
	close_ports(gate);
}
