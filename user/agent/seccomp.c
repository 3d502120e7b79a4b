// SPDX-License-Identifier: GPL-2.0
#include "agent/seccomp.h"

#include <errno.h>
#include <linux/prctl.h>
#include <linux/sched.h>
#include <linux/sockios.h>
#include <seccomp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#define CALL(name) SCMP_SYS(name)

/* Those that an architecture does not have are passed over by libseccomp. Calls that
 * libraries will use when they find them are here as well. */
/* clang-format off */
static const int allowed[] = {
	/* memory */
	CALL(brk), CALL(mmap), CALL(mmap2), CALL(munmap), CALL(mremap), CALL(mprotect),
	CALL(madvise), CALL(membarrier), CALL(mlock), CALL(munlock),
	/* descriptors */
	CALL(read), CALL(readv), CALL(pread64), CALL(preadv), CALL(write), CALL(writev),
	CALL(pwrite64), CALL(pwritev), CALL(close), CALL(close_range), CALL(dup), CALL(dup2),
	CALL(dup3), CALL(fcntl), CALL(fcntl64), CALL(pipe), CALL(pipe2), CALL(eventfd2),
	CALL(lseek), CALL(_llseek), CALL(flock), CALL(sendfile), CALL(sendfile64),
	/* waiting */
	CALL(poll), CALL(ppoll), CALL(ppoll_time64), CALL(select), CALL(_newselect),
	CALL(pselect6), CALL(pselect6_time64), CALL(epoll_create), CALL(epoll_create1),
	CALL(epoll_ctl), CALL(epoll_wait), CALL(epoll_pwait), CALL(epoll_pwait2),
	CALL(nanosleep), CALL(clock_nanosleep), CALL(clock_nanosleep_time64), CALL(futex),
	CALL(futex_time64), CALL(sched_yield), CALL(restart_syscall),
	/* files: the configuration, roots of certificates, users, pins, the socket */
	CALL(open), CALL(openat), CALL(openat2), CALL(stat), CALL(stat64), CALL(fstat),
	CALL(fstat64), CALL(lstat), CALL(lstat64), CALL(newfstatat), CALL(fstatat64),
	CALL(statx), CALL(statfs), CALL(statfs64), CALL(fstatfs), CALL(fstatfs64),
	CALL(access), CALL(faccessat), CALL(faccessat2), CALL(readlink), CALL(readlinkat),
	CALL(getcwd), CALL(getdents), CALL(getdents64), CALL(mkdir), CALL(mkdirat),
	CALL(rmdir), CALL(unlink), CALL(unlinkat), CALL(rename), CALL(renameat),
	CALL(renameat2), CALL(ftruncate), CALL(ftruncate64), CALL(fadvise64), CALL(umask),
	/* sockets; which, is below */
	CALL(bind), CALL(connect), CALL(listen), CALL(accept), CALL(accept4), CALL(shutdown),
	CALL(send), CALL(sendto), CALL(sendmsg), CALL(sendmmsg), CALL(recv), CALL(recvfrom),
	CALL(recvmsg), CALL(recvmmsg), CALL(getsockname), CALL(getpeername), CALL(getsockopt),
	CALL(setsockopt),
	/* threads, of libuv and for checks of many servers */
	CALL(set_robust_list), CALL(get_robust_list), CALL(rseq), CALL(set_tid_address),
	CALL(gettid), CALL(sched_getaffinity), CALL(sched_getparam), CALL(sched_getscheduler),
	CALL(getcpu), CALL(arch_prctl), CALL(exit), CALL(exit_group),
	/* who and what we are */
	CALL(getpid), CALL(getppid), CALL(getuid), CALL(getuid32), CALL(geteuid),
	CALL(geteuid32), CALL(getgid), CALL(getgid32), CALL(getegid), CALL(getegid32),
	CALL(getresuid), CALL(getresuid32), CALL(getresgid), CALL(getresgid32), CALL(getpgrp),
	CALL(getpgid), CALL(getsid), CALL(capget), CALL(uname), CALL(sysinfo), CALL(getrandom),
	CALL(getrlimit), CALL(ugetrlimit), CALL(getrusage),
	/* time */
	CALL(clock_gettime), CALL(clock_gettime64), CALL(clock_getres),
	CALL(clock_getres_time64), CALL(gettimeofday), CALL(time), CALL(times),
	/* signals; programs of checks are killed and waited for */
	CALL(rt_sigaction), CALL(rt_sigprocmask), CALL(rt_sigreturn), CALL(sigreturn),
	CALL(sigaltstack), CALL(rt_sigpending), CALL(kill), CALL(tgkill),
	CALL(pidfd_send_signal), CALL(wait4), CALL(waitid), CALL(waitpid),
	/* what it is all about */
	CALL(bpf),
};
/* clang-format on */

