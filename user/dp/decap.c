// SPDX-License-Identifier: GPL-2.0
#include "dp/decap.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/if_link.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bpf/decap.skel.h"
#include "dp/pins.h"
#include "dp/preflight.h"
#include "lib/addr.h"

struct decap {
	struct decap_bpf *skel;
	int link; /* -1: not attached */
};

static const struct {
	const char *name, *text;
} reasons[LP_DECAP_REASONS] = {
	[LP_DECAP_OK] = { "decapsulated", "outer headers taken off, inner packet to the stack" },
	[LP_DECAP_NOT_TUNNEL] = { "not_tunnel", "no tunnel packet to this host: to the stack" },
	[LP_DECAP_DROP_SOURCE] = { "drop_source", "tunnel packet that is not from a balancer" },
	[LP_DECAP_DROP_MALFORMED] = { "drop_malformed", "truncated, a fragment, or not IP inside" },
	[LP_DECAP_DROP_ECN] = { "drop_ecn", "marked congested, but the flow has no ECN" },
};

const char *decap_reason_name(enum lp_decap_reason reason)
{
	return reasons[reason].name;
}

const char *decap_reason_text(enum lp_decap_reason reason)
{
	return reasons[reason].text;
}

static int check_host(struct lp_err *err)
{
	struct preflight facts;
	int ret = preflight_read(&facts);

	if (ret)
		return lp_err(err, ret, "looking at this host: %s", strerror(-ret));
	ret = preflight_check(&facts, err);
	if (ret == -EPERM)
		return lp_err(err, ret,
			      "this needs root, or CAP_NET_ADMIN, CAP_BPF and CAP_PERFMON");
	return ret;
}

/* Errors are told by err; libbpf's own words are for developers. */
static int print_nothing(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	(void)level;
	(void)fmt;
	(void)ap;
	return 0;
}

static int load(struct decap *decap, uint16_t gue_port, struct lp_err *err)
{
	int ret;

	decap->skel = decap_bpf__open();
	if (!decap->skel)
		return lp_err(err, -errno, "opening the BPF object: %s", strerror(errno));
	decap->skel->rodata->decap_gue_port = htons(gue_port);
	ret = bpf_map__set_max_entries(decap->skel->maps.balancers, DECAP_ADDRESSES_MAX);
	if (!ret)
		ret = bpf_map__set_max_entries(decap->skel->maps.locals, DECAP_ADDRESSES_MAX);
	if (!ret)
		ret = decap_bpf__load(decap->skel);
	return ret ? lp_err(err, ret, "loading the BPF program: %s", strerror(-ret)) : 0;
}

int decap_open(uint16_t gue_port, struct decap **out, struct lp_err *err)
{
	libbpf_print_fn_t print;
	struct decap *decap;
	int ret = check_host(err);

	if (ret)
		return ret;
	decap = calloc(1, sizeof(*decap));
	if (!decap)
		return lp_err(err, -ENOMEM, "out of memory");
	decap->link = -1;
	print = libbpf_set_print(print_nothing);
	ret = load(decap, gue_port, err);
	libbpf_set_print(print);
	if (ret)
		decap_close(&decap);
	else
		*out = decap;
	return ret;
}

void decap_close(struct decap **decap)
{
	if (!*decap)
		return;
	if ((*decap)->link >= 0)
		close((*decap)->link);
	decap_bpf__destroy((*decap)->skel);
	free(*decap);
	*decap = NULL;
}

static bool is_listed(const struct lp_addr *addrs, size_t n, const struct lp_addr *addr)
{
	for (size_t i = 0; i < n; i++) {
		if (lp_addr_equal(&addrs[i], addr))
			return true;
	}
	return false;
}

