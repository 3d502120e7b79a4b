// SPDX-License-Identifier: GPL-2.0
/* The pure parts of user/net: no netlink, no namespaces, no privileges. */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netinet/ip.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <limpet/csum.h>

#include "lib/addr.h"
#include "net/addrs.h"
#include "net/backends.h"
#include "net/decode.h"
#include "net/links.h"
#include "net/map.h"
#include "net/neighs.h"
#include "net/outer.h"

#define TPID_Q  0x8100 /* IEEE 802.1Q C-tag */
#define TPID_AD 0x88a8 /* IEEE 802.1ad S-tag */

static uint64_t random_state = 0x9e3779b97f4a7c15ull;

static uint32_t random32(void)
{
	random_state = random_state * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(random_state >> 32);
}

static struct lp_addr address(const char *text)
{
	struct lp_addr addr;

	assert_int_equal(lp_addr_parse(text, &addr), 0);
	return addr;
}

/* --- the outer header's sum --- */

static void test_outer_sum_completes_to_header_checksum(void **state)
{
	(void)state;
	for (int i = 0; i < 100000; i++) {
		struct iphdr ip = {
			.version = 4,
			.ihl = 5,
			.tot_len = htons((uint16_t)random32()),
			.frag_off = htons(IP_DF),
			.ttl = LP_OUTER_TTL,
			.protocol = (uint8_t)random32(),
			.saddr = random32(),
			.daddr = random32(),
		};
		uint16_t word[10];
		uint32_t whole = 0;
		uint32_t ours = net_outer_sum(ip.saddr, ip.daddr);

		memcpy(word, &ip, sizeof(word));
		for (int w = 0; w < 10; w++)
			whole += word[w];
		ours += ip.tot_len;
		ours += htons(ip.protocol);
		assert_int_equal(lp_csum_finish(ours), lp_csum_finish(whole));
	}
}

/* RFC 1071 verification by hand: 192.0.2.1 to 198.51.100.2, 1500 bytes of IPIP. */
static void test_outer_sum_known_value(void **state)
{
	uint32_t sum = net_outer_sum(htonl(0xc0000201), htonl(0xc6336402));

	(void)state;
	sum += htons(1500);
	sum += htons(IPPROTO_IPIP);
	/* 4500+05dc+0000+4000+4004+c000+0201+c633+6402 = 2b716, folded b718, complement 48e7 */
	assert_int_equal(lp_csum_finish(sum), htons(0x48e7));
}

/* --- the map --- */

struct item {
	struct net_node node;
	uint32_t number;
};

static void release_item(struct net_node *node)
{
	free(net_map_entry(node, struct item, node));
}

static struct net_key item_key(uint32_t i)
{
	struct net_key key = { .addr = address("10.0.0.0"), .ifindex = i % 7 };

	key.addr.w[3] = htonl(0x0a000000 + i);
	return key;
}

static void remove_odd(struct net_node *node, void *arg)
{
	struct item *item = net_map_entry(node, struct item, node);

	if (item->number % 2) {
		net_map_remove(arg, node);
		free(item);
	}
}

static void test_map_finds_what_it_holds(void **state)
{
	struct net_map map;
	struct net_key key;

	(void)state;
	assert_int_equal(net_map_init(&map), 0);
	for (uint32_t i = 0; i < 10000; i++) {
		struct item *item = calloc(1, sizeof(*item));

		item->number = i;
		item->node.key = item_key(i);
		net_map_add(&map, &item->node);
	}
	assert_true(map.size >= map.count);
	net_map_each(&map, remove_odd, &map);
	assert_int_equal(map.count, 5000);
	for (uint32_t i = 0; i < 10000; i++) {
		struct net_node *node;

		key = item_key(i);
		node = net_map_find(&map, &key);
		assert_int_equal(node != NULL, i % 2 == 0);
		if (node)
			assert_int_equal(net_map_entry(node, struct item, node)->number, i);
		key.ifindex += 7;
		assert_null(net_map_find(&map, &key));
	}
	net_map_fini(&map, release_item);
}

