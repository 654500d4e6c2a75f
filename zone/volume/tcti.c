// SPDX-License-Identifier: Apache-2.0
// TCG TSS 2.0 TPM Command Transmission Interface. What comes back is the host's word: here only its
// frame is checked, the sessions do the rest.
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "tcti.h"

#define MAGIC	    0x636c7470u
#define VERSION	    2u
#define HEADER_SIZE 10u

static int64_t now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static TSS2_RC wait_for(int fd, short events, int64_t until)
{
	struct pollfd p = {.fd = fd, .events = events};
	int64_t left = until - now_ms();
	int n = left > 0 ? poll(&p, 1, (int)left) : 0;

	if (n < 0)
		return errno == EINTR ? TSS2_RC_SUCCESS : TSS2_TCTI_RC_IO_ERROR;
	if (n == 0)
		return TSS2_TCTI_RC_IO_ERROR; // not TRY_AGAIN, at which the library asks again
	// A port without a host on its other end says POLLHUP at once, for ever.
	return p.revents & events ? TSS2_RC_SUCCESS : TSS2_TCTI_RC_IO_ERROR;
}

// Exactly `size` bytes, in or out.
static TSS2_RC transfer(struct port_tcti *tcti, uint8_t *bytes, size_t size, short direction,
			int64_t until)
{
	size_t done = 0;

	while (done < size) {
		TSS2_RC rc = wait_for(tcti->fd, direction, until);
		if (rc)
			return rc;
		ssize_t n = direction == POLLIN ? read(tcti->fd, bytes + done, size - done)
						: write(tcti->fd, bytes + done, size - done);
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n <= 0)
			return TSS2_TCTI_RC_IO_ERROR;
		done += (size_t)n;
	}
	return TSS2_RC_SUCCESS;
}

static TSS2_RC transmit(TSS2_TCTI_CONTEXT *context, size_t size, const uint8_t *command)
{
	struct port_tcti *tcti = (struct port_tcti *)context;
	uint8_t copy[TCTI_MAX];

	if (size < HEADER_SIZE || size > sizeof(copy))
		return TSS2_TCTI_RC_BAD_VALUE;
	memcpy(copy, command, size);
	return transfer(tcti, copy, size, POLLOUT, now_ms() + tcti->timeout_ms);
}

static TSS2_RC receive(TSS2_TCTI_CONTEXT *context, size_t *size, uint8_t *response, int32_t timeout)
{
	struct port_tcti *tcti = (struct port_tcti *)context;
	int64_t until = now_ms() + tcti->timeout_ms;

	if (!response) {
		*size = TCTI_MAX;
		return TSS2_RC_SUCCESS;
	}
	if (*size < HEADER_SIZE)
		return TSS2_TCTI_RC_INSUFFICIENT_BUFFER;
	TSS2_RC rc = transfer(tcti, response, HEADER_SIZE, POLLIN, until);
	if (rc)
		return rc;
	size_t whole = (size_t)response[2] << 24 | (size_t)response[3] << 16 |
		       (size_t)response[4] << 8 | response[5];
	if (whole < HEADER_SIZE || whole > *size || whole > TCTI_MAX)
		return TSS2_TCTI_RC_MALFORMED_RESPONSE;
	rc = transfer(tcti, response + HEADER_SIZE, whole - HEADER_SIZE, POLLIN, until);
	*size = whole;
	return rc;
}

static void finalize(TSS2_TCTI_CONTEXT *context)
{
	((struct port_tcti *)context)->fd = -1;
}

static TSS2_RC cancel(TSS2_TCTI_CONTEXT *context)
{
	return TSS2_TCTI_RC_NOT_IMPLEMENTED;
}

static TSS2_RC poll_handles(TSS2_TCTI_CONTEXT *context, TSS2_TCTI_POLL_HANDLE *handles,
			    size_t *count)
{
	return TSS2_TCTI_RC_NOT_IMPLEMENTED;
}

static TSS2_RC set_locality(TSS2_TCTI_CONTEXT *context, uint8_t locality)
{
	return TSS2_TCTI_RC_NOT_IMPLEMENTED;
}

static TSS2_RC make_sticky(TSS2_TCTI_CONTEXT *context, TPM2_HANDLE *handle, uint8_t sticky)
{
	return TSS2_TCTI_RC_NOT_IMPLEMENTED;
}

void tcti_init(struct port_tcti *tcti, int fd, int timeout_ms)
{
	*tcti = (struct port_tcti){.fd = fd, .timeout_ms = timeout_ms};
	tcti->common.v1.magic = MAGIC;
	tcti->common.v1.version = VERSION;
	tcti->common.v1.transmit = transmit;
	tcti->common.v1.receive = receive;
	tcti->common.v1.finalize = finalize;
	tcti->common.v1.cancel = cancel;
	tcti->common.v1.getPollHandles = poll_handles;
	tcti->common.v1.setLocality = set_locality;
	tcti->common.makeSticky = make_sticky;
}
