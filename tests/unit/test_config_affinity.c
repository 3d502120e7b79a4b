// SPDX-License-Identifier: GPL-2.0
/* Groups, proxies and tracking: what VIPs share, and errors. */
#include "test_config_cases.h"

#include <stdio.h>

#include "lib/addr.h"

static const struct config_case cases[] = {
	{ "group with tcp",
	  HEAD POOL VIP "    affinity:\n"
			"      mode: tcp\n"
			"      group: mobility\n",
	  "t:16:14: vips.v.affinity.group: \"mobility\": a group shares client records, and affinity mode tcp (line 15) has none; set mode source, or leave the group out\n"
	  "  16 |       group: mobility\n"
	  "     |              ^~~~~~~~" },
	{ "group with tcp before", HEAD POOL VIP "    affinity: { group: mobility, mode: tcp }\n",
	  "t:14:24: vips.v.affinity.group: \"mobility\": a group shares client records, and affinity mode tcp (line 14) has none; set mode source, or leave the group out\n"
	  "  14 |     affinity: { group: mobility, mode: tcp }\n"
	  "     |                        ^~~~~~~~" },
	{ "group null", HEAD POOL VIP "    affinity: { group: }\n",
	  "t:14:17: vips.v.affinity.group: no value; allowed: a name\n"
	  "  14 |     affinity: { group: }\n"
	  "     |                 ^~~~~" },
	{ "proxies with tcp",
	  HEAD POOL VIP "    affinity:\n"
			"      proxies:\n"
			"        - 10.9.0.0/24\n"
			"      mode: tcp\n",
	  "t:15:7: vips.v.affinity.proxies: these sources would get affinity mode tcp, which all have (line 17); set mode source, or leave proxies out\n"
	  "  15 |       proxies:\n"
	  "     |       ^~~~~~~" },
	{ "proxies not a list", HEAD POOL VIP "    affinity: { proxies: 10.9.0.0/24 }\n",
	  "t:14:26: vips.v.affinity.proxies: \"10.9.0.0/24\": not a list; allowed: a list of prefixes\n"
	  "  14 |     affinity: { proxies: 10.9.0.0/24 }\n"
	  "     |                          ^~~~~~~~~~~" },
	{ "proxies host bits",
	  HEAD POOL VIP "    affinity: { proxies: [10.0.0.0/8, 10.9.3.7/22] }\n",
	  "t:14:39: vips.v.affinity.proxies[1]: \"10.9.3.7/22\": bits are set after the prefix; write it as 10.9.0.0/22\n"
	  "  14 |     affinity: { proxies: [10.0.0.0/8, 10.9.3.7/22] }\n"
	  "     |                                       ^~~~~~~~~~~" },
	{ "proxies host bits, IPv6",
	  HEAD POOL VIP "    affinity: { proxies: [\"2001:DB8::1/33\"] }\n",
	  "t:14:27: vips.v.affinity.proxies[0]: \"2001:DB8::1/33\": bits are set after the prefix; write it as 2001:db8::/33\n"
	  "  14 |     affinity: { proxies: [\"2001:DB8::1/33\"] }\n"
	  "     |                           ^~~~~~~~~~~~~~~~" },
	{ "proxies host bits, all", HEAD POOL VIP "    affinity: { proxies: [10.9.3.7/0] }\n",
	  "t:14:27: vips.v.affinity.proxies[0]: \"10.9.3.7/0\": bits are set after the prefix; write it as 0.0.0.0/0\n"
	  "  14 |     affinity: { proxies: [10.9.3.7/0] }\n"
	  "     |                           ^~~~~~~~~~" },
	{ "proxies length", HEAD POOL VIP "    affinity: { proxies: [10.9.0.0/33] }\n",
	  "t:14:27: vips.v.affinity.proxies[0]: \"10.9.0.0/33\": length too long; allowed: 0 to 32\n"
	  "  14 |     affinity: { proxies: [10.9.0.0/33] }\n"
	  "     |                           ^~~~~~~~~~~" },
	{ "proxies length, IPv6", HEAD POOL VIP "    affinity: { proxies: [\"2001:db8::/129\"] }\n",
	  "t:14:27: vips.v.affinity.proxies[0]: \"2001:db8::/129\": length too long; allowed: 0 to 128\n"
	  "  14 |     affinity: { proxies: [\"2001:db8::/129\"] }\n"
	  "     |                           ^~~~~~~~~~~~~~~~" },
	{ "proxies no length", HEAD POOL VIP "    affinity: { proxies: [10.9.0.0/] }\n",
	  "t:14:27: vips.v.affinity.proxies[0]: \"10.9.0.0/\": not a prefix; allowed: an address and a length, like 10.0.0.0/8\n"
	  "  14 |     affinity: { proxies: [10.9.0.0/] }\n"
	  "     |                           ^~~~~~~~~" },
	{ "proxies mask", HEAD POOL VIP "    affinity: { proxies: [10.9.0.0/255.255.255.0] }\n",
	  "t:14:27: vips.v.affinity.proxies[0]: \"10.9.0.0/255.255.255.0\": not a prefix; allowed: an address and a length, like 10.0.0.0/8\n"
	  "  14 |     affinity: { proxies: [10.9.0.0/255.255.255.0] }\n"
	  "     |                           ^~~~~~~~~~~~~~~~~~~~~~" },
	{ "proxies no address", HEAD POOL VIP "    affinity: { proxies: [proxy.example.net] }\n",
	  "t:14:27: vips.v.affinity.proxies[0]: \"proxy.example.net\": not a prefix; allowed: an address and a length, like 10.0.0.0/8\n"
	  "  14 |     affinity: { proxies: [proxy.example.net] }\n"
	  "     |                           ^~~~~~~~~~~~~~~~~" },
	{ "proxies null", HEAD POOL VIP "    affinity: { proxies: [10.9.0.0/24, ~] }\n",
	  "t:14:40: vips.v.affinity.proxies[1]: no value; allowed: an address and a length, like 10.0.0.0/8\n"
	  "  14 |     affinity: { proxies: [10.9.0.0/24, ~] }\n"
	  "     |                                        ^" },
	{ "proxies long",
	  HEAD POOL VIP
	  "    affinity: { proxies: [\"0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000/8\"] }\n",
	  "t:14:27: vips.v.affinity.proxies[0]: \"0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000/8\": not a prefix; allowed: an address and a length, like 10.0.0.0/8\n"
	  "  14 |     affinity: { proxies: [\"0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000/8\"] }\n"
	  "     |                           ^~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~" },
	{ "proxies mapped", HEAD POOL VIP "    affinity: { proxies: [\"::ffff:10.9.0.0/120\"] }\n",
	  "t:14:27: vips.v.affinity.proxies[0]: \"::ffff:10.9.0.0/120\": an IPv4-mapped IPv6 prefix; write it as 10.9.0.0/24\n"
	  "  14 |     affinity: { proxies: [\"::ffff:10.9.0.0/120\"] }\n"
	  "     |                           ^~~~~~~~~~~~~~~~~~~~~" },
	{ "proxies mapped host", HEAD POOL VIP "    affinity: { proxies: [\"::ffff:a09:1\"] }\n",
	  "t:14:27: vips.v.affinity.proxies[0]: \"::ffff:a09:1\": an IPv4-mapped IPv6 prefix; write it as 10.9.0.1/32\n"
	  "  14 |     affinity: { proxies: [\"::ffff:a09:1\"] }\n"
	  "     |                           ^~~~~~~~~~~~~~" },
	{ "proxies mapped host bits",
	  HEAD POOL VIP "    affinity: { proxies: [\"::ffff:10.9.0.1/104\"] }\n",
	  "t:14:27: vips.v.affinity.proxies[0]: \"::ffff:10.9.0.1/104\": an IPv4-mapped IPv6 prefix; write it as 10.0.0.0/8\n"
	  "  14 |     affinity: { proxies: [\"::ffff:10.9.0.1/104\"] }\n"
	  "     |                           ^~~~~~~~~~~~~~~~~~~~~" },
	{ "proxies mapped all", HEAD POOL VIP "    affinity: { proxies: [\"::ffff:0:0/96\"] }\n",
	  "t:14:27: vips.v.affinity.proxies[0]: \"::ffff:0:0/96\": an IPv4-mapped IPv6 prefix; write it as 0.0.0.0/0\n"
	  "  14 |     affinity: { proxies: [\"::ffff:0:0/96\"] }\n"
	  "     |                           ^~~~~~~~~~~~~~~" },
	{ "proxies mapped shorter",
	  HEAD POOL VIP "    affinity: { proxies: [\"::ffff:0:0/95\"] }\n",
	  "t:14:27: vips.v.affinity.proxies[0]: \"::ffff:0:0/95\": an IPv4-mapped IPv6 prefix; allowed: IPv4 prefixes as IPv4, like 10.0.0.0/8\n"
	  "  14 |     affinity: { proxies: [\"::ffff:0:0/95\"] }\n"
	  "     |                           ^~~~~~~~~~~~~~~" },
	{ "proxies of both families",
	  HEAD POOL VIP "    affinity: { proxies: [0.0.0.0/0, \"::/0\"] }\n",
	  "t:14:38: vips.v.affinity.proxies[1]: \"::/0\": holds the IPv4-mapped addresses (::ffff:0:0/96); allowed: prefixes beside them, like 2000::/3, and 0.0.0.0/0 for IPv4\n"
	  "  14 |     affinity: { proxies: [0.0.0.0/0, \"::/0\"] }\n"
	  "     |                                      ^~~~~~" },
	{ "proxies of both families, longest",
	  HEAD POOL VIP "    affinity: { proxies: [\"::fffe:0:0/95\"] }\n",
	  "t:14:27: vips.v.affinity.proxies[0]: \"::fffe:0:0/95\": holds the IPv4-mapped addresses (::ffff:0:0/96); allowed: prefixes beside them, like 2000::/3, and 0.0.0.0/0 for IPv4\n"
	  "  14 |     affinity: { proxies: [\"::fffe:0:0/95\"] }\n"
	  "     |                           ^~~~~~~~~~~~~~~" },
	{ "proxies twice",
	  HEAD POOL VIP "    affinity:\n"
			"      proxies:\n"
			"        - 10.9.0.1\n"
			"        - 10.9.0.0/24\n"
			"        - 10.9.0.0/24\n"
			"        - 10.9.0.1/32\n",
	  "t:18:11: vips.v.affinity.proxies[2]: \"10.9.0.0/24\": this prefix is already there, at line 17\n"
	  "  18 |         - 10.9.0.0/24\n"
	  "     |           ^~~~~~~~~~~" },
	{ "group of other members",
	  HEAD "pools:\n"
	       "  front:\n"
	       "    backends:\n"
	       "      - { name: fe1, address: 10.1.0.11 }\n"
	       "      - { name: fe3, address: 10.1.0.13 }\n"
	       "      - { name: fe2, address: 10.1.0.12 }\n"
	       "  back:\n"
	       "    backends:\n"
	       "      - { name: fe2, address: 10.1.0.12 }\n"
	       "      - { name: fe1, address: 10.1.0.11 }\n"
	       "vips:\n"
	       "  a: { addresses: [192.0.2.1], ports: [80], pool: front, forward: ipip,\n"
	       "       affinity: { group: mobility } }\n"
	       "  b: { addresses: [192.0.2.2], ports: [80], pool: back, forward: ipip,\n"
	       "       affinity: { group: mobility } }\n",
	  "t:18:27: vips.b.affinity.group: \"mobility\": VIP \"a\" (line 15) uses pool \"front\", VIP \"b\" uses pool \"back\", and their members differ (backend \"fe3\" is only in \"front\"): one client could not stay on one server\n"
	  "  18 |        affinity: { group: mobility } }\n"
	  "     |                           ^~~~~~~~" },
	{ "group of more members",
	  HEAD "pools:\n"
	       "  front:\n"
	       "    backends:\n"
	       "      - { name: fe1, address: 10.1.0.11 }\n"
	       "  back:\n"
	       "    backends:\n"
	       "      - { name: fe1, address: 10.1.0.11 }\n"
	       "      - { name: fe0, address: 10.1.0.10 }\n"
	       "vips:\n"
	       "  a: { addresses: [192.0.2.1], ports: [80], pool: front, forward: ipip,\n"
	       "       affinity: { group: mobility } }\n"
	       "  b: { addresses: [192.0.2.2], ports: [80], pool: back, forward: ipip,\n"
	       "       affinity: { group: mobility } }\n",
	  "t:16:27: vips.b.affinity.group: \"mobility\": VIP \"a\" (line 13) uses pool \"front\", VIP \"b\" uses pool \"back\", and their members differ (backend \"fe0\" is only in \"back\"): one client could not stay on one server\n"
	  "  16 |        affinity: { group: mobility } }\n"
	  "     |                           ^~~~~~~~" },
	{ "group of other names",
	  HEAD "pools:\n"
	       "  front:\n"
	       "    backends:\n"
	       "      - { name: fe1, address: 10.1.0.11 }\n"
	       "      - { name: fe2, address: 10.1.0.12 }\n"
	       "  back:\n"
	       "    backends:\n"
	       "      - { name: fe1, address: 10.1.0.11 }\n"
	       "      - { name: fe4, address: 10.1.0.12 }\n"
	       "vips:\n"
	       "  a: { addresses: [192.0.2.1], ports: [80], pool: front, forward: ipip,\n"
	       "       affinity: { group: mobility } }\n"
	       "  b: { addresses: [192.0.2.2], ports: [80], pool: back, forward: ipip,\n"
	       "       affinity: { group: mobility } }\n",
	  "t:17:27: vips.b.affinity.group: \"mobility\": VIP \"a\" (line 14) uses pool \"front\", VIP \"b\" uses pool \"back\", and their members differ (backend \"fe2\" is only in \"front\"): one client could not stay on one server\n"
	  "  17 |        affinity: { group: mobility } }\n"
	  "     |                           ^~~~~~~~" },
	{ "group of other addresses",
	  HEAD "pools:\n"
	       "  front:\n"
	       "    backends:\n"
	       "      - { name: fe1, address: 10.1.0.11 }\n"
	       "      - { name: fe2, address: 10.1.0.12 }\n"
	       "  back:\n"
	       "    backends:\n"
	       "      - { name: fe2, address: 10.1.0.12 }\n"
	       "      - { name: fe1, address: \"2001:db8::1\" }\n"
	       "vips:\n"
	       "  a: { addresses: [192.0.2.1], ports: [80], pool: front, forward: ipip,\n"
	       "       affinity: { group: mobility } }\n"
	       "  b: { addresses: [192.0.2.2], ports: [80], pool: back, forward: ipip,\n"
	       "       affinity: { group: mobility } }\n",
	  "t:17:27: vips.b.affinity.group: \"mobility\": VIP \"a\" (line 14) uses pool \"front\", VIP \"b\" uses pool \"back\", and their members differ (backend \"fe1\" is 10.1.0.11 in \"front\", 2001:db8::1 in \"back\"): one client could not stay on one server\n"
	  "  17 |        affinity: { group: mobility } }\n"
	  "     |                           ^~~~~~~~" },
	{ "group of other weights",
	  HEAD "pools:\n"
	       "  front:\n"
	       "    backends:\n"
	       "      - { name: fe1, address: 10.1.0.11 }\n"
	       "      - { name: fe2, address: 10.1.0.12 }\n"
	       "  back:\n"
	       "    backends:\n"
	       "      - { name: fe2, address: 10.1.0.12, weight: 100 }\n"
	       "      - { name: fe1, address: 10.1.0.11, weight: 99 }\n"
	       "vips:\n"
	       "  a: { addresses: [192.0.2.1], ports: [80], pool: front, forward: ipip,\n"
	       "       affinity: { group: mobility } }\n"
	       "  b: { addresses: [192.0.2.2], ports: [80], pool: back, forward: ipip,\n"
	       "       affinity: { group: mobility } }\n",
	  "t:17:27: vips.b.affinity.group: \"mobility\": VIP \"a\" (line 14) uses pool \"front\", VIP \"b\" uses pool \"back\", and their members differ (backend \"fe1\" has weight 100 in \"front\", 99 in \"back\"): one client could not stay on one server\n"
	  "  17 |        affinity: { group: mobility } }\n"
	  "     |                           ^~~~~~~~" },
	{ "group of other min_up",
	  HEAD "pools:\n"
	       "  front:\n"
	       "    backends: [{ name: a, address: 10.0.0.1 }, { name: b, address: 10.0.0.2 }]\n"
	       "  back:\n"
	       "    min_up: 2\n"
	       "    backends: [{ name: a, address: 10.0.0.1 }, { name: b, address: 10.0.0.2 }]\n"
	       "vips:\n"
	       "  a: { addresses: [192.0.2.1], ports: [80], pool: front, forward: ipip,\n"
	       "       affinity: { group: mobility } }\n"
	       "  b: { addresses: [192.0.2.2], ports: [80], pool: back, forward: ipip,\n"
	       "       affinity: { group: mobility } }\n",
	  "t:14:27: vips.b.affinity.group: \"mobility\": VIP \"a\" (line 11) uses pool \"front\", VIP \"b\" uses pool \"back\", and their members differ (min_up 1 in \"front\", 2 in \"back\"): one client could not stay on one server\n"
	  "  14 |        affinity: { group: mobility } }\n"
	  "     |                           ^~~~~~~~" },
	{ "group of other on_all_down",
	  HEAD "pools:\n"
	       "  front:\n"
	       "    backends: [{ name: a, address: 10.0.0.1 }, { name: b, address: 10.0.0.2 }]\n"
	       "  back:\n"
	       "    on_all_down: drop\n"
	       "    backends: [{ name: a, address: 10.0.0.1 }, { name: b, address: 10.0.0.2 }]\n"
	       "vips:\n"
	       "  a: { addresses: [192.0.2.1], ports: [80], pool: front, forward: ipip,\n"
	       "       affinity: { group: mobility } }\n"
	       "  b: { addresses: [192.0.2.2], ports: [80], pool: back, forward: ipip,\n"
	       "       affinity: { group: mobility } }\n",
	  "t:14:27: vips.b.affinity.group: \"mobility\": VIP \"a\" (line 11) uses pool \"front\", VIP \"b\" uses pool \"back\", and their members differ (on_all_down all in \"front\", drop in \"back\"): one client could not stay on one server\n"
	  "  14 |        affinity: { group: mobility } }\n"
	  "     |                           ^~~~~~~~" },
	{ "group of other slow_start",
	  HEAD "pools:\n"
	       "  front:\n"
	       "    backends: [{ name: a, address: 10.0.0.1 }, { name: b, address: 10.0.0.2 }]\n"
	       "  back:\n"
	       "    slow_start: 90s\n"
	       "    backends: [{ name: a, address: 10.0.0.1 }, { name: b, address: 10.0.0.2 }]\n"
	       "vips:\n"
	       "  a: { addresses: [192.0.2.1], ports: [80], pool: front, forward: ipip,\n"
	       "       affinity: { group: mobility } }\n"
	       "  b: { addresses: [192.0.2.2], ports: [80], pool: back, forward: ipip,\n"
	       "       affinity: { group: mobility } }\n",
	  "t:14:27: vips.b.affinity.group: \"mobility\": VIP \"a\" (line 11) uses pool \"front\", VIP \"b\" uses pool \"back\", and their members differ (slow_start 0s in \"front\", 90s in \"back\"): one client could not stay on one server\n"
	  "  14 |        affinity: { group: mobility } }\n"
	  "     |                           ^~~~~~~~" },
	{ "group of other kinds",
	  HEAD
	  "pools:\n"
	  "  front:\n"
	  "    backends: [{ name: a, address: 10.0.0.1 }, { name: b, address: 10.0.0.2 }]\n"
	  "  back:\n"
	  ""
	  "    backends: [{ name: a, address: 10.0.0.1 }, { name: b, address: 10.0.0.2, backup: true }]\n"
	  "vips:\n"
	  "  a: { addresses: [192.0.2.1], ports: [80], pool: front, forward: ipip,\n"
	  "       affinity: { group: mobility } }\n"
	  "  b: { addresses: [192.0.2.2], ports: [80], pool: back, forward: ipip,\n"
	  "       affinity: { group: mobility } }\n",
	  "t:13:27: vips.b.affinity.group: \"mobility\": VIP \"a\" (line 10) uses pool \"front\", VIP \"b\" uses pool \"back\", and their members differ (backend \"b\" is a backup only in \"back\"): one client could not stay on one server\n"
	  "  13 |        affinity: { group: mobility } }\n"
	  "     |                           ^~~~~~~~" },
	{ "group of other hashes",
	  HEAD "pools:\n"
	       "  front:\n"
	       "    backends:\n"
	       "      - { name: fe1, address: 10.1.0.11 }\n"
	       "  back:\n"
	       "    hash: modulo\n"
	       "    backends:\n"
	       "      - { name: fe1, address: 10.1.0.11 }\n"
	       "vips:\n"
	       "  a: { addresses: [192.0.2.1], ports: [80], pool: front, forward: ipip,\n"
	       "       affinity: { group: mobility } }\n"
	       "  b: { addresses: [192.0.2.2], ports: [80], pool: back, forward: ipip,\n"
	       "       affinity: { group: mobility } }\n",
	  "t:16:27: vips.b.affinity.group: \"mobility\": VIP \"a\" (line 13) uses pool \"front\", VIP \"b\" uses pool \"back\", and their members differ (hash maglev in \"front\", modulo in \"back\"): one client could not stay on one server\n"
	  "  16 |        affinity: { group: mobility } }\n"
	  "     |                           ^~~~~~~~" },
	{ "group, third VIP",
	  HEAD "pools:\n"
	       "  front:\n"
	       "    backends:\n"
	       "      - { name: fe1, address: 10.1.0.11 }\n"
	       "  back:\n"
	       "    backends:\n"
	       "      - { name: fe1, address: 10.1.0.11 }\n"
	       "  side:\n"
	       "    backends:\n"
	       "      - { name: fe1, address: 10.1.0.11 }\n"
	       "      - { name: fe2, address: 10.1.0.12 }\n"
	       "vips:\n"
	       "  a: { addresses: [192.0.2.1], ports: [80], pool: front, forward: ipip,\n"
	       "       affinity: { group: mobility } }\n"
	       "  b: { addresses: [192.0.2.2], ports: [80], pool: back, forward: ipip,\n"
	       "       affinity: { group: mobility } }\n"
	       "  c:\n"
	       "    addresses: [192.0.2.3]\n"
	       "    ports: [80]\n"
	       "    pool: side\n"
	       "    forward: ipip\n"
	       "    affinity:\n"
	       "      group: mobility\n",
	  "t:26:14: vips.c.affinity.group: \"mobility\": VIP \"a\" (line 16) uses pool \"front\", VIP \"c\" uses pool \"side\", and their members differ (backend \"fe2\" is only in \"side\"): one client could not stay on one server\n"
	  "  26 |       group: mobility\n"
	  "     |              ^~~~~~~~" },
	{ "group, first error",
	  HEAD
	  "pools:\n"
	  "  front:\n"
	  "    backends:\n"
	  "      - { name: fe1, address: 10.1.0.11 }\n"
	  "  back:\n"
	  "    backends:\n"
	  "      - { name: fe2, address: 10.1.0.12 }\n"
	  "vips:\n"
	  "  z: { addresses: [192.0.2.1], ports: [80], pool: front, forward: ipip, affinity: { group: y } }\n"
	  "  y: { addresses: [192.0.2.2], ports: [80], pool: front, forward: ipip, affinity: { group: x } }\n"
	  "  x: { addresses: [192.0.2.3], ports: [80], pool: back, forward: ipip, affinity: { group: y } }\n"
	  "  w: { addresses: [192.0.2.4], ports: [80], pool: back, forward: ipip, affinity: { group: x } }\n",
	  "t:14:91: vips.x.affinity.group: \"y\": VIP \"z\" (line 12) uses pool \"front\", VIP \"x\" uses pool \"back\", and their members differ (backend \"fe1\" is only in \"front\"): one client could not stay on one server\n"
	  "  14 | ... ports: [80], pool: back, forward: ipip, affinity: { group: y } }\n"
	  "     |                                                                ^" },
	{ "group timeout",
	  HEAD "pools:\n"
	       "  front:\n"
	       "    backends:\n"
	       "      - { name: fe1, address: 10.1.0.11 }\n"
	       "  back:\n"
	       "    backends:\n"
	       "      - { name: fe1, address: 10.1.0.11 }\n"
	       "vips:\n"
	       "  a: { addresses: [192.0.2.1], ports: [80], pool: front, forward: ipip,\n"
	       "       affinity: { group: mobility, timeout: 1h } }\n"
	       "  b: { addresses: [192.0.2.2], ports: [80], pool: back, forward: ipip,\n"
	       "       affinity: { group: mobility, timeout: 30m } }\n",
	  "t:15:46: vips.b.affinity.timeout: \"30m\": timeout is 1h in VIP \"a\" (line 13) and 30m in VIP \"b\", both of group \"mobility\"; allowed: one timeout for all VIPs of a group\n"
	  "  15 |        affinity: { group: mobility, timeout: 30m } }\n"
	  "     |                                              ^~~" },
	{ "group timeout default",
	  HEAD "pools:\n"
	       "  front:\n"
	       "    backends:\n"
	       "      - { name: fe1, address: 10.1.0.11 }\n"
	       "  back:\n"
	       "    backends:\n"
	       "      - { name: fe1, address: 10.1.0.11 }\n"
	       "vips:\n"
	       "  a: { addresses: [192.0.2.1], ports: [80], pool: front, forward: ipip,\n"
	       "       affinity: { group: mobility } }\n"
	       "  b: { addresses: [192.0.2.2], ports: [80], pool: back, forward: ipip,\n"
	       "       affinity: { group: mobility, timeout: 1801s } }\n",
	  "t:15:46: vips.b.affinity.timeout: \"1801s\": timeout is 30m (the default) in VIP \"a\" (line 13) and 1801s in VIP \"b\", both of group \"mobility\"; allowed: one timeout for all VIPs of a group\n"
	  "  15 |        affinity: { group: mobility, timeout: 1801s } }\n"
	  "     |                                              ^~~~~" },
	{ "group mask",
	  HEAD "pools:\n"
	       "  front:\n"
	       "    backends:\n"
	       "      - { name: fe1, address: 10.1.0.11 }\n"
	       "  back:\n"
	       "    backends:\n"
	       "      - { name: fe1, address: 10.1.0.11 }\n"
	       "vips:\n"
	       "  a: { addresses: [192.0.2.1], ports: [80], pool: front, forward: ipip,\n"
	       "       affinity: { group: mobility, mask: 24 } }\n"
	       "  b: { addresses: [192.0.2.2], ports: [80], pool: back, forward: ipip,\n"
	       "       affinity: { group: mobility } }\n",
	  "t:15:27: vips.b.affinity.group: \"mobility\": mask is 24 in VIP \"a\" (line 13) and 32 (the default) in VIP \"b\", both of group \"mobility\"; allowed: one mask for all VIPs of a group\n"
	  "  15 |        affinity: { group: mobility } }\n"
	  "     |                           ^~~~~~~~" },
	{ "group mask6",
	  HEAD "pools:\n"
	       "  front:\n"
	       "    backends:\n"
	       "      - { name: fe1, address: 10.1.0.11 }\n"
	       "  back:\n"
	       "    backends:\n"
	       "      - { name: fe1, address: 10.1.0.11 }\n"
	       "vips:\n"
	       "  a: { addresses: [192.0.2.1], ports: [80], pool: front, forward: ipip,\n"
	       "       affinity: { group: mobility, mask6: 48 } }\n"
	       "  b: { addresses: [192.0.2.2], ports: [80], pool: front, forward: ipip,\n"
	       "       affinity: { group: mobility, mask6: 56 } }\n",
	  "t:15:44: vips.b.affinity.mask6: \"56\": mask6 is 48 in VIP \"a\" (line 13) and 56 in VIP \"b\", both of group \"mobility\"; allowed: one mask6 for all VIPs of a group\n"
	  "  15 |        affinity: { group: mobility, mask6: 56 } }\n"
	  "     |                                            ^~" },
	{ "group mask6, long",
	  HEAD "pools:\n"
	       "  front:\n"
	       "    backends:\n"
	       "      - { name: fe1, address: 10.1.0.11 }\n"
	       "  back:\n"
	       "    backends:\n"
	       "      - { name: fe1, address: 10.1.0.11 }\n"
	       "vips:\n"
	       "  a:\n"
	       "    addresses: [192.0.2.1]\n"
	       "    ports: [80]\n"
	       "    pool: front\n"
	       "    forward: ipip\n"
	       "    affinity:\n"
	       "      group: mobility\n"
	       "      mask6: 48\n"
	       "  b:\n"
	       "    addresses: [192.0.2.2]\n"
	       "    ports: [80]\n"
	       "    pool: front\n"
	       "    forward: ipip\n"
	       "    affinity:\n"
	       "      mask6: 56\n"
	       "      group: mobility\n",
	  "t:26:14: vips.b.affinity.mask6: \"56\": mask6 is 48 in VIP \"a\" (line 19) and 56 in VIP \"b\", both of group \"mobility\"; allowed: one mask6 for all VIPs of a group\n"
	  "  26 |       mask6: 56\n"
	  "     |              ^~" },
};