/* --- links --- */

static struct net_link_info ethernet(uint32_t ifindex, uint32_t mtu)
{
	struct net_link_info link = {
		.ifindex = ifindex,
		.flags = IFF_UP | IFF_RUNNING,
		.mtu = mtu,
		.type = ARPHRD_ETHER,
		.mac = { 2, 0, 0, 0, 0, (uint8_t)ifindex },
	};

	return link;
}

static struct net_link_info vlan(uint32_t ifindex, uint32_t lower, uint16_t tpid, uint16_t id)
{
	struct net_link_info link = ethernet(ifindex, 1500);

	strcpy(link.kind, "vlan");
	link.lower = lower;
	link.vlan_tpid = htons(tpid);
	link.vlan_id = id;
	return link;
}

static int links_setup(void **state)
{
	static struct net_links links;

	*state = &links;
	return net_links_init(&links);
}

static int links_teardown(void **state)
{
	net_links_fini(*state);
	return 0;
}

static void put(struct net_links *links, struct net_link_info link)
{
	assert_int_equal(net_links_update(links, &link), 1);
}

static void test_plain_link_keeps_tags(void **state)
{
	struct net_egress egress;

	put(*state, ethernet(2, 9000));
	assert_int_equal(net_links_egress(*state, 2, &egress), NET_OK);
	assert_int_equal(egress.ifindex, 2);
	assert_int_equal(egress.mtu, 9000);
	assert_int_equal(egress.src[5], 2);
	assert_int_equal(egress.tags, 0);
	assert_true(egress.keep_tags);
}

static void test_one_vlan(void **state)
{
	struct net_egress egress;
	struct net_link_info low = ethernet(2, 1400);

	put(*state, low);
	put(*state, vlan(3, 2, TPID_Q, 42));
	assert_int_equal(net_links_egress(*state, 3, &egress), NET_OK);
	assert_int_equal(egress.ifindex, 2);
	assert_int_equal(egress.mtu, 1400);
	assert_int_equal(egress.src[5], 3); /* the VLAN device's own MAC */
	assert_int_equal(egress.tags, 1);
	assert_int_equal(egress.tag[0].tpid, htons(TPID_Q));
	assert_int_equal(egress.tag[0].tci, htons(42));
	assert_false(egress.keep_tags);

	/* Untagged traffic on the same interface must not keep tags either. */
	assert_int_equal(net_links_egress(*state, 2, &egress), NET_OK);
	assert_int_equal(egress.tags, 0);
	assert_false(egress.keep_tags);

	/* With the VLAN device gone it may again. */
	assert_true(net_links_remove(*state, 3));
	assert_int_equal(net_links_egress(*state, 2, &egress), NET_OK);
	assert_true(egress.keep_tags);
}

static void test_qinq_is_outermost_first(void **state)
{
	struct net_egress egress;

	/* The upper device comes before what it stands on, as in a dump it may. */
	put(*state, vlan(4, 3, TPID_Q, 7));
	put(*state, vlan(3, 2, TPID_AD, 4094));
	put(*state, ethernet(2, 1500));
	assert_int_equal(net_links_egress(*state, 4, &egress), NET_OK);
	assert_int_equal(egress.ifindex, 2);
	assert_int_equal(egress.tags, 2);
	assert_int_equal(egress.tag[0].tpid, htons(TPID_AD));
	assert_int_equal(egress.tag[0].tci, htons(4094));
	assert_int_equal(egress.tag[1].tpid, htons(TPID_Q));
	assert_int_equal(egress.tag[1].tci, htons(7));
}

static void test_three_tags_are_refused(void **state)
{
	struct net_egress egress, untouched;

	put(*state, ethernet(2, 1500));
	put(*state, vlan(3, 2, TPID_AD, 1));
	put(*state, vlan(4, 3, TPID_Q, 2));
	put(*state, vlan(5, 4, TPID_Q, 3));
	memset(&egress, 0x5a, sizeof(egress));
	untouched = egress;
	assert_int_equal(net_links_egress(*state, 5, &egress), NET_TOO_MANY_TAGS);
	assert_memory_equal(&egress, &untouched, sizeof(egress));
	assert_int_equal(net_links_egress(*state, 4, &egress), NET_OK);
}

