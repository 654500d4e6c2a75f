// SPDX-License-Identifier: Apache-2.0
// The system calls that QEMU may make, and no others: what is not here fails with ENOSYS, as on an
// old kernel, for which libraries have another way or none. libseccomp does what is easily done
// wrong by hand: other architectures' numbers, arguments of 64 bits. QEMU's own filter (-sandbox)
// comes on top.
#include <errno.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include "jail.h"

#define NEW_NAMESPACES                                                                             \
	(CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER |             \
	 CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWTIME)

static const int allowed[] = {
	// Memory
	SCMP_SYS(brk),
	SCMP_SYS(mmap),
	SCMP_SYS(munmap),
	SCMP_SYS(mremap),
	SCMP_SYS(mprotect),
	SCMP_SYS(madvise),
	SCMP_SYS(mincore),
	SCMP_SYS(msync),
	SCMP_SYS(membarrier),
	SCMP_SYS(memfd_create),
	SCMP_SYS(mbind),
	SCMP_SYS(get_mempolicy),
	// Threads and their locks; fork is none of them (clone below, clone3 gives ENOSYS)
	SCMP_SYS(futex),
	SCMP_SYS(set_robust_list),
	SCMP_SYS(get_robust_list),
	SCMP_SYS(rseq),
	SCMP_SYS(set_tid_address),
	SCMP_SYS(gettid),
	SCMP_SYS(getpid),
	SCMP_SYS(getppid),
	SCMP_SYS(sched_yield),
	SCMP_SYS(sched_getaffinity),
	SCMP_SYS(getcpu),
	SCMP_SYS(arch_prctl),
	SCMP_SYS(exit),
	SCMP_SYS(exit_group),
	SCMP_SYS(restart_syscall),
	// Signals. There is nobody else in its PID namespace.
	SCMP_SYS(rt_sigaction),
	SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(rt_sigreturn),
	SCMP_SYS(rt_sigpending),
	SCMP_SYS(rt_sigtimedwait),
	SCMP_SYS(rt_sigsuspend),
	SCMP_SYS(sigaltstack),
	SCMP_SYS(kill),
	SCMP_SYS(tkill),
	SCMP_SYS(tgkill),
	SCMP_SYS(signalfd4),
	SCMP_SYS(signalfd),
	SCMP_SYS(pause),
	// Files: those of the jail's tree and those that it was given
	SCMP_SYS(read),
	SCMP_SYS(write),
	SCMP_SYS(readv),
	SCMP_SYS(writev),
	SCMP_SYS(pread64),
	SCMP_SYS(pwrite64),
	SCMP_SYS(preadv),
	SCMP_SYS(pwritev),
	SCMP_SYS(preadv2),
	SCMP_SYS(pwritev2),
	SCMP_SYS(lseek),
	SCMP_SYS(open),
	SCMP_SYS(openat),
	SCMP_SYS(close),
	SCMP_SYS(close_range),
	SCMP_SYS(stat),
	SCMP_SYS(lstat),
	SCMP_SYS(fstat),
	SCMP_SYS(newfstatat),
	SCMP_SYS(statx),
	SCMP_SYS(statfs),
	SCMP_SYS(fstatfs),
	SCMP_SYS(access),
	SCMP_SYS(faccessat),
	SCMP_SYS(faccessat2),
	SCMP_SYS(readlink),
	SCMP_SYS(readlinkat),
	SCMP_SYS(getdents64),
	SCMP_SYS(getcwd),
	SCMP_SYS(chdir),
	SCMP_SYS(umask),
	SCMP_SYS(fcntl),
	SCMP_SYS(flock),
	SCMP_SYS(fsync),
	SCMP_SYS(fdatasync),
	SCMP_SYS(sync_file_range),
	SCMP_SYS(ftruncate),
	SCMP_SYS(fallocate),
	SCMP_SYS(fadvise64),
	SCMP_SYS(copy_file_range),
	SCMP_SYS(dup),
	SCMP_SYS(dup2),
	SCMP_SYS(dup3),
	SCMP_SYS(pipe),
	SCMP_SYS(pipe2),
	SCMP_SYS(splice),
	SCMP_SYS(inotify_init1),
	SCMP_SYS(inotify_add_watch),
	SCMP_SYS(inotify_rm_watch),
	SCMP_SYS(unlink),
	// Events and time
	SCMP_SYS(poll),
	SCMP_SYS(ppoll),
	SCMP_SYS(select),
	SCMP_SYS(pselect6),
	SCMP_SYS(epoll_create),
	SCMP_SYS(epoll_create1),
	SCMP_SYS(epoll_ctl),
	SCMP_SYS(epoll_wait),
	SCMP_SYS(epoll_pwait),
	SCMP_SYS(epoll_pwait2),
	SCMP_SYS(eventfd2),
	SCMP_SYS(timerfd_create),
	SCMP_SYS(timerfd_settime),
	SCMP_SYS(timerfd_gettime),
	SCMP_SYS(timer_create),
	SCMP_SYS(timer_settime),
	SCMP_SYS(timer_gettime),
	SCMP_SYS(timer_delete),
	SCMP_SYS(timer_getoverrun),
	SCMP_SYS(clock_gettime),
	SCMP_SYS(clock_getres),
	SCMP_SYS(clock_nanosleep),
	SCMP_SYS(nanosleep),
	SCMP_SYS(gettimeofday),
	SCMP_SYS(time),
	SCMP_SYS(times),
	// Linux's own asynchronous disk I/O; not io_uring, which gets around any filter
	SCMP_SYS(io_setup),
	SCMP_SYS(io_destroy),
	SCMP_SYS(io_submit),
	SCMP_SYS(io_getevents),
	SCMP_SYS(io_cancel),
	// Sockets: no new peer but one that comes to a published port, or that was given (below)
	SCMP_SYS(socketpair),
	SCMP_SYS(accept),
	SCMP_SYS(accept4),
	SCMP_SYS(recvfrom),
	SCMP_SYS(recvmsg),
	SCMP_SYS(recvmmsg),
	SCMP_SYS(shutdown),
	SCMP_SYS(getsockname),
	SCMP_SYS(getpeername),
	SCMP_SYS(getsockopt),
	SCMP_SYS(setsockopt),
	// What it may know about itself and the kernel
	SCMP_SYS(uname),
	SCMP_SYS(sysinfo),
	SCMP_SYS(getrandom),
	SCMP_SYS(getrusage),
	SCMP_SYS(getrlimit),
	SCMP_SYS(getuid),
	SCMP_SYS(geteuid),
	SCMP_SYS(getgid),
	SCMP_SYS(getegid),
	SCMP_SYS(getresuid),
	SCMP_SYS(getresgid),
	SCMP_SYS(getgroups),
	SCMP_SYS(getpgrp),
	SCMP_SYS(getpgid),
	SCMP_SYS(getsid),
	SCMP_SYS(capget),
	// A tighter filter is always welcome.
	SCMP_SYS(seccomp),
};

