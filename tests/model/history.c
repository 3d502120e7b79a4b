// SPDX-License-Identifier: GPL-2.0
#include "history.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "prng.h"

#define MS 1000u

static const char *const names[] = {
	[STEP_TICK] = "tick",
	[STEP_KILL] = "agent killed",
	[STEP_START] = "agent starts",
	[STEP_DOWN] = "dies",
	[STEP_UP] = "lives again",
	[STEP_DRAIN] = "drain",
	[STEP_OFFLINE] = "offline",
	[STEP_ENABLE] = "enable",
	[STEP_WEIGH] = "operator's weight",
	[STEP_UNWEIGH] = "its own weight",
	[STEP_BACKUP] = "backup",
	[STEP_MIN_UP] = "min_up (+ 16: drop)",
	[STEP_SLOW] = "slow_start",
	[STEP_ADD] = "added",
	[STEP_REMOVE] = "removed",
	[STEP_READDRESS] = "another address",
	[STEP_WEIGHT] = "weight",
	[STEP_HASH] = "hash",
	[STEP_IDLE] = "idle_timeout",
	[STEP_TIMEOUT] = "timeout",
	[STEP_RELOAD] = "reload",
	[STEP_RESETS] = "who is reset",
	[STEP_SYN] = "SYN",
	[STEP_ACK] = "ACK",
	[STEP_DATA] = "data",
	[STEP_FIN] = "FIN",
	[STEP_RST] = "RST",
	[STEP_DATAGRAM] = "datagram",
};

bool step_is_packet(const struct step *step)
{
	return step->kind >= STEP_SYN;
}

const char *step_name(const struct step *step)
{
	return names[step->kind];
}

/* --- lists -------------------------------------------------------------------------- */

static int grow(void **list, size_t n, size_t *room, size_t size)
{
	size_t more = *room ? 2 * *room : 4096;
	void *larger;

	if (n < *room)
		return 0;
	larger = realloc(*list, more * size);
	if (!larger)
		return -ENOMEM;
	*list = larger;
	*room = more;
	return 0;
}

static int add_step(struct history *history, struct step step)
{
	int ret = grow((void **)&history->steps, history->n_steps, &history->room_steps,
		       sizeof(*history->steps));

	if (ret)
		return ret;
	if (step.ms < history->end_ms)
		history->steps[history->n_steps++] = step;
	return 0;
}

static int add_flow(struct history *history, struct flow flow)
{
	int ret = grow((void **)&history->flows, history->n_flows, &history->room_flows,
		       sizeof(*history->flows));

	if (ret)
		return ret;
	history->flows[history->n_flows++] = flow;
	return 0;
}

/* --- configuration -------------------------------------------------------------------- */

static uint32_t pick_weight(struct prng *prng)
{
	static const uint32_t weights[] = { 1, 50, 100, 100, 100, 100, 200, 255 };

	return weights[prng_below(prng, sizeof(weights) / sizeof(weights[0]))];
}

/* Seconds; from phones that hang up to connections that idle for half an hour. */
static uint32_t pick_timeout(struct prng *prng)
{
	static const uint32_t timeouts[] = { 20, 45, 120, 600, 1800 };

	return timeouts[prng_below(prng, sizeof(timeouts) / sizeof(timeouts[0]))];
}

/* Half of it, itself, or double. */
static uint32_t pick_near(struct prng *prng, uint32_t seconds)
{
	return seconds / 2 * prng_between(prng, 1, 4);
}

/* Most pools have none; others a short one, or one as long as clients are remembered. */
static uint32_t pick_slow_start(struct prng *prng, uint32_t timeout)
{
	if (prng_percent(prng, 50))
		return 0;
	return prng_percent(prng, 50) ? prng_between(prng, 1, 15) : pick_near(prng, timeout);
}

static void make_pool(struct spec_pool *pool, struct prng *prng, uint32_t timeout)
{
	*pool = (struct spec_pool) {
		.hash = prng_percent(prng, 80) ? CONFIG_HASH_MAGLEV : CONFIG_HASH_RENDEZVOUS,
		.drain_timeout = pick_near(prng, timeout),
		.min_up = prng_below(prng, 4),
		.slow_start = pick_slow_start(prng, timeout),
		.drop = prng_percent(prng, 30),
	};
	for (unsigned int i = 0; i < SPEC_NAMES; i++)
		pool->members[i] = (struct spec_member) {
			.present = i < 2 || prng_percent(prng, 50),
			.backup = i > 0 && prng_percent(prng, 25),
			.weight = pick_weight(prng),
		};
}

/* Mostly all VIPs reset, as by default; otherwise some. */
static uint32_t pick_resets(struct prng *prng)
{
	return prng_percent(prng, 60) ? (1u << SPEC_VIPS) - 1 : prng_below(prng, 1u << SPEC_VIPS);
}

