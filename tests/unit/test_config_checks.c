// SPDX-License-Identifier: GPL-2.0
/* Errors in checks. */
#include "test_config_cases.h"

static const struct config_case cases[] = {
	{ "list", HEAD "checks: []\n",
	  "t:4:9: checks: a list, not a map; allowed: a map of checks by name\n"
	  "  4 | checks: []\n"
	  "    |         ^" },
	{ "bad name",
	  HEAD "checks:\n"
	       "  a b: {}\n",
	  "t:5:3: checks.a b: \"a b\": not a name; allowed: 1 to 63 of A-Z a-z 0-9 . _ -\n"
	  "  5 |   a b: {}\n"
	  "    |   ^~~" },
	{ "long name",
	  HEAD "checks:\n"
	       "  nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn: {}\n",
	  "t:5:3: checks.nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn...: \"nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn...\": not a name; allowed: 1 to 63 of A-Z a-z 0-9 . _ -\n"
	  "  5 |   nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn: {}\n"
	  "    |   ^~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~" },
	{ "unknown key",
	  HEAD "checks:\n"
	       "  c: { typ: tcp }\n",
	  "t:5:8: checks.c.typ: unknown key (did you mean \"type\"?); allowed: type, port, path, host, expect, verify, ca, expiry_warning, command, user, via, interval, timeout, rise, fall\n"
	  "  5 |   c: { typ: tcp }\n"
	  "    |        ^~~" },
	{ "command of tcp",
	  HEAD "checks:\n"
	       "  c: { command: [/bin/true] }\n",
	  "t:5:17: checks.c.command: only for checks of type exec\n"
	  "  5 |   c: { command: [/bin/true] }\n"
	  "    |                 ^" },
	{ "user of http",
	  HEAD "checks:\n"
	       "  c: { type: http, user: nobody }\n",
	  "t:5:26: checks.c.user: \"nobody\": only for checks of type exec\n"
	  "  5 |   c: { type: http, user: nobody }\n"
	  "    |                          ^~~~~~" },
	{ "user",
	  HEAD "checks:\n"
	       "  c: { type: exec, command: [/bin/true], user: \"a b\" }\n",
	  "t:5:48: checks.c.user: \"a b\": not a user's name; allowed: a user's name, 1 to 32 of A-Z a-z 0-9 . _ -\n"
	  "  5 |   c: { type: exec, command: [/bin/true], user: \"a b\" }\n"
	  "    |                                                ^~~~~" },
	{ "exec without a command",
	  HEAD "checks:\n"
	       "  c: { type: exec }\n",
	  "t:5:3: checks.c.command: checks of type exec need this key\n"
	  "  5 |   c: { type: exec }\n"
	  "    |   ^" },
	{ "command is a text",
	  HEAD "checks:\n"
	       "  c: { type: exec, command: /bin/true -x }\n",
	  "t:5:29: checks.c.command: \"/bin/true -x\": not a list; allowed: a list of a program, by its absolute path, and its arguments, like [/usr/local/lib/check-db, --fast]\n"
	  "  5 |   c: { type: exec, command: /bin/true -x }\n"
	  "    |                             ^~~~~~~~~~~~" },
	{ "command is empty",
	  HEAD "checks:\n"
	       "  c: { type: exec, command: [] }\n",
	  "t:5:29: checks.c.command: no program; allowed: a list of a program, by its absolute path, and its arguments, like [/usr/local/lib/check-db, --fast]\n"
	  "  5 |   c: { type: exec, command: [] }\n"
	  "    |                             ^" },
	{ "command by name",
	  HEAD "checks:\n"
	       "  c: { type: exec, command: [check-db] }\n",
	  "t:5:30: checks.c.command[0]: \"check-db\": not the absolute path of a program; allowed: a list of a program, by its absolute path, and its arguments, like [/usr/local/lib/check-db, --fast]\n"
	  "  5 |   c: { type: exec, command: [check-db] }\n"
	  "    |                              ^~~~~~~~" },
	{ "word is a list",
	  HEAD "checks:\n"
	       "  c: { type: exec, command: [/bin/true, [x]] }\n",
	  "t:5:41: checks.c.command[1]: a list, not one value; allowed: a text\n"
	  "  5 |   c: { type: exec, command: [/bin/true, [x]] }\n"
	  "    |                                         ^" },
	{ "verify of http",
	  HEAD "checks:\n"
	       "  c: { type: http, verify: false }\n",
	  "t:5:28: checks.c.verify: \"false\": only for checks of type https\n"
	  "  5 |   c: { type: http, verify: false }\n"
	  "    |                            ^~~~~" },
	{ "ca of tcp",
	  HEAD "checks:\n"
	       "  c: { ca: /a }\n",
	  "t:5:12: checks.c.ca: \"/a\": only for checks of type https\n"
	  "  5 |   c: { ca: /a }\n"
	  "    |            ^~" },
	{ "ca without verify",
	  HEAD "checks:\n"
	       "  c: { type: https, ca: /a }\n",
	  "t:5:25: checks.c.ca: \"/a\": only with verify: true\n"
	  "  5 |   c: { type: https, ca: /a }\n"
	  "    |                         ^~" },
	{ "ca is relative",
	  HEAD "checks:\n"
	       "  c: { type: https, verify: true, ca: a.pem }\n",
	  "t:5:39: checks.c.ca: \"a.pem\": not a path; allowed: the absolute path of a file\n"
	  "  5 |   c: { type: https, verify: true, ca: a.pem }\n"
	  "    |                                       ^~~~~" },
	{ "expiry_warning",
	  HEAD "checks:\n"
	       "  c: { type: https, expiry_warning: 14 }\n",
	  "t:5:37: checks.c.expiry_warning: \"14\": not a duration; allowed: a whole number and a unit (ms, s, m, h, d), like 30s\n"
	  "  5 |   c: { type: https, expiry_warning: 14 }\n"
	  "    |                                     ^~" },
	{ "expiry_warning of exec",
	  HEAD "checks:\n"
	       "  c: { type: exec, command: [/bin/true], expiry_warning: 1d }\n",
	  "t:5:58: checks.c.expiry_warning: \"1d\": only for checks of type https\n"
	  "  5 |   c: { type: exec, command: [/bin/true], expiry_warning: 1d }\n"
	  "    |                                                          ^~" },
	{ "icmp",
	  HEAD "checks:\n"
	       "  c: { type: icmp }\n",
	  "t:5:14: checks.c.type: \"icmp\": no such check type; allowed: tcp, http, https, exec\n"
	  "  5 |   c: { type: icmp }\n"
	  "    |              ^~~~" },
	{ "port 0",
	  HEAD "checks:\n"
	       "  c: { port: 0 }\n",
	  "t:5:14: checks.c.port: \"0\": out of range; allowed: a whole number from 1 to 65535\n"
	  "  5 |   c: { port: 0 }\n"
	  "    |              ^" },
	{ "port 65536",
	  HEAD "checks:\n"
	       "  c: { port: 65536 }\n",
	  "t:5:14: checks.c.port: \"65536\": out of range; allowed: a whole number from 1 to 65535\n"
	  "  5 |   c: { port: 65536 }\n"
	  "    |              ^~~~~" },
	{ "port text",
	  HEAD "checks:\n"
	       "  c: { port: http }\n",
	  "t:5:14: checks.c.port: \"http\": not a number; allowed: a whole number from 1 to 65535\n"
	  "  5 |   c: { port: http }\n"
	  "    |              ^~~~" },
	{ "port octal",
	  HEAD "checks:\n"
	       "  c: { port: 080 }\n",
	  "t:5:14: checks.c.port: \"080\": not a number; allowed: a whole number from 1 to 65535\n"
	  "  5 |   c: { port: 080 }\n"
	  "    |              ^~~" },
	{ "port negative",
	  HEAD "checks:\n"
	       "  c: { port: -1 }\n",
	  "t:5:14: checks.c.port: \"-1\": not a number; allowed: a whole number from 1 to 65535\n"
	  "  5 |   c: { port: -1 }\n"
	  "    |              ^~" },
	{ "path",
	  HEAD "checks:\n"
	       "  c: { type: http, path: health }\n",
	  "t:5:26: checks.c.path: \"health\": not a path; allowed: printable ASCII without spaces that begins with /\n"
	  "  5 |   c: { type: http, path: health }\n"
	  "    |                          ^~~~~~" },
	{ "path space",
	  HEAD "checks:\n"
	       "  c: { type: http, path: \"/a b\" }\n",
	  "t:5:26: checks.c.path: \"/a b\": not a path; allowed: printable ASCII without spaces that begins with /\n"
	  "  5 |   c: { type: http, path: \"/a b\" }\n"
	  "    |                          ^~~~~~" },
	{ "path of tcp",
	  HEAD "checks:\n"
	       "  c: { path: / }\n",
	  "t:5:14: checks.c.path: \"/\": only for checks of type http and https\n"
	  "  5 |   c: { path: / }\n"
	  "    |              ^" },
	{ "host",
	  HEAD "checks:\n"
	       "  c: { type: http, host: \"a/b\" }\n",
	  "t:5:26: checks.c.host: \"a/b\": not a host name; allowed: a host name, 1 to 253 of A-Z a-z 0-9 . - _ : [ ]\n"
	  "  5 |   c: { type: http, host: \"a/b\" }\n"
	  "    |                          ^~~~~" },
	{ "host of tcp",
	  HEAD "checks:\n"
	       "  c: { host: a }\n",
	  "t:5:14: checks.c.host: \"a\": only for checks of type http and https\n"
	  "  5 |   c: { host: a }\n"
	  "    |              ^" },
	{ "expect",
	  HEAD "checks:\n"
	       "  c: { type: http, expect: 2xx }\n",
	  "t:5:28: checks.c.expect: \"2xx\": not a list of status codes; allowed: HTTP status codes 100 to 599, like 200-299,304\n"
	  "  5 |   c: { type: http, expect: 2xx }\n"
	  "    |                            ^~~" },
	{ "expect order",
	  HEAD "checks:\n"
	       "  c: { type: http, expect: \"399-200\" }\n",
	  "t:5:28: checks.c.expect: \"399-200\": not a list of status codes; allowed: HTTP status codes 100 to 599, like 200-299,304\n"
	  "  5 |   c: { type: http, expect: \"399-200\" }\n"
	  "    |                            ^~~~~~~~~" },
	{ "expect range",
	  HEAD "checks:\n"
	       "  c: { type: http, expect: \"99\" }\n",
	  "t:5:28: checks.c.expect: \"99\": not a list of status codes; allowed: HTTP status codes 100 to 599, like 200-299,304\n"
	  "  5 |   c: { type: http, expect: \"99\" }\n"
	  "    |                            ^~~~" },
	{ "expect trailing comma",
	  HEAD "checks:\n"
	       "  c: { type: http, expect: \"200,\" }\n",
	  "t:5:28: checks.c.expect: \"200,\": not a list of status codes; allowed: HTTP status codes 100 to 599, like 200-299,304\n"
	  "  5 |   c: { type: http, expect: \"200,\" }\n"
	  "    |                            ^~~~~~" },
	{ "expect twice",
	  HEAD "checks:\n"
	       "  c: { type: http, expect: \"200-299,204\" }\n",
	  "t:5:28: checks.c.expect: \"200-299,204\": 204 is there twice\n"
	  "  5 |   c: { type: http, expect: \"200-299,204\" }\n"
	  "    |                            ^~~~~~~~~~~~~" },
	{ "expect of tcp",
	  HEAD "checks:\n"
	       "  c: { expect: 200 }\n",
	  "t:5:16: checks.c.expect: \"200\": only for checks of type http and https\n"
	  "  5 |   c: { expect: 200 }\n"
	  "    |                ^~~" },
	{ "verify text",
	  HEAD "checks:\n"
	       "  c: { type: https, verify: maybe }\n",
	  "t:5:29: checks.c.verify: \"maybe\": not a truth value; allowed: true, false\n"
	  "  5 |   c: { type: https, verify: maybe }\n"
	  "    |                             ^~~~~" },
	{ "via of exec",
	  HEAD "checks:\n"
	       "  c: { type: exec, command: [/bin/true], via: vip }\n",
	  "t:5:47: checks.c.via: \"vip\": only for checks of type tcp, http and https\n"
	  "  5 |   c: { type: exec, command: [/bin/true], via: vip }\n"
	  "    |                                               ^~~" },
	{ "via without a VIP",
	  HEAD "checks: { c: { via: vip, port: 80 } }\n"
	       "pools: { p: { check: c, backends: [{ name: a, address: 10.0.0.1 }] } }\n",
	  "t:5:22: pools.p.check: \"c\": this check goes via vip, and no TCP VIP of the pool with forward dsr, ipip or gue has port 80 and an address of each family of the pool's backends\n"
	  "  5 | pools: { p: { check: c, backends: [{ name: a, address: 10.0.0.1 }] } }\n"
	  "    |                      ^" },
	{ "via of another port",
	  HEAD
	  "checks: { c: { via: vip, port: 80 } }\n"
	  "pools: { p: { check: c, backends: [{ name: a, address: 10.0.0.1 }] } }\n"
	  "vips: { v: { addresses: [192.0.2.1], protocol: tcp, ports: [443], pool: p, forward: ipip } }\n",
	  "t:5:22: pools.p.check: \"c\": this check goes via vip, and no TCP VIP of the pool with forward dsr, ipip or gue has port 80 and an address of each family of the pool's backends\n"
	  "  5 | pools: { p: { check: c, backends: [{ name: a, address: 10.0.0.1 }] } }\n"
	  "    |                      ^" },
	{ "via of udp",
	  HEAD
	  "checks: { c: { via: vip, port: 80 } }\n"
	  "pools: { p: { check: c, backends: [{ name: a, address: 10.0.0.1 }] } }\n"
	  "vips: { v: { addresses: [192.0.2.1], protocol: udp, ports: [80], pool: p, forward: ipip } }\n",
	  "t:5:22: pools.p.check: \"c\": this check goes via vip, and no TCP VIP of the pool with forward dsr, ipip or gue has port 80 and an address of each family of the pool's backends\n"
	  "  5 | pools: { p: { check: c, backends: [{ name: a, address: 10.0.0.1 }] } }\n"
	  "    |                      ^" },
	{ "via of another family",
	  HEAD
	  "checks: { c: { via: vip, port: 80 } }\n"
	  "pools: { p: { check: c, backends: [{ name: b, address: \"2001:db8::1\" }] } }\n"
	  "vips: { v: { addresses: [192.0.2.1], protocol: tcp, ports: [80], pool: p, forward: ipip } }\n",
	  "t:5:22: pools.p.check: \"c\": this check goes via vip, and no TCP VIP of the pool with forward dsr, ipip or gue has port 80 and an address of each family of the pool's backends\n"
	  "  5 | pools: { p: { check: c, backends: [{ name: b, address: \"2001:db8::1\" }] } }\n"
	  "    |                      ^" },
	{ "via else",
	  HEAD "checks:\n"
	       "  c: { via: tunnel }\n",
	  "t:5:13: checks.c.via: \"tunnel\": no such way to the backend; allowed: direct, vip\n"
	  "  5 |   c: { via: tunnel }\n"
	  "    |             ^~~~~~" },
	{ "interval without unit",
	  HEAD "checks:\n"
	       "  c: { interval: 2 }\n",
	  "t:5:18: checks.c.interval: \"2\": not a duration; allowed: a whole number and a unit (ms, s, m, h, d), like 30s\n"
	  "  5 |   c: { interval: 2 }\n"
	  "    |                  ^" },
	{ "interval unit",
	  HEAD "checks:\n"
	       "  c: { interval: 2w }\n",
	  "t:5:18: checks.c.interval: \"2w\": not a duration; allowed: a whole number and a unit (ms, s, m, h, d), like 30s\n"
	  "  5 |   c: { interval: 2w }\n"
	  "    |                  ^~" },
	{ "interval fraction",
	  HEAD "checks:\n"
	       "  c: { interval: 1.5s }\n",
	  "t:5:18: checks.c.interval: \"1.5s\": not a duration; allowed: a whole number and a unit (ms, s, m, h, d), like 30s\n"
	  "  5 |   c: { interval: 1.5s }\n"
	  "    |                  ^~~~" },
	{ "interval 0",
	  HEAD "checks:\n"
	       "  c: { interval: 0s }\n",
	  "t:5:18: checks.c.interval: \"0s\": out of range; allowed: 1ms to 365d\n"
	  "  5 |   c: { interval: 0s }\n"
	  "    |                  ^~" },
	{ "interval long",
	  HEAD "checks:\n"
	       "  c: { interval: 366d }\n",
	  "t:5:18: checks.c.interval: \"366d\": out of range; allowed: 1ms to 365d\n"
	  "  5 |   c: { interval: 366d }\n"
	  "    |                  ^~~~" },
	{ "interval huge",
	  HEAD "checks:\n"
	       "  c: { interval: 99999999999999999999s }\n",
	  "t:5:18: checks.c.interval: \"99999999999999999999s\": out of range; allowed: 1ms to 365d\n"
	  "  5 |   c: { interval: 99999999999999999999s }\n"
	  "    |                  ^~~~~~~~~~~~~~~~~~~~~" },
	{ "interval empty",
	  HEAD "checks:\n"
	       "  c: { interval:  }\n",
	  "t:5:8: checks.c.interval: no value; allowed: a whole number and a unit (ms, s, m, h, d), like 30s\n"
	  "  5 |   c: { interval:  }\n"
	  "    |        ^~~~~~~~" },
	{ "timeout",
	  HEAD "checks:\n"
	       "  c: { timeout: 3s }\n",
	  "t:5:17: checks.c.timeout: timeout 3s is longer than interval 2s (the default); allowed: at most the interval\n"
	  "  5 |   c: { timeout: 3s }\n"
	  "    |                 ^~" },
	{ "timeout above interval",
	  HEAD "checks:\n"
	       "  c: { interval: 500ms }\n",
	  "t:5:18: checks.c.interval: timeout 1s (the default) is longer than interval 500ms; allowed: at most the interval\n"
	  "  5 |   c: { interval: 500ms }\n"
	  "    |                  ^~~~~" },
	{ "both",
	  HEAD "checks:\n"
	       "  c: { interval: 500ms, timeout: 501ms }\n",
	  "t:5:34: checks.c.timeout: timeout 501ms is longer than interval 500ms; allowed: at most the interval\n"
	  "  5 |   c: { interval: 500ms, timeout: 501ms }\n"
	  "    |                                  ^~~~~" },
	{ "rise",
	  HEAD "checks:\n"
	       "  c: { rise: 0 }\n",
	  "t:5:14: checks.c.rise: \"0\": out of range; allowed: a whole number from 1 to 1000\n"
	  "  5 |   c: { rise: 0 }\n"
	  "    |              ^" },
	{ "fall",
	  HEAD "checks:\n"
	       "  c: { fall: 1001 }\n",
	  "t:5:14: checks.c.fall: \"1001\": out of range; allowed: a whole number from 1 to 1000\n"
	  "  5 |   c: { fall: 1001 }\n"
	  "    |              ^~~~" },
	{ "fall text",
	  HEAD "checks:\n"
	       "  c: { fall: three }\n",
	  "t:5:14: checks.c.fall: \"three\": not a number; allowed: a whole number from 1 to 1000\n"
	  "  5 |   c: { fall: three }\n"
	  "    |              ^~~~~" },
};

int main(void)
{
	return run_config_cases("config: checks", cases, sizeof(cases) / sizeof(cases[0]));
}