// socket(2): vsock, for one, knows no namespaces.
static const unsigned int families[] = {AF_UNIX, AF_INET, AF_INET6};

// prctl(2): names, filters, and nothing that would undo PR_SET_PDEATHSIG.
static const unsigned int controls[] = {PR_SET_NAME,	 PR_GET_NAME,	      PR_SET_SECCOMP,
					PR_GET_SECCOMP,	 PR_SET_NO_NEW_PRIVS, PR_SET_TIMERSLACK,
					PR_GET_DUMPABLE, PR_CAPBSET_READ,     PR_MCE_KILL};

#define IOCTL_TYPE(type) ((type) << 8)
#define FIONREAD_	 0x541bu
#define FIONBIO_	 0x5421u
#define FIONCLEX_	 0x5450u
#define FIOCLEX_	 0x5451u
#define BLKROGET_	 0x125eu // may a block device be written? QEMU wants to know of a volume

static int allow_if(scmp_filter_ctx ctx, int call, unsigned int argument, uint64_t mask,
		    uint64_t value)
{
	struct scmp_arg_cmp only = SCMP_CMP64(argument, SCMP_CMP_MASKED_EQ, mask, value);
	return seccomp_rule_add_array(ctx, SCMP_ACT_ALLOW, call, 1, &only);
}