static void make_spec(struct spec *spec, struct prng *prng, const struct history_options *options,
		      uint32_t timeout)
{
	*spec = (struct spec) {
		.salt = (uint32_t)prng_next(prng),
		.track = options->track,
		.mixed = prng_percent(prng, 75),
		.reset = pick_resets(prng),
	};
	for (unsigned int i = 0; i < SPEC_POOLS; i++)
		make_pool(&spec->pools[i], prng, timeout);
	for (unsigned int i = 0; i < SPEC_VIPS; i++)
		spec->idle_timeout[i] = pick_near(prng, timeout);
	for (unsigned int i = 0; i < SPEC_SCOPES; i++)
		spec->timeout[i] = pick_near(prng, timeout);
}

/* --- clients -------------------------------------------------------------------------- */

/*
 * Neighbours, 2i and 2i + 1, share the wide prefix of VIP_SITE (/24 and /56),
 * and nobody else does. Some are behind the prefixes of VIP_WEB's proxies.
 */
static void make_client(struct client *client, uint32_t number, uint32_t offset)
{
	uint32_t pair = (number / 2 * 0x9e3779b1u + offset) & 0xfffff, host = number & 1;

	*client = (struct client) { .v6 = number / 2 % 3 == 0, .proxy = number / 2 % 16 == 7 };
	if (client->v6) {
		client->addr.w[0] = htonl(0x20010db8);
		client->addr.w[1] = client->proxy ? htonl(0xffff0000 | (number & 0xffff))
						  : htonl(0x80000000 | pair << 8 | host);
	} else {
		client->addr.w[2] = htonl(0xffff);
		client->addr.w[3] = client->proxy ? htonl(0x0ac80000 | (number & 0xffff))
						  : htonl(0x10000000 + (pair << 8) + host + 1);
	}
}

static int make_clients(struct history *history, struct prng *prng, size_t n)
{
	uint32_t offset = (uint32_t)prng_next(prng);

	history->clients = calloc(n, sizeof(*history->clients));
	if (!history->clients)
		return -ENOMEM;
	history->n_clients = n;
	for (size_t i = 0; i < n; i++)
		make_client(&history->clients[i], (uint32_t)i, offset);
	return 0;
}

/* --- packets -------------------------------------------------------------------------- */

/*
 * Silences, ms: most are short; many end just before the timeout, to the
 * millisecond for some; a few are too long.
 */
static uint32_t pick_silence(struct prng *prng, uint32_t timeout)
{
	uint32_t kind = prng_below(prng, 100), ms = timeout * MS;

	if (kind < 35)
		return prng_below(prng, 3 * MS);
	if (kind < 60)
		return prng_below(prng, ms);
	if (kind < 80)
		return ms - prng_below(prng, 2 * MS);
	if (kind < 90)
		return ms;
	return ms + prng_below(prng, ms);
}

/* The number of the flow: a new port, or that of a flow of the same client that is over. */
static int open_flow(struct history *history, struct prng *prng, uint32_t client, uint8_t vip,
		     int last, uint32_t *number)
{
	struct flow flow = { .client = client, .vip = vip, .src = history->clients[client].addr };

	if (last >= 0 && prng_percent(prng, 20)) {
		*number = (uint32_t)last;
		return 0;
	}
	*number = (uint32_t)history->n_flows;
	flow.sport = (uint16_t)(1024 + history->n_flows % 60000);
	if (history->clients[client].v6) { /* privacy addresses: RFC 8981 */
		flow.src.w[2] = htonl((uint32_t)prng_next(prng));
		flow.src.w[3] = htonl((uint32_t)prng_next(prng));
	}
	return add_flow(history, flow);
}

struct talk {
	struct history *history;
	struct prng *prng;
	uint32_t idle; /* seconds */
	uint32_t flow;
	uint32_t ms; /* of the packet to come */
};

static int say(struct talk *talk, enum step_kind kind)
{
	return add_step(
		talk->history,
		(struct step) { .ms = talk->ms, .kind = (uint8_t)kind, .flow = talk->flow });
}

static int talk_on(struct talk *talk, enum step_kind kind, uint32_t packets)
{
	int ret = 0;

	for (uint32_t i = 0; i < packets && !ret; i++) {
		talk->ms += pick_silence(talk->prng, talk->idle);
		ret = say(talk, kind);
	}
	return ret;
}

