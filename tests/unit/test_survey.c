// SPDX-License-Identifier: GPL-2.0
/*
 * What user/net reads without following it: links, drivers, ways, sysctls, processes.
 * Against the kernel, in a network namespace of the test's own:
 *
 *	a0 10.77.0.1/24, 2001:db8:77::1/64  ---  b0, which answers nobody
 */
#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/addr.h"
#include "net/ethtool.h"
#include "net/host.h"
#include "net/survey.h"

#define SH(command) assert_int_equal(system(command), 0)

static int enter(void **state)
{
	(void)state;
	if (unshare(CLONE_NEWNET))
		return -1;
	SH("ip link set lo up && "
	   "ip link add a0 type veth peer name b0 && ip link set a0 up && ip link set b0 up && "
	   "ip link set b0 arp off && "
	   "ip address add 10.77.0.1/24 dev a0 && ip address add 2001:db8:77::1/64 dev a0 nodad && "
	   "ip route add 192.0.2.0/24 via 10.77.0.9 mtu 1300 && "
	   "ip link add dummy0 type dummy 2>/dev/null; true");
	return 0;
}

static struct net_survey *open_survey(void)
{
	struct net_survey *survey = NULL;
	struct lp_err err;

	assert_int_equal(net_survey_open(&survey, &err), 0);
	return survey;
}

static void test_links(void **state)
{
	struct net_survey_link link = { .mtu = 77 };
	struct net_survey *survey;

	(void)state;
	SH("ip link set dev a0 mtu 1400");
	survey = open_survey();
	assert_int_equal(net_survey_link(survey, "nothing", &link), -ENODEV);
	assert_int_equal(link.mtu, 77);
	assert_int_equal(net_survey_link(survey, "a0", &link), 0);
	assert_int_equal(link.mtu, 1400);
	assert_true(link.up);
	assert_string_equal(link.kind, "veth");
	assert_string_equal(link.peer, "b0");
	assert_int_equal(link.xdp_id, 0);
	assert_int_equal(net_survey_link(survey, "lo", &link), 0);
	assert_string_equal(link.peer, "");
	net_survey_close(&survey);
	net_survey_close(&survey);
	SH("ip link set dev a0 mtu 1500");
}

static enum net_state way(const char *text, struct net_survey_way *out)
{
	struct net_survey *survey = open_survey();
	struct lp_addr addr;

	assert_int_equal(lp_addr_parse(text, &addr), 0);
	assert_int_equal(net_survey_way(survey, &addr, out), 0);
	net_survey_close(&survey);
	return out->state;
}

/* The kernel tells a moment later that the other end of a link is down or up again. */
static enum net_state way_after(const char *text, enum net_state before,
				struct net_survey_way *found)
{
	const struct timespec wait = { .tv_nsec = 20000000 };
	enum net_state got = way(text, found);

	for (int i = 0; i < 250 && got == before; i++) {
		nanosleep(&wait, NULL);
		got = way(text, found);
	}
	return got;
}

static void test_ways(void **state)
{
	struct net_survey_way found;

	(void)state;
	assert_int_equal(way("198.51.100.1", &found), NET_NO_ROUTE);
	assert_string_equal(found.interface, "");
	assert_int_equal(way("10.77.0.1", &found), NET_LOCAL);
	SH("ip neighbour replace 10.77.0.2 lladdr 02:00:00:00:00:02 dev a0 nud permanent");
	assert_int_equal(way("10.77.0.2", &found), NET_OK);
	assert_true(found.on_link);
	assert_int_equal(found.mtu, 1500);
	assert_string_equal(found.interface, "a0");
	SH("ip neighbour replace 10.77.0.9 lladdr 02:00:00:00:00:09 dev a0 nud permanent");
	assert_int_equal(way("192.0.2.5", &found), NET_OK);
	assert_false(found.on_link);
	assert_int_equal(found.mtu, 1300);
	assert_int_equal(way("2001:db8:77::2", &found), NET_RESOLVING);
	SH("ip link set b0 down");
	assert_int_equal(way_after("10.77.0.2", NET_OK, &found), NET_LINK_DOWN);
	SH("ip link set b0 up");
	assert_int_equal(way_after("10.77.0.2", NET_LINK_DOWN, &found), NET_OK);
}

/* Nobody has asked for it; then the kernel does, three times. */
static void test_ask(void **state)
{
	const struct timespec wait = { .tv_nsec = 100000000 };
	struct net_survey *survey = open_survey();
	struct net_survey_way found;
	struct lp_addr addr;
	int i;

	(void)state;
	assert_int_equal(lp_addr_parse("10.77.0.66", &addr), 0);
	assert_int_equal(net_survey_way(survey, &addr, &found), 0);
	assert_int_equal(found.state, NET_RESOLVING);
	assert_int_equal(net_survey_ask(survey, &addr), 0);
	for (i = 0; i < 100 && found.state == NET_RESOLVING; i++) {
		nanosleep(&wait, NULL);
		assert_int_equal(net_survey_way(survey, &addr, &found), 0);
	}
	assert_int_equal(found.state, NET_NEIGHBOUR_FAILED);
	/* It is an ordinary entry: nothing of ours stays. */
	SH("! ip -d neighbour show dev a0 | grep -q managed");
	net_survey_close(&survey);
}

