// SPDX-License-Identifier: GPL-2.0
#include "core/nat.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "core/policy.h"
#include "lib/addr.h"

/* One address and port (or range, or any) of a VIP, as one backend shows it. */
struct face {
	struct lp_addr backend;
	const struct config_vip *vip;
	const struct lp_addr *address;         /* of the VIP */
	const struct config_port_range *ports; /* of the VIP */
	uint16_t first, last;                  /* of the backend; 0, 0: any */
};

struct faces {
	struct face *items;
	size_t n, room;
};

/* Room doubles; -ENOMEM. */
static int add_face(struct faces *faces, const struct face *face)
{
	if (faces->n == faces->room) {
		size_t room = faces->room ? 2 * faces->room : 64;
		struct face *items = realloc(faces->items, room * sizeof(*items));

		if (!items)
			return -ENOMEM;
		faces->items = items;
		faces->room = room;
	}
	faces->items[faces->n++] = *face;
	return 0;
}

static int add_backend(struct faces *faces, const struct config_vip *vip,
		       const struct lp_addr *backend)
{
	int ret = 0;

	for (size_t i = 0; i < vip->n_addresses; i++) {
		for (size_t j = 0; j < vip->n_ports && !ret; j++) {
			const struct config_port_range *ports = &vip->ports[j];
			const struct face face = {
				.backend = *backend,
				.vip = vip,
				.address = &vip->addresses[i],
				.ports = ports,
				.first = ports->target ? ports->target : ports->first,
				.last = ports->target ? ports->target : ports->last,
			};

			if (lp_addr_is_v6(backend) == lp_addr_is_v6(&vip->addresses[i]))
				ret = add_face(faces, &face);
		}
	}
	return ret;
}

/* Is it an address of a VIP by now? Then it is that, and no backend's. */
static bool is_vip(const struct config *config, const struct lp_addr *addr)
{
	for (size_t i = 0; i < config->n_vips; i++)
		for (size_t j = 0; j < config->vips[i].n_addresses; j++)
			if (lp_addr_equal(&config->vips[i].addresses[j], addr))
				return true;
	return false;
}

/* Backends that the configuration does not name any more, but whose connections live. */
static int add_leaving(struct faces *faces, const struct config *config,
		       const struct config_vip *vip, const struct runtime *runtime)
{
	int ret = 0;

	for (size_t i = 0; i < runtime->n_backends && !ret; i++) {
		const struct runtime_backend *backend = &runtime->backends[i];

		if (!backend->wanted && !strcmp(backend->pool, vip->pool) &&
		    !is_vip(config, &backend->address))
			ret = add_backend(faces, vip, &backend->address);
	}
	return ret;
}

static int compare_faces(const void *left, const void *right)
{
	const struct face *a = left, *b = right;
	int order = lp_addr_compare(&a->backend, &b->backend);

	if (!order)
		order = (int)a->vip->protocol - (int)b->vip->protocol;
	if (!order)
		order = (int)a->first - (int)b->first;
	if (!order)
		order = strcmp(a->vip->name, b->vip->name);
	if (!order)
		order = lp_addr_compare(a->address, b->address);
	return order ? order : (int)a->ports->first - (int)b->ports->first;
}

/* All faces, sorted by backend, protocol and port; the caller frees `items`. */
static int collect(const struct config *config, const struct runtime *runtime, struct faces *faces)
{
	int ret = 0;

	*faces = (struct faces) { 0 };
	for (size_t i = 0; i < config->n_vips && !ret; i++) {
		const struct config_vip *vip = &config->vips[i];
		const struct config_pool *pool = config_pool_find(config, vip->pool);

		if (vip->forward != LP_FORWARD_NAT)
			continue;
		for (size_t j = 0; pool && j < pool->n_backends && !ret; j++)
			ret = add_backend(faces, vip, &pool->backends[j].address);
		if (!ret && runtime)
			ret = add_leaving(faces, config, vip, runtime);
	}
	if (ret) {
		free(faces->items);
		*faces = (struct faces) { 0 };
	} else if (faces->n) {
		qsort(faces->items, faces->n, sizeof(*faces->items), compare_faces);
	}
	return ret;
}

static bool same_backend(const struct face *a, const struct face *b)
{
	return a->vip->protocol == b->vip->protocol && lp_addr_equal(&a->backend, &b->backend);
}

/* Do both claim the same replies? Two pools may have the same server: that is one face. */
static bool same_face(const struct face *a, const struct face *b)
{
	return a->vip == b->vip && a->address == b->address && a->ports == b->ports;
}

