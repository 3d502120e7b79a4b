// SPDX-License-Identifier: GPL-2.0
/*
 * progrun: packets through the real BPF programs, for tests. Reads requests from
 * stdin and writes answers to stdout, one line of JSON each:
 *
 *	{"op": "ifindex", "name"}             {"ifindex"}
 *	{"op": "limpet", "scenario"}          {}    sets up the datapath (scenario.h)
 *	{"op": "decap", "from", "local", "gue_port"}  {}  sets up the decapsulation
 *	{"op": "run", "ifindex", "packets": [hex], "meta": 0, "metadata": hex, "live": false}
 *	                                      {"results": [result]}
 *	{"op": "counters"}                    {"reasons", "vips", "backends"}
 *	{"op": "flood", "ifindex", "packet": hex, "times", "repeat": 1}
 *	                                      {"reasons", "vips", "backends"}
 *	{"op": "records"}                     {"records", "same"}   how many there are; are they,
 *	                                      to the bit, those of the last time?
 *	{"op": "move", "pool"}                {}    another slot table (scenario.h)
 *	{"op": "state", "backend", "flags", "incarnation"}  {}  of a backend (abi.h)
 *	{"op": "audit", "pool", "ahead"}      {"broken", "lost", "moved", "opened", "living":
 *	                                      {backend: connections}}   of the sample; living
 *	                                      so many seconds ahead
 *	{"op": "entries"}                     {"entries": [{"client", "client_port", "vip",
 *	                                      "vip_port", "backend", "flags", "state", "left"}]}
 *
 * "flood" runs the packet `times` times, in each of which the program runs `repeat` times on one
 * CPU, each time on what it has made of the packet before.
 *
 * "entries" lists returns that live; flags are those of the word, left is in seconds.
 *
 * result: {"verdict", "packet": hex, "reasons", "vips", "backends"}, the last
 * three with what rose: {name: packets}, {number: [packets, bytes]}; or
 * {"errno"} if the kernel refused to run the packet. What goes wrong is
 * answered with {"error": text}. "run" is about the program set up last.
 *
 * It lives in network and mount namespaces of its own, which are gone when it
 * is: tests make interfaces there by way of its pid.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <jansson.h>
#include <limpet/hash.h>
#include <net/if.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <time.h>
#include <unistd.h>

#include "core/audit.h"
#include "dp/decap.h"
#include "dp/dp.h"
#include "lib/addr.h"
#include "packet_run.h"
#include "scenario.h"

/* The file system is our own, so the name meets nobody. */
#define BPFFS   "/sys/fs/bpf"
#define PIN_DIR BPFFS "/limpet-progrun"

/* What is set up; at most one of them. */
static struct dp *dp;
static struct decap *decap;

struct counters {
	uint64_t reasons[LP_REASONS_MAX]; /* of limpet or of decap */
	struct lp_counter *vips, *backends;
};

static const char *const reason_names[] = {
#define REASON_NAME(symbol, name, class, text) [LP_##symbol] = name,
	LP_REASONS(REASON_NAME)
#undef REASON_NAME
};

static const char *const verdicts[] = {
	[XDP_ABORTED] = "XDP_ABORTED", [XDP_DROP] = "XDP_DROP",         [XDP_PASS] = "XDP_PASS",
	[XDP_TX] = "XDP_TX",           [XDP_REDIRECT] = "XDP_REDIRECT",
};

/* --- counters ------------------------------------------------------------------- */

static void counters_free(struct counters *counters)
{
	free(counters->vips);
	free(counters->backends);
	*counters = (struct counters) { 0 };
}

static int counters_read_dp(struct counters *counters, struct lp_err *err)
{
	const struct dp_size *size = dp_size(dp);

	counters->vips = calloc(size->vips, sizeof(*counters->vips));
	counters->backends = calloc(size->backends, sizeof(*counters->backends));
	if (!counters->vips || !counters->backends) {
		counters_free(counters);
		return lp_err(err, -ENOMEM, "out of memory");
	}
	dp_reasons(dp, counters->reasons);
	for (uint32_t i = 0; i < size->vips; i++)
		dp_vip_counter(dp, i, &counters->vips[i]);
	for (uint32_t i = 0; i < size->backends; i++)
		dp_backend_counter(dp, i, &counters->backends[i]);
	return 0;
}

static int counters_read(struct counters *counters, struct lp_err *err)
{
	*counters = (struct counters) { 0 };
	return dp ? counters_read_dp(counters, err) : decap_counters(decap, counters->reasons, err);
}

