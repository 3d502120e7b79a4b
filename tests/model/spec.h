/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a configuration of the model's world says, as plain numbers; histories
 * change it, the real engine gets it as YAML.
 *
 * Two pools, and VIPs of every kind that affinity knows. A backend is its pool,
 * its name and its address: another address is another backend, so its
 * identity (`id`, from 1) counts addresses too.
 */
#ifndef LIMPET_TESTS_MODEL_SPEC_H
#define LIMPET_TESTS_MODEL_SPEC_H

#include <limpet/abi.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/config.h"
#include "prng.h"

#define SPEC_SEED      "model"
#define SPEC_POOLS     2
#define SPEC_NAMES     10 /* of a pool */
#define SPEC_ADDRESSES 4  /* that a name can have, one after another */
#define SPEC_BACKENDS  (SPEC_POOLS * SPEC_NAMES * SPEC_ADDRESSES + 1)
#define SPEC_NAME_SIZE 32

enum spec_vip_number {
	VIP_WEB,    /* source, in the group, names proxies */
	VIP_ADMIN,  /* source, in the group */
	VIP_QUIC,   /* UDP, source, in the group; of mixed histories */
	VIP_API,    /* TCP by connection, same pool as the group's */
	VIP_SITE,   /* source, wide masks, the other pool */
	VIP_STREAM, /* TCP by connection, the other pool */
	VIP_VOICE,  /* UDP, source, the other pool */
	VIP_DATA,   /* UDP by connection, the other pool */
	SPEC_VIPS,
};

/* Who shares client records with whom. */
enum spec_scope { SCOPE_GROUP, SCOPE_SITE, SCOPE_VOICE, SPEC_SCOPES, SCOPE_NONE = SPEC_SCOPES };

/* What of a VIP never changes. */
struct spec_vip_kind {
	const char *name;
	uint8_t protocol;
	unsigned int pool;
	bool source;
	bool proxies;
	enum spec_scope scope;
	unsigned int mask, mask6;
	const char *forward;
};

extern const struct spec_vip_kind spec_vip_kinds[SPEC_VIPS];

struct spec_member {
	bool present, backup;
	uint32_t weight;
	unsigned int address; /* below SPEC_ADDRESSES */
};

struct spec_pool {
	enum config_hash hash;
	uint32_t drain_timeout; /* seconds */
	uint32_t min_up;
	uint32_t slow_start; /* seconds */
	bool drop;           /* on_all_down */
	struct spec_member members[SPEC_NAMES];
};

struct spec {
	uint32_t salt; /* in the names of backends: other names, other tables */
	const char *track;
	uint32_t reset; /* by VIP, 1 << number: on_backend_down: reset */
	struct spec_pool pools[SPEC_POOLS];
	bool mixed;                       /* VIP_QUIC is there: UDP in the group of TCP VIPs */
	uint32_t idle_timeout[SPEC_VIPS]; /* seconds */
	uint32_t timeout[SPEC_SCOPES];    /* of client records, seconds */
};

/* Are clients of the VIP's dead backends told? */
bool spec_resets(const struct spec *spec, unsigned int vip);

/* Identity of the backend that a member is now. */
uint32_t spec_id(unsigned int pool, unsigned int name, unsigned int address);
unsigned int spec_id_pool(uint32_t id);
unsigned int spec_id_name(uint32_t id);
unsigned int spec_id_address(uint32_t id);

const char *spec_pool_name(unsigned int pool);
/* The backend's name in the configuration. */
void spec_backend_name(const struct spec *spec, uint32_t id, char out[SPEC_NAME_SIZE]);
void spec_backend_addr(uint32_t id, struct lp_addr *out);
/* The identity of an address that spec_backend_addr() made. */
uint32_t spec_addr_id(const struct lp_addr *addr);

/* Destination of a VIP's packets. */
void spec_vip_addr(unsigned int vip, bool v6, struct lp_addr *out);
uint16_t spec_vip_port(unsigned int vip);

bool spec_is_present(const struct spec *spec, uint32_t id);
unsigned int spec_members(const struct spec *spec, unsigned int pool);
/* Somebody has to have a weight and be no backup. */
bool spec_is_valid(const struct spec *spec, unsigned int pool);

/* The configuration file; the caller's to free. NULL: out of memory. */
char *spec_yaml(const struct spec *spec);

/* The prefixes of VIP_WEB's proxies, as spec_yaml() writes them. */
#define SPEC_PROXY4 "10.200.0.0/16"
#define SPEC_PROXY6 "2001:db8:ffff::/48"

#endif