/* Deletes what is not in the list. Bounded: a hash map may start over under deletion. */
static int set_prune(int fd, const struct lp_addr *addrs, size_t n)
{
	struct lp_addr key, next;
	const struct lp_addr *at = NULL;

	for (unsigned int i = 0; i < 2 * DECAP_ADDRESSES_MAX; i++) {
		int ret = bpf_map_get_next_key(fd, at, &next);

		if (ret)
			return ret == -ENOENT ? 0 : ret;
		if (is_listed(addrs, n, &next)) {
			key = next;
			at = &key;
		} else if ((ret = bpf_map_delete_elem(fd, &next)) && ret != -ENOENT) {
			return ret;
		}
	}
	return -EAGAIN;
}

static int set_replace(int fd, const struct lp_addr *addrs, size_t n)
{
	const uint8_t present = 1;
	int ret = 0;

	/* Old ones go first where both would not fit; what is in both stays. */
	ret = set_prune(fd, addrs, n);
	for (size_t i = 0; i < n && !ret; i++)
		ret = bpf_map_update_elem(fd, &addrs[i], &present, BPF_ANY);
	return ret;
}

static int set_addresses(int fd, const struct lp_addr *addrs, size_t n, const char *what,
			 struct lp_err *err)
{
	int ret;

	if (n > DECAP_ADDRESSES_MAX)
		return lp_err(err, -E2BIG, "%s: %zu addresses are more than %u", what, n,
			      DECAP_ADDRESSES_MAX);
	ret = set_replace(fd, addrs, n);
	return ret ? lp_err(err, ret, "%s: writing the addresses: %s", what, strerror(-ret)) : 0;
}

int decap_set_from(struct decap *decap, const struct lp_addr *addrs, size_t n, struct lp_err *err)
{
	return set_addresses(bpf_map__fd(decap->skel->maps.balancers), addrs, n, "balancers", err);
}

int decap_set_local(struct decap *decap, const struct lp_addr *addrs, size_t n, struct lp_err *err)
{
	return set_addresses(bpf_map__fd(decap->skel->maps.locals), addrs, n, "local addresses",
			     err);
}

int decap_prog_fd(const struct decap *decap)
{
	return bpf_program__fd(decap->skel->progs.limpet_decap);
}

static int explain_attach(struct lp_err *err, int ret, const char *name)
{
	switch (ret) {
	case -EBUSY:
	case -EEXIST:
		return lp_err(err, -EBUSY,
			      "interface \"%s\" has an XDP program already: `ip link show %s` "
			      "names it; if it is a pinned `limpet decap`, --off takes it off",
			      name, name);
	case -EOPNOTSUPP:
		return lp_err(err, ret, "interface \"%s\": its driver has no native XDP", name);
	case -ENODEV:
		return lp_err(err, ret, "there is no interface \"%s\"", name);
	default:
		return lp_err(err, ret, "interface \"%s\": attaching XDP: %s", name,
			      strerror(-ret));
	}
}

int decap_attach(struct decap *decap, unsigned int ifindex, const char *name, enum dp_xdp_mode mode,
		 struct lp_err *err)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts,
		    .flags = mode == DP_XDP_NATIVE ? XDP_FLAGS_DRV_MODE : XDP_FLAGS_SKB_MODE);
	int fd = bpf_link_create(decap_prog_fd(decap), (int)ifindex, BPF_XDP, &opts);

	if (fd < 0)
		return explain_attach(err, fd, name);
	decap->link = fd;
	return 0;
}

/* Writes the two pins into the directory, which is locked. */
static int pin_both(const struct decap *decap, const char *dir, const char *name)
{
	char path[PINS_PATH];
	int ret = pins_path(path, dir, name, "counters");

	if (!ret)
		ret = bpf_obj_pin(bpf_map__fd(decap->skel->maps.counters), path);
	if (!ret)
		ret = pins_path(path, dir, name, "link");
	if (!ret)
		ret = bpf_obj_pin(decap->link, path);
	return ret;
}

static int pin_locked(const struct decap *decap, const char *dir, const char *name,
		      struct lp_err *err)
{
	char path[PINS_PATH];
	int ret = pins_path(path, dir, name, NULL);

