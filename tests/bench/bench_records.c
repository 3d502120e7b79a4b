// SPDX-License-Identifier: GPL-2.0
/*
 * How much limpet remembers when a pool changes (docs/benchmarks.md): one of 100 backends
 * is added under a million live connections, all of which go on sending, while some end
 * and others open. Then the hold time passes, the connections of the time before the
 * change end, and nothing is to be left.
 *
 * All packets go through the real walk, each is checked for where it went, and the agent's
 * own engine lets time pass.
 */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clocked.h"
#include "lib/log.h"
#include "lib/parse.h"
#include "limpet_setup.h"

#define BACKENDS      99u   /* and one more */
#define SILENCE_S     600u  /* between two packets of a connection */
#define LIFE_S        2000u /* a connection's, on average, while some end */
#define SAMPLE_S      20u   /* records are counted so often */
#define LIMIT_PERCENT 3.0   /* issue 3 */
/* After the last packet of an old connection: its record's life (a sixteenth more than
 * the timeout), a pass to drop it, one to settle its slot, and one to drop the rest. */
#define END_S(hold) ((hold) + (hold) / 16 + 60)

/* Of the living connections, by place; a place has one connection after another. */
struct connections {
	uint32_t n;
	uint32_t *number;  /* of the connection that has the place */
	uint16_t *backend; /* where its SYN went */
	uint32_t next;     /* number of the next one that opens */
	uint64_t random;
};

struct result {
	uint64_t packets, broken, opened;
	uint32_t hold_s, moved, peak, at_hold, zero_after_s;
	struct clocked_counts end;
};

struct bench {
	struct clocked *clocked;
	struct connections connections;
	struct result result;
};

static uint32_t draw(struct bench *bench, uint32_t n)
{
	uint64_t *random = &bench->connections.random;

	*random = *random * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)((*random >> 32) * n >> 32);
}

/* --- connections ---------------------------------------------------------------------- */

static int send_packet(struct bench *bench, uint32_t place, enum clocked_packet kind)
{
	struct connections *all = &bench->connections;
	int backend = clocked_packet(bench->clocked, all->number[place], kind);

	if (backend < 0)
		return backend;
	bench->result.packets++;
	if (kind == CLOCKED_SYN)
		all->backend[place] = (uint16_t)backend;
	bench->result.broken += !backend || backend != all->backend[place];
	return 0;
}

static int open_at(struct bench *bench, uint32_t place)
{
	int ret;

	bench->connections.number[place] = bench->connections.next++;
	bench->result.opened++;
	ret = send_packet(bench, place, CLOCKED_SYN);
	return ret ? ret : send_packet(bench, place, CLOCKED_ACK);
}

static int open_all(struct bench *bench)
{
	int ret = 0;

	for (uint32_t i = 0; !ret && i < bench->connections.n; i++)
		ret = open_at(bench, i);
	return ret;
}

/* Every connection but those that began before number `since` sends in its second of
 * each SILENCE_S. */
static int send_some(struct bench *bench, uint32_t since)
{
	uint32_t now = clocked_now(bench->clocked);
	int ret = 0;

	for (uint32_t i = now % SILENCE_S; !ret && i < bench->connections.n; i += SILENCE_S)
		if (bench->connections.number[i] >= since)
			ret = send_packet(bench, i, CLOCKED_ACK);
	return ret;
}

/* Some end, and others open in their place. */
static int replace_some(struct bench *bench)
{
	uint32_t n = bench->connections.n / LIFE_S;
	int ret = 0;

	for (uint32_t i = 0; !ret && i < n; i++) {
		uint32_t place = draw(bench, bench->connections.n);

		ret = send_packet(bench, place, CLOCKED_FIN);
		if (!ret)
			ret = open_at(bench, place);
	}
	return ret;
}

/* All that are older than number `since` end. */
static int end_old(struct bench *bench, uint32_t since)
{
	int ret = 0;

	for (uint32_t i = 0; !ret && i < bench->connections.n; i++)
		if (bench->connections.number[i] < since)
			ret = send_packet(bench, i, CLOCKED_FIN);
	return ret;
}

/* --- the story ---------------------------------------------------------------------------- */

static int failed(struct lp_err *err, int ret)
{
	return ret ? lp_err(err, ret, "a packet: %s", strerror(-ret)) : 0;
}

static void sample(struct bench *bench, struct clocked_counts *counts)
{
	clocked_count(bench->clocked, counts);
	if (counts->records > bench->result.peak)
		bench->result.peak = counts->records;
}

/* The hold time and the passes that end it, with everybody alive. */
static int hold(struct bench *bench, struct lp_err *err)
{
	struct clocked_counts counts;
	int ret = 0;

	for (uint32_t s = 0; !ret && s < bench->result.hold_s + 4 * 8; s++) {
		ret = failed(err, send_some(bench, 0));
		if (!ret)
			ret = failed(err, replace_some(bench));
		if (!ret)
			ret = clocked_tick(bench->clocked, err);
		if (!ret && s % SAMPLE_S == 0)
			sample(bench, &counts);
	}
	sample(bench, &counts);
	bench->result.at_hold = counts.records;
	return ret;
}

