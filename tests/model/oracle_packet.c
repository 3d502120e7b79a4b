// SPDX-License-Identifier: GPL-2.0
/* One packet: who had to get it, and what is known after it. */
#include "oracle_internal.h"

#include <netinet/in.h>

/* All that there is to know about a packet. */
struct facts {
	struct oracle *oracle;
	const struct flow *script;
	struct oracle_flow *flow;
	struct oracle_client *client; /* NULL: the flow is for itself */
	unsigned int pool;
	uint32_t slot;
	uint32_t flow_before; /* backend of the flow, until now */
	uint64_t now;         /* ms */
	uint64_t wall;        /* s */
	enum step_kind kind;
	struct oracle_complaint *complaint;
};

/* --- backends ----------------------------------------------------------------------------- */

/* Its deadline has passed and no agent has looked: it may answer or not. */
static bool is_overdue(const struct oracle_backend *backend, uint64_t wall)
{
	return backend->deadline && backend->deadline <= wall;
}

/* Lives in that life, beyond doubt. */
static bool surely_lives(const struct facts *facts, uint32_t id, uint32_t life)
{
	const struct oracle_backend *backend = &facts->oracle->backends[id];

	return id && backend->life == life && backend->alive && !backend->alive_unsure &&
	       !is_overdue(backend, facts->wall);
}

static bool may_live(const struct facts *facts, uint32_t id)
{
	const struct oracle_backend *backend = &facts->oracle->backends[id];

	return id && (backend->alive || backend->alive_unsure);
}

static bool surely_open(const struct facts *facts, uint32_t id)
{
	const struct oracle_backend *backend = &facts->oracle->backends[id];

	return !backend->offline && !backend->offline_unsure;
}

static bool may_be_open(const struct facts *facts, uint32_t id)
{
	const struct oracle_backend *backend = &facts->oracle->backends[id];

	return !backend->offline || backend->offline_unsure;
}

static bool too_long(uint64_t now, uint64_t seen, uint32_t limit)
{
	return now - seen > limit * 1000ull;
}

/* --- what is allowed ------------------------------------------------------------------------ */

static void allow(struct facts *facts, uint32_t id)
{
	struct oracle_complaint *complaint = facts->complaint;

	complaint->expected[complaint->n_expected++] = id;
}

static uint32_t table_answer(const struct facts *facts, uint16_t table)
{
	return facts->oracle->tables[table].answer[facts->slot];
}

/* O3; while unsure, the table before as well. */
static void allow_table(struct facts *facts)
{
	const struct oracle_pool *pool = &facts->oracle->pools[facts->pool];

	allow(facts, table_answer(facts, pool->table));
	if (pool->before)
		allow(facts, table_answer(facts, pool->before));
}

static bool is_sure(const struct facts *facts, uint32_t id, uint32_t life)
{
	return surely_lives(facts, id, life) && surely_open(facts, id);
}

/* O2 */
static bool client_is_bound(const struct facts *facts)
{
	const struct oracle_client *client = facts->client;

	return client && client->backend && !client->lapsed &&
	       !too_long(facts->now, client->seen, client->limit) &&
	       is_sure(facts, client->backend, client->life) &&
	       (!client->other || is_sure(facts, client->other, client->other_life));
}

static void allow_client(struct facts *facts)
{
	facts->complaint->promise = "P2: a client stays";
	allow(facts, facts->client->backend);
	if (facts->client->other)
		allow(facts, facts->client->other);
}

/* O1. Before its handshake a connection has no more than the half-open time. */
static bool flow_is_bound(const struct facts *facts)
{
	const struct oracle_flow *flow = facts->flow;

	if (!flow->open || !surely_lives(facts, flow->backend, flow->life))
		return false;
	if (facts->kind != STEP_DATAGRAM && !flow->established &&
	    too_long(facts->now, flow->seen, LP_HALF_OPEN_S))
		return false;
	return !too_long(facts->now, flow->seen, flow->limit);
}

/* What an opening packet may be sent back to, but need not (O4). */
static void allow_old(struct facts *facts, uint32_t id)
{
	if (id && may_live(facts, id) && may_be_open(facts, id))
		allow(facts, id);
}

static void expect_opening(struct facts *facts)
{
	if (client_is_bound(facts)) {
		allow_client(facts);
		allow_old(facts, facts->flow->backend);
		return;
	}
	facts->complaint->promise = "P4, P6: who opens anew follows the slot table";
	allow_table(facts);
	allow_old(facts, facts->flow->backend);
	facts->complaint->known = facts->client != NULL;
}