	if (!ret && mkdir(path, 0700))
		ret = -errno;
	if (ret == -EEXIST)
		return lp_err(err, ret,
			      "interface \"%s\" has pins in %s already: --off removes them", name,
			      path);
	if (!ret && (ret = pin_both(decap, dir, name)))
		pins_remove(dir, name);
	return ret ? lp_err(err, ret, "pinning in %s/%s: %s", dir, name, strerror(-ret)) : 0;
}

int decap_pin(struct decap *decap, const char *dir, const char *name, struct lp_err *err)
{
	int lock = pins_open(dir, err);
	int ret;

	if (lock < 0)
		return lock;
	ret = pin_locked(decap, dir, name, err);
	close(lock);
	return ret;
}

static int read_counters(int fd, uint64_t packets[LP_DECAP_REASONS], struct lp_err *err)
{
	int cpus = libbpf_num_possible_cpus();
	uint64_t sums[LP_DECAP_REASONS] = { 0 }, *values;
	int ret = 0;

	if (cpus < 0)
		return lp_err(err, cpus, "counting the CPUs: %s", strerror(-cpus));
	values = calloc((size_t)cpus, sizeof(*values));
	if (!values)
		return lp_err(err, -ENOMEM, "out of memory");
	for (uint32_t i = 0; i < LP_DECAP_REASONS && !ret; i++) {
		ret = bpf_map_lookup_elem(fd, &i, values);
		for (int cpu = 0; cpu < cpus && !ret; cpu++)
			sums[i] += values[cpu];
	}
	free(values);
	if (ret)
		return lp_err(err, ret, "reading the counters: %s", strerror(-ret));
	memcpy(packets, sums, sizeof(sums));
	return 0;
}

int decap_counters(const struct decap *decap, uint64_t packets[LP_DECAP_REASONS],
		   struct lp_err *err)
{
	return read_counters(bpf_map__fd(decap->skel->maps.counters), packets, err);
}

static int explain_pins(struct lp_err *err, int ret, const char *dir, const char *name)
{
	if (ret == -ENOENT)
		return lp_err(err, ret, "interface \"%s\" has no pinned decapsulation (in %s)",
			      name, dir);
	return lp_err(err, ret, "%s/%s: %s", dir, name, strerror(-ret));
}

/* Does the map look like ours? Another version may have had fewer reasons. */
static int check_counters(int fd)
{
	struct bpf_map_info info = { 0 };
	uint32_t len = sizeof(info);
	int ret = bpf_obj_get_info_by_fd(fd, &info, &len);

	if (ret)
		return ret;
	return info.type == BPF_MAP_TYPE_PERCPU_ARRAY && info.value_size == sizeof(uint64_t) &&
			       info.max_entries == LP_DECAP_REASONS
		       ? 0
		       : -EPROTO;
}

int decap_pinned_counters(const char *dir, const char *name, uint64_t packets[LP_DECAP_REASONS],
			  struct lp_err *err)
{
	char path[PINS_PATH];
	int ret = pins_path(path, dir, name, "counters");
	int fd = ret ? ret : bpf_obj_get(path);

	if (fd < 0)
		return explain_pins(err, fd, dir, name);
	ret = check_counters(fd);
	if (ret)
		lp_err(err, ret, "%s: of another version of limpet: --off and pin it again", path);
	else
		ret = read_counters(fd, packets, err);
	close(fd);
	return ret;
}

int decap_unpin(const char *dir, const char *name, struct lp_err *err)
{
	char path[PINS_PATH];
	struct stat st;
	int lock, ret = pins_path(path, dir, name, NULL);

	if (!ret && stat(path, &st))
		ret = -errno;
	if (ret)
		return explain_pins(err, ret, dir, name);
	lock = pins_open(dir, err);
	if (lock < 0)
		return lock;
	ret = pins_remove(dir, name);
	close(lock);
	return ret ? explain_pins(err, ret, dir, name) : 0;
}
