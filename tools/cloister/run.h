/* SPDX-License-Identifier: Apache-2.0 */
/* What `cloister run` was asked for, and the zone that comes of it. */
#ifndef CLOISTER_CLI_RUN_H
#define CLOISTER_CLI_RUN_H

#include <stdbool.h>
#include <stdint.h>
#include "../jail/gate.h"
#include "../launch/zone_image.h"
#include "given.h"
#include "qemu_args.h"
#include "ram.h"
#include "state.h"
#include "volume.h"

#define EXTRA_MAX 64u

struct run_options {
	char name[NAME_MAX_LENGTH + 1]; /* empty: after the image */
	const char *memory;
	uint32_t vcpus; /* 0: one */
	const char *window;
	const char *image;
	const char *qemu;
	const char *loader;
	const char *accel;
	uint32_t idle_ms;
	uint32_t timeout_s;
	bool foreground;
	bool plain;
	bool json;
	struct publish publish[PUBLISH_MAX];
	uint32_t nr_publish;
	struct reach connect[CONNECT_MAX];
	uint32_t nr_connect;
	char *extra[EXTRA_MAX];
	uint32_t nr_extra;
	struct given given[GIVEN_MAX];
	uint32_t nr_given;
	struct volume volume;
	bool no_jail;
	bool host_network;
	uint32_t cpu_weight;
};

struct run {
	struct run_options opt;
	struct zone_image img;
	uint64_t memory;
	uint32_t window_pages;
	char qemu[IMAGE_MAX];	/* absolute */
	char loader[IMAGE_MAX]; /* absolute */
	char image[IMAGE_MAX];	/* absolute */
	struct gate gate;	/* published ports, connections; closed without a jail */
	int signals;		/* signalfd of what should end us */
	int control;		/* to the one who waits for the zone; -1: in the foreground */
};

/* All checks that can be made before anything is made. An exit code; says what is wrong. */
int run_check(struct run *run);

/* Start the zone, look after it until it ends, clean up. An exit code. */
int supervise(struct run *run);

/* Print the result of `run` for a zone that is up. */
int run_report(const char *name, bool json);

/* What a supervisor tells the one who waits. Every other message is a line for people. */
#define CONTROL_READY "ready"

#endif