/* A loop cannot be made in the kernel, but must not hang the agent either. */
static void test_vlan_loop_ends(void **state)
{
	struct net_egress egress;

	put(*state, vlan(3, 4, TPID_Q, 1));
	put(*state, vlan(4, 3, TPID_Q, 2));
	assert_int_equal(net_links_egress(*state, 3, &egress), NET_TOO_MANY_TAGS);
}

static void test_vlan_in_a_container_is_plain(void **state)
{
	struct net_egress egress;

	put(*state, vlan(3, 0, TPID_Q, 42)); /* lower: in another namespace */
	assert_int_equal(net_links_egress(*state, 3, &egress), NET_OK);
	assert_int_equal(egress.ifindex, 3);
	assert_int_equal(egress.tags, 0);
	assert_true(egress.keep_tags);
}

static void test_every_layer_has_to_be_up(void **state)
{
	struct net_link_info low = ethernet(2, 1500), up = vlan(3, 2, TPID_Q, 42);
	struct net_egress egress;

	put(*state, up);
	assert_int_equal(net_links_egress(*state, 3, &egress), NET_LINK_DOWN); /* no lower */
	low.flags = IFF_UP;
	put(*state, low);
	assert_int_equal(net_links_egress(*state, 3, &egress), NET_LINK_DOWN); /* no carrier */
	low.flags = IFF_UP | IFF_RUNNING;
	put(*state, low);
	assert_int_equal(net_links_egress(*state, 3, &egress), NET_OK);
	up.flags = 0;
	put(*state, up);
	assert_int_equal(net_links_egress(*state, 3, &egress), NET_LINK_DOWN);
	assert_int_equal(net_links_egress(*state, 99, &egress), NET_LINK_DOWN);
}

static void test_not_ethernet(void **state)
{
	struct net_link_info tun = ethernet(2, 1500);
	struct net_egress egress;

	tun.type = ARPHRD_NONE;
	put(*state, tun);
	assert_int_equal(net_links_egress(*state, 2, &egress), NET_NOT_ETHERNET);
}

static void test_links_sweep(void **state)
{
	struct net_link_info two = ethernet(2, 1500);

	put(*state, two);
	put(*state, ethernet(3, 1500));
	net_links_begin(*state);
	assert_int_equal(net_links_update(*state, &two), 0);
	net_links_sweep(*state);
	assert_non_null(net_links_find(*state, 2));
	assert_null(net_links_find(*state, 3));
	assert_false(net_links_remove(*state, 3));
}

/* --- addresses --- */

static void test_addresses_tell_changes_from_repetitions(void **state)
{
	struct net_addr_info info = { .key = { address("2001:db8::1"), 2, 0 }, .prefix = 64 };
	struct net_addrs addrs;

	(void)state;
	assert_int_equal(net_addrs_init(&addrs), 0);
	assert_int_equal(net_addrs_update(&addrs, &info), 1);
	assert_int_equal(net_addrs_update(&addrs, &info), 0);
	info.flags = IFA_F_DEPRECATED;
	assert_int_equal(net_addrs_update(&addrs, &info), 1);
	net_addrs_remove(&addrs, &info.key);
	net_addrs_remove(&addrs, &info.key);
	assert_int_equal(net_addrs_update(&addrs, &info), 1);
	/* Lost while events were lost: its return is a change. */
	net_addrs_begin(&addrs);
	net_addrs_sweep(&addrs);
	assert_int_equal(net_addrs_update(&addrs, &info), 1);
	net_addrs_fini(&addrs);
}

/* --- whose network an address is in --- */

static void add_address(struct net_addrs *addrs, const char *text, uint8_t prefix, uint32_t ifindex)
{
	const struct net_addr_info info = {
		.key = { .addr = address(text), .ifindex = ifindex },
		.prefix = prefix,
	};

	assert_true(net_addrs_update(addrs, &info) >= 0);
}

