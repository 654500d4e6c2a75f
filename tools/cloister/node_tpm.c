// SPDX-License-Identifier: Apache-2.0
// Two TPM2_GetCapability commands, made by hand (TPM 2.0 library, part 3, 30.2): properties and the
// allocation of PCRs. Neither needs authorization.
#include "node_tpm.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>
#include "cleanup.h"

#define ANSWER_MAX     4096
#define TIMEOUT_MS     5000
#define CAP_PCRS       5u
#define CAP_PROPERTIES 6u
#define PT_PERMANENT   0x200u
#define OWNER_AUTH_SET 0x1u
#define IN_LOCKOUT     0x200u
#define ALG_SHA256     0x000bu
#define GET_CAPABILITY 0x17a
#define HEADER	       10u		  /* tag, size, response code */
#define DATA	       (HEADER + 1u + 4u) /* moreData, capability */

static uint32_t get16(const uint8_t *p)
{
	return (uint32_t)p[0] << 8 | p[1];
}

static uint32_t get32(const uint8_t *p)
{
	return get16(p) << 16 | get16(p + 2);
}

static void put32(uint8_t *p, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> (24 - 8 * i));
}

// The length of the answer's data, from DATA on; or negative errno.
static int get_capability(int fd, uint32_t capability, uint32_t property,
			  uint8_t answer[ANSWER_MAX])
{
	uint8_t command[22] = {0x80, 0x01};
	struct pollfd ready = {.fd = fd, .events = POLLIN};

	put32(command + 2, sizeof(command));
	put32(command + 6, GET_CAPABILITY);
	put32(command + 10, capability);
	put32(command + 14, property);
	put32(command + 18, 1);
	if (write(fd, command, sizeof(command)) != (ssize_t)sizeof(command))
		return -EIO;
	if (poll(&ready, 1, TIMEOUT_MS) != 1)
		return -ETIMEDOUT;
	ssize_t n = read(fd, answer, ANSWER_MAX);
	if (n < 0)
		return -errno;
	if (n < (ssize_t)DATA + 4 || get16(answer) != 0x8001 || get32(answer + 2) != (uint32_t)n ||
	    get32(answer + 6) || get32(answer + HEADER + 1) != capability)
		return -EPROTO;
	return (int)n - (int)DATA;
}

// TPML_PCR_SELECTION: does the SHA-256 bank have any PCR?
static int has_sha256(const uint8_t *p, size_t left, bool *yes)
{
	uint32_t count = get32(p);

	p += 4;
	left -= 4;
	*yes = false;
	while (count--) {
		if (left < 3 || left - 3 < p[2])
			return -EPROTO;
		for (uint32_t i = 0; i < p[2]; i++)
			*yes |= get16(p) == ALG_SHA256 && p[3 + i];
		left -= 3u + p[2];
		p += 3u + p[2];
	}
	return 0;
}

int node_tpm_ask(const char *device, struct node_tpm *tpm)
{
	uint8_t answer[ANSWER_MAX];
	cleanup_close int fd = open(device, O_RDWR | O_CLOEXEC | O_NOCTTY);

	memset(tpm, 0, sizeof(*tpm));
	if (fd < 0)
		return -errno;
	int n = get_capability(fd, CAP_PROPERTIES, PT_PERMANENT, answer);
	if (n < 0)
		return n;
	// TPML_TAGGED_TPM_PROPERTY with the one that was asked for.
	if (n < 12 || get32(answer + DATA) != 1 || get32(answer + DATA + 4) != PT_PERMANENT)
		return -EPROTO;
	uint32_t permanent = get32(answer + DATA + 8);
	tpm->owner_auth = permanent & OWNER_AUTH_SET;
	tpm->lockout = permanent & IN_LOCKOUT;
	n = get_capability(fd, CAP_PCRS, 0, answer);
	return n < 0 ? n : has_sha256(answer + DATA, (size_t)n, &tpm->sha256);
}
