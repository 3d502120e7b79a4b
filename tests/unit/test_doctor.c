// SPDX-License-Identifier: GPL-2.0
/* What limpet doctor makes of facts: which finding, how bad, and which command mends it. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/doctor.h"
#include "core/doctor_internal.h"
#include "lib/addr.h"

static const char text[] =
	"seed: x\n"
	"interfaces: [{ name: eth0 }, { name: eth1, mode: generic }]\n"
	"pools:\n"
	"  far: { backends: [{ name: f1, address: 192.0.2.1 }] }\n"
	"  web:\n"
	"    backends:\n"
	"      - { name: w1, address: 10.0.0.1 }\n"
	"      - { name: w2, address: 10.0.0.2 }\n"
	"      - { name: w3, address: \"2001:db8::3\" }\n"
	"vips:\n"
	"  shop: { addresses: [203.0.113.1], ports: [80], pool: web, forward: ipip, affinity: { mode: tcp } }\n"
	"  site: { addresses: [203.0.113.2, 203.0.113.3], ports: [80], pool: far, forward: dsr, affinity: { mode: tcp } }\n";

enum { F1, W1, W2, W3, N_BACKENDS }; /* in the order of the facts */
enum { SHOP, SITE };

struct world {
	struct config *config;
	struct doctor_facts facts;
	struct doctor_report report;
};

/* A host where nothing bites. */
static void make_well(struct doctor_facts *facts)
{
	struct doctor_host *host = &facts->host;

	facts->running = true;
	snprintf(host->release, sizeof(host->release), "6.1.0");
	host->jit = host->forward4 = host->forward6 = 1;
	host->cpus = 4;
	host->n_pids = 1;
	host->pids[0] = 101;
	host->clock_synced = DOCTOR_YES;
	for (int i = 0; i < 2; i++)
		facts->interfaces[i] = (struct doctor_interface) {
			.present = true,
			.up = true,
			.mtu = 1500,
			.driver = "ice",
			.xdp = i ? DOCTOR_XDP_GENERIC : DOCTOR_XDP_NATIVE,
			.xdp_id = 7,
			.attached = DOCTOR_YES,
			.lro = DOCTOR_NO,
			.rx_queues = 4,
			.rx_queues_max = 8,
			.rx_ring = 2048,
			.rx_ring_max = 4096,
		};
	for (int i = 0; i < N_BACKENDS; i++)
		facts->backends[i] = (struct doctor_backend) {
			.way = DOCTOR_WAY_OK,
			.mtu = 9000,
			.interface = "eth1",
			.on_link = i != F1,
		};
	facts->records = (struct doctor_records) { .capacity = 1000, .used = 10 };
}

static int setup(void **state)
{
	static struct world world;
	struct lp_err err;

	world = (struct world) { 0 };
	if (config_parse("t", text, strlen(text), &world.config, &err))
		fail_msg("%s", err.text);
	assert_int_equal(doctor_facts_init(&world.facts, world.config), 0);
	make_well(&world.facts);
	*state = &world;
	return 0;
}

static int teardown(void **state)
{
	struct world *world = *state;

	doctor_report_fini(&world->report);
	doctor_facts_fini(&world->facts);
	doctor_facts_fini(&world->facts);
	config_free(&world->config);
	return 0;
}

static void judge(struct world *world)
{
	doctor_report_fini(&world->report);
	assert_int_equal(doctor_judge(&world->facts, &world->report), 0);
}

/* Number `nth` of the findings of that check and severity; NULL if there are fewer. */
static const struct doctor_finding *nth(const struct world *world, const char *check,
					enum doctor_severity severity, size_t nth)
{
	for (size_t i = 0; i < world->report.n; i++) {
		const struct doctor_finding *finding = &world->report.findings[i];

		if (!strcmp(finding->check, check) && finding->severity == severity && !nth--)
			return finding;
	}
	return NULL;
}

static const struct doctor_finding *only(struct world *world, const char *check,
					 enum doctor_severity severity)
{
	judge(world);
	assert_non_null(nth(world, check, severity, 0));
	assert_null(nth(world, check, severity, 1));
	return nth(world, check, severity, 0);
}

