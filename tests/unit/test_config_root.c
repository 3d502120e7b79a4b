// SPDX-License-Identifier: GPL-2.0
/* Errors at the root of a configuration and in its interfaces. */
#include "test_config_cases.h"

static const struct config_case cases[] = {
	{ "no map", "seed\n",
	  "t:1:1: \"seed\": not a map; allowed: a map with seed, interfaces, checks, pools, vips\n"
	  "  1 | seed\n"
	  "    | ^~~~" },
	{ "list", "- seed\n",
	  "t:1:1: a list, not a map; allowed: a map with seed, interfaces, checks, pools, vips\n"
	  "  1 | - seed\n"
	  "    | ^" },
	{ "no seed",
	  "interfaces:\n"
	  "  - name: eth0\n",
	  "t:1:1: seed: this key is required and missing\n"
	  "  1 | interfaces:\n"
	  "    | ^" },
	{ "empty seed", "seed: \"\"\n",
	  "t:1:7: seed: \"\": empty; allowed: a text of 1 character or more\n"
	  "  1 | seed: \"\"\n"
	  "    |       ^~" },
	{ "null seed", "seed:\n",
	  "t:1:1: seed: no value; allowed: a text\n"
	  "  1 | seed:\n"
	  "    | ^~~~" },
	{ "seed is a list", "seed: [a]\n",
	  "t:1:7: seed: a list, not one value; allowed: a text\n"
	  "  1 | seed: [a]\n"
	  "    |       ^" },
	{ "no interfaces", "seed: s\n",
	  "t:1:1: interfaces: this key is required and missing\n"
	  "  1 | seed: s\n"
	  "    | ^" },
	{ "empty interfaces",
	  "seed: s\n"
	  "interfaces: []\n",
	  "t:2:13: interfaces: no interfaces; allowed: one or more\n"
	  "  2 | interfaces: []\n"
	  "    |             ^" },
	{ "null interfaces",
	  "seed: s\n"
	  "interfaces:\n",
	  "t:2:1: interfaces: no interfaces; allowed: one or more\n"
	  "  2 | interfaces:\n"
	  "    | ^~~~~~~~~~" },
	{ "unknown key",
	  "seed: s\n"
	  "interface:\n"
	  "  - name: eth0\n",
	  "t:2:1: interface: unknown key (did you mean \"interfaces\"?); allowed: seed, interfaces, checks, pools, vips\n"
	  "  2 | interface:\n"
	  "    | ^~~~~~~~~" },
	{ "unlike any key",
	  "seed: s\n"
	  "frobnicate: 1\n",
	  "t:2:1: frobnicate: unknown key; allowed: seed, interfaces, checks, pools, vips\n"
	  "  2 | frobnicate: 1\n"
	  "    | ^~~~~~~~~~" },
	{ "interface is a text",
	  "seed: s\n"
	  "interfaces: [eth0]\n",
	  "t:2:14: interfaces[0]: \"eth0\": not a map; allowed: a map with name and mode\n"
	  "  2 | interfaces: [eth0]\n"
	  "    |              ^~~~" },
	{ "no name",
	  "seed: s\n"
	  "interfaces:\n"
	  "  - mode: auto\n",
	  "t:3:5: interfaces[0].name: this key is required and missing\n"
	  "  3 |   - mode: auto\n"
	  "    |     ^" },
	{ "bad interface name",
	  "seed: s\n"
	  "interfaces: [{ name: eth/0 }]\n",
	  "t:2:22: interfaces[0].name: \"eth/0\": not an interface's name; allowed: 1 to 15 characters, no / : or space\n"
	  "  2 | interfaces: [{ name: eth/0 }]\n"
	  "    |                      ^~~~~" },
	{ "long interface name",
	  "seed: s\n"
	  "interfaces: [{ name: a234567890123456 }]\n",
	  "t:2:22: interfaces[0].name: \"a234567890123456\": not an interface's name; allowed: 1 to 15 characters, no / : or space\n"
	  "  2 | interfaces: [{ name: a234567890123456 }]\n"
	  "    |                      ^~~~~~~~~~~~~~~~" },
	{ "dots",
	  "seed: s\n"
	  "interfaces: [{ name: .. }]\n",
	  "t:2:22: interfaces[0].name: \"..\": not an interface's name; allowed: 1 to 15 characters, no / : or space\n"
	  "  2 | interfaces: [{ name: .. }]\n"
	  "    |                      ^~" },
	{ "two of a name",
	  "seed: s\n"
	  "interfaces:\n"
	  "  - name: eth0\n"
	  "  - name: eth1\n"
	  "  - name: eth0\n",
	  "t:5:11: interfaces[2].name: \"eth0\": this interface is already there, at line 3\n"
	  "  5 |   - name: eth0\n"
	  "    |           ^~~~" },
	{ "mode",
	  "seed: s\n"
	  "interfaces: [{ name: a, mode: fast }]\n",
	  "t:2:31: interfaces[0].mode: \"fast\": no such XDP mode; allowed: auto, native, generic\n"
	  "  2 | interfaces: [{ name: a, mode: fast }]\n"
	  "    |                               ^~~~" },
	{ "mode list",
	  "seed: s\n"
	  "interfaces: [{ name: a, mode: [auto] }]\n",
	  "t:2:31: interfaces[0].mode: a list, not one value; allowed: auto, native, generic\n"
	  "  2 | interfaces: [{ name: a, mode: [auto] }]\n"
	  "    |                               ^" },
	{ "reject_sources twice",
	  "seed: s\n"
	  "interfaces: [{ name: a, reject_sources: [10.0.0.0/8, 10.0.0.0/8] }]\n",
	  "t:2:54: interfaces[0].reject_sources[1]: \"10.0.0.0/8\": this prefix is already there, at line 2\n"
	  "  2 | interfaces: [{ name: a, reject_sources: [10.0.0.0/8, 10.0.0.0/8] }]\n"
	  "    |                                                      ^~~~~~~~~~" },
	{ "reject_sources not a prefix",
	  "seed: s\n"
	  "interfaces: [{ name: a, reject_sources: [10.0.0.0/8x] }]\n",
	  "t:2:42: interfaces[0].reject_sources[0]: \"10.0.0.0/8x\": not a prefix; allowed: an address and a length, like 10.0.0.0/8\n"
	  "  2 | interfaces: [{ name: a, reject_sources: [10.0.0.0/8x] }]\n"
	  "    |                                          ^~~~~~~~~~~" },
	{ "reject_sources host bits",
	  "seed: s\n"
	  "interfaces: [{ name: a, reject_sources: [10.0.0.1/8] }]\n",
	  "t:2:42: interfaces[0].reject_sources[0]: \"10.0.0.1/8\": bits are set after the prefix; write it as 10.0.0.0/8\n"
	  "  2 | interfaces: [{ name: a, reject_sources: [10.0.0.1/8] }]\n"
	  "    |                                          ^~~~~~~~~~" },
	{ "reject_sources not a list",
	  "seed: s\n"
	  "interfaces: [{ name: a, reject_sources: 10.0.0.0/8 }]\n",
	  "t:2:41: interfaces[0].reject_sources: \"10.0.0.0/8\": not a list; allowed: a list of prefixes\n"
	  "  2 | interfaces: [{ name: a, reject_sources: 10.0.0.0/8 }]\n"
	  "    |                                         ^~~~~~~~~~" },
	{ "allow_hairpin",
	  "seed: s\n"
	  "interfaces: [{ name: a, allow_hairpin: ['2001:db8::1/32'] }]\n",
	  "t:2:41: interfaces[0].allow_hairpin[0]: \"2001:db8::1/32\": bits are set after the prefix; write it as 2001:db8::/32\n"
	  "  2 | interfaces: [{ name: a, allow_hairpin: ['2001:db8::1/32'] }]\n"
	  "    |                                         ^~~~~~~~~~~~~~~~" },
};

int main(void)
{
	return run_config_cases("config: root", cases, sizeof(cases) / sizeof(cases[0]));
}