/* Those that differ between `from` (NULL: zeroes) and `to`, as [packets, bytes]. */
static json_t *counter_rises(const struct lp_counter *from, const struct lp_counter *to, uint32_t n)
{
	const struct lp_counter none = { 0 };
	json_t *rises = json_object();
	char number[16];

	for (uint32_t i = 0; i < n; i++) {
		const struct lp_counter *old = from ? &from[i] : &none;

		if (old->packets == to[i].packets && old->bytes == to[i].bytes)
			continue;
		snprintf(number, sizeof(number), "%u", i);
		json_object_set_new(rises, number,
				    json_pack("[I, I]", (json_int_t)(to[i].packets - old->packets),
					      (json_int_t)(to[i].bytes - old->bytes)));
	}
	return rises;
}

static json_t *reason_rises(const struct counters *from, const struct counters *to)
{
	int n = dp ? LP_REASON_COUNT : LP_DECAP_REASONS;
	json_t *rises = json_object();

	for (int i = 0; i < n; i++) {
		const char *name = dp ? reason_names[i]
				      : decap_reason_name((enum lp_decap_reason)i);
		uint64_t old = from ? from->reasons[i] : 0;

		if (to->reasons[i] != old)
			json_object_set_new(rises, name,
					    json_integer((json_int_t)(to->reasons[i] - old)));
	}
	return rises;
}

/* Adds what rose between the two to an answer; from NULL: since the beginning. */
static void add_rises(json_t *answer, const struct counters *from, const struct counters *to)
{
	json_object_set_new(answer, "reasons", reason_rises(from, to));
	if (!dp)
		return;
	json_object_set_new(answer, "vips",
			    counter_rises(from ? from->vips : NULL, to->vips, dp_size(dp)->vips));
	json_object_set_new(
		answer, "backends",
		counter_rises(from ? from->backends : NULL, to->backends, dp_size(dp)->backends));
}

/* --- hex ------------------------------------------------------------------------ */

static int hex_digit(char c)
{
	const char *digits = "0123456789abcdef", *at = c ? strchr(digits, c) : NULL;

	return at ? (int)(at - digits) : -1;
}

static int hex_read(const char *text, uint8_t *bytes, size_t room, size_t *len)
{
	size_t n = strlen(text) / 2;

	if (strlen(text) % 2 || n > room)
		return -EINVAL;
	for (size_t i = 0; i < n; i++) {
		int high = hex_digit(text[2 * i]), low = hex_digit(text[2 * i + 1]);

		if (high < 0 || low < 0)
			return -EINVAL;
		bytes[i] = (uint8_t)(high << 4 | low);
	}
	*len = n;
	return 0;
}

static json_t *hex_write(const uint8_t *bytes, size_t len)
{
	static char text[2 * PACKET_RUN_MAX + 1];

	for (size_t i = 0; i < len; i++)
		sprintf(text + 2 * i, "%02x", bytes[i]);
	return json_stringn(text, 2 * len);
}

/* --- running -------------------------------------------------------------------- */

static int run_between(struct packet_run *run, bool live, struct counters *before,
		       struct counters *after, json_t *result, struct lp_err *err)
{
	int failed, ret = counters_read(before, err);

	if (ret)
		return ret;
	failed = live ? packet_run_live(run) : packet_run(run);
	ret = counters_read(after, err);
	if (ret)
		return ret;
	if (failed)
		json_object_set_new(result, "errno", json_integer(-failed));
	if (!failed && !live) {
		json_object_set_new(result, "verdict", json_string(verdicts[run->verdict % 5]));
		json_object_set_new(result, "packet", hex_write(run->out, run->out_len));
	}
	add_rises(result, before, after);
	return 0;
}

static uint8_t metadata[PACKET_META_MAX]; /* of the frames that run */

static int run_one(const char *hex, struct packet_run *run, bool live, json_t *results,
		   struct lp_err *err)
{
	static uint8_t in[PACKET_RUN_MAX];
	struct counters before = { 0 }, after = { 0 };
	json_t *result = json_object();
	size_t len;
	int ret;

	memcpy(in, metadata, run->meta);
	if (hex_read(hex, in + run->meta, sizeof(in) - run->meta, &len)) {
		json_decref(result);
		return lp_err(err, -EINVAL, "packet: not hexadecimal, or too long");
	}
	run->in = in;
	run->in_len = run->meta + (uint32_t)len;
	ret = run_between(run, live, &before, &after, result, err);
	counters_free(&before);
	counters_free(&after);
	json_array_append_new(results, result);
	return ret;
}