#define assert_says(text, words) assert_non_null(strstr(text, words))

/* --- a host where all is well --------------------------------------------------------- */

static void test_well(void **state)
{
	struct world *world = *state;

	judge(world);
	assert_int_equal(doctor_count(&world->report, DOCTOR_PROBLEM), 0);
	assert_int_equal(doctor_count(&world->report, DOCTOR_WARNING), 0);
	assert_int_equal(doctor_count(&world->report, DOCTOR_NOTE), 1); /* generic, as configured */
	assert_true(doctor_count(&world->report, DOCTOR_OK) > 15);
}

static void test_worst_first(void **state)
{
	struct world *world = *state;
	int last = DOCTOR_PROBLEM;

	world->facts.interfaces[0].lro = DOCTOR_YES;
	world->facts.backends[W1].way = DOCTOR_WAY_NO_ROUTE;
	world->facts.host.clock_synced = DOCTOR_NO;
	judge(world);
	for (size_t i = 0; i < world->report.n; i++) {
		assert_true((int)world->report.findings[i].severity <= last);
		last = (int)world->report.findings[i].severity;
	}
	assert_int_equal(world->report.findings[0].severity, DOCTOR_PROBLEM);
	/* Within a severity, the order of the checks. */
	assert_string_equal(nth(world, "interface", DOCTOR_OK, 0)->what, "eth0 is up, MTU 1500");
	assert_string_equal(nth(world, "interface", DOCTOR_OK, 1)->what, "eth1 is up, MTU 1500");
}

static void test_no_configuration(void **state)
{
	struct world *world = *state;
	struct doctor_facts facts;

	assert_int_equal(doctor_facts_init(&facts, NULL), 0);
	facts.host = world->facts.host;
	assert_int_equal(doctor_judge(&facts, &world->report), 0);
	assert_null(nth(world, "interface", DOCTOR_OK, 0));
	assert_non_null(nth(world, "kernel", DOCTOR_OK, 0));
	doctor_facts_fini(&facts);
}

/* --- the host --------------------------------------------------------------------------- */

static void test_host(void **state)
{
	struct world *world = *state;
	struct doctor_host *host = &world->facts.host;

	snprintf(host->trouble, sizeof(host->trouble), "missing capabilities: CAP_BPF");
	assert_says(only(world, "kernel", DOCTOR_PROBLEM)->what, "CAP_BPF");
	host->jit = 0;
	assert_says(only(world, "jit", DOCTOR_WARNING)->fix, "sysctl -w net.core.bpf_jit_enable=1");
	host->jit = -1; /* not known: nothing is said */
	judge(world);
	assert_null(nth(world, "jit", DOCTOR_WARNING, 0));
	assert_null(nth(world, "jit", DOCTOR_OK, 0));
	host->clock_synced = DOCTOR_NO;
	assert_says(only(world, "clock", DOCTOR_NOTE)->fix, "set-ntp");
}

static void test_agents(void **state)
{
	struct world *world = *state;
	struct doctor_host *host = &world->facts.host;

	host->pids[1] = 202;
	host->n_pids = 2;
	assert_says(only(world, "agents", DOCTOR_WARNING)->what, "pids 101, 202");
	for (int i = 0; i < DOCTOR_PIDS_MAX; i++)
		host->pids[i] = i + 1;
	host->n_pids = 1000; /* of which so many are known */
	assert_says(only(world, "agents", DOCTOR_WARNING)->what, "1000 limpetds");
	world->facts.running = false;
	host->n_pids = 1;
	assert_says(only(world, "agents", DOCTOR_NOTE)->what, "was not asked");
	host->n_pids = 0;
	assert_says(only(world, "agents", DOCTOR_NOTE)->what, "does not run");
}

static void test_elsewhere(void **state)
{
	struct world *world = *state;

	world->facts.elsewhere = true;
	assert_non_null(only(world, "namespace", DOCTOR_WARNING));
	assert_null(nth(world, "interface", DOCTOR_OK, 0));
	assert_null(nth(world, "neighbour", DOCTOR_OK, 0));
	assert_non_null(nth(world, "room", DOCTOR_OK, 0));
}

