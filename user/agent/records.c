// SPDX-License-Identifier: GPL-2.0
#include "agent/records.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/names.h"
#include "core/records.h"
#include "core/slot_state.h"
#include "lib/log.h"
#include "lib/parse.h"

#define LIMIT_DEFAULT 100
#define LIMIT_MAX     10000
/* Records of one answer: what is made and printed in some milliseconds. Who asked for
 * more gets the cursor of the rest. */
#define PAGE_MAX 500

/* Which records are meant, understood. */
struct selection {
	struct names names;
	struct records_filter filter;
	struct config_prefix source;
	uint8_t *vips;
};

static void selection_close(struct selection *selection)
{
	names_close(&selection->names);
	free(selection->vips);
	selection->vips = NULL;
}

/* A client's record serves all VIPs of its group, whichever made it. */
static void select_vip(struct selection *selection, const struct config_vip *vip)
{
	for (uint32_t i = 0; i < selection->names.n_vips; i++) {
		const struct config_vip *other = selection->names.vips[i];

		if (!other)
			continue;
		if (other == vip)
			selection->vips[i] = RECORDS_CONNECTIONS | RECORDS_CLIENTS;
		else if (vip->group && other->group && !strcmp(vip->group, other->group))
			selection->vips[i] = RECORDS_CLIENTS;
	}
}

static int parse_vip(struct selection *selection, const struct agent *agent, const char *name,
		     struct lp_err *err)
{
	const struct config_vip *vip = config_vip_find(agent->config, name);

	if (!vip)
		return lp_err(err, -ENOENT, "there is no VIP \"%s\"; `limpet vip list` names them",
			      name);
	selection->vips = calloc(selection->names.n_vips, sizeof(*selection->vips));
	if (!selection->vips)
		return lp_err(err, -ENOMEM, "out of memory");
	select_vip(selection, vip);
	selection->filter.vips = selection->vips;
	selection->filter.n_vips = selection->names.n_vips;
	return 0;
}

static int parse_source(struct selection *selection, const char *text, struct lp_err *err)
{
	unsigned int bits;
	int ret = lp_parse_prefix(text, &selection->source.addr, &bits);

	if (ret == -ERANGE)
		return lp_err(err, -EINVAL,
			      "source \"%s\": the length is too long, or bits are set after it",
			      text);
	if (ret)
		return lp_err(err, -EINVAL,
			      "source \"%s\": must be an address or a prefix, like 10.0.0.0/8",
			      text);
	selection->source.bits = bits;
	selection->filter.source = &selection->source;
	return 0;
}

/* On success *selection is to be closed. */
static int selection_open(struct selection *selection, const struct agent *agent, const char *vip,
			  const char *source, struct lp_err *err)
{
	int ret = 0;

	*selection = (struct selection) { 0 };
	if (names_open(&selection->names, agent))
		return lp_err(err, -ENOMEM, "out of memory");
	selection->filter.clients = selection->names.clients;
	selection->filter.n_clients = selection->names.n_vips;
	if (vip)
		ret = parse_vip(selection, agent, vip, err);
	if (!ret && source)
		ret = parse_source(selection, source, err);
	if (ret)
		selection_close(selection);
	return ret;
}

static int begin(struct records_walk *walk, const struct agent *agent, uint64_t cursor,
		 struct lp_err *err)
{
	int ret = records_begin(walk, agent->dp, cursor);

	return ret ? lp_err(err, -EINVAL, "cursor: there is no such place") : 0;
}

static json_t *next_cursor(const struct records_walk *walk)
{
	uint64_t cursor = records_cursor(walk);

	return cursor ? json_integer((json_int_t)cursor) : json_null();
}

/* --- listing ----------------------------------------------------------------------------- */

static json_t *make_source(const struct records_entry *entry, const struct names *names)
{
	const struct lp_record_info *info = &entry->info;
	const struct prefix_client *client = info->vip < names->n_vips ? &names->clients[info->vip]
								       : NULL;
	struct config_prefix prefix;
	char text[PREFIX_TEXT];

	if (!(entry->record.value.flags & LP_RECORD_CLIENT))
		return json_string(lp_addr_format(&info->src, text));
	prefix = prefix_of_client(&info->src, client);
	return json_string(prefix_format(&prefix, text));
}

static json_t *make_port(__be16 port)
{
	return port ? json_integer(ntohs(port)) : json_null();
}

static json_t *make_record(const struct agent *agent, const struct names *names,
			   const struct records_entry *entry, uint32_t now)
{
	const struct lp_record_info *info = &entry->info;
	const struct lp_record_word word = entry->record.value;
	const struct runtime *runtime = &agent->engine.runtime;
	uint32_t pool = info->slot >> LP_SLOTS_BITS;
	struct lp_slot slot = records_slot(agent->dp, info);

	return json_pack(
		"{s:s, s:o, s:o, s:o, s:s?, s:s?, s:s?, s:I, s:s, s:b, s:b, s:b, s:I, "
		"s:I, s:b}",
		"kind", word.flags & LP_RECORD_CLIENT ? "client" : "connection", "source",
		make_source(entry, names), "source_port", make_port(info->sport), "port",
		make_port(info->dport), "vip", names_vip(names, info->vip), "backend",
		names_backend(names, word.backend), "pool",
		pool < runtime->n_pools ? runtime->pools[pool].name : NULL, "slot",
		(json_int_t)(info->slot % LP_SLOTS), "state", slot_state_name(slot), "confirmed",
		!!(word.flags & LP_RECORD_CONFIRMED), "opening", !!(word.flags & LP_RECORD_OPENING),
		"valid", records_lives(agent->dp, word, pool), "age_s",
		(json_int_t)now - (json_int_t)info->created, "expires_in_s",
		(json_int_t)word.expires - (json_int_t)now, "differs", word.backend != slot.cur);
}

