// SPDX-License-Identifier: GPL-2.0
#include "agent/explain.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limpet/hash.h>
#include <stdio.h>
#include <string.h>

#include "agent/view.h"
#include "core/answer.h"
#include "core/policy.h"
#include "core/prefix.h"
#include "core/records.h"
#include "core/slot_state.h"
#include "core/vip_table.h"
#include "lib/addr.h"
#include "lib/parse.h"

/* The question, understood. */
struct question {
	const struct config_vip *vip;
	struct lp_addr dst, src;
	uint16_t port, source_port; /* host byte order; source_port 0: not given */
};

/* A record that the table has of the question, or not. */
struct finding {
	struct records_entry entry;
	struct answer_record says;
};

/* The walk: what each step finds. NULL or 0 where it ends. */
struct walk {
	const struct lp_vip *vip;
	bool proxy;            /* the source hides a crowd: tcp affinity instead */
	bool source;           /* the client decides */
	struct lp_addr client; /* the masked source, in `source` mode */
	uint64_t hash;
	uint32_t slot;
	struct lp_pool pool;
	struct lp_slot value;
	struct finding of_client, of_flow;
	struct answer_question records;
	struct answer opening, established;
	const struct runtime_backend *backend; /* that answers an opening packet */
};

/* --- the question ------------------------------------------------------------------- */

static const struct config_vip *find_by_address(const struct config *config,
						const struct lp_addr *addr)
{
	for (size_t i = 0; i < config->n_vips; i++)
		for (size_t j = 0; j < config->vips[i].n_addresses; j++)
			if (lp_addr_equal(&config->vips[i].addresses[j], addr))
				return &config->vips[i];
	return NULL;
}

/* A VIP's address of the source's family. */
static int choose_address(struct question *question, struct lp_err *err)
{
	const struct config_vip *vip = question->vip;
	bool v6 = lp_addr_is_v6(&question->src);

	for (size_t i = 0; i < vip->n_addresses; i++) {
		if (lp_addr_is_v6(&vip->addresses[i]) == v6) {
			question->dst = vip->addresses[i];
			return 0;
		}
	}
	return lp_err(err, -EINVAL, "VIP \"%s\" has no IPv%c address", vip->name, v6 ? '6' : '4');
}

static int parse_vip(struct question *question, const struct config *config, const char *text,
		     struct lp_err *err)
{
	if (!lp_addr_parse(text, &question->dst)) {
		question->vip = find_by_address(config, &question->dst);
		if (!question->vip)
			return lp_err(err, -ENOENT, "no VIP has the address \"%s\"", text);
		if (lp_addr_is_v6(&question->dst) != lp_addr_is_v6(&question->src))
			return lp_err(err, -EINVAL,
				      "\"%s\": VIP and source are of different address families",
				      text);
		return 0;
	}
	question->vip = config_vip_find(config, text);
	if (!question->vip)
		return lp_err(err, -ENOENT, "there is no VIP \"%s\"; `limpet vip list` names them",
			      text);
	return choose_address(question, err);
}

static int parse_port(struct question *question, const char *text, struct lp_err *err)
{
	const struct config_vip *vip = question->vip;

	if (text)
		return lp_parse_port(text, &question->port)
			       ? lp_err(err, -EINVAL, "port \"%s\": must be 1 to 65535", text)
			       : 0;
	if (vip->n_ports != 1 || !vip->ports[0].first || vip->ports[0].first != vip->ports[0].last)
		return lp_err(err, -EINVAL, "VIP \"%s\" has several ports: say which (%s:PORT)",
			      vip->name, vip->name);
	question->port = vip->ports[0].first;
	return 0;
}

static int understand(struct question *question, const struct config *config,
		      const struct explain_query *query, struct lp_err *err)
{
	int ret;

	if (!query->vip || !query->source)
		return lp_err(err, -EINVAL, "explain needs vip= and source=");
	if (lp_addr_parse(query->source, &question->src))
		return lp_err(err, -EINVAL, "source \"%s\": not an IPv4 or IPv6 address",
			      query->source);
	if (query->source_port && lp_parse_port(query->source_port, &question->source_port))
		return lp_err(err, -EINVAL, "source port \"%s\": must be 1 to 65535",
			      query->source_port);
	ret = parse_vip(question, config, query->vip, err);
	return ret ? ret : parse_port(question, query->port, err);
}

/* --- the walk -------------------------------------------------------------------------- */

static uint64_t hash_of(const struct agent *agent, const struct question *question,
			struct walk *walk)
{
	bool v6 = lp_addr_is_v6(&question->src);