/* --- interfaces ------------------------------------------------------------------------- */

static void test_interface(void **state)
{
	struct world *world = *state;
	struct doctor_interface *eth0 = &world->facts.interfaces[0];

	eth0->up = false;
	assert_says(only(world, "interface", DOCTOR_PROBLEM)->fix, "ip link set dev eth0 up");
	eth0->present = false;
	assert_says(only(world, "interface", DOCTOR_PROBLEM)->what, "no such interface");
	assert_null(nth(world, "xdp", DOCTOR_OK, 0)); /* and no more is said of it */
}

static void test_xdp(void **state)
{
	struct world *world = *state;
	struct doctor_interface *eth0 = &world->facts.interfaces[0];

	eth0->xdp = DOCTOR_XDP_GENERIC;
	assert_says(only(world, "xdp", DOCTOR_WARNING)->fix, "(ice) refuses");
	eth0->mtu = 9000;
	assert_says(only(world, "xdp", DOCTOR_WARNING)->fix, "ip link set dev eth0 mtu 3498");
	eth0->attached = DOCTOR_NO;
	assert_says(only(world, "xdp", DOCTOR_PROBLEM)->why, "another program is (id 7)");
	eth0->xdp_id = 0;
	assert_says(only(world, "xdp", DOCTOR_PROBLEM)->why, "own stack");
	/* limpetd takes it for attached, and the kernel knows of none. */
	eth0->attached = DOCTOR_YES;
	assert_non_null(only(world, "xdp", DOCTOR_PROBLEM));
}

static void test_xdp_without_limpetd(void **state)
{
	struct world *world = *state;

	world->facts.running = false;
	world->facts.interfaces[0].xdp_id = 0;
	world->facts.interfaces[0].attached = DOCTOR_UNKNOWN;
	judge(world);
	assert_says(nth(world, "xdp", DOCTOR_NOTE, 0)->what, "eth0 has no program yet");
	assert_says(nth(world, "xdp", DOCTOR_NOTE, 1)->what, "eth1 has a program (id 7, generic)");
	assert_null(nth(world, "xdp", DOCTOR_PROBLEM, 0));
}

static void test_lro(void **state)
{
	struct world *world = *state;

	world->facts.interfaces[1].lro = DOCTOR_YES;
	assert_string_equal(only(world, "lro", DOCTOR_WARNING)->fix, "ethtool -K eth1 lro off");
	world->facts.interfaces[1].lro = DOCTOR_UNKNOWN;
	assert_says(only(world, "lro", DOCTOR_OK)->what, "eth0"); /* of eth1 nothing is said */
}

static void test_veth(void **state)
{
	struct world *world = *state;
	struct doctor_interface *eth0 = &world->facts.interfaces[0];

	snprintf(eth0->kind, sizeof(eth0->kind), "veth");
	assert_says(only(world, "checksum", DOCTOR_NOTE)->fix, "ethtool -K PEER tx off");
	snprintf(eth0->peer, sizeof(eth0->peer), "host0");
	eth0->peer_csum = DOCTOR_YES;
	assert_says(only(world, "checksum", DOCTOR_WARNING)->fix, "ethtool -K host0 tx off");
	eth0->peer_csum = DOCTOR_NO;
	assert_says(only(world, "checksum", DOCTOR_OK)->what, "host0");
}

static void test_queues(void **state)
{
	struct world *world = *state;
	struct doctor_interface *eth0 = &world->facts.interfaces[0];

	eth0->rx_queues = 1;
	assert_string_equal(only(world, "queues", DOCTOR_WARNING)->fix, "ethtool -L eth0 rx 4");
	eth0->combined = true;
	eth0->rx_queues_max = 2;
	assert_string_equal(only(world, "queues", DOCTOR_WARNING)->fix,
			    "ethtool -L eth0 combined 2");
	eth0->rx_queues_max = 1;
	assert_says(only(world, "queues", DOCTOR_NOTE)->fix, "it has no more");
	eth0->rx_queues_max = 4;
	snprintf(eth0->kind, sizeof(eth0->kind), "veth"); /* is as fast as its other end */
	assert_says(only(world, "queues", DOCTOR_NOTE)->fix, "ethtool -L eth0 combined 4");
	eth0->rx_queues = 0;
	assert_says(only(world, "queues", DOCTOR_OK)->what, "eth1");
	eth0->rx_queues = -3; /* no driver says so, and it is no reason to cry */
	assert_says(only(world, "queues", DOCTOR_OK)->what, "eth1");
}

