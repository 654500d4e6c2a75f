// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <sys/io.h>
#include <unistd.h>
#include "attack.h"

#define NOBODY 65534

static sigjmp_buf back;

static void fault(int number)
{
	siglongjmp(back, number);
}

/* Does anything answer an OUT to the Core's port? */
static bool answers(uint32_t op)
{
	if (sigsetjmp(back, 1))
		return false;
	static struct cl_core_info info;
	long r = (long)op;

	__asm__ volatile("outl %%eax, %%dx"
			 : "+a"(r)
			 : "b"(&info), "c"(sizeof(info)), "d"((uint64_t)CL_CALL_PORT)
			 : "memory");
	return r != (long)op;
}

static bool opens(const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return false;
	close(fd);
	return true;
}

ATTACK(unprivileged, "process without privileges", "the same as root, whose calls are answered",
       "A process without privileges calls the Core's port with every operation, with and without "
       "ioperm(2) and iopl(2), and opens the devices that would lead around it. Gained: calls "
       "answered, devices opened.")
{
	static const char *const paths[] = {"/dev/mem", "/dev/port", "/dev/kvm", "/dev/cpu/0/msr",
					    "/run/cloister"};
	struct sigaction action = {.sa_handler = fault};

	/* Root's answer first: the port is there at all. */
	expect(core_info().abi_version == CL_ABI_VERSION, "root gets no answer");
	ioperm(CL_CALL_PORT, 4, 0);
	if (setresgid(NOBODY, NOBODY, NOBODY) || setresuid(NOBODY, NOBODY, NOBODY))
		die("setuid");
	sigaction(SIGSEGV, &action, NULL);
	for (uint32_t op = 0x435a0100; op < 0x435a0210; op++) {
		tried(1);
		gained(answers(op));
	}
	tried(2);
	gained(!ioperm(CL_CALL_PORT, 4, 1));
	gained(!iopl(3));
	for (unsigned i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		tried(1);
		bool open = opens(paths[i]);

		gained(open);
		if (open)
			outcome("%s can be opened", paths[i]);
	}
}
