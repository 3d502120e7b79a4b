// SPDX-License-Identifier: GPL-2.0
#include "spec.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/addr.h"

const struct spec_vip_kind spec_vip_kinds[SPEC_VIPS] = {
	[VIP_WEB] = { "web", IPPROTO_TCP, 0, true, true, SCOPE_GROUP, 32, 64, "gue" },
	[VIP_ADMIN] = { "admin", IPPROTO_TCP, 0, true, false, SCOPE_GROUP, 32, 64, "ipip" },
	[VIP_QUIC] = { "quic", IPPROTO_UDP, 0, true, false, SCOPE_GROUP, 32, 64, "gue" },
	[VIP_API] = { "api", IPPROTO_TCP, 0, false, false, SCOPE_NONE, 32, 64, "gue" },
	[VIP_SITE] = { "site", IPPROTO_TCP, 1, true, false, SCOPE_SITE, 24, 56, "ipip" },
	[VIP_STREAM] = { "stream", IPPROTO_TCP, 1, false, false, SCOPE_NONE, 32, 64, "gue" },
	[VIP_VOICE] = { "voice", IPPROTO_UDP, 1, true, false, SCOPE_VOICE, 32, 64, "gue" },
	[VIP_DATA] = { "data", IPPROTO_UDP, 1, false, false, SCOPE_NONE, 32, 64, "ipip" },
};

static const char *const pool_names[SPEC_POOLS] = { "front", "back" };

static const char *const hash_names[] = {
	[CONFIG_HASH_MAGLEV] = "maglev",
	[CONFIG_HASH_RENDEZVOUS] = "rendezvous",
	[CONFIG_HASH_RING] = "ring",
	[CONFIG_HASH_MODULO] = "modulo",
};

uint32_t spec_id(unsigned int pool, unsigned int name, unsigned int address)
{
	return (pool * SPEC_NAMES + name) * SPEC_ADDRESSES + address + 1;
}

unsigned int spec_id_pool(uint32_t id)
{
	return (id - 1) / SPEC_ADDRESSES / SPEC_NAMES;
}

unsigned int spec_id_name(uint32_t id)
{
	return (id - 1) / SPEC_ADDRESSES % SPEC_NAMES;
}

unsigned int spec_id_address(uint32_t id)
{
	return (id - 1) % SPEC_ADDRESSES;
}

const char *spec_pool_name(unsigned int pool)
{
	return pool_names[pool];
}

void spec_backend_name(const struct spec *spec, uint32_t id, char out[SPEC_NAME_SIZE])
{
	snprintf(out, SPEC_NAME_SIZE, "b%u-%08x", spec_id_name(id), spec->salt);
}

void spec_backend_addr(uint32_t id, struct lp_addr *out)
{
	*out = (struct lp_addr) { 0 };
	out->w[2] = htonl(0xffff);
	out->w[3] = htonl(10u << 24 | id);
}

uint32_t spec_addr_id(const struct lp_addr *addr)
{
	return ntohl(addr->w[3]) & 0xffff;
}

void spec_vip_addr(unsigned int vip, bool v6, struct lp_addr *out)
{
	*out = (struct lp_addr) { 0 };
	if (v6) {
		out->w[0] = htonl(0x20010db8);
		out->w[1] = htonl(0x00010000);
		out->w[3] = htonl(10 + vip);
	} else {
		out->w[2] = htonl(0xffff);
		out->w[3] = htonl(0xc000020a + vip);
	}
}

uint16_t spec_vip_port(unsigned int vip)
{
	return (uint16_t)(8000 + vip);
}

bool spec_is_present(const struct spec *spec, uint32_t id)
{
	const struct spec_member *member = &spec->pools[spec_id_pool(id)].members[spec_id_name(id)];

	return member->present && member->address == spec_id_address(id);
}

bool spec_resets(const struct spec *spec, unsigned int vip)
{
	return (spec->reset >> vip & 1) && spec_vip_kinds[vip].protocol == IPPROTO_TCP &&
	       strcmp(spec->track, "never") != 0;
}