static void test_ring(void **state)
{
	struct world *world = *state;
	struct doctor_interface *eth0 = &world->facts.interfaces[0];

	eth0->rx_ring = 256;
	assert_string_equal(only(world, "ring", DOCTOR_WARNING)->fix, "ethtool -G eth0 rx 1024");
	eth0->rx_ring_max = 512;
	assert_string_equal(only(world, "ring", DOCTOR_WARNING)->fix, "ethtool -G eth0 rx 512");
	eth0->rx_ring_max = 256; /* as large as it gets */
	judge(world);
	assert_null(nth(world, "ring", DOCTOR_WARNING, 0));
}

static void test_rp_filter(void **state)
{
	struct world *world = *state;

	world->facts.interfaces[1].rp_filter = 1;
	assert_string_equal(only(world, "rp_filter", DOCTOR_WARNING)->fix,
			    "sysctl -w net.ipv4.conf.eth1.rp_filter=2");
	world->config->n_interfaces = 1; /* one arm: answers come back where questions went */
	world->facts.interfaces[0].rp_filter = 1;
	assert_says(only(world, "rp_filter", DOCTOR_NOTE)->what, "eth0");
	world->config->vips[SHOP].forward = LP_FORWARD_SNAT; /* but now they come through here */
	assert_non_null(only(world, "rp_filter", DOCTOR_WARNING));
	world->facts.interfaces[0].rp_filter = 2;
	assert_non_null(only(world, "rp_filter", DOCTOR_OK));
	world->config->n_interfaces = 2;
}

/* --- ways -------------------------------------------------------------------------------- */

static void test_ways(void **state)
{
	static const struct {
		enum doctor_way way;
		enum doctor_severity severity;
		const char *check, *what, *fix;
	} cases[] = {
		{ DOCTOR_WAY_NO_ROUTE, DOCTOR_PROBLEM, "route", "no route to web/w2",
		  "ip route get 10.0.0.2" },
		{ DOCTOR_WAY_LOCAL, DOCTOR_PROBLEM, "route",
		  "this host itself has the address of web/w2", "ip address show to 10.0.0.2" },
		{ DOCTOR_WAY_RESOLVING, DOCTOR_WARNING, "neighbour", "on the way to web/w2",
		  "ip route get 10.0.0.2" },
		{ DOCTOR_WAY_NEIGHBOUR, DOCTOR_PROBLEM, "neighbour", "web/w2 does not answer",
		  "ping 10.0.0.2" },
		{ DOCTOR_WAY_LINK, DOCTOR_PROBLEM, "route", "web/w2 is down", "10.0.0.2" },
		{ DOCTOR_WAY_ETHERNET, DOCTOR_PROBLEM, "route", "web/w2 leaves by", "10.0.0.2" },
		{ DOCTOR_WAY_TAGS, DOCTOR_PROBLEM, "route", "two VLAN tags", "10.0.0.2" },
		{ DOCTOR_WAY_SOURCE, DOCTOR_PROBLEM, "route", "to send from to web/w2",
		  "10.0.0.2" },
	};
	struct world *world = *state;

	_Static_assert(sizeof(cases) / sizeof(cases[0]) == DOCTOR_WAYS - 1, "every way but ok");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct doctor_finding *finding;

		world->facts.backends[W2].way = cases[i].way;
		finding = only(world, cases[i].check, cases[i].severity);
		assert_says(finding->what, cases[i].what);
		assert_says(finding->fix, cases[i].fix);
		assert_true(*finding->why);
		assert_null(strstr(finding->what, "w1"));
	}
}

