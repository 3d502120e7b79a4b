// SPDX-License-Identifier: GPL-2.0
/* Errors of texts that are not the YAML that a configuration is made of. */
#include "test_config_cases.h"

static const struct config_case cases[] = {
	{ "empty", "", "t:1:1: the file is empty; required: seed, interfaces" },
	{ "comment only", "# nothing\n",
	  "t:1:1: the file is empty; required: seed, interfaces\n"
	  "  1 | # nothing\n"
	  "    | ^" },
	{ "control character", "seed: a\001b\n",
	  "t:1:8: control character 0x01\n"
	  "  1 | seed: a?b\n"
	  "    |        ^" },
	{ "not UTF-8", "seed: a\377b\n",
	  "t:1:8: byte 0xff is not valid UTF-8\n"
	  "  1 | seed: a?b\n"
	  "    |        ^" },
	{ "overlong UTF-8", "seed: \300\257\n",
	  "t:1:7: byte 0xc0 is not valid UTF-8\n"
	  "  1 | seed: ??\n"
	  "    |       ^" },
	{ "tab",
	  "seed: s\n"
	  "\tinterfaces: x\n",
	  "t:1:7: not valid YAML: " },
	{ "unclosed list",
	  "seed: s\n"
	  "interfaces: [\n",
	  "t:2:14: not valid YAML: " },
	{ "unclosed quote", "seed: \"s\n", "t:1:8: not valid YAML: " },
	{ "two documents",
	  "seed: s\n"
	  "---\n"
	  "seed: t\n",
	  "t:2:1: a second document begins here; one is allowed\n"
	  "  2 | ---\n"
	  "    | ^~~" },
	{ "alias", "seed: &a s\n",
	  "t:1:8: anchors and aliases are not allowed\n"
	  "  1 | seed: &a s\n"
	  "    |        ^" },
	{ "alias used", "seed: *a\n",
	  "t:1:8: anchors and aliases are not allowed\n"
	  "  1 | seed: *a\n"
	  "    |        ^" },
	{ "tag", "seed: !!str s\n",
	  "t:1:7: tags are not allowed\n"
	  "  1 | seed: !!str s\n"
	  "    |       ^~~~~" },
	{ "complex key", "[a]: s\n",
	  "t:1:1: a key must be a plain word\n"
	  "  1 | [a]: s\n"
	  "    | ^" },
	{ "no key", ": s\n",
	  "t:1:1: a key is missing here\n"
	  "  1 | : s\n"
	  "    | ^" },
	{ "directive",
	  "%FOO x\n"
	  "---\n"
	  "seed: s\n",
	  "t:1:2: not valid YAML: " },
	{ "zero in a text", "seed: \"a\\0b\"\n",
	  "t:1:8: a zero character in a text\n"
	  "  1 | seed: \"a\\0b\"\n"
	  "    |        ^~~~" },
	{ "too deep", "seed: [[[[[[[[[[[[[[[[[s]]]]]]]]]]]]]]]]]\n",
	  "t:1:22: maps and lists are nested too deeply\n"
	  "  1 | seed: [[[[[[[[[[[[[[[[[s]]]]]]]]]]]]]]]]]\n"
	  "    |                      ^" },
	{ "duplicate key",
	  "seed: s\n"
	  "interfaces: []\n"
	  "seed: t\n",
	  "t:3:1: seed: this key is already there, at line 1\n"
	  "  3 | seed: t\n"
	  "    | ^~~~" },
	{ "long line",
	  "seed: s\n"
	  "interfaces: [{ name: eth0, mode: auto }, { name: eth0, mode: auto }, { name: eth0, mode: auto }, { name: eth0, mode: auto }, { name: eth0, mode: auto }, { name: eth0, mode: auto }, { name: \"eth:0\" }, { name: eth2 }, { name: eth2 }, { name: eth2 }, { name: eth2 }, { name: eth2 }, { name: eth2 }, ]\n",
	  "t:2:190: interfaces[6].name: \"eth:0\": not an interface's name; allowed: 1 to 15 characters, no / : or space\n"
	  "  2 | ...me: eth0, mode: auto }, { name: eth0, mode: auto }, { name: \"eth:0\" }, { name: eth2 }, { name: eth2 ...\n"
	  "    |                                                                ^~~~~~~" },
	{ "wide characters",
	  "seed: s # sch\303\266n\n"
	  "\303\274ber: 1\n",
	  "t:2:1: \303\274ber: unknown key; allowed: seed, interfaces, checks, pools, vips\n"
	  "  2 | \303\274ber: 1\n"
	  "    | ^~~~" },
	{ "long text",
	  "seed: s\n"
	  "interfaces: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\n",
	  "t:2:13: interfaces: \"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...\": not a list; allowed: a list of interfaces, one or more\n"
	  "  2 | interfaces: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...\n"
	  "    |             ^~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~" },
	{ "CR LF",
	  "seed: s\r\n"
	  "interfaces: x\r\n",
	  "t:2:13: interfaces: \"x\": not a list; allowed: a list of interfaces, one or more\n"
	  "  2 | interfaces: x\n"
	  "    |             ^" },
	{ "BOM", "\357\273\277sed: s\n",
	  "t:1:1: sed: unknown key (did you mean \"seed\"?); allowed: seed, interfaces, checks, pools, vips\n"
	  "  1 | sed: s\n"
	  "    | ^~~" },
};

int main(void)
{
	return run_config_cases("config: text", cases, sizeof(cases) / sizeof(cases[0]));
}