/* --- what is right --- */

static struct config *parse(const char *text)
{
	struct config *config = NULL;
	struct lp_err err = { "" };

	if (config_parse("t", text, strlen(text), &config, &err))
		fail_msg("%s", err.text);
	return config;
}

static void assert_table(const struct config *config, const char *vip, const char *pool,
			 const char *table)
{
	const struct config_vip *found = config_vip_find(config, vip);

	assert_non_null(found);
	assert_string_equal(found->pool, pool);
	assert_string_equal(found->table_pool, table);
}

/* The first pool by name of each group, and only of the pools that the group uses. */
static void test_table_pool(void **state)
{
	struct config *config;

	(void)state;
	config = parse(
		HEAD
		"pools:\n"
		"  d: { backends: [{ name: a, address: 10.0.0.1 }, { name: b, address: 10.0.0.2 }] }\n"
		"  a: { backends: [{ name: b, address: 10.0.0.2 }, { name: a, address: 10.0.0.1 }] }\n"
		"  c: { drain_timeout: 1s, check: k, hash: maglev,\n"
		"       backends: [{ name: a, address: 10.0.0.1, weight: 100 },\n"
		"                  { name: b, address: 10.0.0.2 }] }\n"
		"  b: { backends: [{ name: a, address: 10.0.0.1 }, { name: b, address: 10.0.0.2 }] }\n"
		"  other: { hash: ring, backends: [{ name: b, address: 10.0.0.2 }] }\n"
		"checks: { k: { port: 80 } }\n"
		"vips:\n"
		"  v1: { addresses: [192.0.2.1], ports: [80], pool: d, forward: ipip,\n"
		"        affinity: { group: g } }\n"
		"  v2: { addresses: [192.0.2.2], ports: [80], pool: b, forward: gue,\n"
		"        affinity: { group: g, timeout: 1800s, track: never } }\n"
		"  v3: { addresses: [192.0.2.3], ports: [80], pool: c, forward: dsr, protocol: udp,\n"
		"        affinity: { mode: source, group: g, proxies: [10.0.0.0/8] } }\n"
		"  v4: { addresses: [192.0.2.4], ports: [80], pool: d, forward: ipip }\n"
		"  v5: { addresses: [192.0.2.5], ports: [80], pool: d, forward: ipip,\n"
		"        affinity: { group: G, mask: 24 } }\n"
		"  v6: { addresses: [192.0.2.6], ports: [80], pool: c, forward: ipip,\n"
		"        affinity: { mask: 24, group: G } }\n"
		"  v7: { addresses: [192.0.2.7], ports: [80], pool: a, forward: ipip }\n"
		"  v8: { addresses: [192.0.2.8], ports: [80], pool: other, forward: ipip,\n"
		"        affinity: { group: alone, mask6: 48 } }\n");
	assert_table(config, "v1", "d", "b");
	assert_table(config, "v2", "b", "b");
	assert_table(config, "v3", "c", "b");
	assert_table(config, "v4", "d", "d");
	assert_table(config, "v5", "d", "c");
	assert_table(config, "v6", "c", "c");
	assert_table(config, "v7", "a", "a");
	assert_table(config, "v8", "other", "other");
	assert_null(config_vip_find(config, "v4")->group);
	assert_string_equal(config_vip_find(config, "v5")->group, "G");
	assert_int_equal(config_vip_find(config, "v2")->track, LP_TRACK_NEVER);
	assert_int_equal(config_vip_find(config, "v1")->track, LP_TRACK_NEEDED);
	config_free(&config);
}