static json_t *make_page(const struct agent *agent, const struct selection *selection,
			 struct records_walk *walk, size_t limit)
{
	json_t *list = json_array();
	struct records_entry entry;
	uint32_t now = agent_now().mono;
	size_t n = 0;

	while (n < limit && records_next(walk, agent->dp, &selection->filter, &entry)) {
		json_array_append_new(list, make_record(agent, &selection->names, &entry, now));
		n++;
	}
	return json_pack("{s:o, s:o}", "records", list, "next", next_cursor(walk));
}

int records_list(struct agent *agent, const struct records_query *query, json_t **out,
		 struct lp_err *err)
{
	uint64_t cursor = 0, limit = LIMIT_DEFAULT;
	struct selection selection;
	struct records_walk walk;
	int ret;

	if (query->limit && lp_parse_u64(query->limit, 1, LIMIT_MAX, &limit))
		return lp_err(err, -EINVAL, "limit \"%s\": must be 1 to %d", query->limit,
			      LIMIT_MAX);
	if (query->cursor && lp_parse_u64(query->cursor, 0, UINT64_MAX / 2, &cursor))
		return lp_err(err, -EINVAL, "cursor \"%s\": not one that limpetd gave out",
			      query->cursor);
	ret = begin(&walk, agent, cursor, err);
	if (!ret)
		ret = selection_open(&selection, agent, query->vip, query->source, err);
	if (ret)
		return ret;
	*out = make_page(agent, &selection, &walk, limit < PAGE_MAX ? limit : PAGE_MAX);
	selection_close(&selection);
	return *out ? 0 : lp_err(err, -ENOMEM, "out of memory");
}

/* --- flushing ------------------------------------------------------------------------------ */

static json_t *flush(const struct agent *agent, const struct selection *selection,
		     struct records_walk *walk)
{
	struct records_entry entry;
	uint32_t now = agent_now().mono;
	json_int_t dropped = 0;

	for (; records_next(walk, agent->dp, &selection->filter, &entry); dropped++)
		records_forget(agent->dp, &entry, now);
	return json_pack("{s:I, s:o}", "dropped", dropped, "next", next_cursor(walk));
}

/* A text of the body in *text, NULL if it is not there. */
static int take_text(const json_t *body, const char *key, const char **text, struct lp_err *err)
{
	const json_t *value = json_object_get(body, key);

	*text = json_string_value(value);
	if (value && !*text)
		return lp_err(err, -EINVAL, "\"%s\": must be text", key);
	return 0;
}

static int take_cursor(const json_t *body, uint64_t *cursor, struct lp_err *err)
{
	const json_t *value = json_object_get(body, "cursor");

	*cursor = 0;
	if (!value)
		return 0;
	if (!json_is_integer(value) || json_integer_value(value) < 0)
		return lp_err(err, -EINVAL, "\"cursor\": not one that limpetd gave out");
	*cursor = (uint64_t)json_integer_value(value);
	return 0;
}

/* Everything is flushed only if that is what the request says. */
static int check_scope(const json_t *body, const char *vip, const char *source, struct lp_err *err)
{
	const json_t *all = json_object_get(body, "all");

	if (all && !json_is_true(all))
		return lp_err(err, -EINVAL, "\"all\": must be true");
	if (!all && !vip && !source)
		return lp_err(err, -EINVAL,
			      "the body needs \"vip\", \"source\" (or both), or \"all\": true");
	if (all && (vip || source))
		return lp_err(err, -EINVAL, "\"all\" and \"vip\" or \"source\": say which");
	return 0;
}

static int flush_body(struct agent *agent, const json_t *body, json_t **out, struct lp_err *err)
{
	const char *vip, *source;
	struct selection selection;
	struct records_walk walk;
	uint64_t cursor;
	int ret;

	if (take_text(body, "vip", &vip, err) || take_text(body, "source", &source, err) ||
	    take_cursor(body, &cursor, err) || check_scope(body, vip, source, err))
		return -EINVAL;
	ret = begin(&walk, agent, cursor, err);
	if (!ret)
		ret = selection_open(&selection, agent, vip, source, err);
	if (ret)
		return ret;
	if (!cursor)
		lp_info("records flushed vip=%s source=%s", vip ? vip : "all",
			source ? source : "all");
	*out = flush(agent, &selection, &walk);
	selection_close(&selection);
	return *out ? 0 : lp_err(err, -ENOMEM, "out of memory");
}

int records_flush(struct agent *agent, const char *text, json_t **out, struct lp_err *err)
{
	json_error_t error;
	json_t *body = json_loads(text, 0, &error);
	int ret;

	if (!body)
		return lp_err(err, -EINVAL, "the body is not JSON: %s", error.text);
	ret = flush_body(agent, body, out, err);
	json_decref(body);
	return ret;
}
