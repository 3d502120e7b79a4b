/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The configuration file (DESIGN section 3; limpet.yaml(5)) as a model: what
 * the text says, checked and with its defaults filled in, and nothing else.
 * Pure: no network, no kernel, no clock.
 *
 * Order never matters (P6): interfaces, checks, pools, backends of a pool, and
 * VIPs are sorted by name, addresses, prefixes and port ranges by value.
 */
#ifndef LIMPET_CORE_CONFIG_H
#define LIMPET_CORE_CONFIG_H

#include <limpet/abi.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"

enum config_xdp_mode { CONFIG_XDP_AUTO, CONFIG_XDP_NATIVE, CONFIG_XDP_GENERIC };

struct config_prefix {
	struct lp_addr addr; /* zero after its bits */
	unsigned int bits;   /* from the address's own beginning: 0 to 32, or 0 to 128 */
};

/* A list of prefixes, no two equal. */
struct config_prefixes {
	struct config_prefix *items;
	size_t n;
};

struct config_interface {
	char *name;
	enum config_xdp_mode mode;
	struct config_prefixes reject_sources;
	struct config_prefixes allow_hairpin; /* exceptions to them */
};

enum config_check_type {
	CONFIG_CHECK_TCP,
	CONFIG_CHECK_HTTP,
	CONFIG_CHECK_HTTPS,
	CONFIG_CHECK_EXEC,
};

enum config_via { CONFIG_VIA_DIRECT, CONFIG_VIA_VIP };

struct config_status_range {
	uint16_t first, last; /* HTTP status codes, inclusive */
};

struct config_check {
	char *name;
	enum config_check_type type;
	uint16_t port; /* host byte order; 0: the backend's target port (see config_pool.check_port)
			*/
	char *path;    /* never NULL; begins with '/' */
	char *host;    /* NULL: the backend's address */
	bool verify;   /* https: a certificate that is not trusted is a bad result */
	char *ca;      /* https: file of trusted roots, an absolute path; NULL: the system's */
	double expiry_warning; /* https: seconds before the end of a certificate; 0: none */
	char **command; /* exec: program, an absolute path, and arguments, then NULL; else NULL */
	size_t n_command;
	char *user; /* exec: who runs it; NULL: see health/exec_user.h */
	struct config_status_range *expect;
	size_t n_expect;
	enum config_via via; /* CONFIG_VIA_VIP: not of CONFIG_CHECK_EXEC */
	double interval;     /* seconds */
	double timeout;      /* seconds, at most interval */
	unsigned int rise, fall;
};

enum config_hash {
	CONFIG_HASH_MAGLEV,
	CONFIG_HASH_RENDEZVOUS,
	CONFIG_HASH_RING,
	CONFIG_HASH_MODULO,
};

struct config_backend {
	char *name;
	struct lp_addr address;
	uint32_t weight; /* 0 to CONFIG_WEIGHT_MAX; 0: no new clients */
	bool backup;     /* used only while fewer than min_up of the others are usable */
};

#define CONFIG_WEIGHT_MAX   65535u
#define CONFIG_BACKENDS_MAX 65534u   /* of all pools together (A4 and LP_BACKENDS_MAX in abi.h) */
#define CONFIG_RULES_MAX    1000000u /* of all VIPs together: addresses times ports */
#define CONFIG_PROXIES_MAX  4096u    /* of a VIP */
/* Of all VIPs together: those of both halves are in the one map `proxies` (bpf/maps.h),
 * which has room for twice as many. */
#define CONFIG_PROXIES_ALL_MAX 32768u
#define CONFIG_PREFIXES_MAX    4096u   /* of a list of them */
#define CONFIG_POLICY_MAX      400000u /* of all VIPs together: prefixes times interfaces */
#define CONFIG_COMMAND_MAX     64u     /* words of an exec check's command */
#define CONFIG_PATH_MAX        4095u   /* bytes of a file's path */
#define CONFIG_DURATION_MAX    (365 * 86400.0)
#define CONFIG_TEXT_MAX        (64u << 20) /* bytes of a file */

/* What becomes of packets when nobody is usable. */
enum config_all_down { CONFIG_ALL_DOWN_ALL, CONFIG_ALL_DOWN_DROP };

