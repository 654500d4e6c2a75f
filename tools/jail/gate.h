/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The system calls that QEMU needs while it starts and never again: execve, once, and bind and
 * listen for the ports that are published. The filter sends them here (seccomp_unotify(2)). A
 * published port is a socket that the supervisor has made in the host's network; QEMU gets it in
 * place of the one that it wanted to bind. With the gate closed all three fail.
 */
#ifndef CLOISTER_JAIL_GATE_H
#define CLOISTER_JAIL_GATE_H

#include <stdbool.h>
#include <stdint.h>

#define GATE_PORTS_MAX 17u
#define GATE_TEXT      96

struct gate_port {
	uint32_t address; /* network byte order */
	uint16_t port;	  /* host byte order */
	int listener;	  /* -1: given away */
	int given;	  /* as which descriptor; -1: not yet */
};

struct gate {
	int notify; /* poll for POLLIN; -1: closed */
	bool started;
	struct gate_port port[GATE_PORTS_MAX];
	uint32_t nr_ports;
};

#define GATE_CLOSED                                                                                \
	{                                                                                          \
		.notify = -1                                                                       \
	}

/* Listen on a port of the host for the jail. 0 or -errno. */
int gate_listen(struct gate *gate, const char *address, uint16_t port);

/* QEMU inherits this socket, which listens already: its own listen(2) is to succeed. */
int gate_inherits(struct gate *gate, int fd);

/*
 * Answer one call. 0; 1 if it was refused in a way that a person should know of: refused says
 * what it wanted.
 */
int gate_serve(struct gate *gate, char refused[GATE_TEXT]);

void gate_close(struct gate *gate);

#endif
