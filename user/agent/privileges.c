// SPDX-License-Identifier: GPL-2.0
#include "agent/privileges.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define BIT(capability) (1ull << (capability))

/* Programs and maps; netlink, XDP, SO_MARK; end programs of checks, which belong to
 * another user. */
#define SERVICE (BIT(CAP_BPF) | BIT(CAP_PERFMON) | BIT(CAP_NET_ADMIN) | BIT(CAP_KILL))

/* A BPF file system may have to be mounted; the API's socket may get a group; and the
 * bounding set is left with this one. */
#define START (SERVICE | BIT(CAP_SYS_ADMIN) | BIT(CAP_CHOWN) | BIT(CAP_SETPCAP))

uint64_t privileges_at_start(uint64_t permitted)
{
	return permitted & START;
}

/* Before Linux 5.8 CAP_SYS_ADMIN was what CAP_BPF and CAP_PERFMON are; who was given
 * that instead goes on with it. */
uint64_t privileges_in_service(uint64_t permitted)
{
	const uint64_t both = BIT(CAP_BPF) | BIT(CAP_PERFMON);
	bool old = (permitted & both) != both;

	return permitted & (old ? SERVICE | BIT(CAP_SYS_ADMIN) : SERVICE);
}

/* Needs CAP_SETPCAP: before the sets. Numbers that this kernel does not know end it. */
static void bound(uint64_t keep)
{
	for (int i = 0; i < 64 && prctl(PR_CAPBSET_READ, i, 0, 0, 0) >= 0; i++)
		if (!(keep >> i & 1))
			prctl(PR_CAPBSET_DROP, i, 0, 0, 0); /* not allowed: programs of
							       checks have none anyway */
}

static int reduce(uint64_t (*keep)(uint64_t permitted))
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];
	uint64_t kept;

	if (syscall(SYS_capget, &header, data))
		return -errno;
	kept = keep((uint64_t)data[1].permitted << 32 | data[0].permitted);
	bound(kept);
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	for (int i = 0; i < 2; i++)
		data[i] = (struct __user_cap_data_struct) {
			.permitted = (uint32_t)(kept >> 32 * i),
			.effective = (uint32_t)(kept >> 32 * i),
		};
	return syscall(SYS_capset, &header, data) ? -errno : 0;
}

int privileges_begin(void)
{
	return reduce(privileges_at_start);
}

int privileges_settle(void)
{
	return reduce(privileges_in_service);
}