static unsigned int bits_of(const struct net_addrs *addrs, uint32_t ifindex, const char *text)
{
	const struct lp_addr addr = address(text);

	return net_addrs_bits(addrs, ifindex, &addr);
}

static void test_network_of_an_address(void **state)
{
	struct net_addrs addrs;

	(void)state;
	assert_int_equal(net_addrs_init(&addrs), 0);
	add_address(&addrs, "10.1.0.1", 24, 2);
	add_address(&addrs, "10.1.0.130", 25, 2);
	add_address(&addrs, "10.2.0.1", 16, 3);
	add_address(&addrs, "2001:db8:1::1", 64, 2);
	assert_int_equal(bits_of(&addrs, 2, "10.1.0.11"), 96 + 24);
	assert_int_equal(bits_of(&addrs, 2, "10.1.0.211"), 96 + 25);
	assert_int_equal(bits_of(&addrs, 2, "10.1.1.11"), 0);
	assert_int_equal(bits_of(&addrs, 3, "10.1.0.11"), 0);
	assert_int_equal(bits_of(&addrs, 3, "10.2.255.9"), 96 + 16);
	assert_int_equal(bits_of(&addrs, 2, "2001:db8:1::99"), 64);
	assert_int_equal(bits_of(&addrs, 2, "2001:db8:2::99"), 0);
	net_addrs_fini(&addrs);
}

/* --- neighbours --- */

static struct net_neigh_info neigh_info(uint16_t nud, uint8_t last)
{
	struct net_neigh_info info = {
		.key = { address("10.0.0.2"), 2, 0 },
		.state = nud,
		.flags_ext = NTF_EXT_MANAGED,
		.protocol = NET_NEIGH_PROTOCOL,
		.mac = { 2, 0, 0, 0, 0, last },
		.has_mac = last != 0,
	};

	if (!last)
		memset(info.mac, 0, sizeof(info.mac));
	return info;
}

static int tell(struct net_neighs *neighs, uint16_t nud, uint8_t last)
{
	struct net_neigh_info info = neigh_info(nud, last);

	return net_neighs_update(neighs, &info);
}

static void test_neighbour_states(void **state)
{
	struct net_key key = { address("10.0.0.2"), 2, 0 };
	struct net_neighs neighs;
	struct net_neigh *neigh;

	(void)state;
	assert_int_equal(net_neighs_init(&neighs), 0);
	assert_int_equal(tell(&neighs, NUD_REACHABLE, 1), 0); /* nobody uses it */
	neigh = net_neighs_get(&neighs, &key);
	assert_int_equal(net_neigh_state(neigh), NET_OK);
	assert_true(net_neigh_is_ours(neigh));

	/* A MAC is good as long as the kernel has it. */
	assert_int_equal(tell(&neighs, NUD_STALE, 1), 0);
	assert_int_equal(tell(&neighs, NUD_DELAY, 1), 0);
	assert_int_equal(tell(&neighs, NUD_PROBE, 1), 0);
	assert_int_equal(net_neigh_state(neigh), NET_OK);
	assert_int_equal(tell(&neighs, NUD_REACHABLE, 9), 1);

	/* Failed until it answers, however often it is asked. */
	assert_int_equal(tell(&neighs, NUD_FAILED, 0), 1);
	assert_int_equal(net_neigh_state(neigh), NET_NEIGHBOUR_FAILED);
	assert_int_equal(tell(&neighs, NUD_INCOMPLETE, 0), 0);
	assert_int_equal(net_neigh_state(neigh), NET_NEIGHBOUR_FAILED);
	assert_int_equal(tell(&neighs, NUD_REACHABLE, 9), 1);

	/* Gone: to be asked for again. */
	assert_false(net_neigh_wants_managing(neigh));
	assert_true(net_neighs_remove(&neighs, &key));
	assert_int_equal(net_neigh_state(neigh), NET_RESOLVING);
	assert_true(net_neigh_wants_managing(neigh));
	net_neigh_set_managed(neigh, true);
	assert_false(net_neigh_wants_managing(neigh));
	assert_int_equal(net_neigh_state(neigh), NET_RESOLVING);

	net_neighs_begin(&neighs);
	net_neighs_sweep(&neighs);
	assert_true(net_neigh_wants_managing(neigh));
	net_neighs_put(&neighs, &neigh);
	assert_null(neigh);
	net_neighs_put(&neighs, &neigh);
	assert_int_equal(neighs.map.count, 0);
	net_neighs_fini(&neighs);
}