static void assert_prefix(const struct config_prefix *prefix, const char *addr, unsigned int bits)
{
	char text[LP_ADDR_TEXT];

	assert_string_equal(lp_addr_format(&prefix->addr, text), addr);
	assert_int_equal(prefix->bits, bits);
}

/* Prefixes inside each other are none that stand there twice; IPv4 and IPv6 have own lengths. */
static void test_proxies(void **state)
{
	const struct config_vip *vip;
	struct config *config;

	(void)state;
	config = parse(HEAD POOL VIP
		       "    affinity:\n"
		       "      proxies: [\"2000::/3\", 10.9.0.0/24, 10.9.0.0, 0.0.0.0/0, \"::\",\n"
		       "                \"::fffd:0:0/96\", 10.9.0.0/16, 255.255.255.255]\n");
	vip = &config->vips[0];
	assert_int_equal(vip->n_proxies, 8);
	assert_prefix(&vip->proxies[0], "::", 128);
	assert_prefix(&vip->proxies[1], "::fffd:0:0", 96);
	assert_prefix(&vip->proxies[2], "0.0.0.0", 0);
	assert_prefix(&vip->proxies[3], "10.9.0.0", 16);
	assert_prefix(&vip->proxies[4], "10.9.0.0", 24);
	assert_prefix(&vip->proxies[5], "10.9.0.0", 32);
	assert_prefix(&vip->proxies[6], "255.255.255.255", 32);
	assert_prefix(&vip->proxies[7], "2000::", 3);
	config_free(&config);

	config = parse(HEAD POOL VIP "    affinity: { mode: tcp, proxies: [], track: always }\n");
	assert_int_equal(config->vips[0].n_proxies, 0);
	assert_int_equal(config->vips[0].track, LP_TRACK_ALWAYS);
	config_free(&config);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table_pool),
		cmocka_unit_test(test_proxies),
	};
	int failed = run_config_cases("config: affinity", cases, sizeof(cases) / sizeof(cases[0]));

	return failed + cmocka_run_group_tests_name("config: groups", tests, NULL, NULL);
}