struct config_pool {
	char *name;
	enum config_hash hash;
	char *check;         /* NULL: always up */
	uint16_t check_port; /* where the check goes; 0: there is no check, or an exec one */
	/* A check with CONFIG_VIA_VIP goes to these addresses, IPv4 and IPv6, of the first VIP by
	 * name that it can go through; all zero where the pool has no backends of the family. */
	struct lp_addr via[2];
	enum lp_forward via_forward; /* that VIP's */
	uint32_t min_up;             /* with fewer usable than this, backups are used */
	enum config_all_down on_all_down;
	double drain_timeout; /* seconds */
	double slow_start;    /* seconds; 0: none */
	struct config_backend *backends;
	size_t n_backends;
};

struct config_port_range {
	uint16_t first, last; /* host byte order, inclusive; 0,0: any */
	uint16_t target;      /* of the backend, for one port of nat and snat; 0: the same */
};

struct config_vip {
	char *name;
	struct lp_addr *addresses;
	size_t n_addresses;
	uint8_t protocol;                /* IPPROTO_TCP or IPPROTO_UDP */
	struct config_port_range *ports; /* sorted, no overlaps */
	size_t n_ports;
	char *pool;
	char *table_pool; /* whose slot table serves the VIP: its pool; in a group, the first by
			     name of the pools of the group's VIPs, which have the same members */
	enum lp_forward forward;
	enum lp_affinity affinity;
	unsigned int mask;             /* 0 to 32 */
	unsigned int mask6;            /* 0 to 128 */
	double idle_timeout;           /* seconds */
	bool reset;                    /* on_backend_down: reset, not reroute */
	double affinity_timeout;       /* seconds */
	char *group;                   /* NULL: none; its VIPs agree in all of the affinity but
					  proxies and track, which is LP_AFFINITY_SOURCE */
	struct config_prefix *proxies; /* no two equal, none that holds both IPv4 and IPv6;
					  LP_AFFINITY_SOURCE only */
	size_t n_proxies;
	enum lp_track track;
	char **interfaces; /* sorted names of struct config.interfaces; none: all of them */
	size_t n_interfaces;
	struct config_prefixes allow, deny; /* no prefix is in both */
	enum lp_ping ping;                  /* VIPs that share an address agree in it */
	struct lp_addr *snat_addresses;     /* sorted, of the family of `addresses`; none: the
					       address that the kernel takes towards a backend */
	size_t n_snat_addresses;            /* at most LP_SNAT_ADDRESSES_MAX */
};

struct config {
	char *seed;
	struct config_interface *interfaces;
	size_t n_interfaces;
	struct config_check *checks;
	size_t n_checks;
	struct config_pool *pools;
	size_t n_pools;
	struct config_vip *vips;
	size_t n_vips;
};

/*
 * Parses `len` bytes of YAML at `text`. `name` is what errors call it: the
 * file's name. On success *out is the caller's, to be freed with config_free().
 *
 * On failure returns -EINVAL (or -ENOMEM), leaves *out untouched and fills err
 * with the first error, in the form
 *
 *	limpet.yaml:12:7: vips.web.forward: "ipop": no such forwarding mode; allowed: dsr, ipip, gue
 *	  12 |     forward: ipop
 *	     |              ^~~~
 *
 * (file, line, column, key, offending text, what is wrong, what is allowed).
 */
int config_parse(const char *name, const char *text, size_t len, struct config **out,
		 struct lp_err *err);

/* Reads the file and parses it. -errno of open and read, with words in err. */
int config_load(const char *path, struct config **out, struct lp_err *err);

/* Frees and sets *config to NULL; a NULL *config is fine. */
void config_free(struct config **config);

/* Found by name, or NULL. */
const struct config_pool *config_pool_find(const struct config *config, const char *name);
const struct config_check *config_check_find(const struct config *config, const char *name);
const struct config_vip *config_vip_find(const struct config *config, const char *name);

/* Are clients of its dead backends told by a RST? Not of UDP, nor where nothing is
 * remembered by which they could be known. */
bool config_vip_resets(const struct config_vip *vip);

/* As the file says it. */
const char *config_ping_name(enum lp_ping ping);

#endif