static void test_static_neighbours_are_left_alone(void **state)
{
	struct net_key key = { address("10.0.0.2"), 2, 0 };
	struct net_neighs neighs;
	struct net_neigh *neigh;

	(void)state;
	assert_int_equal(net_neighs_init(&neighs), 0);
	neigh = net_neighs_get(&neighs, &key);
	for (int i = 0; i < 2; i++) {
		struct net_neigh_info info = neigh_info(i ? NUD_PERMANENT : NUD_NOARP, 1);

		info.flags_ext = info.protocol = 0;
		net_neighs_update(&neighs, &info);
		assert_int_equal(net_neigh_state(neigh), NET_OK);
		assert_false(net_neigh_wants_managing(neigh));
		assert_false(net_neigh_is_ours(neigh));
	}
	net_neighs_fini(&neighs);
}

/* --- which routes a change makes stale --- */

#define BACKENDS 2000

static struct lp_addr random_address(void)
{
	struct lp_addr addr = address("10.0.0.0");

	if (random32() % 2) {
		addr.w[3] = htonl(0x0a000000 | (random32() & 0x3ff));
		return addr;
	}
	addr = address("2001:db8::");
	addr.w[1] = htonl(random32() & 3);
	addr.w[3] = htonl(random32() & 0x3ff);
	return addr;
}

/* Bit by bit, the slow way. */
static bool oracle_in(const struct lp_addr *addr, const struct net_prefix *prefix)
{
	unsigned int skip = prefix->v6 ? 0 : 96;

	if (lp_addr_is_v6(addr) != prefix->v6)
		return false;
	for (unsigned int i = skip; i < skip + prefix->bits; i++) {
		uint8_t bit = 0x80 >> (i % 8);

		if ((addr->b[i / 8] ^ prefix->addr.b[i / 8]) & bit)
			return false;
	}
	return true;
}

static struct net_prefix random_prefix(void)
{
	struct net_prefix prefix = { .addr = random_address() };
	struct lp_addr mask;

	prefix.v6 = lp_addr_is_v6(&prefix.addr);
	prefix.bits = random32() % (prefix.v6 ? 129 : 33);
	lp_addr_mask(&mask, prefix.bits, prefix.v6);
	for (int i = 0; i < 4; i++)
		prefix.addr.w[i] &= mask.w[i];
	return prefix;
}

static void freshen(struct net_node *node, void *arg)
{
	(void)arg;
	net_map_entry(node, struct net_backend, node)->fresh = true;
}

struct expectation {
	const struct net_prefix *prefix;
	bool any;
};

static void count_any(struct net_node *node, void *arg)
{
	struct expectation *expected = arg;

	expected->any |= oracle_in(&node->key.addr, expected->prefix);
}

static void expect_stale(struct net_node *node, void *arg)
{
	struct net_backend *backend = net_map_entry(node, struct net_backend, node);
	struct expectation *expected = arg;

	assert_int_equal(backend->fresh, !oracle_in(&node->key.addr, expected->prefix));
}

static void expect_fresh(struct net_node *node, void *arg)
{
	(void)arg;
	assert_true(net_map_entry(node, struct net_backend, node)->fresh);
}