	if (!walk->source)
		return lp_hash_flow(&agent->engine.key, &question->src, &question->dst,
				    htons(question->source_port), htons(question->port), v6);
	for (int i = 0; i < 4; i++)
		walk->client.w[i] = question->src.w[i] & walk->vip->source_mask.w[i];
	return lp_hash_client(&agent->engine.key, &walk->client, v6);
}

static bool is_udp(const struct question *question)
{
	return question->vip->protocol == IPPROTO_UDP;
}

static void find_record(const struct agent *agent, uint64_t fingerprint, uint32_t pool,
			struct finding *finding)
{
	struct lp_record_word word;

	if (!records_find(agent->dp, fingerprint, &finding->entry))
		return;
	word = finding->entry.record.value;
	finding->says = (struct answer_record) {
		.found = true,
		.lives = records_lives(agent->dp, word, pool),
		.expired = word.expires <= agent_now().mono,
		.backend = word.backend,
	};
	if (finding->says.lives)
		finding->says.offline = dp_backend(agent->dp, word.backend)->state.flags &
					LP_BACKEND_OFFLINE;
}

/* Of UDP in `source` mode, the client's record is the connection's (bpf/track.h). */
static void find_records(const struct agent *agent, const struct question *question,
			 struct walk *walk)
{
	bool v6 = lp_addr_is_v6(&question->src);
	const struct lp_hash_key *key = &agent->engine.key;

	if (walk->source)
		find_record(agent, lp_fingerprint_client(key, &walk->client, walk->vip->scope, v6),
			    walk->vip->pool, &walk->of_client);
	if (walk->source && is_udp(question))
		walk->of_flow = walk->of_client;
	else if (question->source_port)
		find_record(agent,
			    lp_fingerprint_flow(key, &question->src, &question->dst,
						htons(question->source_port), htons(question->port),
						question->vip->protocol, v6),
			    walk->vip->pool, &walk->of_flow);
}

static void decide(const struct agent *agent, const struct question *question, struct walk *walk)
{
	walk->records = (struct answer_question) {
		.slot = walk->value,
		.track = (enum lp_track)walk->vip->track,
		.source = walk->source,
		.past_lives = slot_is_moving(walk->value) &&
			      walk->value.prev < dp_size(agent->dp)->backends &&
			      (dp_backend(agent->dp, walk->value.prev)->state.flags &
			       LP_BACKEND_ALIVE),
		.resets = (walk->vip->flags & LP_VIP_RESET) && !is_udp(question),
		.flow = walk->of_flow.says,
		.client = walk->of_client.says,
	};
	walk->established = answer_packet(&walk->records, false);
	/* UDP has no opening packets. */
	walk->opening = is_udp(question) ? walk->established : answer_packet(&walk->records, true);
	walk->backend = runtime_backend_number(&agent->engine.runtime, walk->opening.backend);
}

static int need_port(const struct question *question, bool proxy, struct lp_err *err)
{
	char text[LP_ADDR_TEXT];

	if (proxy)
		return lp_err(err, -EINVAL,
			      "%s is a proxy of VIP \"%s\", which gets tcp affinity: its port "
			      "decides too (SOURCE:PORT)",
			      lp_addr_format(&question->src, text), question->vip->name);
	return lp_err(err, -EINVAL,
		      "VIP \"%s\" has tcp affinity: the source's port decides too (SOURCE:PORT)",
		      question->vip->name);
}

static int take_walk(struct agent *agent, const struct question *question, struct walk *walk,
		     struct lp_err *err)
{
	unsigned int half = dp_active_half(agent->dp);

	walk->vip = vip_table_find_running(agent->dp, &agent->engine.key, &question->dst,
					   question->vip->protocol, question->port);
	walk->proxy = prefix_is_proxy(question->vip, &question->src);
	if (!walk->vip)
		return 0;
	walk->source = walk->vip->affinity == LP_AFFINITY_SOURCE && !walk->proxy;
	if (!walk->source && !question->source_port)
		return need_port(question, walk->proxy, err);
	walk->hash = hash_of(agent, question, walk);
	walk->slot = lp_hash_slot(walk->hash);
	walk->pool = dp_pool(agent->dp, half, walk->vip->pool);
	if (walk->pool.table)
		walk->value.word = __atomic_load_n(
			&dp_slots(agent->dp, walk->pool.table)[walk->slot].word, __ATOMIC_RELAXED);
	find_records(agent, question, walk);
	decide(agent, question, walk);
	return 0;
}

/* --- words ----------------------------------------------------------------------------- */