static int allow_special(scmp_filter_ctx ctx)
{
	static const unsigned int ioctls[] = {FIONREAD_, FIONBIO_, FIONCLEX_, FIOCLEX_, BLKROGET_};
	int rc = allow_if(ctx, SCMP_SYS(clone), 0, CLONE_THREAD | NEW_NAMESPACES, CLONE_THREAD);

	// All of KVM's have one type; of devices and sockets only what every program uses.
	if (!rc)
		rc = allow_if(ctx, SCMP_SYS(ioctl), 1, IOCTL_TYPE(0xffu), IOCTL_TYPE(0xaeu));
	for (size_t i = 0; !rc && i < sizeof(ioctls) / sizeof(ioctls[0]); i++)
		rc = allow_if(ctx, SCMP_SYS(ioctl), 1, UINT32_MAX, ioctls[i]);
	for (size_t i = 0; !rc && i < sizeof(families) / sizeof(families[0]); i++)
		rc = allow_if(ctx, SCMP_SYS(socket), 0, UINT32_MAX, families[i]);
	for (size_t i = 0; !rc && i < sizeof(controls) / sizeof(controls[0]); i++)
		rc = allow_if(ctx, SCMP_SYS(prctl), 0, UINT32_MAX, controls[i]);
	// Reading limits, not setting them.
	return rc ? rc : allow_if(ctx, SCMP_SYS(prlimit64), 2, UINT64_MAX, 0);
}

// The socket of a published port or of a connection is the host's: it must not be turned into a
// connection to somewhere else, by connect(2) or by the flag that does the same.
static int allow_network(scmp_filter_ctx ctx, const struct jail_plan *plan)
{
	static const int gated[] = {SCMP_SYS(bind), SCMP_SYS(listen)};
	uint32_t action = plan->host_network ? SCMP_ACT_ALLOW : SCMP_ACT_NOTIFY;
	uint64_t fast_open = plan->host_network ? 0 : MSG_FASTOPEN;
	int rc = 0;

	if (plan->host_network || plan->connects)
		rc = seccomp_rule_add_array(ctx, action, SCMP_SYS(connect), 0, NULL);
	for (size_t i = 0; !rc && i < sizeof(gated) / sizeof(gated[0]); i++)
		rc = seccomp_rule_add_array(ctx, action, gated[i], 0, NULL);
	if (!rc)
		rc = allow_if(ctx, SCMP_SYS(sendto), 3, fast_open, 0);
	if (!rc)
		rc = allow_if(ctx, SCMP_SYS(sendmsg), 2, fast_open, 0);
	return rc ? rc : allow_if(ctx, SCMP_SYS(sendmmsg), 3, fast_open, 0);
}

int filter_load(const struct jail_plan *plan, const char **what)
{
	*what = "the system call filter";
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));
	int rc = ctx ? 0 : -ENOMEM;

	// A binary tree: the filter is walked at every call.
	if (!rc)
		rc = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	for (size_t i = 0; !rc && i < sizeof(allowed) / sizeof(allowed[0]); i++)
		rc = seccomp_rule_add_array(ctx, SCMP_ACT_ALLOW, allowed[i], 0, NULL);
	if (!rc)
		rc = allow_special(ctx);
	if (!rc)
		rc = allow_network(ctx, plan);
	if (!rc)
		rc = seccomp_rule_add_array(ctx, SCMP_ACT_NOTIFY, SCMP_SYS(execve), 0, NULL);
	if (!rc)
		rc = seccomp_load(ctx);
	if (!rc)
		rc = seccomp_notify_fd(ctx);
	// The descriptor stays open: it is the caller's.
	if (ctx)
		seccomp_release(ctx);
	return rc;
}