static void test_prefix_makes_stale_what_is_in_it(void **state)
{
	struct net_backends backends;

	(void)state;
	assert_int_equal(net_backends_init(&backends), 0);
	for (int i = 0; i < BACKENDS; i++) {
		struct lp_addr addr = random_address();

		assert_non_null(net_backends_get(&backends, &addr));
	}
	for (int i = 0; i < 2000; i++) {
		struct net_prefix prefix = random_prefix();
		struct expectation expected = { .prefix = &prefix };

		net_map_each(&backends.map, freshen, NULL);
		net_map_each(&backends.map, count_any, &expected);
		assert_int_equal(net_backends_doubt(&backends, &prefix), expected.any);
		net_map_each(&backends.map, expect_fresh, NULL); /* until it is settled */
		net_backends_settle(&backends);
		net_map_each(&backends.map, expect_stale, &expected);
	}
	net_backends_fini(&backends);
}

static void test_sorted_index_follows_the_table(void **state)
{
	struct net_prefix prefix = { .addr = address("10.0.0.0"), .bits = 24 };
	struct lp_addr a = address("10.0.0.1"), b = address("10.1.0.1");
	struct net_backends backends;

	(void)state;
	assert_int_equal(net_backends_init(&backends), 0);
	assert_false(net_backends_doubt(&backends, &prefix));
	net_backends_get(&backends, &b);
	assert_false(net_backends_doubt(&backends, &prefix));
	net_backends_get(&backends, &a);
	assert_true(net_backends_doubt(&backends, &prefix));
	net_backends_drop(&backends, net_backends_find(&backends, &a));
	assert_null(net_backends_find(&backends, &a));
	assert_false(net_backends_doubt(&backends, &prefix));
	net_backends_doubt_all(&backends);
	net_backends_find(&backends, &b)->fresh = true;
	net_backends_settle(&backends);
	assert_false(net_backends_find(&backends, &b)->fresh);
	net_backends_fini(&backends);
}

/* --- messages --- */

static struct nl_msg *link_message(unsigned char family, uint16_t tpid)
{
	struct ifinfomsg header = {
		.ifi_family = family, .ifi_type = ARPHRD_ETHER, .ifi_index = 9, .ifi_flags = IFF_UP
	};
	unsigned char mac[6] = { 2, 1, 2, 3, 4, 5 };
	struct nl_msg *msg = nlmsg_alloc_simple(RTM_NEWLINK, 0);
	struct nlattr *info, *data;

	nlmsg_append(msg, &header, sizeof(header), NLMSG_ALIGNTO);
	nla_put_string(msg, IFLA_IFNAME, "eth0.42");
	nla_put_u32(msg, IFLA_MTU, 1496);
	nla_put_u32(msg, IFLA_LINK, 2);
	nla_put(msg, IFLA_ADDRESS, sizeof(mac), mac);
	info = nla_nest_start(msg, IFLA_LINKINFO);
	nla_put_string(msg, IFLA_INFO_KIND, "vlan");
	data = nla_nest_start(msg, IFLA_INFO_DATA);
	nla_put_u16(msg, IFLA_VLAN_ID, 42);
	if (tpid)
		nla_put_u16(msg, IFLA_VLAN_PROTOCOL, htons(tpid));
	nla_nest_end(msg, data);
	nla_nest_end(msg, info);
	return msg;
}

static void test_decode_vlan_link(void **state)
{
	const uint16_t tpids[] = { 0, TPID_Q, TPID_AD };

	(void)state;
	for (int i = 0; i < 3; i++) {
		struct nl_msg *msg = link_message(AF_UNSPEC, tpids[i]);
		struct net_link_info link;

		assert_int_equal(net_decode_link(nlmsg_hdr(msg), &link), 0);
		assert_int_equal(link.ifindex, 9);
		assert_int_equal(link.lower, 2);
		assert_int_equal(link.mtu, 1496);
		assert_int_equal(link.vlan_id, 42);
		assert_int_equal(link.vlan_tpid, htons(tpids[i] ? tpids[i] : TPID_Q));
		assert_string_equal(link.name, "eth0.42");
		assert_string_equal(link.kind, "vlan");
		assert_int_equal(link.mac[5], 5);
		nlmsg_free(msg);
	}
}