unsigned int spec_members(const struct spec *spec, unsigned int pool)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < SPEC_NAMES; i++)
		n += spec->pools[pool].members[i].present;
	return n;
}

bool spec_is_valid(const struct spec *spec, unsigned int pool)
{
	for (unsigned int i = 0; i < SPEC_NAMES; i++) {
		const struct spec_member *member = &spec->pools[pool].members[i];

		if (member->present && member->weight && !member->backup)
			return true;
	}
	return false;
}

/* --- YAML ------------------------------------------------------------------------- */

static void write_pool(FILE *out, const struct spec *spec, unsigned int number)
{
	const struct spec_pool *pool = &spec->pools[number];

	fprintf(out,
		"  %s:\n    hash: %s\n    check: alive\n    drain_timeout: %us\n    min_up: %u\n"
		"    slow_start: %us\n    on_all_down: %s\n    backends:\n",
		pool_names[number], hash_names[pool->hash], pool->drain_timeout, pool->min_up,
		pool->slow_start, pool->drop ? "drop" : "all");
	for (unsigned int i = 0; i < SPEC_NAMES; i++) {
		const struct spec_member *member = &pool->members[i];
		uint32_t id = spec_id(number, i, member->address);
		char name[SPEC_NAME_SIZE], text[LP_ADDR_TEXT];
		struct lp_addr addr;

		if (!member->present)
			continue;
		spec_backend_name(spec, id, name);
		spec_backend_addr(id, &addr);
		fprintf(out, "      - {name: %s, address: \"%s\", weight: %u, backup: %s}\n", name,
			lp_addr_format(&addr, text), member->weight,
			member->backup ? "true" : "false");
	}
}

static void write_affinity(FILE *out, const struct spec *spec, const struct spec_vip_kind *kind)
{
	fprintf(out, "    affinity:\n      track: %s\n      mode: %s\n", spec->track,
		kind->source ? "source" : "tcp");
	if (!kind->source)
		return;
	fprintf(out, "      timeout: %us\n      mask: %u\n      mask6: %u\n",
		spec->timeout[kind->scope], kind->mask, kind->mask6);
	if (kind->scope == SCOPE_GROUP)
		fprintf(out, "      group: people\n");
	if (kind->proxies)
		fprintf(out, "      proxies: [%s, \"%s\"]\n", SPEC_PROXY4, SPEC_PROXY6);
}

static void write_vip(FILE *out, const struct spec *spec, unsigned int vip)
{
	const struct spec_vip_kind *kind = &spec_vip_kinds[vip];
	char v4[LP_ADDR_TEXT], v6[LP_ADDR_TEXT];
	struct lp_addr addr;

	spec_vip_addr(vip, false, &addr);
	lp_addr_format(&addr, v4);
	spec_vip_addr(vip, true, &addr);
	lp_addr_format(&addr, v6);
	fprintf(out, "  %s:\n    addresses: [\"%s\", \"%s\"]\n", kind->name, v4, v6);
	fprintf(out, "    protocol: %s\n    ports: [%u]\n    pool: %s\n    forward: %s\n",
		kind->protocol == IPPROTO_TCP ? "tcp" : "udp", spec_vip_port(vip),
		pool_names[kind->pool], kind->forward);
	fprintf(out, "    idle_timeout: %us\n    on_backend_down: %s\n", spec->idle_timeout[vip],
		spec->reset >> vip & 1 ? "reset" : "reroute");
	write_affinity(out, spec, kind);
}

char *spec_yaml(const struct spec *spec)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	fprintf(out, "seed: \"%s\"\ninterfaces: [{name: lo}]\n", SPEC_SEED);
	fprintf(out, "checks:\n  alive: {type: tcp, port: 80}\npools:\n");
	for (unsigned int i = 0; i < SPEC_POOLS; i++)
		write_pool(out, spec, i);
	fprintf(out, "vips:\n");
	for (unsigned int i = 0; i < SPEC_VIPS; i++)
		if (i != VIP_QUIC || spec->mixed)
			write_vip(out, spec, i);
	fclose(out);
	return text;
}
