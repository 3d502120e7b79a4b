// SPDX-License-Identifier: GPL-2.0
/* Errors in pools and their backends, and of pools with their checks. */
#include "test_config_cases.h"

static const struct config_case cases[] = {
	{ "list", HEAD "pools: [a]\n",
	  "t:4:8: pools: a list, not a map; allowed: a map of pools by name\n"
	  "  4 | pools: [a]\n"
	  "    |        ^" },
	{ "empty pool",
	  HEAD "pools:\n"
	       "  p:\n",
	  "t:5:3: pools.p.backends: this key is required and missing\n"
	  "  5 |   p:\n"
	  "    |   ^" },
	{ "bad name",
	  HEAD "pools:\n"
	       "  'a/b':\n"
	       "    backends: []\n",
	  "t:5:3: pools.a/b: \"a/b\": not a name; allowed: 1 to 63 of A-Z a-z 0-9 . _ -\n"
	  "  5 |   'a/b':\n"
	  "    |   ^~~~~" },
	{ "dots",
	  HEAD "pools:\n"
	       "  ..: {}\n",
	  "t:5:3: pools...: \"..\": not a name; allowed: 1 to 63 of A-Z a-z 0-9 . _ -\n"
	  "  5 |   ..: {}\n"
	  "    |   ^~" },
	{ "duplicate", HEAD POOL "  p: {}\n",
	  "t:8:3: pools.p: this key is already there, at line 5\n"
	  "  8 |   p: {}\n"
	  "    |   ^" },
	{ "no backends",
	  HEAD "pools:\n"
	       "  p:\n"
	       "    backends: []\n",
	  "t:6:15: pools.p.backends: no backends; allowed: one or more\n"
	  "  6 |     backends: []\n"
	  "    |               ^" },
	{ "backends null",
	  HEAD "pools:\n"
	       "  p:\n"
	       "    backends: \n",
	  "t:6:5: pools.p.backends: no backends; allowed: one or more\n"
	  "  6 |     backends: \n"
	  "    |     ^~~~~~~~" },
	{ "backends a map",
	  HEAD "pools:\n"
	       "  p:\n"
	       "    backends: { a: 10.0.0.1 }\n",
	  "t:6:15: pools.p.backends: a map, not a list; allowed: a list of backends, one or more\n"
	  "  6 |     backends: { a: 10.0.0.1 }\n"
	  "    |               ^" },
	{ "hash",
	  HEAD "pools:\n"
	       "  p:\n"
	       "    hash: magleev\n"
	       "    backends: [{ name: a, address: 10.0.0.1 }]\n",
	  "t:6:11: pools.p.hash: \"magleev\": no such hash; allowed: maglev, rendezvous, ring, modulo\n"
	  "  6 |     hash: magleev\n"
	  "    |           ^~~~~~~" },
	{ "min_up range",
	  HEAD "pools:\n"
	       "  p:\n"
	       "    min_up: 65535\n"
	       "    backends: [{ name: a, address: 10.0.0.1 }]\n",
	  "t:6:13: pools.p.min_up: \"65535\": out of range; allowed: a whole number from 0 to 65534\n"
	  "  6 |     min_up: 65535\n"
	  "    |             ^~~~~" },
	{ "on_all_down else",
	  HEAD "pools:\n"
	       "  p:\n"
	       "    on_all_down: panic\n"
	       "    backends: [{ name: a, address: 10.0.0.1 }]\n",
	  "t:6:18: pools.p.on_all_down: \"panic\": no such behaviour; allowed: all, drop\n"
	  "  6 |     on_all_down: panic\n"
	  "    |                  ^~~~~" },
	{ "drain_timeout",
	  HEAD "pools:\n"
	       "  p:\n"
	       "    drain_timeout: 0s\n"
	       "    backends: [{ name: a, address: 10.0.0.1 }]\n",
	  "t:6:20: pools.p.drain_timeout: \"0s\": out of range; allowed: 1ms to 365d\n"
	  "  6 |     drain_timeout: 0s\n"
	  "    |                    ^~" },
	{ "slow_start unit",
	  HEAD "pools:\n"
	       "  p:\n"
	       "    slow_start: 30\n"
	       "    backends: [{ name: a, address: 10.0.0.1 }]\n",
	  "t:6:17: pools.p.slow_start: \"30\": not a duration; allowed: a whole number and a unit (ms, s, m, h, d), like 30s\n"
	  "  6 |     slow_start: 30\n"
	  "    |                 ^~" },
	{ "backend without name",
	  HEAD "pools:\n"
	       "  p:\n"
	       "    backends: [{ address: 10.0.0.1 }]\n",
	  "t:6:16: pools.p.backends[0].name: this key is required and missing\n"
	  "  6 |     backends: [{ address: 10.0.0.1 }]\n"
	  "    |                ^" },
	{ "backend without address",
	  HEAD "pools:\n"
	       "  p:\n"
	       "    backends: [{ name: a }]\n",
	  "t:6:16: pools.p.backends[0].address: this key is required and missing\n"
	  "  6 |     backends: [{ name: a }]\n"
	  "    |                ^" },
	{ "backend name",
	  HEAD "pools:\n"
	       "  p:\n"
	       "    backends: [{ name: \"a b\", address: 10.0.0.1 }]\n",
	  "t:6:24: pools.p.backends[0].name: \"a b\": not a name; allowed: 1 to 63 of A-Z a-z 0-9 . _ -\n"
	  "  6 |     backends: [{ name: \"a b\", address: 10.0.0.1 }]\n"
	  "    |                        ^~~~~" },
	{ "backend address",
	  HEAD "pools:\n"
	       "  p:\n"
	       "    backends: [{ name: a, address: 10.0.0.256 }]\n",
	  "t:6:36: pools.p.backends[0].address: \"10.0.0.256\": not an address; allowed: an IPv4 or IPv6 address\n"
	  "  6 |     backends: [{ name: a, address: 10.0.0.256 }]\n"
	  "    |                                    ^~~~~~~~~~" },
	{ "with port",
	  HEAD "pools:\n"
	       "  p:\n"
	       "    backends: [{ name: a, address: \"10.0.0.1:80\" }]\n",
	  "t:6:36: pools.p.backends[0].address: \"10.0.0.1:80\": not an address; allowed: an IPv4 or IPv6 address\n"
	  "  6 |     backends: [{ name: a, address: \"10.0.0.1:80\" }]\n"
	  "    |                                    ^~~~~~~~~~~~~" },
	{ "mapped",
	  HEAD "pools:\n"
	       "  p:\n"
	       "    backends: [{ name: a, address: \"::ffff:10.0.0.1\" }]\n",
	  "t:6:36: pools.p.backends[0].address: \"::ffff:10.0.0.1\": an IPv4-mapped IPv6 address; write it as 10.0.0.1\n"
	  "  6 |     backends: [{ name: a, address: \"::ffff:10.0.0.1\" }]\n"
	  "    |                                    ^~~~~~~~~~~~~~~~~" },
	{ "mapped in hexadecimal",
	  HEAD "pools:\n"
	       "  p:\n"
	       "    backends: [{ name: a, address: \"::ffff:a00:1\" }]\n",
	  "t:6:36: pools.p.backends[0].address: \"::ffff:a00:1\": an IPv4-mapped IPv6 address; write it as 10.0.0.1\n"
	  "  6 |     backends: [{ name: a, address: \"::ffff:a00:1\" }]\n"
	  "    |                                    ^~~~~~~~~~~~~~" },
	{ "loopback",
	  HEAD "pools:\n"
	       "  p:\n"
	       "    backends: [{ name: a, address: 127.0.0.1 }]\n",
	  "t:6:36: pools.p.backends[0].address: \"127.0.0.1\": this address is loopback; allowed: an address of one host\n"
	  "  6 |     backends: [{ name: a, address: 127.0.0.1 }]\n"
	  "    |                                    ^~~~~~~~~" },
	{ "loopback6",
	  HEAD "pools:\n"
	       "  p:\n"
	       "    backends: [{ name: a, address: \"::1\" }]\n",
	  "t:6:36: pools.p.backends[0].address: \"::1\": this address is loopback; allowed: an address of one host\n"
	  "  6 |     backends: [{ name: a, address: \"::1\" }]\n"
	  "    |                                    ^~~~~" },
	{ "multicast",
	  HEAD "pools:\n"
	       "  p:\n"
	       "    backends: [{ name: a, address: 224.0.0.1 }]\n",
	  "t:6:36: pools.p.backends[0].address: \"224.0.0.1\": this address is multicast; allowed: an address of one host\n"
	  "  6 |     backends: [{ name: a, address: 224.0.0.1 }]\n"
	  "    |                                    ^~~~~~~~~" },
	{ "multicast6",
	  HEAD "pools:\n"
	       "  p:\n"
	       "    backends: [{ name: a, address: \"ff02::1\" }]\n",
	  "t:6:36: pools.p.backends[0].address: \"ff02::1\": this address is multicast; allowed: an address of one host\n"
	  "  6 |     backends: [{ name: a, address: \"ff02::1\" }]\n"
	  "    |                                    ^~~~~~~~~" },
	{ "unspecified",
	  HEAD "pools:\n"
	       "  p:\n"
	       "    backends: [{ name: a, address: 0.0.0.0 }]\n",
	  "t:6:36: pools.p.backends[0].address: \"0.0.0.0\": this address is unspecified; allowed: an address of one host\n"
	  "  6 |     backends: [{ name: a, address: 0.0.0.0 }]\n"
	  "    |                                    ^~~~~~~" },
	{ "unspecified6",
	  HEAD "pools:\n"
	       "  p:\n"
	       "    backends: [{ name: a, address: \"::\" }]\n",
	  "t:6:36: pools.p.backends[0].address: \"::\": this address is unspecified; allowed: an address of one host\n"
	  "  6 |     backends: [{ name: a, address: \"::\" }]\n"
	  "    |                                    ^~~~" },
	{ "broadcast",
	  HEAD "pools:\n"
	       "  p:\n"
	       "    backends: [{ name: a, address: 255.255.255.255 }]\n",
	  "t:6:36: pools.p.backends[0].address: \"255.255.255.255\": this address is broadcast; allowed: an address of one host\n"
	  "  6 |     backends: [{ name: a, address: 255.255.255.255 }]\n"
	  "    |                                    ^~~~~~~~~~~~~~~" },
	{ "link-local",
	  HEAD "pools:\n"
	       "  p:\n"
	       "    backends: [{ name: a, address: \"fe80::1\" }]\n",
	  "t:6:36: pools.p.backends[0].address: \"fe80::1\": this address is link-local; allowed: an address of one host\n"
	  "  6 |     backends: [{ name: a, address: \"fe80::1\" }]\n"
	  "    |                                    ^~~~~~~~~" },
	{ "weight",
	  HEAD "pools:\n"
	       "  p:\n"
	       "    backends: [{ name: a, address: 10.0.0.1, weight: 65536 }]\n",
	  "t:6:54: pools.p.backends[0].weight: \"65536\": out of range; allowed: a whole number from 0 to 65535\n"
	  "  6 |     backends: [{ name: a, address: 10.0.0.1, weight: 65536 }]\n"
	  "    |                                                      ^~~~~" },
	{ "weight text",
	  HEAD "pools:\n"
	       "  p:\n"
	       "    backends: [{ name: a, address: 10.0.0.1, weight: 1e3 }]\n",
	  "t:6:54: pools.p.backends[0].weight: \"1e3\": not a number; allowed: a whole number from 0 to 65535\n"
	  "  6 |     backends: [{ name: a, address: 10.0.0.1, weight: 1e3 }]\n"
	  "    |                                                      ^~~" },
	{ "weights",
	  HEAD "pools:\n"
	       "  p:\n"
	       "    backends: [{ name: a, address: 10.0.0.1, weight: 0 }]\n",
	  "t:6:15: pools.p.backends: every backend has weight 0; allowed: one or more above 0\n"
	  "  6 |     backends: [{ name: a, address: 10.0.0.1, weight: 0 }]\n"
	  "    |               ^" },
	{ "backups only",
	  HEAD "pools:\n"
	       "  p:\n"
	       "    backends: [{ name: a, address: 10.0.0.1, backup: true }]\n",
	  "t:6:15: pools.p.backends: every backend with a weight above 0 is a backup; allowed: one or more that are not\n"
	  "  6 |     backends: [{ name: a, address: 10.0.0.1, backup: true }]\n"
	  "    |               ^" },
	{ "slow_start range",
	  HEAD "pools:\n"
	       "  p:\n"
	       "    slow_start: 366d\n"
	       "    backends: [{ name: a, address: 10.0.0.1 }]\n",
	  "t:6:17: pools.p.slow_start: \"366d\": out of range; allowed: 0s to 365d\n"
	  "  6 |     slow_start: 366d\n"
	  "    |                 ^~~~" },
	{ "backup text",
	  HEAD "pools:\n"
	       "  p:\n"
	       "    backends: [{ name: a, address: 10.0.0.1, backup: yes }]\n",
	  "t:6:54: pools.p.backends[0].backup: \"yes\": not a truth value; allowed: true, false\n"
	  "  6 |     backends: [{ name: a, address: 10.0.0.1, backup: yes }]\n"
	  "    |                                                      ^~~" },
	{ "two of a name",
	  HEAD POOL "      - { name: b, address: 10.0.0.2 }\n"
		    "      - { name: a, address: 10.0.0.3 }\n",
	  "t:9:17: pools.p.backends[2].name: \"a\": this backend is already there, at line 7\n"
	  "  9 |       - { name: a, address: 10.0.0.3 }\n"
	  "    |                 ^" },
	{ "two of an address",
	  HEAD POOL "      - { name: b, address: 10.0.0.2 }\n"
		    "      - { name: c, address: 10.0.0.1 }\n",
	  "t:9:29: pools.p.backends[2].address: \"10.0.0.1\": this backend address is already there, at line 7\n"
	  "  9 |       - { name: c, address: 10.0.0.1 }\n"
	  "    |                             ^~~~~~~~" },
	{ "check",
	  HEAD "checks:\n"
	       "  web: { port: 80 }\n"
	       "  dns: { port: 53 }\n"
	       "pools:\n"
	       "  p:\n"
	       "    check: wbe\n"
	       "    backends: [{ name: a, address: 10.0.0.1 }]\n",
	  "t:9:12: pools.p.check: \"wbe\": no such check (did you mean \"web\"?); defined: dns, web\n"
	  "  9 |     check: wbe\n"
	  "    |            ^~~" },
	{ "no checks",
	  HEAD "pools:\n"
	       "  p:\n"
	       "    check: web\n"
	       "    backends: [{ name: a, address: 10.0.0.1 }]\n",
	  "t:6:12: pools.p.check: \"web\": no such check; none is defined\n"
	  "  6 |     check: web\n"
	  "    |            ^~~" },
	{ "check without port",
	  HEAD "checks:\n"
	       "  web: {}\n"
	       "pools:\n"
	       "  p:\n"
	       "    check: web\n"
	       "    backends: [{ name: a, address: 10.0.0.1 }]\n",
	  "t:8:12: pools.p.check: \"web\": this check (line 5) has no port, and no VIP uses the pool to take it from; set checks.web.port\n"
	  "  8 |     check: web\n"
	  "    |            ^~~" },
	{ "check with two ports",
	  HEAD "checks:\n"
	       "  web: {}\n"
	       "pools:\n"
	       "  p:\n"
	       "    check: web\n"
	       "    backends: [{ name: a, address: 10.0.0.1 }]\n"
	       "vips:\n"
	       "  v: { addresses: [192.0.2.1], ports: [80, 443], pool: p, forward: dsr }\n",
	  "t:8:12: pools.p.check: \"web\": this check (line 5) has no port, and the pool's VIPs have more than one; set checks.web.port\n"
	  "  8 |     check: web\n"
	  "    |            ^~~" },
	{ "check with a range",
	  HEAD "checks:\n"
	       "  web: {}\n"
	       "pools:\n"
	       "  p:\n"
	       "    check: web\n"
	       "    backends: [{ name: a, address: 10.0.0.1 }]\n"
	       "vips:\n"
	       "  v: { addresses: [192.0.2.1], ports: [80-81], pool: p, forward: dsr }\n",
	  "t:8:12: pools.p.check: \"web\": this check (line 5) has no port, and the pool's VIPs have more than one; set checks.web.port\n"
	  "  8 |     check: web\n"
	  "    |            ^~~" },
	{ "check with any",
	  HEAD "checks:\n"
	       "  web: {}\n"
	       "pools:\n"
	       "  p:\n"
	       "    check: web\n"
	       "    backends: [{ name: a, address: 10.0.0.1 }]\n"
	       "vips:\n"
	       "  v: { addresses: [192.0.2.1], ports: [any], pool: p, forward: dsr }\n",
	  "t:8:12: pools.p.check: \"web\": this check (line 5) has no port, and the pool's VIPs have more than one; set checks.web.port\n"
	  "  8 |     check: web\n"
	  "    |            ^~~" },
	{ "check with VIPs that differ",
	  HEAD "checks:\n"
	       "  web: {}\n"
	       "pools:\n"
	       "  p:\n"
	       "    check: web\n"
	       "    backends: [{ name: a, address: 10.0.0.1 }]\n"
	       "vips:\n"
	       "  v: { addresses: [192.0.2.1], ports: [80], pool: p, forward: dsr }\n"
	       "  w: { addresses: [192.0.2.1], ports: [81], pool: p, forward: dsr }\n",
	  "t:8:12: pools.p.check: \"web\": this check (line 5) has no port, and the pool's VIPs have more than one; set checks.web.port\n"
	  "  8 |     check: web\n"
	  "    |            ^~~" },
};

int main(void)
{
	return run_config_cases("config: pools", cases, sizeof(cases) / sizeof(cases[0]));
}
