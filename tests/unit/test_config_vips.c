// SPDX-License-Identifier: GPL-2.0
/* Errors in VIPs, and of VIPs with each other and with pools. */
#include "test_config_cases.h"

static const struct config_case cases[] = {
	{ "unknown key",
	  HEAD POOL "vips:\n"
		    "  v:\n"
		    "    addresses: [192.0.2.1]\n"
		    "    ports: [80]\n"
		    "    pool: p\n"
		    "    forward: ipip\n"
		    "    idle_timout: 3s\n",
	  "t:14:5: vips.v.idle_timout: unknown key (did you mean \"idle_timeout\"?); allowed: addresses, protocol, ports, pool, forward, snat_addresses, interfaces, allow, deny, idle_timeout, on_backend_down, affinity, ping\n"
	  "  14 |     idle_timout: 3s\n"
	  "     |     ^~~~~~~~~~~" },
	{ "bad name",
	  HEAD POOL "vips:\n"
		    "  'v v': {}\n",
	  "t:9:3: vips.v v: \"v v\": not a name; allowed: 1 to 63 of A-Z a-z 0-9 . _ -\n"
	  "  9 |   'v v': {}\n"
	  "    |   ^~~~~" },
	{ "no addresses",
	  HEAD POOL "vips:\n"
		    "  v: { ports: [80], pool: p, forward: dsr }\n",
	  "t:9:3: vips.v.addresses: this key is required and missing\n"
	  "  9 |   v: { ports: [80], pool: p, forward: dsr }\n"
	  "    |   ^" },
	{ "no ports",
	  HEAD POOL "vips:\n"
		    "  v: { addresses: [192.0.2.1], pool: p, forward: dsr }\n",
	  "t:9:3: vips.v.ports: this key is required and missing\n"
	  "  9 |   v: { addresses: [192.0.2.1], pool: p, forward: dsr }\n"
	  "    |   ^" },
	{ "no pool",
	  HEAD POOL "vips:\n"
		    "  v: { addresses: [192.0.2.1], ports: [80], forward: dsr }\n",
	  "t:9:3: vips.v.pool: this key is required and missing\n"
	  "  9 |   v: { addresses: [192.0.2.1], ports: [80], forward: dsr }\n"
	  "    |   ^" },
	{ "empty addresses",
	  HEAD POOL "vips:\n"
		    "  v:\n"
		    "    addresses: []\n"
		    "    ports: [80]\n"
		    "    pool: p\n"
		    "    forward: ipip\n",
	  "t:10:16: vips.v.addresses: no addresses; allowed: one or more\n"
	  "  10 |     addresses: []\n"
	  "     |                ^" },
	{ "addresses no list",
	  HEAD POOL "vips:\n"
		    "  v:\n"
		    "    addresses: 192.0.2.1\n"
		    "    ports: [80]\n"
		    "    pool: p\n"
		    "    forward: ipip\n",
	  "t:10:16: vips.v.addresses: \"192.0.2.1\": not a list; allowed: a list of addresses, one or more\n"
	  "  10 |     addresses: 192.0.2.1\n"
	  "     |                ^~~~~~~~~" },
	{ "address",
	  HEAD POOL "vips:\n"
		    "  v:\n"
		    "    addresses: [192.0.2.1, pool.example.net]\n"
		    "    ports: [80]\n"
		    "    pool: p\n"
		    "    forward: ipip\n",
	  "t:10:28: vips.v.addresses[1]: \"pool.example.net\": not an address; allowed: an IPv4 or IPv6 address\n"
	  "  10 |     addresses: [192.0.2.1, pool.example.net]\n"
	  "     |                            ^~~~~~~~~~~~~~~~" },
	{ "address twice",
	  HEAD POOL "vips:\n"
		    "  v:\n"
		    "    addresses: [192.0.2.1, 192.0.2.1]\n"
		    "    ports: [80]\n"
		    "    pool: p\n"
		    "    forward: ipip\n",
	  "t:10:28: vips.v.addresses[1]: \"192.0.2.1\": this address is already there, at line 10\n"
	  "  10 |     addresses: [192.0.2.1, 192.0.2.1]\n"
	  "     |                            ^~~~~~~~~" },
	{ "address loopback",
	  HEAD POOL "vips:\n"
		    "  v:\n"
		    "    addresses: [127.0.0.1]\n"
		    "    ports: [80]\n"
		    "    pool: p\n"
		    "    forward: ipip\n",
	  "t:10:17: vips.v.addresses[0]: \"127.0.0.1\": this address is loopback; allowed: an address of one host\n"
	  "  10 |     addresses: [127.0.0.1]\n"
	  "     |                 ^~~~~~~~~" },
	{ "address mapped",
	  HEAD POOL "vips:\n"
		    "  v:\n"
		    "    addresses: [\"::ffff:192.0.2.1\"]\n"
		    "    ports: [80]\n"
		    "    pool: p\n"
		    "    forward: ipip\n",
	  "t:10:17: vips.v.addresses[0]: \"::ffff:192.0.2.1\": an IPv4-mapped IPv6 address; write it as 192.0.2.1\n"
	  "  10 |     addresses: [\"::ffff:192.0.2.1\"]\n"
	  "     |                 ^~~~~~~~~~~~~~~~~~" },
	{ "address in brackets",
	  HEAD POOL "vips:\n"
		    "  v:\n"
		    "    addresses: [\"[2001:db8::1]\"]\n"
		    "    ports: [80]\n"
		    "    pool: p\n"
		    "    forward: ipip\n",
	  "t:10:17: vips.v.addresses[0]: \"[2001:db8::1]\": not an address; allowed: an IPv4 or IPv6 address\n"
	  "  10 |     addresses: [\"[2001:db8::1]\"]\n"
	  "     |                 ^~~~~~~~~~~~~~~" },
	{ "prefix",
	  HEAD POOL "vips:\n"
		    "  v:\n"
		    "    addresses: [192.0.2.0/24]\n"
		    "    ports: [80]\n"
		    "    pool: p\n"
		    "    forward: ipip\n",
	  "t:10:17: vips.v.addresses[0]: \"192.0.2.0/24\": not an address; allowed: an IPv4 or IPv6 address\n"
	  "  10 |     addresses: [192.0.2.0/24]\n"
	  "     |                 ^~~~~~~~~~~~" },
	{ "empty ports",
	  HEAD POOL "vips:\n"
		    "  v:\n"
		    "    addresses: [192.0.2.1]\n"
		    "    ports: []\n"
		    "    pool: p\n"
		    "    forward: ipip\n",
	  "t:11:12: vips.v.ports: no ports; allowed: one or more\n"
	  "  11 |     ports: []\n"
	  "     |            ^" },
	{ "ports no list",
	  HEAD POOL "vips:\n"
		    "  v:\n"
		    "    addresses: [192.0.2.1]\n"
		    "    ports: 80\n"
		    "    pool: p\n"
		    "    forward: ipip\n",
	  "t:11:12: vips.v.ports: \"80\": not a list; allowed: a list of ports, one or more\n"
	  "  11 |     ports: 80\n"
	  "     |            ^~" },
	{ "port 0",
	  HEAD POOL "vips:\n"
		    "  v:\n"
		    "    addresses: [192.0.2.1]\n"
		    "    ports: [0]\n"
		    "    pool: p\n"
		    "    forward: ipip\n",
	  "t:11:13: vips.v.ports[0]: \"0\": out of range; allowed: a port (1 to 65535), port:target (443:4443), a range (5088-5089), any\n"
	  "  11 |     ports: [0]\n"
	  "     |             ^" },
	{ "port 65536",
	  HEAD POOL "vips:\n"
		    "  v:\n"
		    "    addresses: [192.0.2.1]\n"
		    "    ports: [80, 65536]\n"
		    "    pool: p\n"
		    "    forward: ipip\n",
	  "t:11:17: vips.v.ports[1]: \"65536\": out of range; allowed: a port (1 to 65535), port:target (443:4443), a range (5088-5089), any\n"
	  "  11 |     ports: [80, 65536]\n"
	  "     |                 ^~~~~" },
	{ "port text",
	  HEAD POOL "vips:\n"
		    "  v:\n"
		    "    addresses: [192.0.2.1]\n"
		    "    ports: [http]\n"
		    "    pool: p\n"
		    "    forward: ipip\n",
	  "t:11:13: vips.v.ports[0]: \"http\": not a port; allowed: a port (1 to 65535), port:target (443:4443), a range (5088-5089), any\n"
	  "  11 |     ports: [http]\n"
	  "     |             ^~~~" },
	{ "port sign",
	  HEAD POOL "vips:\n"
		    "  v:\n"
		    "    addresses: [192.0.2.1]\n"
		    "    ports: [\"+80\"]\n"
		    "    pool: p\n"
		    "    forward: ipip\n",
	  "t:11:13: vips.v.ports[0]: \"+80\": not a port; allowed: a port (1 to 65535), port:target (443:4443), a range (5088-5089), any\n"
	  "  11 |     ports: [\"+80\"]\n"
	  "     |             ^~~~~" },
	{ "port space",
	  HEAD POOL "vips:\n"
		    "  v:\n"
		    "    addresses: [192.0.2.1]\n"
		    "    ports: [\"80 \"]\n"
		    "    pool: p\n"
		    "    forward: ipip\n",
	  "t:11:13: vips.v.ports[0]: \"80 \": not a port; allowed: a port (1 to 65535), port:target (443:4443), a range (5088-5089), any\n"
	  "  11 |     ports: [\"80 \"]\n"
	  "     |             ^~~~~" },
	{ "range down",
	  HEAD POOL "vips:\n"
		    "  v:\n"
		    "    addresses: [192.0.2.1]\n"
		    "    ports: [5089-5088]\n"
		    "    pool: p\n"
		    "    forward: ipip\n",
	  "t:11:13: vips.v.ports[0]: \"5089-5088\": out of range; allowed: a port (1 to 65535), port:target (443:4443), a range (5088-5089), any\n"
	  "  11 |     ports: [5089-5088]\n"
	  "     |             ^~~~~~~~~" },
	{ "range open",
	  HEAD POOL "vips:\n"
		    "  v:\n"
		    "    addresses: [192.0.2.1]\n"
		    "    ports: [\"80-\"]\n"
		    "    pool: p\n"
		    "    forward: ipip\n",
	  "t:11:13: vips.v.ports[0]: \"80-\": not a port; allowed: a port (1 to 65535), port:target (443:4443), a range (5088-5089), any\n"
	  "  11 |     ports: [\"80-\"]\n"
	  "     |             ^~~~~" },
	{ "range from 0",
	  HEAD POOL "vips:\n"
		    "  v:\n"
		    "    addresses: [192.0.2.1]\n"
		    "    ports: [\"0-80\"]\n"
		    "    pool: p\n"
		    "    forward: ipip\n",
	  "t:11:13: vips.v.ports[0]: \"0-80\": out of range; allowed: a port (1 to 65535), port:target (443:4443), a range (5088-5089), any\n"
	  "  11 |     ports: [\"0-80\"]\n"
	  "     |             ^~~~~~" },
	{ "three",
	  HEAD POOL "vips:\n"
		    "  v:\n"
		    "    addresses: [192.0.2.1]\n"
		    "    ports: [\"1-2-3\"]\n"
		    "    pool: p\n"
		    "    forward: ipip\n",
	  "t:11:13: vips.v.ports[0]: \"1-2-3\": not a port; allowed: a port (1 to 65535), port:target (443:4443), a range (5088-5089), any\n"
	  "  11 |     ports: [\"1-2-3\"]\n"
	  "     |             ^~~~~~~" },
	{ "mapping",
	  HEAD POOL "vips:\n"
		    "  v:\n"
		    "    addresses: [192.0.2.1]\n"
		    "    ports: [\"80:8080\"]\n"
		    "    pool: p\n"
		    "    forward: ipip\n",
	  "t:11:13: vips.v.ports[0]: \"80:8080\": this forwarding mode leaves ports as they are; allowed: a port, a range, any, or forward nat or snat\n"
	  "  11 |     ports: [\"80:8080\"]\n"
	  "     |             ^~~~~~~~~" },
	{ "no mapping",
	  HEAD POOL "vips:\n"
		    "  v:\n"
		    "    addresses: [192.0.2.1]\n"
		    "    ports: [\"80:http\"]\n"
		    "    pool: p\n"
		    "    forward: ipip\n",
	  "t:11:13: vips.v.ports[0]: \"80:http\": not a port; allowed: a port (1 to 65535), port:target (443:4443), a range (5088-5089), any\n"
	  "  11 |     ports: [\"80:http\"]\n"
	  "     |             ^~~~~~~~~" },
	{ "protocol",
	  HEAD POOL "vips:\n"
		    "  v:\n"
		    "    addresses: [192.0.2.1]\n"
		    "    ports: [80]\n"
		    "    pool: p\n"
		    "    forward: ipip\n"
		    "    protocol: sctp\n",
	  "t:14:15: vips.v.protocol: \"sctp\": no such protocol; allowed: tcp, udp\n"
	  "  14 |     protocol: sctp\n"
	  "     |               ^~~~" },
	{ "nat and another family",
	  HEAD POOL "vips:\n"
		    "  v:\n"
		    "    addresses: [192.0.2.1, \"2001:db8::1\"]\n"
		    "    ports: [80]\n"
		    "    pool: p\n"
		    "    forward: nat\n",
	  "t:10:28: vips.v.addresses[1]: \"2001:db8::1\": forward nat needs one address family, and backend a (line 7) is IPv4; allowed: IPv6 backends, or forward ipip or gue\n"
	  "  10 |     addresses: [192.0.2.1, \"2001:db8::1\"]\n"
	  "     |                            ^~~~~~~~~~~~~" },
	{ "snat and both families",
	  HEAD POOL "vips:\n"
		    "  v:\n"
		    "    addresses: [\"2001:db8::1\"]\n"
		    "    ports: [80]\n"
		    "    pool: p\n"
		    "    forward: snat\n",
	  "t:10:17: vips.v.addresses[0]: \"2001:db8::1\": forward snat needs one address family, and backend a (line 7) is IPv4; allowed: IPv6 backends, or forward ipip or gue\n"
	  "  10 |     addresses: [\"2001:db8::1\"]\n"
	  "     |                 ^~~~~~~~~~~~~" },
	{ "a source of another family",
	  HEAD POOL "vips:\n"
		    "  v: { addresses: [192.0.2.1], ports: [80], pool: p, forward: snat,\n"
		    "       snat_addresses: [\"2001:db8::2\"] }\n",
	  "t:10:25: vips.v.snat_addresses[0]: \"2001:db8::2\": packets to this VIP are IPv4, and stay so; allowed: IPv4 addresses\n"
	  "  10 |        snat_addresses: [\"2001:db8::2\"] }\n"
	  "     |                         ^~~~~~~~~~~~~" },
	{ "a source that is a VIP",
	  HEAD POOL "vips:\n"
		    "  v: { addresses: [192.0.2.1], ports: [80], pool: p, forward: snat,\n"
		    "       snat_addresses: [192.0.2.1] }\n",
	  "t:10:25: vips.v.snat_addresses[0]: \"192.0.2.1\": a VIP has this address (line 9), so replies to it would be requests; allowed: another address of this host\n"
	  "  10 |        snat_addresses: [192.0.2.1] }\n"
	  "     |                         ^~~~~~~~~" },
	{ "a source that is a backend",
	  HEAD POOL "vips:\n"
		    "  v: { addresses: [192.0.2.1], ports: [80], pool: p, forward: snat,\n"
		    "       snat_addresses: [10.0.0.1] }\n",
	  "t:10:25: vips.v.snat_addresses[0]: \"10.0.0.1\": this is the address of a backend (line 7); allowed: an address of this host\n"
	  "  10 |        snat_addresses: [10.0.0.1] }\n"
	  "     |                         ^~~~~~~~" },
	{ "a source twice",
	  HEAD POOL "vips:\n"
		    "  v: { addresses: [192.0.2.1], ports: [80], pool: p, forward: snat,\n"
		    "       snat_addresses: [192.0.2.9, 192.0.2.9] }\n",
	  "t:10:36: vips.v.snat_addresses[1]: \"192.0.2.9\": this address is already there, at line 10\n"
	  "  10 |        snat_addresses: [192.0.2.9, 192.0.2.9] }\n"
	  "     |                                    ^~~~~~~~~" },
	{ "sources of a tunnel",
	  HEAD POOL "vips:\n"
		    "  v: { addresses: [192.0.2.1], ports: [80], pool: p, forward: ipip,\n"
		    "       snat_addresses: [192.0.2.9] }\n",
	  "t:10:24: vips.v.snat_addresses: this forwarding mode leaves sources as they are; allowed: none, or forward snat\n"
	  "  10 |        snat_addresses: [192.0.2.9] }\n"
	  "     |                        ^" },
	{ "forward",
	  HEAD POOL "vips:\n"
		    "  v:\n"
		    "    addresses: [192.0.2.1]\n"
		    "    ports: [80]\n"
		    "    pool: p\n"
		    "    forward: ipop\n",
	  "t:13:14: vips.v.forward: \"ipop\": no such forwarding mode; allowed: nat, snat, dsr, ipip, gue\n"
	  "  13 |     forward: ipop\n"
	  "     |              ^~~~" },
	{ "pool",
	  HEAD POOL "vips:\n"
		    "  v:\n"
		    "    addresses: [192.0.2.1]\n"
		    "    ports: [80]\n"
		    "    pool: pp\n"
		    "    forward: ipip\n",
	  "t:12:11: vips.v.pool: \"pp\": no such pool (did you mean \"p\"?); defined: p\n"
	  "  12 |     pool: pp\n"
	  "     |           ^~" },
	{ "no pools", HEAD VIP,
	  "t:8:11: vips.v.pool: \"p\": no such pool; none is defined\n"
	  "  8 |     pool: p\n"
	  "    |           ^" },
	{ "interfaces",
	  HEAD POOL "vips:\n"
		    "  v:\n"
		    "    addresses: [192.0.2.1]\n"
		    "    ports: [80]\n"
		    "    pool: p\n"
		    "    forward: ipip\n"
		    "    interfaces: [eth0, eth00]\n",
	  "t:14:24: vips.v.interfaces[1]: \"eth00\": no such interface (did you mean \"eth0\"?); defined: eth0\n"
	  "  14 |     interfaces: [eth0, eth00]\n"
	  "     |                        ^~~~~" },
	{ "interfaces twice", HEAD POOL VIP "    interfaces: [eth0, eth0]\n",
	  "t:14:24: vips.v.interfaces[1]: \"eth0\": this interface is already there, at line 14\n"
	  "  14 |     interfaces: [eth0, eth0]\n"
	  "     |                        ^~~~" },
	{ "interfaces name",
	  HEAD POOL "vips:\n"
		    "  v:\n"
		    "    addresses: [192.0.2.1]\n"
		    "    ports: [80]\n"
		    "    pool: p\n"
		    "    forward: ipip\n"
		    "    interfaces: [eth/0]\n",
	  "t:14:18: vips.v.interfaces[0]: \"eth/0\": not an interface's name; allowed: 1 to 15 characters, no / : or space\n"
	  "  14 |     interfaces: [eth/0]\n"
	  "     |                  ^~~~~" },
	{ "allow",
	  HEAD POOL "vips:\n"
		    "  v:\n"
		    "    addresses: [192.0.2.1]\n"
		    "    ports: [80]\n"
		    "    pool: p\n"
		    "    forward: ipip\n"
		    "    allow: [10.0.0.0/8, 10.0.0.0/9, 10.0.0.0/8]\n",
	  "t:14:37: vips.v.allow[2]: \"10.0.0.0/8\": this prefix is already there, at line 14\n"
	  "  14 |     allow: [10.0.0.0/8, 10.0.0.0/9, 10.0.0.0/8]\n"
	  "     |                                     ^~~~~~~~~~" },
	{ "allow prefix",
	  HEAD POOL "vips:\n"
		    "  v:\n"
		    "    addresses: [192.0.2.1]\n"
		    "    ports: [80]\n"
		    "    pool: p\n"
		    "    forward: ipip\n"
		    "    allow: [10.0.0.0/33]\n",
	  "t:14:13: vips.v.allow[0]: \"10.0.0.0/33\": length too long; allowed: 0 to 32\n"
	  "  14 |     allow: [10.0.0.0/33]\n"
	  "     |             ^~~~~~~~~~~" },
	{ "deny",
	  HEAD POOL "vips:\n"
		    "  v:\n"
		    "    addresses: [192.0.2.1]\n"
		    "    ports: [80]\n"
		    "    pool: p\n"
		    "    forward: ipip\n"
		    "    deny: [\"::/1\", \"::/0\"]\n"
		    "    allow: [\"::/0\"]\n",
	  "t:14:20: vips.v.deny[1]: \"::/0\": this prefix is in allow too, at line 15; allowed: either, or a longer one as the exception\n"
	  "  14 |     deny: [\"::/1\", \"::/0\"]\n"
	  "     |                    ^~~~~~" },
	{ "idle_timeout 0",
	  HEAD POOL "vips:\n"
		    "  v:\n"
		    "    addresses: [192.0.2.1]\n"
		    "    ports: [80]\n"
		    "    pool: p\n"
		    "    forward: ipip\n"
		    "    idle_timeout: 0s\n",
	  "t:14:19: vips.v.idle_timeout: \"0s\": out of range; allowed: 1ms to 365d\n"
	  "  14 |     idle_timeout: 0s\n"
	  "     |                   ^~" },
	{ "idle_timeout",
	  HEAD POOL "vips:\n"
		    "  v:\n"
		    "    addresses: [192.0.2.1]\n"
		    "    ports: [80]\n"
		    "    pool: p\n"
		    "    forward: ipip\n"
		    "    idle_timeout: 30 m\n",
	  "t:14:19: vips.v.idle_timeout: \"30 m\": not a duration; allowed: a whole number and a unit (ms, s, m, h, d), like 30s\n"
	  "  14 |     idle_timeout: 30 m\n"
	  "     |                   ^~~~" },
	{ "ping", HEAD POOL VIP "    ping: replay\n",
	  "t:14:11: vips.v.ping: \"replay\": no such behaviour; allowed: reply, pass, drop\n"
	  "  14 |     ping: replay\n"
	  "     |           ^~~~~~" },
	{ "ping of an address, both ways",
	  HEAD POOL VIP "    ping: drop\n"
			"  w:\n"
			"    addresses: [192.0.2.2, 192.0.2.1]\n"
			"    ports: [81]\n"
			"    pool: p\n"
			"    forward: ipip\n"
			"    ping: pass\n",
	  "t:20:11: vips.w.ping: \"pass\": ping is pass here and drop in VIP v (line 10), which has the same address; allowed: one behaviour for all VIPs of an address\n"
	  "  20 |     ping: pass\n"
	  "     |           ^~~~" },
	{ "ping of an address, and the default",
	  HEAD POOL VIP "    ping: drop\n"
			"  w:\n"
			"    addresses: [192.0.2.2, 192.0.2.1]\n"
			"    ports: [81]\n"
			"    protocol: udp\n"
			"    pool: p\n"
			"    forward: ipip\n",
	  "t:16:28: vips.w.addresses[1]: \"192.0.2.1\": ping is reply (the default) here and drop in VIP v (line 10), which has the same address; allowed: one behaviour for all VIPs of an address\n"
	  "  16 |     addresses: [192.0.2.2, 192.0.2.1]\n"
	  "     |                            ^~~~~~~~~" },
	{ "on_backend_down",
	  HEAD POOL "vips:\n"
		    "  v:\n"
		    "    addresses: [192.0.2.1]\n"
		    "    ports: [80]\n"
		    "    pool: p\n"
		    "    forward: ipip\n"
		    "    on_backend_down: retry\n",
	  "t:14:22: vips.v.on_backend_down: \"retry\": no such behaviour; allowed: reset, reroute\n"
	  "  14 |     on_backend_down: retry\n"
	  "     |                      ^~~~~" },
	{ "affinity text",
	  HEAD POOL "vips:\n"
		    "  v:\n"
		    "    addresses: [192.0.2.1]\n"
		    "    ports: [80]\n"
		    "    pool: p\n"
		    "    forward: ipip\n"
		    "    affinity: source\n",
	  "t:14:15: vips.v.affinity: \"source\": not a map; allowed: a map with mode, timeout, mask, mask6, group, proxies and track\n"
	  "  14 |     affinity: source\n"
	  "     |               ^~~~~~" },
	{ "affinity key",
	  HEAD POOL "vips:\n"
		    "  v:\n"
		    "    addresses: [192.0.2.1]\n"
		    "    ports: [80]\n"
		    "    pool: p\n"
		    "    forward: ipip\n"
		    "    affinity: { mod: tcp }\n",
	  "t:14:17: vips.v.affinity.mod: unknown key (did you mean \"mode\"?); allowed: mode, timeout, mask, mask6, group, proxies, track\n"
	  "  14 |     affinity: { mod: tcp }\n"
	  "     |                 ^~~" },
	{ "affinity mode",
	  HEAD POOL "vips:\n"
		    "  v:\n"
		    "    addresses: [192.0.2.1]\n"
		    "    ports: [80]\n"
		    "    pool: p\n"
		    "    forward: ipip\n"
		    "    affinity: { mode: udp }\n",
	  "t:14:23: vips.v.affinity.mode: \"udp\": no such affinity mode; allowed: source, tcp\n"
	  "  14 |     affinity: { mode: udp }\n"
	  "     |                       ^~~" },
	{ "affinity timeout",
	  HEAD POOL "vips:\n"
		    "  v:\n"
		    "    addresses: [192.0.2.1]\n"
		    "    ports: [80]\n"
		    "    pool: p\n"
		    "    forward: ipip\n"
		    "    affinity: { timeout: 400d }\n",
	  "t:14:26: vips.v.affinity.timeout: \"400d\": out of range; allowed: 1ms to 365d\n"
	  "  14 |     affinity: { timeout: 400d }\n"
	  "     |                          ^~~~" },
	{ "mask",
	  HEAD POOL "vips:\n"
		    "  v:\n"
		    "    addresses: [192.0.2.1]\n"
		    "    ports: [80]\n"
		    "    pool: p\n"
		    "    forward: ipip\n"
		    "    affinity: { mask: 33 }\n",
	  "t:14:23: vips.v.affinity.mask: \"33\": out of range; allowed: a whole number from 0 to 32\n"
	  "  14 |     affinity: { mask: 33 }\n"
	  "     |                       ^~" },
	{ "mask6",
	  HEAD POOL "vips:\n"
		    "  v:\n"
		    "    addresses: [192.0.2.1]\n"
		    "    ports: [80]\n"
		    "    pool: p\n"
		    "    forward: ipip\n"
		    "    affinity: { mask6: 129 }\n",
	  "t:14:24: vips.v.affinity.mask6: \"129\": out of range; allowed: a whole number from 0 to 128\n"
	  "  14 |     affinity: { mask6: 129 }\n"
	  "     |                        ^~~" },
	{ "mask text",
	  HEAD POOL "vips:\n"
		    "  v:\n"
		    "    addresses: [192.0.2.1]\n"
		    "    ports: [80]\n"
		    "    pool: p\n"
		    "    forward: ipip\n"
		    "    affinity: { mask: 255.255.255.0 }\n",
	  "t:14:23: vips.v.affinity.mask: \"255.255.255.0\": not a number; allowed: a whole number from 0 to 32\n"
	  "  14 |     affinity: { mask: 255.255.255.0 }\n"
	  "     |                       ^~~~~~~~~~~~~" },
	{ "group name",
	  HEAD POOL "vips:\n"
		    "  v:\n"
		    "    addresses: [192.0.2.1]\n"
		    "    ports: [80]\n"
		    "    pool: p\n"
		    "    forward: ipip\n"
		    "    affinity: { group: \"a b\" }\n",
	  "t:14:24: vips.v.affinity.group: \"a b\": not a name; allowed: 1 to 63 of A-Z a-z 0-9 . _ -\n"
	  "  14 |     affinity: { group: \"a b\" }\n"
	  "     |                        ^~~~~" },
	{ "track else",
	  HEAD POOL "vips:\n"
		    "  v:\n"
		    "    addresses: [192.0.2.1]\n"
		    "    ports: [80]\n"
		    "    pool: p\n"
		    "    forward: ipip\n"
		    "    affinity: { track: sometimes }\n",
	  "t:14:24: vips.v.affinity.track: \"sometimes\": no such tracking; allowed: needed, always, never\n"
	  "  14 |     affinity: { track: sometimes }\n"
	  "     |                        ^~~~~~~~~" },
	{ "overlap within",
	  HEAD POOL "vips:\n"
		    "  v:\n"
		    "    addresses: [192.0.2.1]\n"
		    "    ports: [80, 70-90]\n"
		    "    pool: p\n"
		    "    forward: ipip\n",
	  "t:11:17: vips.v.ports[1]: \"70-90\": overlaps \"80\" of VIP v (line 11), on 192.0.2.1, protocol tcp\n"
	  "  11 |     ports: [80, 70-90]\n"
	  "     |                 ^~~~~" },
	{ "any twice",
	  HEAD POOL "vips:\n"
		    "  v:\n"
		    "    addresses: [192.0.2.1]\n"
		    "    ports: [any, 80, any]\n"
		    "    pool: p\n"
		    "    forward: ipip\n",
	  "t:11:22: vips.v.ports[2]: \"any\": overlaps \"any\" of VIP v (line 11), on 192.0.2.1, protocol tcp\n"
	  "  11 |     ports: [any, 80, any]\n"
	  "     |                      ^~~" },
	{ "overlap",
	  HEAD POOL VIP
	  "  w: { addresses: [192.0.2.2, 192.0.2.1], ports: [443, 79-81], pool: p, forward: dsr }\n",
	  "t:14:56: vips.w.ports[1]: \"79-81\": overlaps \"80\" of VIP v (line 11), on 192.0.2.1, protocol tcp\n"
	  "  14 |   w: { addresses: [192.0.2.2, 192.0.2.1], ports: [443, 79-81], pool: p, forward: dsr }\n"
	  "     |                                                        ^~~~~" },
	{ "two any",
	  HEAD POOL "vips:\n"
		    "  v: { addresses: [192.0.2.1], ports: [any], pool: p, forward: dsr }\n"
		    "  w: { addresses: [192.0.2.1], ports: [80, any], pool: p, forward: dsr }\n",
	  "t:10:44: vips.w.ports[1]: \"any\": overlaps \"any\" of VIP v (line 9), on 192.0.2.1, protocol tcp\n"
	  "  10 |   w: { addresses: [192.0.2.1], ports: [80, any], pool: p, forward: dsr }\n"
	  "     |                                            ^~~" },
	{ "overlap udp",
	  HEAD POOL
	  "vips:\n"
	  "  v: { addresses: ['2001:db8::1'], ports: [53], protocol: udp, pool: p, forward: gue }\n"
	  "  w: { addresses: ['2001:db8::1'], ports: [1-1000], protocol: udp, pool: p, forward: gue }\n",
	  "t:10:44: vips.w.ports[0]: \"1-1000\": overlaps \"53\" of VIP v (line 9), on 2001:db8::1, protocol udp\n"
	  "  10 |   w: { addresses: ['2001:db8::1'], ports: [1-1000], protocol: udp, pool: p, forward: gue }\n"
	  "     |                                            ^~~~~~" },
	{ "backend is VIP",
	  HEAD POOL "vips:\n"
		    "  v:\n"
		    "    addresses: [192.0.2.1, 10.0.0.1]\n"
		    "    ports: [80]\n"
		    "    pool: p\n"
		    "    forward: ipip\n",
	  "t:7:29: pools.p.backends[0].address: \"10.0.0.1\": also an address of VIP v, at line 10\n"
	  "  7 |       - { name: a, address: 10.0.0.1 }\n"
	  "    |                             ^~~~~~~~" },
	{ "dsr 6 to 4",
	  HEAD POOL "vips:\n"
		    "  v:\n"
		    "    addresses: [192.0.2.1, \"2001:db8::1\"]\n"
		    "    ports: [80]\n"
		    "    pool: p\n"
		    "    forward: dsr\n",
	  "t:10:28: vips.v.addresses[1]: \"2001:db8::1\": forward dsr needs one address family, and backend a (line 7) is IPv4; allowed: IPv6 backends, or forward ipip or gue\n"
	  "  10 |     addresses: [192.0.2.1, \"2001:db8::1\"]\n"
	  "     |                            ^~~~~~~~~~~~~" },
	{ "dsr 4 to 6",
	  HEAD "pools:\n"
	       "  p:\n"
	       "    backends:\n"
	       "      - { name: a, address: 10.0.0.1 }\n"
	       "      - { name: b, address: \"2001:db8::2\" }\n"
	       "vips:\n"
	       "  v:\n"
	       "    addresses: [192.0.2.1]\n"
	       "    ports: [80]\n"
	       "    pool: p\n"
	       "    forward: dsr\n",
	  "t:11:17: vips.v.addresses[0]: \"192.0.2.1\": forward dsr needs one address family, and backend b (line 8) is IPv6; allowed: IPv4 backends, or forward ipip or gue\n"
	  "  11 |     addresses: [192.0.2.1]\n"
	  "     |                 ^~~~~~~~~" },
};

int main(void)
{
	return run_config_cases("config: vips", cases, sizeof(cases) / sizeof(cases[0]));
}