/* Until nothing is left; the connections since the change go on. */
static int fade(struct bench *bench, uint32_t since, struct lp_err *err)
{
	struct result *result = &bench->result;
	int ret = failed(err, end_old(bench, since));

	for (uint32_t s = 1; !ret && s <= END_S(result->hold_s); s++) {
		ret = failed(err, send_some(bench, since));
		if (!ret)
			ret = clocked_tick(bench->clocked, err);
		if (ret || s % SAMPLE_S)
			continue;
		clocked_count(bench->clocked, &result->end);
		result->zero_after_s = s;
		if (!result->end.records && !result->end.moving && !result->end.residual)
			break;
	}
	return ret;
}

static int play(struct bench *bench, struct lp_err *err)
{
	struct clocked_counts counts;
	uint32_t since;
	int ret = failed(err, open_all(bench));

	if (!ret)
		ret = clocked_reload(bench->clocked, BACKENDS + 1, err);
	if (ret)
		return ret;
	since = bench->connections.next;
	sample(bench, &counts);
	bench->result.moved = counts.moving;
	bench->result.hold_s = clocked_hold(bench->clocked);
	ret = hold(bench, err);
	return ret ? ret : fade(bench, since, err);
}

/* --- report --------------------------------------------------------------------------------- */

static double percent(double part, double of)
{
	return of > 0 ? 100 * part / of : 0;
}

static bool kept(const struct bench *bench)
{
	const struct result *result = &bench->result;

	return !result->broken && result->moved &&
	       percent(result->peak, bench->connections.n) <= LIMIT_PERCENT &&
	       !result->end.records && !result->end.moving && !result->end.residual;
}

static void print(const struct bench *bench)
{
	const struct result *r = &bench->result;

	printf("%u connections, %u backends and one more: %u of %u slots move (%.2f%%)\n",
	       bench->connections.n, BACKENDS, r->moved, r->end.slots,
	       percent(r->moved, r->end.slots));
	printf("records: at most %u (%.2f%% of connections, the budget is %.0f%%); %u when the hold "
	       "time of %u s was over; %u records, %u slots moving and %u residual %u s after the "
	       "old connections ended\n",
	       r->peak, percent(r->peak, bench->connections.n), LIMIT_PERCENT, r->at_hold,
	       r->hold_s, r->end.records, r->end.moving, r->end.residual, r->zero_after_s);
	printf("%llu packets, %llu connections opened, %llu packets went astray: %s\n",
	       (unsigned long long)r->packets, (unsigned long long)r->opened,
	       (unsigned long long)r->broken, kept(bench) ? "kept" : "NOT KEPT");
}

static json_t *result_json(const struct bench *bench)
{
	const struct result *r = &bench->result;

	return json_pack(
		"{s:I, s:I, s:I, s:I, s:f, s:I, s:I, s:f, s:f, s:I, s:I, s:I, s:I, s:I, s:I, s:I, "
		"s:b}",
		"connections", (json_int_t)bench->connections.n, "backends", (json_int_t)BACKENDS,
		"backends_after", (json_int_t)BACKENDS + 1, "slots_moved", (json_int_t)r->moved,
		"slots_moved_percent", percent(r->moved, r->end.slots), "hold_s",
		(json_int_t)r->hold_s, "records_peak", (json_int_t)r->peak, "records_peak_percent",
		percent(r->peak, bench->connections.n), "limit_percent", LIMIT_PERCENT,
		"records_after_hold", (json_int_t)r->at_hold, "records_end",
		(json_int_t)r->end.records, "moving_end", (json_int_t)r->end.moving, "residual_end",
		(json_int_t)r->end.residual, "end_after_s", (json_int_t)r->zero_after_s, "packets",
		(json_int_t)r->packets, "broken", (json_int_t)r->broken, "kept", kept(bench));
}

static int write_json(const struct bench *bench, const char *path)
{
	json_t *root = result_json(bench);
	int ret = root ? 0 : -ENOMEM;

	if (!ret && json_dump_file(root, path, JSON_INDENT(1) | JSON_REAL_PRECISION(6)))
		ret = -errno;
	json_decref(root);
	return ret;
}

/* --- main ------------------------------------------------------------------------------------- */

static int bench_run(struct bench *bench, struct lp_err *err)
{
	struct connections *all = &bench->connections;
	int ret;

	all->number = calloc(all->n, sizeof(*all->number));
	all->backend = calloc(all->n, sizeof(*all->backend));
	ret = all->number && all->backend ? 0 : lp_err(err, -ENOMEM, "out of memory");
	if (!ret)
		ret = limpet_mount(err);
	if (!ret)
		ret = clocked_open(BACKENDS, &bench->clocked, err);
	if (!ret)
		ret = play(bench, err);
	clocked_close(&bench->clocked);
	free(all->number);
	free(all->backend);
	return ret;
}

int main(int argc, char **argv)
{
	struct bench bench = { .connections = { .n = 1000000, .random = 1 } };
	struct lp_err err = { .text = "" };
	int ret;

	if (argc > 3 ||
	    (argc > 2 && lp_parse_u32(argv[2], LIFE_S, 10000000, &bench.connections.n))) {
		fprintf(stderr, "usage: bench_records [FILE.json [CONNECTIONS]] (%u to 10000000)\n",
			LIFE_S);
		return 2;
	}
	ret = bench_run(&bench, &err);
	if (ret) {
		lp_error("bench_records: %s", err.text);
		return 1;
	}
	print(&bench);
	ret = argc > 1 ? write_json(&bench, argv[1]) : 0;
	if (ret)
		lp_error("bench_records: %s: %s", argv[1], strerror(-ret));
	return ret || !kept(&bench);
}
