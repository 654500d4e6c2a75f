// SPDX-License-Identifier: Apache-2.0
// The supervisor's side of the three gated calls. Nothing is ever let through to the kernel on the
// strength of what lies in QEMU's memory, which may change after we have looked: bind and listen
// are answered without being carried out, and the one execve happens before any code of QEMU's.
#include "gate.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
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

static void name_address(char text[GATE_TEXT], const union any_address *address)
{
	char ip[INET_ADDRSTRLEN] = "?";

	if (address->any.sa_family == AF_INET) {
		inet_ntop(AF_INET, &address->in.sin_addr, ip, sizeof(ip));
		snprintf(text, GATE_TEXT, "%s port %u", ip, ntohs(address->in.sin_port));
	} else if (address->any.sa_family == AF_UNIX && address->un.sun_path[0]) {
		printable(text, GATE_TEXT, address->un.sun_path);
	} else {
		snprintf(text, GATE_TEXT, "an address of family %u", address->any.sa_family);
	}
}

// Put our listener in the place of QEMU's socket. 0, or -errno for QEMU.
static int give(struct gate *gate, const struct seccomp_notif *call, struct gate_port *port)
{
	struct seccomp_notif_addfd add = {.id = call->id,
					  .flags = SECCOMP_ADDFD_FLAG_SETFD,
					  .srcfd = (uint32_t)port->listener,
					  .newfd = (uint32_t)call->data.args[0],
					  .newfd_flags = O_CLOEXEC};

	if (ioctl(gate->notify, SECCOMP_IOCTL_NOTIF_ADDFD, &add) < 0)
		return -errno;
	close(port->listener);
	port->listener = -1;
	port->given = (int)add.newfd;
	return 0;
}

static int answer_bind(struct gate *gate, const struct seccomp_notif *call, char refused[GATE_TEXT])
{
	union any_address address;

	if (!read_address((pid_t)call->pid, call->data.args[1], (uint32_t)call->data.args[2],
			  &address))
		return -EFAULT;
	// The process that we have read must be the one that waits.
	if (ioctl(gate->notify, SECCOMP_IOCTL_NOTIF_ID_VALID, &call->id))
		return -ESRCH;
	for (uint32_t i = 0; i < gate->nr_ports; i++) {
		struct gate_port *port = &gate->port[i];
		if (address.any.sa_family == AF_INET &&
		    address.in.sin_addr.s_addr == port->address &&
		    ntohs(address.in.sin_port) == port->port && port->listener >= 0)
			return give(gate, call, port);
	}
	name_address(refused, &address);
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
	if (call.data.nr == SYS_execve && !gate->started) {
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
	return refused[0] ? 1 : 0;
}

void gate_close(struct gate *gate)
{
	if (gate->notify >= 0)
		close(gate->notify);
	gate->notify = -1;
	for (uint32_t i = 0; i < gate->nr_ports; i++)
		if (gate->port[i].listener >= 0)
			close(gate->port[i].listener);
	gate->nr_ports = 0;
}