/* O5 */
static bool is_told(const struct facts *facts)
{
	return facts->kind != STEP_DATAGRAM && facts->kind != STEP_RST &&
	       oracle_must_reset(facts->oracle, facts->flow, facts->script->vip, facts->now);
}

/* Its server, in another life, if no agent has looked at the slot while it was dead. */
static void allow_back(struct facts *facts)
{
	if (may_live(facts, facts->flow->backend))
		allow(facts, facts->flow->backend);
}

static void expect_middle(struct facts *facts)
{
	if (facts->kind == STEP_DATAGRAM && facts->client) {
		if (client_is_bound(facts)) {
			allow_client(facts);
			return;
		}
	} else if (flow_is_bound(facts)) {
		facts->complaint->promise = "P1, P3: a connection stays";
		allow(facts, facts->flow->backend);
		return;
	} else if (is_told(facts)) {
		facts->complaint->promise = "on_backend_down: the client is told";
		facts->complaint->reset = true;
		allow_back(facts);
		return;
	}
	facts->complaint->promise = "nobody is asked who is dead";
	facts->complaint->any = true;
	facts->complaint->reset = facts->kind != STEP_DATAGRAM && facts->kind != STEP_RST &&
				  oracle_may_reset(facts->oracle, facts->script->vip);
	allow_table(facts);
}

static bool is_allowed(const struct facts *facts, uint32_t got)
{
	const struct oracle_complaint *complaint = facts->complaint;

	if (got == RESET)
		return complaint->reset;
	for (unsigned int i = 0; i < complaint->n_expected; i++)
		if (complaint->expected[i] == got)
			return true;
	if (complaint->known && facts->client->spoke_to[got] && may_live(facts, got) &&
	    may_be_open(facts, got))
		return true;
	return complaint->any && may_live(facts, got);
}

/* --- what is known then --------------------------------------------------------------------- */

/*
 * A SYN of addresses and ports that were in use may go where they went for their own
 * sake, and then says nothing of a client who is remembered elsewhere. Whether one
 * is who is not promised to be, the model cannot know: it is one or the other.
 */
static void client_follows(struct facts *facts, uint32_t got, bool bound)
{
	const struct oracle_backend *backends = facts->oracle->backends;
	struct oracle_client *client = facts->client;
	const struct oracle_client was = *client;
	bool good = may_live(facts, was.backend) && may_be_open(facts, was.backend) &&
		    (backends[was.backend].life == was.life || backends[was.backend].alive_unsure);

	if (bound)
		return;
	client->backend = got;
	client->life = backends[got].life;
	if (got == was.backend)
		return;
	client->lapsed = was.lapsed || was.other;
	client->other = good ? was.backend : NOBODY;
	client->other_life = was.life;
}

/* Where a client is, only what opens something says, and datagrams. */
static void client_is_at(struct facts *facts, uint32_t got, bool bound)
{
	struct oracle_client *client = facts->client;

	if (bound && got != client->backend && got != client->other)
		return; /* complained of already */
	client->lapsed = false;
	client->backend = got;
	client->life = facts->oracle->backends[got].life;
	client->other = NOBODY;
}

