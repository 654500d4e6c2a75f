/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The system calls that QEMU needs while it starts and never again: execve, once, and bind and
 * listen for the ports that are published. The filter sends them here (seccomp_unotify(2)). A
 * published port is a socket that the supervisor has made in the host's network; QEMU gets it in
 * place of the one that it wanted to bind. With the gate closed all three fail.
 *
 * connect is gated if there is something that the zone may reach, and then for as long as QEMU
 * runs: a connection to a given port of 127.0.0.1 becomes one, made by the supervisor in the host's
 * network, to where that port leads. QEMU gets it in place of its socket.
 */
#ifndef CLOISTER_JAIL_GATE_H
#define CLOISTER_JAIL_GATE_H

#include <stdbool.h>
#include <stdint.h>
#include <netinet/in.h>

#define GATE_PORTS_MAX	 17u
#define GATE_PEERS_MAX	 16u
#define GATE_TEXT	 128
#define GATE_REFUSED_MAX 16u /* refusals that are told: QEMU chooses how often it asks */

struct gate_port {
	uint32_t address; /* network byte order */
	uint16_t port;	  /* host byte order */
	int listener;	  /* -1: given away */
	int given;	  /* as which descriptor; -1: not yet */
};

struct gate_peer {
	uint16_t port; /* of 127.0.0.1, host byte order */
	struct sockaddr_in to;
};

struct gate {
	int notify; /* poll for POLLIN; -1: closed */
	bool started;
	bool connects_only;
	struct gate_port port[GATE_PORTS_MAX];
	uint32_t nr_ports;
	struct gate_peer peer[GATE_PEERS_MAX];
	uint32_t nr_peers;
	uint32_t nr_refused; /* that were told */
};

#define GATE_CLOSED                                                                                \
	{                                                                                          \
		.notify = -1                                                                       \
	}

/* Listen on a port of the host for the jail. 0 or -errno. */
int gate_listen(struct gate *gate, const char *address, uint16_t port);

/* Let the jail connect to this port of 127.0.0.1, which is then that one. 0 or -errno. */
int gate_connect(struct gate *gate, uint16_t port, const char *to_address, uint16_t to_port);

/* QEMU inherits this socket, which listens already: its own listen(2) is to succeed. */
int gate_inherits(struct gate *gate, int fd);

/*
 * Answer one call, without waiting for anybody but the thread that made it. 0; 1 if it was refused
 * in a way that a person should know of: refused says what QEMU may not do. Not all refusals are
 * told, GATE_REFUSED_MAX at most.
 */
int gate_serve(struct gate *gate, char refused[GATE_TEXT]);

/* QEMU has started: from now on connections only, and nothing if there are none to be made. */
void gate_settle(struct gate *gate);

void gate_close(struct gate *gate);

#endif
