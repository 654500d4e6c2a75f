// SPDX-License-Identifier: Apache-2.0
// The zone's side of the call port.
#include <cpuid.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/io.h>
#include <sys/mman.h>
#include "core.h"

#define CALL_PORT_BYTES 4u // a 32-bit OUT needs leave for four ports

// The Core reads and writes the argument through this process's page tables, so the page must be
// there and stay: one page, locked, and written before each call (after a fork(2) only a write
// makes it this process's own).
static union {
	struct cl_report_call report;
	struct cl_seal_key seal_key;
	struct cl_exit exit;
	uint8_t page[CL_PAGE_SIZE];
} argument __attribute__((aligned(CL_PAGE_SIZE)));

int core_open(void)
{
	// Locks are not inherited by fork(2): every process that calls comes through here.
	if (mlock(&argument, sizeof(argument)) || ioperm(CL_CALL_PORT, CALL_PORT_BYTES, 1))
		return -errno;
	return 0;
}

// Every zone has software SEV (AMD APM vol. 3, CPUID 8000_001Fh). An ordinary guest need not try
// the port: QEMU's emulation may refuse it whatever ioperm(2) allowed.
static bool has_sev(void)
{
	unsigned int eax, ebx, ecx, edx;
	return __get_cpuid_count(0x8000001f, 0, &eax, &ebx, &ecx, &edx) && (eax & 2);
}

static int64_t call(enum cl_op op, uint64_t size)
{
	int64_t rax = (int64_t)op;
	if (!has_sev())
		return rax;
	__asm__ volatile("outl %%eax, %%dx"
			 : "+a"(rax)
			 : "b"(&argument), "c"(size), "d"(CL_CALL_PORT)
			 : "memory");
	return rax;
}

int core_report(const uint8_t data[CL_REPORT_DATA], uint8_t report[CL_REPORT_MAX], uint32_t *size)
{
	memset(&argument, 0, sizeof(argument));
	memcpy(argument.report.data, data, CL_REPORT_DATA);
	int64_t result = call(CL_OP_REPORT, sizeof(argument.report));
	if (result == CL_OP_REPORT)
		return CORE_NOT_A_ZONE;
	if (result < 0)
		return result >= -4095 ? (int)result : -EIO;
	uint32_t used = argument.report.size;
	if (used == 0 || used > CL_REPORT_MAX)
		return -EIO;
	memcpy(report, argument.report.report, used);
	*size = used;
	return 0;
}

int core_seal_key(struct cl_seal_key *seal_key)
{
	memset(&argument, 0, sizeof(argument));
	memcpy(argument.seal_key.context, seal_key->context, CL_SEAL_CONTEXT);
	int64_t result = call(CL_OP_SEAL_KEY, sizeof(argument.seal_key));
	if (result == 0)
		*seal_key = argument.seal_key;
	explicit_bzero(&argument, sizeof(argument));
	if (result == CL_OP_SEAL_KEY)
		return CORE_NOT_A_ZONE;
	return result >= -4095 && result <= 0 ? (int)result : -EIO;
}

void core_exit(uint32_t status)
{
	memset(&argument, 0, sizeof(argument));
	argument.exit.status = status;
	(void)call(CL_OP_EXIT, sizeof(argument.exit));
}
