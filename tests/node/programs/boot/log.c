// SPDX-License-Identifier: Apache-2.0
// Writes the firmware's event log, as the Core kept it, to standard output.
#include <stdio.h>
#include <string.h>
#include <sys/io.h>
#include <sys/mman.h>
#include <cloister/call.h>

static struct cl_boot_log chunk __attribute__((aligned(CL_PAGE_SIZE)));

int main(void)
{
	if (ioperm(CL_CALL_PORT, 4, 1) || mlock(&chunk, sizeof(chunk))) {
		perror("cl-boot-log");
		return 1;
	}
	do {
		long result = CL_OP_BOOT_LOG;
		__asm__ volatile("outl %%eax, %%dx"
				 : "+a"(result)
				 : "b"(&chunk), "c"(sizeof(chunk)), "d"((uint64_t)CL_CALL_PORT)
				 : "memory", "cc");
		if (result) {
			fprintf(stderr, "cl-boot-log: the Core says %ld\n", result);
			return 1;
		}
		fwrite(chunk.data, 1, chunk.count, stdout);
	} while (chunk.count && chunk.position < chunk.total);
	return fflush(stdout) ? 1 : 0;
}
