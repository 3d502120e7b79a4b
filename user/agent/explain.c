// SPDX-License-Identifier: GPL-2.0
#include "agent/explain.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limpet/hash.h>
#include <stdio.h>
#include <string.h>

#include "agent/view.h"
#include "core/vip_table.h"
#include "lib/addr.h"
#include "lib/parse.h"

/* The question, understood. */
struct question {
	const struct config_vip *vip;
	struct lp_addr dst, src;
	uint16_t port, source_port; /* host byte order; source_port 0: not given */
};

/* The walk: what each step finds. NULL or 0 where it ends. */
struct walk {
	const struct lp_vip *vip;
	struct lp_addr client; /* the masked source, in `source` mode */
	uint64_t hash;
	uint32_t slot;
	struct lp_pool pool;
	struct lp_slot value;
	const struct runtime_backend *backend;
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

/* The VIP table that packets see, as vip_table_find() takes it; it only reads. */
static const struct lp_vip *find_vip(const struct agent *agent, const struct question *question)
{
	unsigned int half = dp_control(agent->dp)->active & 1;
	const struct dp_size *size = dp_size(agent->dp);
	const struct vip_table table = {
		.salt = dp_control(agent->dp)->salt[half],
		.n_index = size->index,
		.n_places = size->places,
		.n_ranges = size->ranges,
		.index = (struct lp_vip_index *)(uintptr_t)dp_vip_index(agent->dp, half),
		.places = (struct lp_vip *)(uintptr_t)dp_vips(agent->dp, half),
		.ranges = (struct lp_range *)(uintptr_t)dp_ranges(agent->dp, half),
	};

	return vip_table_find(&table, &agent->engine.key, &question->dst, question->vip->protocol,
			      question->port);
}

static uint64_t hash_of(const struct agent *agent, const struct question *question,
			struct walk *walk)
{
	bool v6 = lp_addr_is_v6(&question->src);

	if (walk->vip->affinity != LP_AFFINITY_SOURCE)
		return lp_hash_flow(&agent->engine.key, &question->src, &question->dst,
				    htons(question->source_port), htons(question->port), v6);
	for (int i = 0; i < 4; i++)
		walk->client.w[i] = question->src.w[i] & walk->vip->source_mask.w[i];
	return lp_hash_client(&agent->engine.key, &walk->client, v6);
}

static int take_walk(struct agent *agent, const struct question *question, struct walk *walk,
		     struct lp_err *err)
{
	unsigned int half = dp_control(agent->dp)->active & 1;

	walk->vip = find_vip(agent, question);
	if (!walk->vip)
		return 0;
	if (walk->vip->affinity != LP_AFFINITY_SOURCE && !question->source_port)
		return lp_err(
			err, -EINVAL,
			"VIP \"%s\" has tcp affinity: the source's port decides too (SOURCE:PORT)",
			question->vip->name);
	walk->hash = hash_of(agent, question, walk);
	walk->slot = lp_hash_slot(walk->hash);
	walk->pool = dp_pool(agent->dp, half, walk->vip->pool);
	if (walk->pool.table)
		walk->value = dp_slots(agent->dp, walk->pool.table)[walk->slot];
	walk->backend = runtime_backend_number(&agent->engine.runtime, walk->value.cur);
	return 0;
}

/* --- the answer -------------------------------------------------------------------------- */

static void describe_key(const struct question *question, const struct walk *walk, char *text,
			 size_t size)
{
	char src[LP_ADDR_TEXT], dst[LP_ADDR_TEXT];
	bool v6 = lp_addr_is_v6(&question->src);

	if (walk->vip->affinity == LP_AFFINITY_SOURCE) {
		snprintf(text, size, "%s/%u", lp_addr_format(&walk->client, src),
			 v6 ? question->vip->mask6 : question->vip->mask);
		return;
	}
	snprintf(text, size, v6 ? "[%s]:%u > [%s]:%u" : "%s:%u > %s:%u",
		 lp_addr_format(&question->src, src), question->source_port,
		 lp_addr_format(&question->dst, dst), question->port);
}

static const char *verdict(const struct walk *walk)
{
	if (!walk->vip)
		return "pass_not_vip";
	if (!walk->backend)
		return "drop_no_backend";
	return walk->backend->hop.ifindex ? "forward" : "drop_no_next_hop";
}

static void describe(const struct question *question, const struct walk *walk, char *text,
		     size_t size)
{
	char addr[LP_ADDR_TEXT];

	if (!walk->vip)
		snprintf(text, size, "VIP %s does not serve port %u: the packet goes to the stack",
			 question->vip->name, question->port);
	else if (!walk->backend)
		snprintf(text, size, "pool %s has nobody to answer: the packet is dropped",
			 question->vip->pool);
	else if (!walk->backend->hop.ifindex)
		snprintf(text, size,
			 "%s would answer, but there is no way to %s: the packet is dropped",
			 walk->backend->name, lp_addr_format(&walk->backend->address, addr));
	else
		snprintf(text, size, "%s answers, because slot %u of pool %s is its own",
			 walk->backend->name, walk->slot, question->vip->pool);
}

static json_t *answer(struct agent *agent, const struct question *question, const struct walk *walk)
{
	const struct config_vip *vip = question->vip;
	char dst[LP_ADDR_TEXT], src[LP_ADDR_TEXT], addr[LP_ADDR_TEXT];
	char key[2 * LP_ADDR_TEXT + 32] = "", hash[24], text[256];

	if (walk->vip)
		describe_key(question, walk, key, sizeof(key));
	snprintf(hash, sizeof(hash), "%016llx", (unsigned long long)walk->hash);
	describe(question, walk, text, sizeof(text));
	return json_pack(
		"{s:s, s:s, s:i, s:s, s:s, s:o, s:s, s:s, s:s, s:i, s:s, s:s, s:I, s:s?, s:s?, s:s, "
		"s:o, s:s, s:s}",
		"vip", vip->name, "address", lp_addr_format(&question->dst, dst), "port",
		(int)question->port, "protocol", vip->protocol == IPPROTO_TCP ? "tcp" : "udp",
		"source", lp_addr_format(&question->src, src), "source_port",
		question->source_port ? json_integer(question->source_port) : json_null(),
		"affinity", view_affinity(vip->affinity), "key", key, "hash", hash, "slot",
		(int)walk->slot, "slot_state", "settled", "pool", vip->pool, "generation",
		(json_int_t)walk->pool.generation, "backend",
		walk->backend ? walk->backend->name : NULL, "backend_address",
		walk->backend ? lp_addr_format(&walk->backend->address, addr) : NULL, "forward",
		view_forward(vip->forward), "next_hop",
		walk->backend ? view_next_hop(agent, walk->backend) : json_null(), "verdict",
		verdict(walk), "text", text);
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