static uint32_t shorter(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

/*
 * A SYN alone, of somebody who is not known, is remembered for the half-open time
 * (P7), until a packet of the client's says more. That has to come while slots are
 * marked: otherwise, in a settled slot, nobody looks.
 */
static void client_is_promised(struct facts *facts, bool bound)
{
	struct oracle_client *client = facts->client;

	client->limit = facts->oracle->timeout[spec_vip_kinds[facts->script->vip].scope];
	if (facts->kind == STEP_SYN) {
		client->half_open |= !bound;
		client->opened = facts->now;
		if (client->half_open)
			client->limit = shorter(client->limit, LP_HALF_OPEN_S);
	} else if (facts->kind == STEP_DATAGRAM ||
		   !too_long(facts->now, client->opened, LP_PHASE_S - 1)) {
		client->half_open = false;
	}
}

static void client_learns(struct facts *facts, uint32_t got, bool asks)
{
	struct oracle_client *client = facts->client;
	bool bound = client_is_bound(facts);
	bool late = too_long(facts->now, client->seen, client->limit);

	client->spoke_to[got] = true;
	if (!asks && !facts->oracle->any_packet)
		return;
	client->seen = facts->now;
	client_is_promised(facts, bound);
	if (!asks)
		client->lapsed |= late;
	else if (facts->kind == STEP_SYN && got && got == facts->flow_before)
		client_follows(facts, got, bound);
	else
		client_is_at(facts, got, bound);
}

static void flow_takes(struct facts *facts, uint32_t got)
{
	*facts->flow = (struct oracle_flow) {
		.backend = got,
		.life = facts->oracle->backends[got].life,
		.seen = facts->now,
		.limit = facts->oracle->idle_timeout[facts->script->vip],
		.table = facts->oracle->pools[facts->pool].table,
		.open = got != NOBODY,
	};
}

static void flow_goes_on(struct facts *facts)
{
	facts->flow->seen = facts->now;
	facts->flow->limit = facts->oracle->idle_timeout[facts->script->vip];
	facts->flow->table = facts->oracle->pools[facts->pool].table;
	facts->flow->established = true;
	if (facts->kind == STEP_FIN || facts->kind == STEP_RST)
		facts->flow->open = false;
}

/* Nothing is promised to it any more; but whom it had to do with may be remembered. */
static void flow_is_over(struct facts *facts, uint32_t got)
{
	facts->flow->backend = got;
	facts->flow->life = facts->oracle->backends[got].life;
	facts->flow->open = false;
}

static void learn_middle(struct facts *facts, uint32_t got)
{
	bool bound = flow_is_bound(facts);

	if (facts->kind == STEP_DATAGRAM && !(bound && got == facts->flow->backend))
		flow_takes(facts, got);
	else if (bound && got == facts->flow->backend)
		flow_goes_on(facts);
	else
		flow_is_over(facts, got);
}

/* It ends; that its client has sent something counts all the same. */
static void learn_reset(struct facts *facts)
{
	struct oracle_counts *counts = &facts->oracle->counts;

	counts->resets++;
	counts->told += !facts->complaint->any;
	facts->flow->open = false;
	if (facts->client)
		client_learns(facts, NOBODY, false);
}

static void learn(struct facts *facts, uint32_t got)
{
	struct oracle_counts *counts = &facts->oracle->counts;

	counts->packets++;
	if (got == RESET) {
		learn_reset(facts);
		return;
	}
	counts->connections += facts->kind == STEP_SYN;
	if (facts->kind == STEP_SYN)
		flow_takes(facts, got);
	else
		learn_middle(facts, got);
	if (facts->client)
		client_learns(facts, got, facts->kind == STEP_SYN || facts->kind == STEP_DATAGRAM);
}

/* What hashing alone does to a connection since its last packet, and to a client. */
static void predict(const struct facts *facts)
{
	struct oracle_counts *counts = &facts->oracle->counts;
	uint16_t now = facts->oracle->pools[facts->pool].table;
	double odds;

	if (facts->kind == STEP_SYN || facts->kind == STEP_DATAGRAM || !flow_is_bound(facts) ||
	    facts->flow->table == now)
		return;
	odds = oracle_odds(facts->oracle, facts->flow->table, now, facts->flow->backend);
	counts->predicted += odds;
	counts->variance += odds * (1 - odds);
}

void oracle_packet(struct oracle *oracle, const struct step *step, uint64_t wall, uint32_t got,
		   struct oracle_complaint *complaint)
{
	const struct flow *script = &oracle->history->flows[step->flow];
	uint32_t number = oracle_client_of(oracle, script);
	struct facts facts = {
		.oracle = oracle,
		.script = script,
		.flow = &oracle->flows[step->flow],
		.flow_before = oracle->flows[step->flow].backend,
		.pool = spec_vip_kinds[script->vip].pool,
		.slot = oracle->slots[step->flow],
		.now = step->ms,
		.wall = wall,
		.kind = (enum step_kind)step->kind,
		.complaint = complaint,
	};

	if (number != UINT32_MAX)
		facts.client = &oracle->clients[spec_vip_kinds[script->vip].scope][number];
	*complaint = (struct oracle_complaint) { 0 };
	if (step->kind == STEP_SYN)
		expect_opening(&facts);
	else
		expect_middle(&facts);
	if (oracle->predicts)
		predict(&facts);
	if (is_allowed(&facts, got))
		complaint->promise = NULL;
	else if (step->kind == STEP_SYN || step->kind == STEP_DATAGRAM)
		oracle->counts.moved++;
	else
		oracle->counts.broken++;
	learn(&facts, got);
}