static void test_decode_vlan_of_another_namespace(void **state)
{
	struct nl_msg *msg = link_message(AF_UNSPEC, TPID_Q);
	struct net_link_info link;

	(void)state;
	nla_put_s32(msg, IFLA_LINK_NETNSID, 0);
	assert_int_equal(net_decode_link(nlmsg_hdr(msg), &link), 0);
	assert_int_equal(link.lower, 0);
	nlmsg_free(msg);
}

/* A port that leaves its bridge is told of as RTM_DELLINK; it is not gone. */
static void test_decode_bridge_port_is_no_link(void **state)
{
	struct nl_msg *msg = link_message(AF_BRIDGE, 0);
	struct net_link_info link;

	(void)state;
	assert_int_equal(net_decode_link(nlmsg_hdr(msg), &link), -ENOMSG);
	nlmsg_free(msg);
}

static struct nl_msg *route_message(unsigned char type, int via, uint32_t expires)
{
	struct rtmsg header = { .rtm_family = AF_INET, .rtm_dst_len = 32, .rtm_type = type };
	struct rta_cacheinfo cache = { .rta_expires = expires };
	struct lp_addr dst = address("192.0.2.9"), src = address("192.0.2.1");
	struct nl_msg *msg = nlmsg_alloc_simple(RTM_NEWROUTE, 0);
	struct nlattr *metrics;

	nlmsg_append(msg, &header, sizeof(header), NLMSG_ALIGNTO);
	nla_put(msg, RTA_DST, 4, dst.b + 12);
	nla_put(msg, RTA_PREFSRC, 4, src.b + 12);
	nla_put_u32(msg, RTA_OIF, 5);
	if (via) {
		struct lp_addr gw = address("fe80::1");
		unsigned char value[18];
		unsigned short family = AF_INET6;

		memcpy(value, &family, 2);
		memcpy(value + 2, gw.b, 16);
		nla_put(msg, RTA_VIA, via, value);
	}
	metrics = nla_nest_start(msg, RTA_METRICS);
	nla_put_u32(msg, RTAX_MTU, 1300);
	nla_nest_end(msg, metrics);
	nla_put(msg, RTA_CACHEINFO, sizeof(cache), &cache);
	return msg;
}

static void test_decode_route(void **state)
{
	struct lp_addr daddr = address("192.0.2.9"), gw = address("fe80::1");
	struct nl_msg *msg = route_message(RTN_UNICAST, 18, 0);
	struct net_route route;

	(void)state;
	assert_int_equal(net_decode_route(nlmsg_hdr(msg), &daddr, &route), 0);
	assert_int_equal(route.state, NET_OK);
	assert_int_equal(route.ifindex, 5);
	assert_int_equal(route.mtu, 1300);
	assert_true(lp_addr_equal(&route.next, &gw));
	nlmsg_free(msg);

	/* A learned path MTU is not the route's own. */
	msg = route_message(RTN_UNICAST, 0, 1000);
	assert_int_equal(net_decode_route(nlmsg_hdr(msg), &daddr, &route), 0);
	assert_int_equal(route.mtu, 0);
	assert_true(lp_addr_equal(&route.next, &daddr));
	nlmsg_free(msg);

	msg = route_message(RTN_UNICAST, 10, 0); /* via cut short */
	assert_int_equal(net_decode_route(nlmsg_hdr(msg), &daddr, &route), -EBADMSG);
	nlmsg_free(msg);
}

static void test_decode_route_types(void **state)
{
	static const struct {
		unsigned char type;
		enum net_state state;
	} cases[] = {
		{ RTN_LOCAL, NET_LOCAL },        { RTN_ANYCAST, NET_LOCAL },
		{ RTN_BROADCAST, NET_NO_ROUTE }, { RTN_MULTICAST, NET_NO_ROUTE },
		{ RTN_BLACKHOLE, NET_NO_ROUTE }, { RTN_UNREACHABLE, NET_NO_ROUTE },
		{ RTN_PROHIBIT, NET_NO_ROUTE },
	};
	struct lp_addr daddr = address("192.0.2.9");

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct nl_msg *msg = route_message(cases[i].type, 0, 0);
		struct net_route route;

		assert_int_equal(net_decode_route(nlmsg_hdr(msg), &daddr, &route), 0);
		assert_int_equal(route.state, cases[i].state);
		nlmsg_free(msg);
	}
}