static void test_many_backends(void **state)
{
	struct world *world = *state;

	for (int i = 0; i < N_BACKENDS; i++)
		world->facts.backends[i].way = DOCTOR_WAY_NO_ROUTE;
	assert_says(only(world, "route", DOCTOR_PROBLEM)->what,
		    "no route to far/f1, web/w1, web/w2, web/w3");
}

static void test_names(void **state)
{
	struct doctor_names names = { 0 };
	char longest[64];

	(void)state;
	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = 0;
	for (int i = 0; i < 10000; i++)
		doctor_names_add(&names, "%s/%s", longest, longest);
	assert_says(doctor_names_end(&names), " and 9996 more");
	assert_true(strlen(names.text) < sizeof(names.text));
	assert_says(doctor_names_end(&names), " and 9996 more"); /* as it was */
}

static void test_local_vip(void **state)
{
	struct world *world = *state;
	const struct doctor_finding *finding;

	world->facts.local[world->facts.n_local++] = world->config->vips[SITE].addresses[1];
	finding = only(world, "vip_local", DOCTOR_WARNING);
	assert_says(finding->what, "address of VIP site (203.0.113.3)");
	assert_says(finding->fix, "ip address delete 203.0.113.3/32");
	assert_null(nth(world, "vip_local", DOCTOR_OK, 0));
}

/* --- tunnels ------------------------------------------------------------------------------ */

static void test_mtu(void **state)
{
	struct world *world = *state;
	const struct doctor_finding *finding;

	world->facts.backends[W1].mtu = 1519; /* a byte too few for 1,500 and 20 */
	world->facts.backends[W2].mtu = 1520;
	world->facts.backends[W3].mtu = 1540; /* IPv6 outside */
	world->facts.backends[F1].mtu = 1000; /* dsr: no header, no matter */
	finding = only(world, "mtu", DOCTOR_WARNING);
	assert_says(finding->what, "ipip to web/w1: packets above 1499 bytes");
	assert_says(finding->fix, "ip link set dev eth1 mtu 1520");
	assert_says(finding->fix, "advmss 1439");
	world->facts.backends[W3].mtu = 1539;
	judge(world);
	assert_says(nth(world, "mtu", DOCTOR_WARNING, 1)->what, "web/w3: packets above 1499 bytes");
	world->config->vips[SHOP].forward = LP_FORWARD_GUE; /* 8 bytes more */
	judge(world);
	assert_says(nth(world, "mtu", DOCTOR_WARNING, 1)->what, "web/w2: packets above 1492 bytes");
}

static void test_mtu_alike(void **state)
{
	struct world *world = *state;

	world->facts.backends[W1].mtu = world->facts.backends[W2].mtu = 1500;
	assert_says(only(world, "mtu", DOCTOR_WARNING)->what, "web/w1, web/w2: packets above 1480");
	/* Alike but for the interface. */
	snprintf(world->facts.backends[W2].interface, sizeof(world->facts.backends[W2].interface),
		 "eth2");
	judge(world);
	assert_says(nth(world, "mtu", DOCTOR_WARNING, 0)->what, "web/w1: packets");
	assert_says(nth(world, "mtu", DOCTOR_WARNING, 1)->what, "web/w2: packets");
}

/* One arm: the MTU that was raised for the tunnel is not what clients send. */
static void test_mtu_one_armed(void **state)
{
	struct world *world = *state;

	world->facts.interfaces[1].mtu = 1540;
	for (int i = W1; i <= W3; i++)
		world->facts.backends[i].mtu = 1540;
	assert_non_null(only(world, "mtu", DOCTOR_OK));
	world->facts.interfaces[0].mtu = 9000; /* but by another, large ones can come */
	judge(world);
	assert_says(nth(world, "mtu", DOCTOR_WARNING, 0)->what, "and 9000 can come in");
}

static void test_mtu_tiny(void **state)
{
	struct world *world = *state;

	world->facts.backends[W1].mtu = 1299; /* 1,279 for IPv6 that needs 1,280 */
	assert_says(only(world, "mtu", DOCTOR_PROBLEM)->why, "IPv6 clients cannot send less");
	world->facts.backends[W1].mtu = 10; /* less than the header */
	assert_says(only(world, "mtu", DOCTOR_PROBLEM)->what, "packets above 0 bytes");
	world->facts.backends[W1].mtu = 0; /* no way: that is said elsewhere */
	judge(world);
	assert_non_null(nth(world, "mtu", DOCTOR_OK, 0));
}