static int talk_tcp(struct talk *talk, uint32_t packets)
{
	int ret = say(talk, STEP_SYN);

	if (prng_percent(talk->prng, 3))
		return ret; /* a client that goes away */
	talk->ms += prng_below(talk->prng, prng_percent(talk->prng, 95) ? 500 : 20 * MS);
	if (!ret)
		ret = say(talk, STEP_ACK);
	if (!ret)
		ret = talk_on(talk, STEP_DATA, packets);
	talk->ms += prng_below(talk->prng, MS);
	if (!ret && prng_percent(talk->prng, 50))
		ret = say(talk, prng_percent(talk->prng, 80) ? STEP_FIN : STEP_RST);
	return ret;
}

static uint8_t pick_vip(const struct history *history, struct prng *prng)
{
	uint8_t vip = (uint8_t)prng_below(prng, SPEC_VIPS);

	return vip == VIP_QUIC && !history->spec.mixed ? VIP_WEB : vip;
}

/* One client: from `ms` on, connection after connection, some at the same time. */
static int make_talks(struct history *history, struct prng *prng, uint32_t client)
{
	uint32_t ms = prng_below(prng, history->end_ms * 3 / 4), left = prng_between(prng, 2, 12);
	uint8_t favourite = pick_vip(history, prng);
	int last[SPEC_VIPS], ret = 0;
	uint32_t busy[SPEC_VIPS] = { 0 };

	memset(last, -1, sizeof(last));
	while (left && ms < history->end_ms && !ret) {
		uint8_t vip = prng_percent(prng, 70) ? favourite : pick_vip(history, prng);
		const struct spec_vip_kind *kind = &spec_vip_kinds[vip];
		uint32_t packets = prng_between(prng, 1, left < 6 ? left : 6);
		struct talk talk = { history, prng, history->spec.idle_timeout[vip], 0, ms };

		ret = open_flow(history, prng, client, vip, busy[vip] < ms ? last[vip] : -1,
				&talk.flow);
		if (!ret && kind->protocol == IPPROTO_TCP)
			ret = talk_tcp(&talk, packets);
		else if (!ret)
			ret = talk_on(&talk, STEP_DATAGRAM, packets);
		last[vip] = (int)talk.flow;
		busy[vip] = talk.ms;
		left -= packets;
		ms += pick_silence(prng,
				   kind->source ? history->spec.timeout[kind->scope] : talk.idle);
	}
	return ret;
}

/* --- events --------------------------------------------------------------------------- */

static uint16_t pick_backend(struct prng *prng)
{
	/* Addresses other than the first are rare; who is not there is not met. */
	return (uint16_t)spec_id(prng_below(prng, SPEC_POOLS), prng_below(prng, SPEC_NAMES), 0);
}

static enum step_kind pick_event(struct prng *prng)
{
	static const uint8_t kinds[] = {
		STEP_DOWN,   STEP_DOWN,      STEP_DOWN,   STEP_DOWN,   STEP_UP,      STEP_UP,
		STEP_UP,     STEP_UP,        STEP_DRAIN,  STEP_DRAIN,  STEP_OFFLINE, STEP_ENABLE,
		STEP_ENABLE, STEP_ENABLE,    STEP_ADD,    STEP_ADD,    STEP_ADD,     STEP_REMOVE,
		STEP_REMOVE, STEP_READDRESS, STEP_WEIGHT, STEP_WEIGHT, STEP_WEIGHT,  STEP_HASH,
		STEP_IDLE,   STEP_TIMEOUT,   STEP_RELOAD, STEP_WEIGH,  STEP_WEIGH,   STEP_UNWEIGH,
		STEP_BACKUP, STEP_MIN_UP,    STEP_SLOW,   STEP_RESETS,
	};

	return (enum step_kind)kinds[prng_below(prng, sizeof(kinds))];
}

static void fill_event(struct step *step, struct prng *prng, uint32_t timeout)
{
	step->backend = pick_backend(prng);
	switch (step->kind) {
	case STEP_DRAIN:
	case STEP_OFFLINE:
		step->value = prng_percent(prng, 70) ? pick_near(prng, timeout) : 0;
		break;
	case STEP_WEIGHT:
		step->value = prng_percent(prng, 90) ? pick_weight(prng) : 0;
		break;
	case STEP_WEIGH:
		step->value = prng_percent(prng, 80) ? pick_weight(prng) : 0;
		if (prng_percent(prng, 70))
			step->value |= pick_near(prng, timeout) << 16;
		break;
	case STEP_BACKUP:
		step->value = prng_percent(prng, 50);
		break;
	case STEP_MIN_UP:
		step->value = prng_below(prng, 5) + (prng_percent(prng, 30) ? 16 : 0);
		break;
	case STEP_SLOW:
		step->value = pick_slow_start(prng, timeout);
		break;
	case STEP_RESETS:
		step->value = pick_resets(prng);
		break;
	case STEP_HASH:
		step->value = prng_below(prng, CONFIG_HASH_MODULO + 1);
		break;
	case STEP_IDLE:
		step->backend = (uint16_t)prng_below(prng, SPEC_VIPS);
		step->value = pick_near(prng, timeout);
		break;
	case STEP_TIMEOUT:
		step->backend = (uint16_t)prng_below(prng, SPEC_SCOPES);
		step->value = pick_near(prng, timeout);
		break;
	default:
		break;
	}
}

