// SPDX-License-Identifier: GPL-2.0
/*
 * user/net against the kernel. Each test has two network namespaces of its own,
 * "near" (where net_open() is called) and "far", with two veth pairs between
 * them:
 *
 *	near  a0 10.77.0.1/24, 2001:db8:77::1/64  ---  b0 .2, .3, ::2  far
 *	near  a1 10.78.0.1/24, 2001:db8:78::1/64  ---  b1 .2, ::2      far
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/addr.h"
#include "lib/log.h"
#include "net/net.h"
#include "net/outer.h"

#define MAC_A0 "02:00:00:00:0a:00"
#define MAC_A1 "02:00:00:00:0a:01"
#define MAC_B0 "02:00:00:00:0b:00"
#define MAC_B1 "02:00:00:00:0b:01"

#define SOON_MS 3000
/* The kernel asks a managed neighbour that failed again every 5 s. */
#define MANAGED_RETRY_MS 15000

struct world {
	char near[32], far[32];
	int home, near_fd, far_fd;
	uv_loop_t loop;
	struct net *net;
	unsigned int changes;
};

/* --- namespaces --- */

static int run(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

static int run(const char *fmt, ...)
{
	char command[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(command, sizeof(command), fmt, ap);
	va_end(ap);
	return system(command);
}

#define near(w, fmt, ...) assert_int_equal(run("ip -n %s " fmt, (w)->near, ##__VA_ARGS__), 0)
#define far(w, fmt, ...)  assert_int_equal(run("ip -n %s " fmt, (w)->far, ##__VA_ARGS__), 0)

static int namespace_fd(const char *name)
{
	char path[64];

	snprintf(path, sizeof(path), "/run/netns/%s", name);
	return open(path, O_RDONLY | O_CLOEXEC);
}

/* /proc/sys/net shows the namespace of the thread that opens it. */
static void sysctl_in(const struct world *w, int ns, const char *name, const char *value)
{
	char path[128];
	FILE *file;

	assert_int_equal(setns(ns, CLONE_NEWNET), 0);
	snprintf(path, sizeof(path), "/proc/sys/net/%s", name);
	file = fopen(path, "w");
	assert_non_null(file);
	assert_true(fputs(value, file) >= 0);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(setns(w->near_fd, CLONE_NEWNET), 0);
}

static void make_namespaces(struct world *w)
{
	static unsigned int serial;

	snprintf(w->near, sizeof(w->near), "lpnet-%d-%u-near", (int)getpid(), serial);
	snprintf(w->far, sizeof(w->far), "lpnet-%d-%u-far", (int)getpid(), serial++);
	assert_int_equal(run("ip netns add %s && ip netns add %s", w->near, w->far), 0);
	w->home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	w->near_fd = namespace_fd(w->near);
	w->far_fd = namespace_fd(w->far);
	assert_true(w->home >= 0 && w->near_fd >= 0 && w->far_fd >= 0);
	assert_int_equal(setns(w->near_fd, CLONE_NEWNET), 0);
	near(w, "link set lo up");
	sysctl_in(w, w->near_fd, "ipv6/conf/default/accept_dad", "0");
	sysctl_in(w, w->far_fd, "ipv6/conf/default/accept_dad", "0");
}

static void make_pair(struct world *w, int n, const char *near_mac, const char *far_mac)
{
	near(w, "link add a%d address %s type veth peer name b%d netns %s", n, near_mac, n, w->far);
	far(w, "link set b%d address %s", n, far_mac);
	near(w, "addr add 10.%d.0.1/24 dev a%d", 77 + n, n);
	near(w, "addr add 2001:db8:%d::1/64 dev a%d nodad", 77 + n, n);
	far(w, "addr add 10.%d.0.2/24 dev b%d", 77 + n, n);
	far(w, "addr add 2001:db8:%d::2/64 dev b%d nodad", 77 + n, n);
	near(w, "link set a%d up", n);
	far(w, "link set b%d up", n);
}

/* Shorter than the defaults, so that tests take less time. */
static void hurry(struct world *w)
{
	const char *names[] = { "ipv4/neigh/a0/retrans_time_ms", "ipv6/neigh/a0/retrans_time_ms",
				"ipv4/neigh/a1/retrans_time_ms" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		sysctl_in(w, w->near_fd, names[i], "100");
	sysctl_in(w, w->near_fd, "ipv4/neigh/a0/locktime", "0");
	sysctl_in(w, w->far_fd, "ipv4/conf/b0/arp_notify", "1");
}

static void on_change(void *arg)
{
	((struct world *)arg)->changes++;
}

static void open_net(struct world *w)
{
	struct lp_err err = { "" };
	int ret = net_open(&w->loop, on_change, w, &w->net, &err);

	if (ret)
		fail_msg("net_open: %s", err.text);
}

static void close_net(struct world *w)
{
	net_close(&w->net);
	assert_null(w->net);
	net_close(&w->net);
	uv_run(&w->loop, UV_RUN_DEFAULT); /* returns when no handle is left */
}

static int setup(void **state)
{
	static struct world world;

	memset(&world, 0, sizeof(world));
	*state = NULL;
	if (geteuid())
		return 0;
	*state = &world;
	make_namespaces(&world);
	make_pair(&world, 0, MAC_A0, MAC_B0);
	make_pair(&world, 1, MAC_A1, MAC_B1);
	far(&world, "addr add 10.77.0.3/24 dev b0");
	hurry(&world);
	assert_int_equal(uv_loop_init(&world.loop), 0);
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	if (!w)
		return 0;
	close_net(w);
	assert_int_equal(uv_loop_close(&w->loop), 0);
	assert_int_equal(setns(w->home, CLONE_NEWNET), 0);
	close(w->home);
	close(w->near_fd);
	close(w->far_fd);
	run("ip netns del %s; ip netns del %s", w->near, w->far);
	return 0;
}

static struct world *begin(void **state)
{
	if (!*state) {
		print_message("needs root: network namespaces and neighbour entries\n");
		skip();
	}
	open_net(*state);
	return *state;
}

/* --- waiting --- */

static void on_deadline(uv_timer_t *timer)
{
	*(bool *)timer->data = true;
}

static void close_timer(uv_loop_t *loop, uv_timer_t *timer)
{
	uv_close((uv_handle_t *)timer, NULL);
	uv_run(loop, UV_RUN_NOWAIT);
}

/* Runs the loop until net calls back. False: `ms` milliseconds went by before. */
static bool wait_change(struct world *w, unsigned int ms)
{
	unsigned int before = w->changes;
	bool late = false;
	uv_timer_t timer;

	uv_timer_init(&w->loop, &timer);
	timer.data = &late;
	uv_timer_start(&timer, on_deadline, ms, 0);
	while (!late && w->changes == before)
		uv_run(&w->loop, UV_RUN_ONCE);
	close_timer(&w->loop, &timer);
	return w->changes != before;
}

/* Lets the loop run until nothing has changed for a while. */
static void wait_quiet(struct world *w)
{
	for (int i = 0; i < 100 && wait_change(w, 300); i++)
		;
}

static enum net_state resolve(struct world *w, const char *text, struct lp_hop *hop)
{
	struct lp_addr addr;

	assert_int_equal(lp_addr_parse(text, &addr), 0);
	return net_resolve(w->net, &addr, hop);
}

/* Asks, as the agent does, once and then after each callback only. */
static void expect(struct world *w, const char *text, enum net_state wanted, struct lp_hop *hop,
		   unsigned int ms)
{
	uint64_t end = uv_hrtime() / 1000000 + ms;
	enum net_state state;

	while ((state = resolve(w, text, hop)) != wanted) {
		uint64_t now = uv_hrtime() / 1000000;

		if (now >= end || !wait_change(w, (unsigned int)(end - now)))
			break;
	}
	if (state != wanted)
		fail_msg("%s: \"%s\", not \"%s\"", text, net_state_name(state),
			 net_state_name(wanted));
}

/* The same for a hop that is there already, with another MAC or source. */
static void expect_dst(struct world *w, const char *text, const char *mac)
{
	struct lp_hop hop;
	char now[18] = "";

	for (int i = 0; i < 50; i++) {
		resolve(w, text, &hop);
		snprintf(now, sizeof(now), "%02x:%02x:%02x:%02x:%02x:%02x", hop.dst[0], hop.dst[1],
			 hop.dst[2], hop.dst[3], hop.dst[4], hop.dst[5]);
		if (!strcmp(now, mac) || !wait_change(w, SOON_MS))
			break;
	}
	assert_string_equal(now, mac);
}

static void expect_src(const struct lp_hop *hop, const char *mac)
{
	char now[18];

	snprintf(now, sizeof(now), "%02x:%02x:%02x:%02x:%02x:%02x", hop->src[0], hop->src[1],
		 hop->src[2], hop->src[3], hop->src[4], hop->src[5]);
	assert_string_equal(now, mac);
}

static void expect_addr(const struct lp_addr *addr, const char *text)
{
	char now[LP_ADDR_TEXT];

	assert_string_equal(lp_addr_format(addr, now), text);
}

/* An unresolved hop says whom it is for, and nothing else. */
static void expect_empty(const struct lp_hop *hop, const char *text)
{
	struct lp_hop empty = { 0 };

	assert_int_equal(lp_addr_parse(text, &empty.daddr), 0);
	assert_memory_equal(hop, &empty, sizeof(empty));
}

/* Does `ip neigh show` say all of `word` about a neighbour? */
static bool neigh_says(struct world *w, const char *addr, const char *word)
{
	return !run("ip -n %s -d neigh show nud all %s | grep -qw '%s'", w->near, addr, word);
}

/* --- routes --- */

static void test_on_link_v4(void **state)
{
	struct world *w = begin(state);
	struct lp_hop hop;

	assert_int_equal(resolve(w, "10.77.0.2", &hop), NET_RESOLVING);
	expect_empty(&hop, "10.77.0.2");
	expect(w, "10.77.0.2", NET_OK, &hop, SOON_MS);
	assert_int_equal(hop.ifindex, if_nametoindex("a0"));
	assert_int_equal(hop.mtu, 1500);
	assert_int_equal(hop.flags, LP_HOP_KEEP_TAGS);
	assert_int_equal(hop.tags, 0);
	expect_src(&hop, MAC_A0);
	expect_dst(w, "10.77.0.2", MAC_B0);
	expect_addr(&hop.saddr, "10.77.0.1");
	expect_addr(&hop.daddr, "10.77.0.2");
	assert_int_equal(hop.outer_sum, net_outer_sum(hop.saddr.w[3], hop.daddr.w[3]));
	assert_true(neigh_says(w, "10.77.0.2", "managed"));
}

static void test_on_link_v6(void **state)
{
	struct world *w = begin(state);
	struct lp_hop hop;

	expect(w, "2001:db8:77::2", NET_OK, &hop, SOON_MS);
	assert_int_equal(hop.ifindex, if_nametoindex("a0"));
	assert_int_equal(hop.flags, LP_HOP_V6 | LP_HOP_KEEP_TAGS);
	assert_int_equal(hop.outer_sum, 0);
	expect_dst(w, "2001:db8:77::2", MAC_B0);
	expect_addr(&hop.saddr, "2001:db8:77::1");
	assert_true(neigh_says(w, "2001:db8:77::2", "managed"));
}

static void test_via_gateway(void **state)
{
	struct world *w = begin(state);
	struct lp_hop hop;

	near(w, "route add 198.51.100.0/24 via 10.78.0.2");
	near(w, "route add 2001:db8:99::/48 via 2001:db8:78::2");
	expect(w, "198.51.100.7", NET_OK, &hop, SOON_MS);
	assert_int_equal(hop.ifindex, if_nametoindex("a1"));
	expect_src(&hop, MAC_A1);
	expect_dst(w, "198.51.100.7", MAC_B1);
	expect_addr(&hop.saddr, "10.78.0.1");
	expect_addr(&hop.daddr, "198.51.100.7");

	expect(w, "2001:db8:99::7", NET_OK, &hop, SOON_MS);
	expect_dst(w, "2001:db8:99::7", MAC_B1);
	expect_addr(&hop.saddr, "2001:db8:78::1");
	/* One neighbour for both: the gateway, not the destination. */
	assert_false(neigh_says(w, "198.51.100.7", "managed"));
}

static void test_v4_via_v6_gateway(void **state)
{
	struct world *w = begin(state);
	struct lp_hop hop;

	near(w, "route add 198.51.100.0/24 via inet6 2001:db8:78::2 src 10.77.0.1");
	expect(w, "198.51.100.7", NET_OK, &hop, SOON_MS);
	assert_int_equal(hop.ifindex, if_nametoindex("a1"));
	assert_int_equal(hop.flags & LP_HOP_V6, 0);
	expect_dst(w, "198.51.100.7", MAC_B1);
	expect_addr(&hop.saddr, "10.77.0.1");
}

/* A nexthop object is replaced under a route that stays as it is. */
static void test_nexthop_object(void **state)
{
	struct world *w = begin(state);
	struct lp_hop hop;

	sysctl_in(w, w->near_fd, "ipv4/nexthop_compat_mode", "0"); /* no route events for it */
	near(w, "nexthop add id 5 via 10.77.0.3 dev a0");
	near(w, "route add 198.51.100.0/24 nhid 5");
	expect(w, "198.51.100.7", NET_OK, &hop, SOON_MS);
	expect_dst(w, "198.51.100.7", MAC_B0);
	wait_quiet(w);
	near(w, "nexthop replace id 5 via 10.78.0.2 dev a1");
	expect_dst(w, "198.51.100.7", MAC_B1);
}

static void test_multipath(void **state)
{
	struct world *w = begin(state);
	struct lp_hop hop;
	unsigned int a0 = if_nametoindex("a0"), seen[2] = { 0, 0 };

	near(w, "route add 198.51.100.0/24 nexthop via 10.77.0.2 nexthop via 10.78.0.2");
	for (int i = 1; i <= 64; i++) {
		char text[32];

		snprintf(text, sizeof(text), "198.51.100.%d", i);
		expect(w, text, NET_OK, &hop, SOON_MS);
		expect_src(&hop, hop.ifindex == a0 ? MAC_A0 : MAC_A1);
		seen[hop.ifindex == a0]++;
	}
	assert_true(seen[0] > 8 && seen[1] > 8); /* the kernel's hash spreads them */
}

static void test_policy_rule(void **state)
{
	struct world *w = begin(state);
	struct lp_hop hop;

	near(w, "route add 198.51.100.0/24 via 10.77.0.2");
	near(w, "route add 198.51.100.0/24 via 10.78.0.2 table 100");
	expect(w, "198.51.100.7", NET_OK, &hop, SOON_MS);
	expect_dst(w, "198.51.100.7", MAC_B0);
	wait_quiet(w);
	near(w, "rule add to 198.51.100.7 lookup 100");
	expect_dst(w, "198.51.100.7", MAC_B1);
	near(w, "rule del to 198.51.100.7 lookup 100");
	expect_dst(w, "198.51.100.7", MAC_B0);
}

static void test_route_moves_to_another_interface(void **state)
{
	struct world *w = begin(state);
	struct lp_hop hop;

	near(w, "route add 198.51.100.0/24 via 10.77.0.3");
	expect(w, "198.51.100.7", NET_OK, &hop, SOON_MS);
	expect_dst(w, "198.51.100.7", MAC_B0);
	assert_true(neigh_says(w, "10.77.0.3", "managed"));
	wait_quiet(w);
	near(w, "route replace 198.51.100.0/24 via 10.78.0.2");
	expect_dst(w, "198.51.100.7", MAC_B1);
	resolve(w, "198.51.100.7", &hop);
	assert_int_equal(hop.ifindex, if_nametoindex("a1"));
	expect_addr(&hop.saddr, "10.78.0.1");
	/* Nobody's next hop any more. */
	assert_false(neigh_says(w, "10.77.0.3", "managed"));
	/* A more specific route takes over, too. */
	near(w, "route add 198.51.100.7/32 via 10.77.0.2");
	expect_dst(w, "198.51.100.7", MAC_B0);
}

static void test_mtu(void **state)
{
	struct world *w = begin(state);
	struct lp_hop hop;

	near(w, "route add 198.51.100.0/24 via 10.77.0.2 mtu 1400");
	near(w, "route add 2001:db8:99::/48 via 2001:db8:77::2 mtu 1420");
	expect(w, "198.51.100.7", NET_OK, &hop, SOON_MS);
	assert_int_equal(hop.mtu, 1400);
	expect(w, "2001:db8:99::7", NET_OK, &hop, SOON_MS);
	assert_int_equal(hop.mtu, 1420);
	expect(w, "10.77.0.2", NET_OK, &hop, SOON_MS);
	assert_int_equal(hop.mtu, 1500);
	wait_quiet(w);
	near(w, "link set a0 mtu 65535");
	assert_true(wait_change(w, SOON_MS));
	resolve(w, "10.77.0.2", &hop);
	assert_int_equal(hop.mtu, 65535);
	near(w, "link set a0 mtu 1300");
	assert_true(wait_change(w, SOON_MS));
	resolve(w, "198.51.100.7", &hop);
	assert_int_equal(hop.mtu, 1300);
}

static void test_no_route(void **state)
{
	static const char *const addrs[] = { "192.0.2.1",   "203.0.113.1",    "203.0.113.2",
					     "203.0.113.3", "2001:db8:ff::1", "2001:db8:fe::1",
					     "10.77.0.255", "224.0.0.1" };
	struct world *w = begin(state);
	struct lp_hop hop;

	near(w, "route add blackhole 203.0.113.1");
	near(w, "route add unreachable 203.0.113.2");
	near(w, "route add prohibit 203.0.113.3");
	near(w, "route add blackhole 2001:db8:ff::/48");
	for (size_t i = 0; i < sizeof(addrs) / sizeof(addrs[0]); i++) {
		if (resolve(w, addrs[i], &hop) != NET_NO_ROUTE)
			fail_msg("%s: %s", addrs[i], net_state_name(resolve(w, addrs[i], &hop)));
		expect_empty(&hop, addrs[i]);
	}
	wait_quiet(w);
	near(w, "route add default via 10.77.0.2");
	expect(w, "192.0.2.1", NET_OK, &hop, SOON_MS);
	near(w, "route del default");
	expect(w, "192.0.2.1", NET_NO_ROUTE, &hop, SOON_MS);
}

static void test_local(void **state)
{
	static const char *const addrs[] = { "10.77.0.1", "127.0.0.1", "2001:db8:77::1", "::1" };
	struct world *w = begin(state);
	struct lp_hop hop;

	for (size_t i = 0; i < sizeof(addrs) / sizeof(addrs[0]); i++) {
		assert_int_equal(resolve(w, addrs[i], &hop), NET_LOCAL);
		expect_empty(&hop, addrs[i]);
	}

	/* A backend whose address moves to this host. */
	expect(w, "10.77.0.3", NET_OK, &hop, SOON_MS);
	near(w, "addr add 10.77.0.3/32 dev lo");
	expect(w, "10.77.0.3", NET_LOCAL, &hop, SOON_MS);
	near(w, "addr del 10.77.0.3/32 dev lo");
	expect(w, "10.77.0.3", NET_OK, &hop, SOON_MS);
}

static void test_not_ethernet(void **state)
{
	struct world *w = begin(state);
	struct lp_hop hop;

	if (run("ip -n %s tuntap add t0 mode tun 2>/dev/null", w->near)) {
		print_message("needs a kernel with tun devices\n");
		skip();
	}
	near(w, "link set t0 up");
	near(w, "route add 198.51.100.0/24 dev t0 src 10.77.0.1");
	/* Nobody has opened it: no carrier. */
	expect(w, "198.51.100.7", NET_LINK_DOWN, &hop, SOON_MS);
	near(w, "route add 198.51.100.8/32 dev lo");
	expect(w, "198.51.100.8", NET_NOT_ETHERNET, &hop, SOON_MS);
}

/* --- neighbours --- */

static void test_neighbour_mac_changes(void **state)
{
	struct world *w = begin(state);
	struct lp_hop hop;

	expect(w, "10.77.0.2", NET_OK, &hop, SOON_MS);
	wait_quiet(w);
	/* arp_notify: the far side announces its new MAC (gratuitous ARP). */
	far(w, "link set b0 address 02:00:00:00:0b:99");
	expect_dst(w, "10.77.0.2", "02:00:00:00:0b:99");
	/* Somebody sets it by hand. */
	near(w, "neigh replace 10.77.0.2 lladdr 02:00:00:00:0b:77 nud reachable dev a0");
	expect_dst(w, "10.77.0.2", "02:00:00:00:0b:77");
	assert_true(neigh_says(w, "10.77.0.2", "managed")); /* taken back into care */
}

static void test_permanent_neighbour_is_left_alone(void **state)
{
	struct world *w = begin(state);
	struct lp_hop hop;

	near(w, "neigh add 10.77.0.40 lladdr 02:00:00:00:0b:40 nud permanent dev a0");
	near(w, "neigh add 10.77.0.41 lladdr 02:00:00:00:0b:41 nud noarp dev a0");
	/* The first is asked for before the loop has read the event. */
	expect(w, "10.77.0.40", NET_OK, &hop, SOON_MS);
	expect_dst(w, "10.77.0.40", "02:00:00:00:0b:40");
	expect(w, "10.77.0.41", NET_OK, &hop, SOON_MS);
	expect_dst(w, "10.77.0.41", "02:00:00:00:0b:41");
	net_retain(w->net, NULL, 0);
	assert_true(neigh_says(w, "10.77.0.40", "PERMANENT"));
	assert_true(neigh_says(w, "10.77.0.41", "NOARP"));
	assert_false(neigh_says(w, "10.77.0.40", "managed"));
	assert_false(neigh_says(w, "10.77.0.41", "managed"));
}

static void test_silent_neighbour(void **state)
{
	struct world *w = begin(state);
	struct lp_hop hop;

	assert_int_equal(resolve(w, "10.77.0.50", &hop), NET_RESOLVING);
	expect(w, "10.77.0.50", NET_NEIGHBOUR_FAILED, &hop, SOON_MS);
	expect_empty(&hop, "10.77.0.50");
	assert_int_equal(resolve(w, "2001:db8:77::50", &hop), NET_RESOLVING);
	expect(w, "2001:db8:77::50", NET_NEIGHBOUR_FAILED, &hop, SOON_MS);
	/* It comes to life and says nothing by itself: the kernel asks again. */
	sysctl_in(w, w->far_fd, "ipv4/conf/b0/arp_notify", "0");
	far(w, "addr add 10.77.0.50/24 dev b0");
	expect(w, "10.77.0.50", NET_OK, &hop, MANAGED_RETRY_MS);
	expect_dst(w, "10.77.0.50", MAC_B0);
}

static void test_deleted_neighbour_comes_back(void **state)
{
	struct world *w = begin(state);
	struct lp_hop hop;

	expect(w, "10.77.0.2", NET_OK, &hop, SOON_MS);
	wait_quiet(w);
	near(w, "neigh del 10.77.0.2 dev a0");
	assert_true(wait_change(w, SOON_MS));
	expect(w, "10.77.0.2", NET_OK, &hop, SOON_MS);
	assert_true(neigh_says(w, "10.77.0.2", "managed"));
}

static void test_retain(void **state)
{
	struct world *w = begin(state);
	struct lp_addr keep;
	struct lp_hop hop;

	near(w, "neigh add 10.77.0.60 dev a0 managed"); /* somebody else's */
	expect(w, "10.77.0.2", NET_OK, &hop, SOON_MS);
	expect(w, "10.77.0.3", NET_OK, &hop, SOON_MS);
	resolve(w, "10.77.0.60", &hop);
	wait_quiet(w);
	lp_addr_parse("10.77.0.2", &keep);
	net_retain(w->net, &keep, 1);
	assert_true(neigh_says(w, "10.77.0.2", "managed"));
	assert_false(neigh_says(w, "10.77.0.3", "managed"));
	assert_true(neigh_says(w, "10.77.0.60", "managed"));
	/* What was let go can be asked for again. */
	expect(w, "10.77.0.3", NET_OK, &hop, SOON_MS);
	assert_true(neigh_says(w, "10.77.0.3", "managed"));
	net_retain(w->net, NULL, 0);
	assert_false(neigh_says(w, "10.77.0.2", "managed"));
}

/* P8: the kernel keeps neighbours fresh without an agent; the next one adopts them. */
static void test_next_agent_adopts_neighbours(void **state)
{
	struct world *w = begin(state);
	struct lp_addr keep;
	struct lp_hop hop;

	expect(w, "10.77.0.2", NET_OK, &hop, SOON_MS);
	expect(w, "10.77.0.3", NET_OK, &hop, SOON_MS);
	close_net(w);
	assert_true(neigh_says(w, "10.77.0.2", "managed"));
	open_net(w);
	assert_int_equal(resolve(w, "10.77.0.2", &hop), NET_OK); /* at once */
	lp_addr_parse("10.77.0.2", &keep);
	net_retain(w->net, &keep, 1);
	assert_true(neigh_says(w, "10.77.0.2", "managed"));
	assert_false(neigh_says(w, "10.77.0.3", "managed"));
}

/* --- links and addresses --- */

static void test_link_down_and_up(void **state)
{
	struct world *w = begin(state);
	struct lp_hop hop;

	expect(w, "10.77.0.2", NET_OK, &hop, SOON_MS);
	expect(w, "2001:db8:77::2", NET_OK, &hop, SOON_MS);
	wait_quiet(w);
	/* Carrier: the route is still there. */
	far(w, "link set b0 down");
	expect(w, "10.77.0.2", NET_LINK_DOWN, &hop, SOON_MS);
	expect_empty(&hop, "10.77.0.2");
	far(w, "link set b0 up");
	expect(w, "10.77.0.2", NET_OK, &hop, SOON_MS);
	wait_quiet(w);
	/* Admin: the route goes. */
	near(w, "link set a0 down");
	expect(w, "10.77.0.2", NET_NO_ROUTE, &hop, SOON_MS);
	near(w, "link set a0 up");
	expect(w, "10.77.0.2", NET_OK, &hop, SOON_MS);
	expect_dst(w, "10.77.0.2", MAC_B0);
}

static void test_link_deleted_and_remade(void **state)
{
	struct world *w = begin(state);
	struct net_link link;
	struct lp_hop hop;

	expect(w, "10.78.0.2", NET_OK, &hop, SOON_MS);
	near(w, "link del a1");
	expect(w, "10.78.0.2", NET_NO_ROUTE, &hop, SOON_MS);
	expect_empty(&hop, "10.78.0.2");
	assert_int_equal(net_link(w->net, "a1", &link), -ENODEV);
	make_pair(w, 1, MAC_A1, MAC_B1);
	expect(w, "10.78.0.2", NET_OK, &hop, SOON_MS);
	assert_int_equal(hop.ifindex, if_nametoindex("a1"));
}

static void test_own_mac_changes(void **state)
{
	struct world *w = begin(state);
	struct lp_hop hop;

	expect(w, "10.77.0.2", NET_OK, &hop, SOON_MS);
	wait_quiet(w);
	near(w, "link set a0 address 02:00:00:00:0a:99");
	assert_true(wait_change(w, SOON_MS));
	expect(w, "10.77.0.2", NET_OK, &hop, SOON_MS);
	expect_src(&hop, "02:00:00:00:0a:99");
}

static void test_address_removed(void **state)
{
	struct world *w = begin(state);
	struct lp_hop hop;

	near(w, "addr add 10.77.0.9/24 dev a0"); /* secondary */
	sysctl_in(w, w->near_fd, "ipv4/conf/a0/promote_secondaries", "1");
	expect(w, "10.77.0.2", NET_OK, &hop, SOON_MS);
	expect_addr(&hop.saddr, "10.77.0.1");
	wait_quiet(w);
	near(w, "addr del 10.77.0.1/24 dev a0");
	assert_true(wait_change(w, SOON_MS));
	expect(w, "10.77.0.2", NET_OK, &hop, SOON_MS);
	expect_addr(&hop.saddr, "10.77.0.9");
	assert_int_equal(hop.outer_sum, net_outer_sum(hop.saddr.w[3], hop.daddr.w[3]));
	wait_quiet(w);
	near(w, "addr del 10.77.0.9/24 dev a0");
	expect(w, "10.77.0.2", NET_NO_ROUTE, &hop, SOON_MS);
}

static void test_no_source(void **state)
{
	struct world *w = begin(state);
	struct lp_hop hop;

	near(w, "addr flush dev a0 scope global");
	near(w, "addr flush dev a1 scope global");
	near(w, "route add 198.51.100.0/24 dev a0");
	expect(w, "198.51.100.7", NET_NO_SOURCE, &hop, SOON_MS);
	expect_empty(&hop, "198.51.100.7");
}

static void test_link_facts(void **state)
{
	static const unsigned char mac[6] = { 2, 0, 0, 0, 0x0a, 0 };
	struct world *w = begin(state);
	struct net_link link, untouched;

	memset(&link, 0x5a, sizeof(link));
	untouched = link;
	assert_int_equal(net_link(w->net, "nosuch0", &link), -ENODEV);
	assert_memory_equal(&link, &untouched, sizeof(link));
	assert_int_equal(net_link(w->net, "a0", &link), 0);
	assert_int_equal(link.ifindex, if_nametoindex("a0"));
	assert_int_equal(link.mtu, 1500);
	assert_memory_equal(link.mac, mac, sizeof(mac));
	assert_string_equal(link.driver_kind, "veth");
	assert_true(link.up);
	far(w, "link set b0 down");
	assert_true(wait_change(w, SOON_MS));
	wait_quiet(w);
	assert_int_equal(net_link(w->net, "a0", &link), 0);
	assert_false(link.up);
	near(w, "link set a0 down");
	near(w, "link set a0 name renamed0");
	assert_true(wait_change(w, SOON_MS));
	assert_int_equal(net_link(w->net, "a0", &link), -ENODEV);
	assert_int_equal(net_link(w->net, "renamed0", &link), 0);
}

/* A port that leaves its bridge is announced like a link that is deleted. */
static void test_bridge(void **state)
{
	struct world *w = begin(state);
	struct net_link link;
	struct lp_hop hop;

	if (run("ip -n %s link add br0 type bridge 2>/dev/null", w->near)) {
		print_message("needs a kernel with bridges\n");
		skip();
	}
	near(w, "link set br0 up");
	near(w, "link set a1 master br0");
	near(w, "addr flush dev a1");
	near(w, "addr add 10.78.0.1/24 dev br0");
	expect(w, "10.78.0.2", NET_OK, &hop, SOON_MS);
	assert_int_equal(hop.ifindex, if_nametoindex("br0"));
	expect_dst(w, "10.78.0.2", MAC_B1);
	near(w, "link set a1 nomaster");
	expect(w, "10.78.0.2", NET_LINK_DOWN, &hop, SOON_MS);
	assert_int_equal(net_link(w->net, "a1", &link), 0);
	assert_true(link.up);
}

/* --- callbacks --- */

static void test_one_callback_for_a_burst(void **state)
{
	struct world *w = begin(state);
	struct lp_hop hop;
	unsigned int before;

	expect(w, "10.77.0.2", NET_OK, &hop, SOON_MS);
	wait_quiet(w);
	before = w->changes;
	/* 500 changes wait in the socket; the loop sees them at one go. */
	near(w, "-batch - <<END\n$(for i in $(seq 250); do"
		" echo route add 10.77.0.2/32 via 10.78.0.2; echo route del 10.77.0.2/32;"
		" done)\nEND");
	assert_true(wait_change(w, SOON_MS));
	wait_quiet(w);
	assert_int_equal(w->changes, before + 1);
}

static void test_what_does_not_matter_is_not_told(void **state)
{
	struct world *w = begin(state);
	struct lp_hop hop;
	unsigned int before;

	wait_quiet(w);
	assert_int_equal(w->changes, 0); /* opening is no change */
	expect(w, "10.77.0.2", NET_OK, &hop, SOON_MS);
	expect(w, "2001:db8:77::2", NET_OK, &hop, SOON_MS);
	wait_quiet(w);
	before = w->changes;
	near(w, "route add 203.0.113.0/24 via 10.77.0.2"); /* no backend in it */
	near(w, "route add 2001:db8:abcd::/48 via 2001:db8:77::2");
	near(w, "neigh add 10.77.0.99 lladdr 02:00:00:00:00:99 dev a0");
	near(w, "neigh del 10.77.0.99 dev a0");
	/* Lifetimes alone, as each router advertisement brings them. */
	near(w, "addr change 2001:db8:77::1/64 dev a0 valid_lft 5000 preferred_lft 5000 nodad");
	assert_true(wait_change(w, SOON_MS)); /* no longer a permanent address: that counts */
	wait_quiet(w);
	assert_int_equal(w->changes, before + 1);
	near(w, "addr change 2001:db8:77::1/64 dev a0 valid_lft 6000 preferred_lft 6000 nodad");
	wait_quiet(w);
	assert_int_equal(w->changes, before + 1);
	assert_int_equal(resolve(w, "10.77.0.2", &hop), NET_OK);
}

/* The event socket: the one of ours that is in multicast groups. */
static int event_socket(void)
{
	for (int fd = 3; fd < 256; fd++) {
		struct sockaddr_nl addr = { 0 };
		socklen_t len = sizeof(addr);

		if (!getsockname(fd, (struct sockaddr *)&addr, &len) &&
		    addr.nl_family == AF_NETLINK && addr.nl_groups)
			return fd;
	}
	return -1;
}

/*
 * Fills the event socket's buffer, so that the changes after it are lost, and
 * makes changes of each kind. Nothing but reading all again can find them.
 */
static void lose_events(struct world *w)
{
	int small = 4096, fd = event_socket();

	assert_true(fd >= 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small)), 0);
	near(w, "-batch - <<END\n$(for i in $(seq 200); do"
		" echo neigh add 10.77.0.$i lladdr 02:00:00:00:00:01 nud stale dev a1;"
		" done)\nEND");
	near(w, "neigh replace 10.77.0.40 lladdr 02:00:00:00:0b:41 nud permanent dev a0");
	near(w, "neigh del 10.77.0.42 dev a0");
	near(w, "route del 198.51.100.0/24");
	near(w, "addr del 192.0.2.77/32 dev lo");
	near(w, "link del a1");
}

static void test_lost_events_are_made_good(void **state)
{
	struct world *w = begin(state);
	struct net_link link;
	struct lp_hop hop;

	near(w, "addr add 192.0.2.77/32 dev lo");
	near(w, "route add 198.51.100.0/24 via 10.77.0.2");
	near(w, "neigh add 10.77.0.40 lladdr 02:00:00:00:0b:40 nud permanent dev a0");
	near(w, "neigh add 10.77.0.42 lladdr 02:00:00:00:0b:42 nud permanent dev a0");
	wait_change(w, 300);
	expect_dst(w, "10.77.0.40", "02:00:00:00:0b:40");
	expect_dst(w, "10.77.0.42", "02:00:00:00:0b:42");
	expect(w, "198.51.100.7", NET_OK, &hop, SOON_MS);
	expect(w, "10.78.0.2", NET_OK, &hop, SOON_MS);
	wait_quiet(w);

	lp_log_level_set(LP_LOG_ERROR); /* the warning is expected */
	lose_events(w);
	assert_true(wait_change(w, SOON_MS));
	wait_quiet(w);
	lp_log_level_set(LP_LOG_INFO);
	expect_dst(w, "10.77.0.40", "02:00:00:00:0b:41");
	assert_int_equal(resolve(w, "10.77.0.42", &hop), NET_RESOLVING);
	assert_int_equal(resolve(w, "198.51.100.7", &hop), NET_NO_ROUTE);
	assert_int_equal(resolve(w, "10.78.0.2", &hop), NET_NO_ROUTE);
	assert_int_equal(net_link(w->net, "a1", &link), -ENODEV);

	/* And it still follows: polling goes on, and the address is new again. */
	near(w, "route add 198.51.100.0/24 via 10.77.0.2");
	expect(w, "198.51.100.7", NET_OK, &hop, SOON_MS);
	wait_quiet(w);
	near(w, "addr add 192.0.2.77/32 dev lo");
	assert_true(wait_change(w, SOON_MS));
}

/* --- many --- */

static struct lp_addr nth(unsigned int i)
{
	struct lp_addr addr;

	lp_addr_parse("10.79.0.0", &addr);
	addr.b[14] = (uint8_t)(i >> 8);
	addr.b[15] = (uint8_t)i;
	return addr;
}

static double resolve_all(struct world *w, unsigned int n, enum net_state wanted)
{
	uint64_t start = uv_hrtime();
	struct lp_hop hop;

	for (unsigned int i = 0; i < n; i++) {
		struct lp_addr addr = nth(i);

		assert_int_equal(net_resolve(w->net, &addr, &hop), wanted);
	}
	return (double)(uv_hrtime() - start) / 1e6;
}

static void wait_all(struct world *w, unsigned int n)
{
	for (int round = 0; round < 100; round++) {
		unsigned int good = 0;
		struct lp_hop hop;

		for (unsigned int i = 0; i < n; i++) {
			struct lp_addr addr = nth(i);

			good += net_resolve(w->net, &addr, &hop) == NET_OK;
		}
		if (good == n)
			return;
		if (!wait_change(w, SOON_MS))
			fail_msg("%u of %u are resolved, and no change comes", good, n);
	}
	fail_msg("not resolved after 100 callbacks");
}

/* More neighbours than gc_thresh3 (1,024) lets the kernel keep of ordinary ones. */
static void many(struct world *w, unsigned int n)
{
	double first, cached, again;
	uint64_t start;

	near(w, "addr add 10.79.255.1/16 dev a1");
	/* The whole network is the far side's own (AnyIP), so all of it answers. */
	far(w, "route add local 10.79.0.0/16 dev b1");
	far(w, "route add 10.79.255.1/32 dev b1");
	wait_quiet(w);
	start = uv_hrtime();
	first = resolve_all(w, n, NET_RESOLVING);
	wait_all(w, n);
	print_message("%u backends: first net_resolve() of all %.1f ms, all MACs there after "
		      "%.0f ms\n",
		      n, first, (double)(uv_hrtime() - start) / 1e6);
	wait_quiet(w);
	cached = resolve_all(w, n, NET_OK);
	near(w, "rule add to 192.0.2.1 lookup 100");
	assert_true(wait_change(w, SOON_MS));
	again = resolve_all(w, n, NET_OK);
	print_message("%u backends: cached %.2f ms (%.0f ns each), after a rule change %.1f ms\n",
		      n, cached, cached * 1e6 / n, again);
	assert_true(cached < n * 0.01); /* 10 us each: no system call, no scan */
	assert_int_equal(
		run("test $(ip -n %s -d neigh show | grep -cw managed) -eq %u", w->near, n), 0);
	net_retain(w->net, NULL, 0);
	assert_true(run("ip -n %s -d neigh show | grep -qw managed", w->near));
}

static void test_2000_backends(void **state)
{
	many(begin(state), 2000);
}

static void test_10000_backends(void **state)
{
	many(begin(state), 10000);
}

#define world_test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		world_test(test_on_link_v4),
		world_test(test_on_link_v6),
		world_test(test_via_gateway),
		world_test(test_v4_via_v6_gateway),
		world_test(test_nexthop_object),
		world_test(test_multipath),
		world_test(test_policy_rule),
		world_test(test_route_moves_to_another_interface),
		world_test(test_mtu),
		world_test(test_no_route),
		world_test(test_local),
		world_test(test_not_ethernet),
		world_test(test_neighbour_mac_changes),
		world_test(test_permanent_neighbour_is_left_alone),
		world_test(test_silent_neighbour),
		world_test(test_deleted_neighbour_comes_back),
		world_test(test_retain),
		world_test(test_next_agent_adopts_neighbours),
		world_test(test_link_down_and_up),
		world_test(test_link_deleted_and_remade),
		world_test(test_own_mac_changes),
		world_test(test_address_removed),
		world_test(test_no_source),
		world_test(test_link_facts),
		world_test(test_bridge),
		world_test(test_one_callback_for_a_burst),
		world_test(test_what_does_not_matter_is_not_told),
		world_test(test_lost_events_are_made_good),
		world_test(test_2000_backends),
		world_test(test_10000_backends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