/* `meta` bytes of zeros, or the bytes of `text`. */
static int read_metadata(const char *text, int meta, uint32_t *len, struct lp_err *err)
{
	size_t n = (size_t)meta;

	if (meta < 0 || meta > (int)PACKET_META_MAX)
		return lp_err(err, -EINVAL, "run: meta is 0 to %u", PACKET_META_MAX);
	memset(metadata, 0, sizeof(metadata));
	if (text && hex_read(text, metadata, sizeof(metadata), &n))
		return lp_err(err, -EINVAL, "run: metadata: not hexadecimal, or too long");
	*len = (uint32_t)n;
	return 0;
}

static int op_run(json_t *request, json_t *answer, struct lp_err *err)
{
	static struct packet_run run;
	json_t *packets, *item, *results;
	int ifindex, meta = 0, live = 0, ret;
	const char *text = NULL;
	json_error_t error;
	size_t i;

	if (json_unpack_ex(request, &error, 0, "{s:i, s:o, s?i, s?s, s?b}", "ifindex", &ifindex,
			   "packets", &packets, "meta", &meta, "metadata", &text, "live", &live))
		return lp_err(err, -EINVAL, "run: %s", error.text);
	if (!dp && !decap)
		return lp_err(err, -EINVAL, "run: no program is set up");
	ret = read_metadata(text, meta, &run.meta, err);
	if (ret)
		return ret;
	run.prog_fd = dp ? dp_bpf_prog_fd(dp) : decap_prog_fd(decap);
	run.ifindex = (uint32_t)ifindex;
	results = json_array();
	json_object_set_new(answer, "results", results);
	json_array_foreach (packets, i, item) {
		ret = run_one(json_is_string(item) ? json_string_value(item) : "?", &run, live,
			      results, err);
		if (ret)
			break;
	}
	return ret;
}

/* --- setting up ----------------------------------------------------------------- */

static void tear_down(void)
{
	struct lp_err err;

	decap_close(&decap);
	if (!dp)
		return;
	dp_close(&dp);
	if (dp_bpf_destroy(PIN_DIR, &err))
		fprintf(stderr, "progrun: %s\n", err.text);
}

static int op_limpet(json_t *request, json_t *answer, struct lp_err *err)
{
	(void)answer;
	tear_down();
	return scenario_open(json_object_get(request, "scenario"), PIN_DIR, &dp, err);
}

static int read_addresses(const json_t *json, struct lp_addr *addrs, struct lp_err *err)
{
	const json_t *item;
	size_t i;

	if (json_array_size(json) > DECAP_ADDRESSES_MAX)
		return lp_err(err, -EINVAL, "too many addresses");
	json_array_foreach (json, i, item) {
		if (!json_is_string(item) || lp_addr_parse(json_string_value(item), &addrs[i]))
			return lp_err(err, -EINVAL, "address %zu: no address", i);
	}
	return 0;
}

/* Both lists of a program that is there. */
static int decap_lists(const json_t *from, const json_t *local, struct lp_err *err)
{
	static struct lp_addr addrs[DECAP_ADDRESSES_MAX];
	int ret = read_addresses(from, addrs, err);

	if (!ret)
		ret = decap_set_from(decap, addrs, json_array_size(from), err);
	if (!ret)
		ret = read_addresses(local, addrs, err);
	if (!ret)
		ret = decap_set_local(decap, addrs, json_array_size(local), err);
	return ret;
}

static int op_decap(json_t *request, json_t *answer, struct lp_err *err)
{
	json_t *from, *local;
	json_error_t error;
	int port, ret = 0;

	(void)answer;
	if (json_unpack_ex(request, &error, 0, "{s:o, s:o, s:i}", "from", &from, "local", &local,
			   "gue_port", &port))
		return lp_err(err, -EINVAL, "decap: %s", error.text);
	if (!json_object_get(request, "keep") || !decap) {
		tear_down();
		ret = decap_open((uint16_t)port, &decap, err);
	}
	return ret ? ret : decap_lists(from, local, err);
}

static int op_ifindex(json_t *request, json_t *answer, struct lp_err *err)
{
	const char *name = json_string_value(json_object_get(request, "name"));
	unsigned int ifindex = name ? if_nametoindex(name) : 0;

	if (!ifindex)
		return lp_err(err, -ENODEV, "\"%s\": no such interface", name ? name : "");
	json_object_set_new(answer, "ifindex", json_integer(ifindex));
	return 0;
}