/* The first argument may be one of these. */
static const struct {
	int call;
	unsigned int argument;
	scmp_datum_t value;
} restricted[] = {
	{ CALL(socket), 0, AF_UNIX },       { CALL(socket), 0, AF_INET },
	{ CALL(socket), 0, AF_INET6 },      { CALL(socket), 0, AF_NETLINK },
	{ CALL(socketpair), 0, AF_UNIX },   { CALL(prctl), 0, PR_SET_NAME },
	{ CALL(prctl), 0, PR_GET_NAME },    { CALL(prctl), 0, PR_CAPBSET_READ },
	{ CALL(prctl), 0, PR_GET_SECCOMP }, { CALL(prctl), 0, PR_SET_VMA },
	{ CALL(prlimit64), 0, 0 },   /* its own */
	{ CALL(ioctl), 1, FIONBIO }, /* libuv, MHD */
	{ CALL(ioctl), 1, FIONREAD },       { CALL(ioctl), 1, FIOCLEX },
	{ CALL(ioctl), 1, TCGETS },      /* stdio: is it a terminal? */
	{ CALL(ioctl), 1, SIOCETHTOOL }, /* what an interface can */
	{ CALL(ioctl), 1, SIOCGIFINDEX },   { CALL(ioctl), 1, SIOCGIFNAME },
};

/* A thread shares all of this; a process that was forked would not (clone(2)). */
#define THREAD (CLONE_THREAD | CLONE_SIGHAND | CLONE_VM)

/* On s390 the first two arguments of clone(2) have changed places. */
#ifdef __s390__
#define CLONE_FLAGS 1
#else
#define CLONE_FLAGS 0
#endif

/* The flags of clone3(2) are in memory, which a filter cannot see; the C library takes
 * clone(2) where it is not there. */
static int allow_threads(scmp_filter_ctx filter)
{
	int ret = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), CALL(clone3), 0);

	if (ret)
		return ret;
	return seccomp_rule_add(filter, SCMP_ACT_ALLOW, CALL(clone), 1,
				SCMP_CMP(CLONE_FLAGS, SCMP_CMP_MASKED_EQ, THREAD, THREAD));
}

static int allow_all(scmp_filter_ctx filter)
{
	for (size_t i = 0; i < sizeof(allowed) / sizeof(allowed[0]); i++) {
		int ret = seccomp_rule_add(filter, SCMP_ACT_ALLOW, allowed[i], 0);

		if (ret)
			return ret;
	}
	return 0;
}

static int allow_restricted(scmp_filter_ctx filter)
{
	for (size_t i = 0; i < sizeof(restricted) / sizeof(restricted[0]); i++) {
		int ret = seccomp_rule_add(filter, SCMP_ACT_ALLOW, restricted[i].call, 1,
					   SCMP_CMP(restricted[i].argument, SCMP_CMP_MASKED_EQ,
						    UINT32_MAX, restricted[i].value));

		if (ret)
			return ret;
	}
	return 0;
}

static int load(scmp_filter_ctx filter)
{
	int ret = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);

	if (!ret)
		ret = seccomp_attr_set(filter, SCMP_FLTATR_CTL_LOG, 1);
	if (!ret)
		ret = seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2); /* a binary tree */
	if (!ret)
		ret = allow_all(filter);
	if (!ret)
		ret = allow_restricted(filter);
	if (!ret)
		ret = allow_threads(filter);
	return ret ? ret : seccomp_load(filter);
}

int seccomp_begin(struct lp_err *err)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	int ret = filter ? load(filter) : -ENOMEM;

	seccomp_release(filter);
	return ret ? lp_err(err, ret, "the filter of system calls: %s", strerror(-ret)) : 0;
}
