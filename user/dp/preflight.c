// SPDX-License-Identifier: GPL-2.0
#include "dp/preflight.h"

#include <ctype.h>
#include <errno.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#define KERNEL_MAJOR 6
#define KERNEL_MINOR 1

/* What the agent needs, and what for. CAP_SYS_ADMIN includes the first two. */
static const struct {
	unsigned int bit;
	const char *name;
} needed[] = {
	{ CAP_BPF, "CAP_BPF" },
	{ CAP_PERFMON, "CAP_PERFMON" },
	{ CAP_NET_ADMIN, "CAP_NET_ADMIN" },
};

int preflight_read(struct preflight *facts)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];
	struct utsname name;

	if (uname(&name) || syscall(SYS_capget, &header, data))
		return -errno;
	snprintf(facts->release, sizeof(facts->release), "%s", name.release);
	facts->btf = access("/sys/kernel/btf/vmlinux", R_OK) == 0;
	facts->capabilities = (uint64_t)data[1].effective << 32 | data[0].effective;
	return 0;
}

static bool has(uint64_t capabilities, unsigned int bit)
{
	return capabilities >> bit & 1;
}

static bool has_needed(uint64_t capabilities, unsigned int bit)
{
	return has(capabilities, bit) || (bit != CAP_NET_ADMIN && has(capabilities, CAP_SYS_ADMIN));
}

static int check_capabilities(uint64_t capabilities, struct lp_err *err)
{
	char missing[128] = "";
	size_t len = 0;

	for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++) {
		if (has_needed(capabilities, needed[i].bit))
			continue;
		len += (size_t)snprintf(missing + len, sizeof(missing) - len, "%s%s",
					len ? ", " : "", needed[i].name);
	}
	if (!*missing)
		return 0;
	return lp_err(err, -EPERM,
		      "missing capabilities: %s; start limpetd as root, or give it these "
		      "(AmbientCapabilities= in a systemd unit)",
		      missing);
}

/* "6.1.0-13-amd64": the first two numbers. */
static bool parse_release(const char *release, unsigned long *major, unsigned long *minor)
{
	char *end;

	if (!isdigit((unsigned char)*release))
		return false;
	*major = strtoul(release, &end, 10);
	if (*end != '.' || !isdigit((unsigned char)end[1]))
		return false;
	*minor = strtoul(end + 1, NULL, 10);
	return true;
}

int preflight_check(const struct preflight *facts, struct lp_err *err)
{
	unsigned long major, minor;

	if (!parse_release(facts->release, &major, &minor))
		return lp_err(err, -ENOSYS, "kernel release \"%s\" is not a version",
			      facts->release);
	if (major < KERNEL_MAJOR || (major == KERNEL_MAJOR && minor < KERNEL_MINOR))
		return lp_err(err, -ENOSYS,
			      "kernel %s is too old: limpet needs Linux %d.%d or later",
			      facts->release, KERNEL_MAJOR, KERNEL_MINOR);
	if (!facts->btf)
		return lp_err(
			err, -ENOTSUP,
			"kernel %s has no BTF (/sys/kernel/btf/vmlinux): limpet needs a kernel "
			"built with CONFIG_DEBUG_INFO_BTF=y, as the distributions' are",
			facts->release);
	return check_capabilities(facts->capabilities, err);
}