static int op_counters(json_t *request, json_t *answer, struct lp_err *err)
{
	struct counters now;
	int ret;

	(void)request;
	if (!dp && !decap)
		return lp_err(err, -EINVAL, "counters: no program is set up");
	ret = counters_read(&now, err);
	if (ret)
		return ret;
	add_rises(answer, NULL, &now);
	counters_free(&now);
	return 0;
}

/* --- while it runs ---------------------------------------------------------------- */

static int op_move(json_t *request, json_t *answer, struct lp_err *err)
{
	(void)answer;
	if (!dp)
		return lp_err(err, -EINVAL, "move: nothing is set up");
	return scenario_move(dp, json_object_get(request, "pool"), err);
}

static int op_state(json_t *request, json_t *answer, struct lp_err *err)
{
	int backend, flags, incarnation;
	json_error_t error;

	(void)answer;
	if (!dp || json_unpack_ex(request, &error, 0, "{s:i, s:i, s:i}", "backend", &backend,
				  "flags", &flags, "incarnation", &incarnation))
		return lp_err(err, -EINVAL, "state: %s", dp ? error.text : "nothing is set up");
	return dp_backend_state(dp, (uint32_t)backend,
				(struct lp_backend_state) { .flags = (uint16_t)flags,
							    .incarnation = (uint16_t)incarnation });
}

/* An address as entries hold it: of IPv4 only the last word is set. */
static json_t *entry_address(struct lp_addr addr)
{
	char text[LP_ADDR_TEXT];

	if (!addr.d[0] && !addr.w[2])
		addr.w[2] = htonl(0xffff);
	return json_string(lp_addr_format(&addr, text));
}

static void list_entry(json_t *list, const struct lp_record *record, const struct lp_return *of,
		       uint32_t now)
{
	if (record->value.expires <= now)
		return;
	json_array_append_new(
		list,
		json_pack("{s:o, s:i, s:o, s:i, s:i, s:i, s:i, s:i}", "client",
			  entry_address(of->client), "client_port", ntohs(of->client_port), "vip",
			  entry_address(of->vip_addr), "vip_port", ntohs(of->vip_port), "backend",
			  record->value.backend, "flags", record->value.flags & LP_RECORD_FLAGS,
			  "state", (int)of->state, "left", (int)(record->value.expires - now)));
}

static int op_entries(json_t *request, json_t *answer, struct lp_err *err)
{
	json_t *list = json_array();
	struct lp_record record;
	struct lp_return of;
	struct timespec now;

	(void)request;
	json_object_set_new(answer, "entries", list);
	if (!dp)
		return lp_err(err, -EINVAL, "entries: nothing is set up");
	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	for (uint32_t i = 0; i < dp_size(dp)->entries; i++)
		for (unsigned int way = 0; way < LP_WAYS; way++)
			if (dp_return(dp, i, way, &record, &of))
				list_entry(list, &record, &of, (uint32_t)now.tv_sec);
	return 0;
}

static int flood(struct packet_run *run, int times, json_t *answer, struct lp_err *err)
{
	struct counters before = { 0 }, after = { 0 };
	int ret = counters_read(&before, err), failed = 0;

	if (ret)
		return ret;
	for (int i = 0; i < times && !failed; i++)
		failed = packet_run(run);
	ret = failed ? lp_err(err, failed, "flood: %s", strerror(-failed))
		     : counters_read(&after, err);
	if (!ret)
		add_rises(answer, &before, &after);
	counters_free(&before);
	counters_free(&after);
	return ret;
}

/* One packet many times, as fast as the kernel takes it; what rose meanwhile. */
static int op_flood(json_t *request, json_t *answer, struct lp_err *err)
{
	static uint8_t in[PACKET_RUN_MAX];
	static struct packet_run run;
	json_error_t error;
	int ifindex, times, repeat = 1;
	const char *hex;
	size_t len;

	if (json_unpack_ex(request, &error, 0, "{s:i, s:s, s:i, s?i}", "ifindex", &ifindex,
			   "packet", &hex, "times", &times, "repeat", &repeat))
		return lp_err(err, -EINVAL, "flood: %s", error.text);
	if (!dp)
		return lp_err(err, -EINVAL, "flood: no datapath is set up");
	if (hex_read(hex, in, sizeof(in), &len))
		return lp_err(err, -EINVAL, "packet: not hexadecimal, or too long");
	run = (struct packet_run) { .prog_fd = dp_bpf_prog_fd(dp),
				    .ifindex = (uint32_t)ifindex,
				    .in = in,
				    .in_len = (uint32_t)len,
				    .repeat = (uint32_t)repeat };
	return flood(&run, times, answer, err);
}