static void describe_key(const struct question *question, const struct walk *walk, char *text,
			 size_t size)
{
	char src[LP_ADDR_TEXT], dst[LP_ADDR_TEXT];
	bool v6 = lp_addr_is_v6(&question->src);

	if (walk->source) {
		snprintf(text, size, "%s/%u", lp_addr_format(&walk->client, src),
			 v6 ? question->vip->mask6 : question->vip->mask);
		return;
	}
	snprintf(text, size, v6 ? "[%s]:%u > [%s]:%u" : "%s:%u > %s:%u",
		 lp_addr_format(&question->src, src), question->source_port,
		 lp_addr_format(&question->dst, dst), question->port);
}

/* What a client gets that comes by an interface where the VIP answers. */
static const char *verdict(const struct question *question, const struct walk *walk)
{
	if (!walk->vip)
		return "pass_not_vip";
	if (!policy_admits(question->vip, &question->src))
		return "drop_denied";
	if (!walk->backend)
		return "drop_no_backend";
	return walk->backend->hop.ifindex ? "forward" : "drop_no_next_hop";
}

static const char *name_of(const struct agent *agent, uint32_t number)
{
	const struct runtime_backend *backend = runtime_backend_number(&agent->engine.runtime,
								       number);

	return backend ? backend->name : NULL;
}

static void describe_answer(const struct agent *agent, const struct question *question,
			    const struct walk *walk, char *text, size_t size)
{
	const char *name = walk->backend->name, *pool = question->vip->table_pool;
	const char *own = name_of(agent, walk->value.cur);

	switch (walk->opening.reason) {
	case ANSWER_CONNECTION:
		snprintf(text, size,
			 "%s answers, because %s remembered on it; slot %u of pool %s is %s's",
			 name,
			 walk->of_flow.entry.record.value.flags & LP_RECORD_CLIENT
				 ? "its client is"
				 : "the connection is",
			 walk->slot, pool, own ? own : "nobody");
		break;
	case ANSWER_CLIENT:
		snprintf(
			text, size,
			"%s answers, because its client is remembered on it; slot %u of pool %s is %s's",
			name, walk->slot, pool, own ? own : "nobody");
		break;
	case ANSWER_PAST:
		snprintf(text, size,
			 "%s answers, because slot %u of pool %s is moving from it to %s", name,
			 walk->slot, pool, own ? own : "nobody");
		break;
	default:
		snprintf(text, size, "%s answers, because slot %u of pool %s is its own", name,
			 walk->slot, pool);
	}
}

static void describe(const struct agent *agent, const struct question *question,
		     const struct walk *walk, char *text, size_t size)
{
	char addr[LP_ADDR_TEXT];

	if (!walk->vip)
		snprintf(text, size, "VIP %s does not serve port %u: the packet goes to the stack",
			 question->vip->name, question->port);
	else if (!policy_admits(question->vip, &question->src))
		snprintf(
			text, size,
			"VIP %s does not take packets from %s (allow, deny): the packet is dropped",
			question->vip->name, lp_addr_format(&question->src, addr));
	else if (!walk->backend)
		snprintf(text, size, "pool %s has nobody to answer: the packet is dropped",
			 question->vip->table_pool);
	else if (!walk->backend->hop.ifindex)
		snprintf(text, size,
			 "%s would answer, but there is no way to %s: the packet is dropped",
			 walk->backend->name, lp_addr_format(&walk->backend->address, addr));
	else
		describe_answer(agent, question, walk, text, size);
}

/* --- the answer -------------------------------------------------------------------------- */

/* `opening`: of which packet the record is asked first. */
static json_t *make_record(const struct agent *agent, const struct walk *walk,
			   const struct finding *finding, bool opening)
{
	const struct lp_record_word word = finding->entry.record.value;
	const char *why = answer_refuses(&walk->records, &finding->says, opening);
	json_int_t now = agent_now().mono;

	if (!finding->says.found)
		return json_null();
	return json_pack("{s:s, s:s?, s:b, s:b, s:I, s:I, s:b, s:s?}", "kind",
			 word.flags & LP_RECORD_CLIENT ? "client" : "connection", "backend",
			 name_of(agent, word.backend), "confirmed",
			 !!(word.flags & LP_RECORD_CONFIRMED), "opening",
			 !!(word.flags & LP_RECORD_OPENING), "age_s",
			 now - (json_int_t)finding->entry.info.created, "expires_in_s",
			 (json_int_t)word.expires - now, "valid", !why, "why_not", why);
}