static void test_decode_tunnel_route_is_refused(void **state)
{
	struct lp_addr daddr = address("192.0.2.9");
	struct nl_msg *msg = route_message(RTN_UNICAST, 0, 0);
	struct net_route route;

	(void)state;
	nla_put_u32(msg, RTA_ENCAP, 0);
	assert_int_equal(net_decode_route(nlmsg_hdr(msg), &daddr, &route), 0);
	assert_int_equal(route.state, NET_NOT_ETHERNET);
	nlmsg_free(msg);
}

static void decode_all(struct nlmsghdr *msg)
{
	struct lp_addr daddr = address("192.0.2.9");
	struct net_link_info link;
	struct net_addr_info addr;
	struct net_neigh_info neigh;
	struct net_prefix prefix;
	struct net_route route;

	net_decode_link(msg, &link);
	net_decode_addr(msg, &addr);
	net_decode_neigh(msg, &neigh);
	net_decode_route_event(msg, &prefix);
	net_decode_route(msg, &daddr, &route);
}

/* Cut at every length and with bytes flipped: ASan sees a read too far. */
static void test_decode_survives_broken_messages(void **state)
{
	struct nl_msg *whole[] = { link_message(AF_UNSPEC, TPID_AD),
				   route_message(RTN_UNICAST, 18, 1) };

	(void)state;
	for (int m = 0; m < 2; m++) {
		uint32_t length = nlmsg_hdr(whole[m])->nlmsg_len;

		for (uint32_t n = sizeof(struct nlmsghdr); n <= length; n++) {
			struct nlmsghdr *copy = malloc(n);

			for (int flips = 0; flips < 64; flips++) {
				memcpy(copy, nlmsg_hdr(whole[m]), n);
				copy->nlmsg_len = n;
				if (flips && n > sizeof(*copy))
					((uint8_t *)copy)[sizeof(*copy) +
							  random32() % (n - sizeof(*copy))] ^=
						(uint8_t)random32();
				decode_all(copy);
			}
			free(copy);
		}
		nlmsg_free(whole[m]);
	}
}

#define links_test(f) cmocka_unit_test_setup_teardown(f, links_setup, links_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_outer_sum_completes_to_header_checksum),
		cmocka_unit_test(test_outer_sum_known_value),
		cmocka_unit_test(test_map_finds_what_it_holds),
		links_test(test_plain_link_keeps_tags),
		links_test(test_one_vlan),
		links_test(test_qinq_is_outermost_first),
		links_test(test_three_tags_are_refused),
		links_test(test_vlan_loop_ends),
		links_test(test_vlan_in_a_container_is_plain),
		links_test(test_every_layer_has_to_be_up),
		links_test(test_not_ethernet),
		links_test(test_links_sweep),
		cmocka_unit_test(test_addresses_tell_changes_from_repetitions),
		cmocka_unit_test(test_network_of_an_address),
		cmocka_unit_test(test_neighbour_states),
		cmocka_unit_test(test_static_neighbours_are_left_alone),
		cmocka_unit_test(test_prefix_makes_stale_what_is_in_it),
		cmocka_unit_test(test_sorted_index_follows_the_table),
		cmocka_unit_test(test_decode_vlan_link),
		cmocka_unit_test(test_decode_vlan_of_another_namespace),
		cmocka_unit_test(test_decode_bridge_port_is_no_link),
		cmocka_unit_test(test_decode_route),
		cmocka_unit_test(test_decode_route_types),
		cmocka_unit_test(test_decode_tunnel_route_is_refused),
		cmocka_unit_test(test_decode_survives_broken_messages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