/* Digest of the record table, beginning with `digest`; adds to *n how many there are. */
static uint64_t digest_records(uint64_t digest, uint64_t *n)
{
	for (uint32_t i = 0; i < dp_size(dp)->buckets; i++) {
		for (unsigned int way = 0; way < LP_WAYS; way++) {
			struct lp_record_info info;
			struct lp_record record;

			if (!dp_record(dp, i, way, &record, &info))
				continue;
			digest = lp_siphash(digest, i, &record, sizeof(record));
			(*n)++;
		}
	}
	return digest;
}

static int op_records(json_t *request, json_t *answer, struct lp_err *err)
{
	static uint64_t last;
	uint64_t digest, n = 0;

	(void)request;
	if (!dp)
		return lp_err(err, -EINVAL, "records: no datapath is set up");
	digest = digest_records(1, &n);
	json_object_set_new(answer, "records", json_integer((json_int_t)n));
	json_object_set_new(answer, "same", json_boolean(digest == last));
	last = digest;
	return 0;
}

/* --- the audit ------------------------------------------------------------------- */

static json_t *living(const struct audit_scan *scan)
{
	json_t *backends = json_object();
	char number[16];

	for (uint32_t i = 0; i < scan->n_backends; i++) {
		if (!audit_scan_backend(scan, i))
			continue;
		snprintf(number, sizeof(number), "%u", i);
		json_object_set_new(backends, number, json_integer(audit_scan_backend(scan, i)));
	}
	return backends;
}

static int op_audit(json_t *request, json_t *answer, struct lp_err *err)
{
	struct lp_audit_counter counter;
	struct audit_scan scan;
	struct timespec now;
	int pool, ahead;

	if (!dp || json_unpack(request, "{s:i, s:i}", "pool", &pool, "ahead", &ahead))
		return lp_err(err, -EINVAL, "audit: nothing is set up, or no pool and seconds");
	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	if (audit_scan(dp, (uint32_t)(now.tv_sec + ahead), &scan))
		return lp_err(err, -ENOMEM, "out of memory");
	dp_audit_counter(dp, (uint32_t)pool, &counter);
	json_object_update_new(
		answer,
		json_pack("{s:I, s:I, s:I, s:I, s:o}", "broken", (json_int_t)counter.broken, "lost",
			  (json_int_t)counter.lost, "moved", (json_int_t)counter.moved, "opened",
			  (json_int_t)counter.opened, "living", living(&scan)));
	audit_scan_free(&scan);
	return 0;
}

/* --- requests ------------------------------------------------------------------- */

static const struct {
	const char *name;
	int (*run)(json_t *request, json_t *answer, struct lp_err *err);
} ops[] = {
	{ "ifindex", op_ifindex }, { "limpet", op_limpet },     { "decap", op_decap },
	{ "run", op_run },         { "counters", op_counters }, { "records", op_records },
	{ "state", op_state },     { "flood", op_flood },       { "move", op_move },
	{ "entries", op_entries }, { "audit", op_audit },
};

static int dispatch(json_t *request, json_t *answer, struct lp_err *err)
{
	const char *name = json_string_value(json_object_get(request, "op"));

	for (size_t i = 0; name && i < sizeof(ops) / sizeof(ops[0]); i++) {
		if (!strcmp(ops[i].name, name))
			return ops[i].run(request, answer, err);
	}
	return lp_err(err, -EINVAL, "\"%s\": no such op", name ? name : "");
}

static void answer_line(const char *line)
{
	json_t *answer = json_object(), *request;
	struct lp_err err;
	json_error_t error;

	request = json_loads(line, 0, &error);
	if (!request) {
		json_object_set_new(answer, "error", json_string(error.text));
	} else if (dispatch(request, answer, &err)) {
		json_object_clear(answer);
		json_object_set_new(answer, "error", json_string(err.text));
	}
	json_dumpf(answer, stdout, JSON_COMPACT);
	putchar('\n');
	fflush(stdout);
	json_decref(answer);
	json_decref(request);
}

static int enter_namespaces(void)
{
	if (unshare(CLONE_NEWNS | CLONE_NEWNET) ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("bpf", BPFFS, "bpf", 0, NULL))
		return -errno;
	return 0;
}

int main(void)
{
	char *line = NULL;
	size_t size = 0;
	int ret = enter_namespaces();

	if (ret) {
		fprintf(stderr, "progrun: namespaces: %s\n", strerror(-ret));
		return 1;
	}
	while (getline(&line, &size, stdin) >= 0)
		answer_line(line);
	free(line);
	tear_down();
	return 0;
}