/* --- the way back ---------------------------------------------------------------------------- */

static void test_nat(void **state)
{
	struct world *world = *state;
	const struct doctor_finding *finding;

	judge(world);
	assert_says(nth(world, "forwarding", DOCTOR_OK, 0)->what, "no VIP needs");
	assert_null(nth(world, "return", DOCTOR_NOTE, 0));
	world->config->vips[SHOP].forward = LP_FORWARD_NAT;
	finding = only(world, "return", DOCTOR_NOTE);
	assert_says(finding->what, "web/w1, web/w2, web/w3: whether replies come back");
	assert_says(finding->fix, "ip route replace default via");
	world->config->vips[SITE].forward = LP_FORWARD_NAT;
	assert_says(only(world, "return", DOCTOR_WARNING)->what, "far/f1, behind a router");
	world->facts.host.forward4 = 0;
	assert_string_equal(only(world, "forwarding", DOCTOR_PROBLEM)->fix,
			    "sysctl -w net.ipv4.ip_forward=1");
}

/* --- room ------------------------------------------------------------------------------------- */

static void test_records(void **state)
{
	struct world *world = *state;

	world->facts.records.used = 799;
	assert_non_null(only(world, "records", DOCTOR_OK));
	world->facts.records.used = 800;
	assert_says(only(world, "records", DOCTOR_WARNING)->what, "800 of 1000");
	world->facts.records = (struct doctor_records) { .capacity = 1000, .full = 1 };
	assert_says(only(world, "records", DOCTOR_WARNING)->what, "1 have found no room");
	world->facts.records = (struct doctor_records) { 0 }; /* limpetd was not asked */
	judge(world);
	assert_null(nth(world, "records", DOCTOR_OK, 0));
}

static void test_entries(void **state)
{
	struct world *world = *state;

	judge(world);
	assert_null(nth(world, "entries", DOCTOR_OK, 0)); /* there are none */
	world->facts.entries = (struct doctor_entries) {
		.capacity = 1000,
		.used = 799,
		.ports = 100,
		.ports_used = 79,
		.busiest = "p/b",
	};
	assert_non_null(only(world, "entries", DOCTOR_OK));
	assert_null(nth(world, "ports", DOCTOR_WARNING, 0));
	world->facts.entries.used = 800;
	assert_says(only(world, "entries", DOCTOR_WARNING)->what, "800 of 1000");
	world->facts.entries.ports_used = 80;
	assert_says(only(world, "ports", DOCTOR_WARNING)->what, "p/b: 80 of 100 ports");
	assert_says(only(world, "ports", DOCTOR_WARNING)->fix, "snat_addresses");
}

static void test_room(void **state)
{
	struct world *world = *state;
	struct config_pool *web = &world->config->pools[1];
	size_t n = web->n_backends;

	/* Only numbers count here; nobody looks at what is not there. */
	web->n_backends = 60000;
	doctor_judge_room(&world->facts, &world->report);
	web->n_backends = n;
	assert_says(nth(world, "room", DOCTOR_WARNING, 0)->what, "60001 backends, and 65519 is");
	assert_null(nth(world, "room", DOCTOR_OK, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(test_well),          TEST(test_worst_first), TEST(test_no_configuration),
		TEST(test_host),          TEST(test_agents),      TEST(test_elsewhere),
		TEST(test_interface),     TEST(test_xdp),         TEST(test_xdp_without_limpetd),
		TEST(test_lro),           TEST(test_veth),        TEST(test_queues),
		TEST(test_ring),          TEST(test_rp_filter),   TEST(test_ways),
		TEST(test_many_backends), TEST(test_names),       TEST(test_local_vip),
		TEST(test_mtu),           TEST(test_mtu_alike),   TEST(test_mtu_one_armed),
		TEST(test_mtu_tiny),      TEST(test_nat),         TEST(test_records),
		TEST(test_entries),       TEST(test_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