static bool is_any(const struct face *face)
{
	return !face->first;
}

/*
 * Could a reply be of either? Of one backend and protocol, `a` before `b`. `any` has all
 * ports, which is as well where the other one is the same port of the same address.
 */
static bool conflicts(const struct face *a, const struct face *b)
{
	if (!same_backend(a, b) || same_face(a, b))
		return false;
	if (is_any(a))
		return b->ports->target || !lp_addr_equal(a->address, b->address);
	return b->first <= a->last;
}

/* What has been seen of a backend and protocol, in the order of faces. */
struct reach {
	const struct face *furthest; /* of those before, the one that goes on longest */
	const struct face *any;
	bool anies; /* several: then everything meets one of them */
};

static void mark(const struct config *config, bool *ambiguous, const struct face *face)
{
	ambiguous[face->vip - config->vips] = true;
}

static void mark_both(const struct config *config, bool *ambiguous, const struct face *a,
		      const struct face *b)
{
	if (!a || !conflicts(a, b))
		return;
	mark(config, ambiguous, a);
	mark(config, ambiguous, b);
}

static void judge(const struct config *config, bool *ambiguous, struct reach *reach,
		  const struct face *face)
{
	mark_both(config, ambiguous, reach->any, face);
	mark_both(config, ambiguous, reach->furthest, face);
	if (reach->anies)
		mark(config, ambiguous, face);
	if (is_any(face)) {
		reach->anies |= reach->any && conflicts(reach->any, face);
		reach->any = face;
	} else if (!reach->furthest || face->last > reach->furthest->last) {
		reach->furthest = face;
	}
}

int nat_ambiguous(const struct config *config, bool **out)
{
	bool *ambiguous = calloc(config->n_vips + 1, sizeof(*ambiguous));
	struct reach reach = { NULL };
	struct faces faces;

	if (!ambiguous || collect(config, NULL, &faces)) {
		free(ambiguous);
		return -ENOMEM;
	}
	for (size_t i = 0; i < faces.n; i++) {
		if (i && !same_backend(&faces.items[i - 1], &faces.items[i]))
			reach = (struct reach) { NULL };
		judge(config, ambiguous, &reach, &faces.items[i]);
	}
	free(faces.items);
	*out = ambiguous;
	return 0;
}

static struct vip_rule make_rule(const struct config *config, const struct runtime *runtime,
				 const struct face *face, bool ambiguous)
{
	return (struct vip_rule) {
		.addr = face->backend,
		.proto = face->vip->protocol,
		.first = face->first,
		.last = face->last,
		.vip = { .vip = runtime ? runtime_vip(runtime, face->vip->name) : 0,
			 .forward = LP_FORWARD_NAT,
			 .flags = (__u8)(LP_VIP_REPLY | (ambiguous ? LP_VIP_ENTRIES : 0) |
					 (policy_flags(config, face->vip) & LP_VIP_GUARDED)),
			 .target = face->ports->target ? htons(face->ports->first) : 0,
			 .rewrite = *face->address },
	};
}

/*
 * Rules of sorted faces; how many. Of those that meet, the first has the ports that they
 * share: all of them say the same then, or it is one that leaves in the place of another.
 */
static size_t make_rules(const struct config *config, const struct runtime *runtime,
			 const struct faces *faces, const bool *ambiguous, struct vip_rule *rules)
{
	const struct face *before = NULL;
	uint16_t covered = 0;
	size_t n = 0;

	for (size_t i = 0; i < faces->n; i++) {
		struct face face = faces->items[i];

		if (before && same_backend(before, &face)) {
			if (face.last <= covered)
				continue; /* `any` again, too */
			if (face.first <= covered)
				face.first = covered + 1;
		}
		rules[n++] = make_rule(config, runtime, &face, ambiguous[face.vip - config->vips]);
		before = &faces->items[i];
		covered = face.last;
	}
	return n;
}

int nat_rules(const struct config *config, const struct runtime *runtime, struct vip_rule **out,
	      size_t *n)
{
	struct vip_rule *rules;
	bool *ambiguous = NULL;
	struct faces faces;

	if (collect(config, runtime, &faces))
		return -ENOMEM;
	rules = calloc(faces.n + 1, sizeof(*rules));
	if (!rules || nat_ambiguous(config, &ambiguous)) {
		free(faces.items);
		free(rules);
		return -ENOMEM;
	}
	*n = make_rules(config, runtime, &faces, ambiguous, rules);
	*out = rules;
	free(faces.items);
	free(ambiguous);
	return 0;
}
