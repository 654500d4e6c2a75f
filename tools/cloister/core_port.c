// SPDX-License-Identifier: Apache-2.0
// OUT to the Core's port (<cloister/call.h>).
#include "core_port.h"
#include <errno.h>
#include <string.h>
#include <sys/io.h>
#include <sys/mman.h>
#include <cloister/call.h>

#define PORTS 4 // a 32-bit OUT covers four

// The Core reads and writes the argument through our page tables and faults nothing in.
static uint8_t buffer[CORE_PORT_MAX] __attribute__((aligned(CL_PAGE_SIZE)));

long core_port_call(uint32_t op, void *argument, size_t bytes)
{
	if (bytes > sizeof(buffer))
		return -EINVAL;
	// Each time: a fork keeps the buffer, but not the lock.
	if (mlock(buffer, sizeof(buffer)))
		return -errno;
	// I/O permission survives fork and exec: have it only for the call, so that QEMU, started
	// by this program, does not inherit it.
	if (ioperm(CL_CALL_PORT, PORTS, 1))
		return errno == EPERM ? -EPERM : -ENOTSUP;
	memset(buffer, 0, sizeof(buffer)); // present and writable
	memcpy(buffer, argument, bytes);
	long result = (long)op;
	__asm__ volatile("outl %%eax, %%dx"
			 : "+a"(result)
			 : "b"(buffer), "c"(bytes), "d"((uint64_t)CL_CALL_PORT)
			 : "memory", "cc");
	ioperm(CL_CALL_PORT, PORTS, 0);
	if (result == (long)op)
		return -ENODEV;
	if (result >= 0)
		memcpy(argument, buffer, bytes);
	return result;
}