static void test_local(void **state)
{
	static const char *const local[] = { "10.77.0.1", "127.0.0.1", "2001:db8:77::1", "::1" };
	static const char *const other[] = { "10.77.0.2", "192.0.2.1", "198.51.100.1" };
	struct net_survey *survey = open_survey();
	struct lp_addr addr;

	(void)state;
	for (size_t i = 0; i < sizeof(local) / sizeof(local[0]); i++) {
		lp_addr_parse(local[i], &addr);
		assert_true(net_survey_is_local(survey, &addr));
	}
	for (size_t i = 0; i < sizeof(other) / sizeof(other[0]); i++) {
		lp_addr_parse(other[i], &addr);
		assert_false(net_survey_is_local(survey, &addr));
	}
	net_survey_close(&survey);
}

static void test_ethtool(void **state)
{
	struct net_ethtool facts = { .rx_ring = 5 };

	(void)state;
	assert_int_equal(net_ethtool_read("nothing", &facts), -ENODEV);
	assert_int_equal(facts.rx_ring, 5);
	assert_int_equal(net_ethtool_read("b0", &facts), 0);
	assert_string_equal(facts.driver, "veth");
	assert_int_equal(facts.lro, 0);
	assert_int_equal(facts.tx_csum, 1);
	assert_true(facts.rx_queues >= 1 && facts.rx_queues <= facts.rx_queues_max);
	assert_int_equal(facts.rx_ring, 0); /* it has none */
	SH("ethtool -K b0 tx off >/dev/null");
	assert_int_equal(net_ethtool_read("b0", &facts), 0);
	assert_int_equal(facts.tx_csum, 0);
}

static void test_sysctl(void **state)
{
	(void)state;
	assert_int_equal(net_sysctl("net/ipv4/nothing"), -1);
	assert_int_equal(net_sysctl("kernel/ostype"), -1); /* no number */
	SH("sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.rp_filter=0 "
	   "net.ipv4.conf.a0.rp_filter=1 net.ipv4.conf.b0.rp_filter=2");
	assert_int_equal(net_sysctl("net/ipv4/ip_forward"), 1);
	assert_int_equal(net_rp_filter("a0"), 1);
	assert_int_equal(net_rp_filter("b0"), 2);
	SH("sysctl -qw net.ipv4.conf.all.rp_filter=1");
	assert_int_equal(net_rp_filter("a0"), 1);
	assert_int_equal(net_rp_filter("b0"), 2); /* the larger counts */
	assert_int_equal(net_rp_filter("nothing"), -1);
}

/* A child with a name of its own, until it is killed; in the namespace of its parent. */
static pid_t child(const char *name)
{
	int ready[2];
	char byte;
	pid_t pid;

	assert_int_equal(pipe(ready), 0);
	pid = fork();
	if (!pid) {
		prctl(PR_SET_NAME, name);
		if (write(ready[1], "x", 1) != 1)
			_exit(1);
		pause();
		_exit(0);
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	close(ready[1]);
	return pid;
}

static void test_processes(void **state)
{
	pid_t first = child("survey-test"), second = child("survey-test");
	int pids[2] = { 0 };

	(void)state;
	assert_int_equal(net_processes("survey-nobody", pids, 2), 0);
	assert_int_equal(net_processes("survey-test", pids, 1), 2);
	assert_true(pids[0] == first || pids[0] == second);
	assert_int_equal(pids[1], 0);
	/* In another network namespace they are nobody's business. */
	assert_int_equal(unshare(CLONE_NEWNET), 0);
	assert_int_equal(net_processes("survey-test", pids, 2), 0);
	assert_int_equal(net_enter(first), 0);
	assert_int_equal(net_processes("survey-test", pids, 2), 2);
	assert_int_equal(net_enter(second), 0); /* here already */
	kill(first, SIGKILL);
	kill(second, SIGKILL);
	waitpid(first, NULL, 0);
	waitpid(second, NULL, 0);
	assert_int_equal(net_enter(first), -ENOENT);
}

static void test_capabilities(void **state)
{
	uint64_t mine = 0, nobodys = 42;

	(void)state;
	assert_int_equal(net_capabilities(getpid(), &mine), 0);
	assert_true(mine >> 12 & 1); /* CAP_NET_ADMIN: we have made a namespace */
	assert_int_equal(net_capabilities(0x7ffffffe, &nobodys), -ENOENT);
	assert_int_equal(nobodys, 42);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_links),     cmocka_unit_test(test_ways),
		cmocka_unit_test(test_ask),       cmocka_unit_test(test_local),
		cmocka_unit_test(test_ethtool),   cmocka_unit_test(test_sysctl),
		cmocka_unit_test(test_processes), cmocka_unit_test(test_capabilities),
	};

	if (geteuid()) {
		puts("1..0 # SKIP network namespaces need root");
		return 0;
	}
	return cmocka_run_group_tests(tests, enter, NULL);
}