static json_t *make_change(const struct agent *agent, const struct walk *walk)
{
	const struct runtime_name *pools = agent->engine.runtime.pools;
	const struct history_change *change;
	json_t *text;

	if (!walk->vip)
		return json_null();
	change = history_of_slot(&agent->watch.history, pools[walk->vip->pool].name, walk->slot);
	if (!change)
		return json_null();
	text = json_string(change->text);
	return json_pack("{s:I, s:I, s:o, s:I}", "at", (json_int_t)change->wall, "generation",
			 (json_int_t)change->generation, "text", text ? text : json_null(),
			 "moved_slots", (json_int_t)change->n_moved);
}

/* Of the connection, if it has one, or else of its client. */
static json_t *make_deciding(const struct agent *agent, const struct question *question,
			     const struct walk *walk)
{
	if (walk->of_flow.says.found)
		return make_record(agent, walk, &walk->of_flow, false);
	return make_record(agent, walk, &walk->of_client, !is_udp(question));
}

static json_t *make_since(const struct agent *agent, const struct walk *walk)
{
	json_int_t now = agent_now().mono, since;

	if (!walk->pool.table)
		return json_null();
	since = dp_slot_times(agent->dp, walk->pool.table)[walk->slot];
	/* A packet may have begun it a second ahead (T6). */
	return json_integer(since < now ? now - since : 0);
}

/* What the state of affinity is: slot, records, what becomes of packets. */
static void add_affinity(json_t *object, const struct agent *agent, const struct question *question,
			 const struct walk *walk)
{
	bool moving = walk->vip && slot_is_moving(walk->value);
	json_t *more = json_pack("{s:b, s:s, s:o, s:s?, s:s?, s:s?, s:s?, s:b, s:o, s:o, s:o}",
				 "proxy", walk->proxy, "slot_state", slot_state_name(walk->value),
				 "slot_since_s", make_since(agent, walk), "slot_backend",
				 name_of(agent, walk->value.cur), "previous",
				 moving ? name_of(agent, walk->value.prev) : NULL, "opening",
				 name_of(agent, walk->opening.backend), "established",
				 name_of(agent, walk->established.backend), "established_reset",
				 walk->established.reason == ANSWER_RESET, "record",
				 make_deciding(agent, question, walk), "client_record",
				 make_record(agent, walk, &walk->of_client, !is_udp(question)),
				 "last_change", make_change(agent, walk));

	json_object_update(object, more);
	json_decref(more);
}

static const char *effective_affinity(const struct question *question, const struct walk *walk)
{
	return walk->proxy ? "tcp" : view_affinity(question->vip->affinity);
}

static json_t *answer(struct agent *agent, const struct question *question, const struct walk *walk)
{
	const struct config_vip *vip = question->vip;
	char dst[LP_ADDR_TEXT], src[LP_ADDR_TEXT], addr[LP_ADDR_TEXT];
	char key[2 * LP_ADDR_TEXT + 32] = "", hash[24], text[512];
	json_t *object;

	if (walk->vip)
		describe_key(question, walk, key, sizeof(key));
	snprintf(hash, sizeof(hash), "%016llx", (unsigned long long)walk->hash);
	describe(agent, question, walk, text, sizeof(text));
	object = json_pack(
		"{s:s, s:s, s:i, s:s, s:s, s:o, s:s, s:s, s:s, s:i, s:s, s:I, s:s?, s:s?, s:s, "
		"s:o, s:s, s:s}",
		"vip", vip->name, "address", lp_addr_format(&question->dst, dst), "port",
		(int)question->port, "protocol", is_udp(question) ? "udp" : "tcp", "source",
		lp_addr_format(&question->src, src), "source_port",
		question->source_port ? json_integer(question->source_port) : json_null(),
		"affinity", effective_affinity(question, walk), "key", key, "hash", hash, "slot",
		(int)walk->slot, "pool", vip->table_pool, "generation",
		(json_int_t)walk->pool.generation, "backend",
		walk->backend ? walk->backend->name : NULL, "backend_address",
		walk->backend ? lp_addr_format(&walk->backend->address, addr) : NULL, "forward",
		view_forward(vip->forward), "next_hop",
		walk->backend ? view_next_hop(agent, walk->backend) : json_null(), "verdict",
		verdict(question, walk), "text", text);
	if (object)
		add_affinity(object, agent, question, walk);
	return object;
}

int explain(struct agent *agent, const struct explain_query *query, json_t **out,
	    struct lp_err *err)
{
	struct question question = { 0 };
	struct walk walk = { 0 };
	int ret = understand(&question, agent->config, query, err);

	if (!ret)
		ret = take_walk(agent, &question, &walk, err);
	if (ret)
		return ret;
	*out = answer(agent, &question, &walk);
	return *out ? 0 : lp_err(err, -ENOMEM, "out of memory");
}