/* Time to the next event: at once, within a hold time, or later. */
static uint32_t pick_pause(struct prng *prng, uint32_t timeout)
{
	uint32_t kind = prng_below(prng, 100);

	if (kind < 25)
		return prng_below(prng, 3 * MS);
	if (kind < 70)
		return prng_below(prng, timeout * MS / 2);
	return prng_below(prng, 3 * timeout * MS);
}

/* The agent ticks each second after an event, and now and then otherwise: whether
 * it is late must not matter. */
static int add_ticks_after(struct history *history, uint32_t ms, struct prng *prng)
{
	int ret = 0;

	for (uint32_t i = 1; i <= 10 && !ret; i++)
		ret = add_step(history, (struct step) { .ms = ms + i * MS + prng_below(prng, 9),
							.kind = STEP_TICK });
	return ret;
}

static int add_agent_death(struct history *history, struct prng *prng, uint32_t ms, bool killed,
			   uint32_t timeout)
{
	uint32_t gone = prng_percent(prng, 70) ? prng_below(prng, 5 * MS)
					       : prng_below(prng, timeout * MS);
	int ret = 0;

	if (killed)
		ret = add_step(history, (struct step) { .ms = ms, .kind = STEP_KILL });
	if (!ret)
		ret = add_step(history, (struct step) { .ms = ms + gone, .kind = STEP_START });
	return ret ? ret : add_ticks_after(history, ms + gone, prng);
}

static int make_events(struct history *history, struct prng *prng, uint32_t timeout)
{
	uint32_t ms = prng_below(prng, timeout * MS), deaths = 3;
	int ret = 0;

	while (ms < history->end_ms && !ret) {
		struct step step = { .ms = ms, .kind = (uint8_t)pick_event(prng) };
		bool cut = deaths && prng_percent(prng, 8);

		fill_event(&step, prng, timeout);
		if (cut)
			step.cut = (uint8_t)prng_between(prng, 1, 8);
		ret = add_step(history, step);
		if (!ret)
			ret = add_ticks_after(history, ms, prng);
		if (!ret && (cut || (deaths && prng_percent(prng, 8)))) {
			deaths--;
			ret = add_agent_death(history, prng, ms + prng_below(prng, 2 * MS), !cut,
					      timeout);
		}
		ms += pick_pause(prng, timeout);
	}
	return ret;
}

static int make_ticks(struct history *history, struct prng *prng)
{
	uint32_t ticks = prng_between(prng, 30, 200), every = history->end_ms / ticks + MS;
	int ret = 0;

	for (uint32_t ms = prng_below(prng, MS); ms < history->end_ms && !ret; ms += every)
		ret = add_step(history, (struct step) { .ms = ms, .kind = STEP_TICK });
	return ret;
}

/* --- all ------------------------------------------------------------------------------ */

/* By time; at the same time in the order of the enum, so that no order depends on
 * the sort. */
static int compare_steps(const void *left, const void *right)
{
	const struct step *a = left, *b = right;

	if (a->ms != b->ms)
		return a->ms < b->ms ? -1 : 1;
	if (a->kind != b->kind)
		return a->kind < b->kind ? -1 : 1;
	if (a->backend != b->backend)
		return a->backend < b->backend ? -1 : 1;
	return (a->flow > b->flow) - (a->flow < b->flow);
}

int history_make(struct history *history, uint64_t seed, const struct history_options *options)
{
	struct prng prng = { .state = seed };
	uint32_t timeout = pick_timeout(&prng);
	int ret;

	*history = (struct history) {
		.seed = seed,
		.wall_ms = prng_below(&prng, MS),
		.end_ms = timeout * MS * prng_between(&prng, 6, 12),
	};
	make_spec(&history->spec, &prng, options, timeout);
	ret = make_clients(history, &prng, options->clients);
	if (!ret)
		ret = make_ticks(history, &prng);
	if (!ret)
		ret = make_events(history, &prng, timeout);
	for (size_t i = 0; i < options->clients && !ret; i++)
		ret = make_talks(history, &prng, (uint32_t)i);
	if (ret) {
		history_free(history);
		return ret;
	}
	qsort(history->steps, history->n_steps, sizeof(*history->steps), compare_steps);
	return 0;
}

void history_free(struct history *history)
{
	free(history->clients);
	free(history->flows);
	free(history->steps);
	*history = (struct history) { 0 };
}
