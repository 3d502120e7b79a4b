/* SPDX-License-Identifier: GPL-2.0 */
/*
 * From the tree of nodes to struct config: each object by itself, in the order
 * of the file, so that item i of a list in the model is child i in the tree
 * until config_sort(). What only several objects together can show is
 * config_check.h's.
 *
 * All of them may leave part of an object behind when they fail; it is owned by
 * the config, which config_free() frees.
 */
#ifndef LIMPET_CORE_CONFIG_READ_H
#define LIMPET_CORE_CONFIG_READ_H

#include "core/config.h"
#include "core/config_index.h"
#include "core/config_schema.h"

/* Fills a zeroed config from the root of a tree. */
int config_read(const struct config_reader *reader, const struct config_node *root,
		struct config *config);

/* Values of the root's keys; `to` is the struct config. */
int config_read_interfaces(const struct config_reader *reader, const struct config_node *node,
			   const struct config_field *field, void *to);
int config_read_checks(const struct config_reader *reader, const struct config_node *node,
		       const struct config_field *field, void *to);
int config_read_pools(const struct config_reader *reader, const struct config_node *node,
		      const struct config_field *field, void *to);
int config_read_vips(const struct config_reader *reader, const struct config_node *node,
		     const struct config_field *field, void *to);

/* Values of a VIP's keys, and of its affinity's; `to` is the struct config_vip. */
int config_read_addresses(const struct config_reader *reader, const struct config_node *node,
			  const struct config_field *field, void *to);
int config_read_snat_addresses(const struct config_reader *reader, const struct config_node *node,
			       const struct config_field *field, void *to);
int config_read_ports(const struct config_reader *reader, const struct config_node *node,
		      const struct config_field *field, void *to);
int config_read_vip_interfaces(const struct config_reader *reader, const struct config_node *node,
			       const struct config_field *field, void *to);
int config_read_affinity(const struct config_reader *reader, const struct config_node *node,
			 const struct config_field *field, void *to);
int config_read_proxies(const struct config_reader *reader, const struct config_node *node,
			const struct config_field *field, void *to);

/* Value of a check's `expect`; `to` is the struct config_check. */
int config_read_expect(const struct config_reader *reader, const struct config_node *node,
		       const struct config_field *field, void *to);

/* Value of a check's `command`; `to` is the struct config_check. */
int config_read_command(const struct config_reader *reader, const struct config_node *node,
			const struct config_field *field, void *to);

/* Sorts the index and fails at a key that is there twice. */
int config_check_unique(const struct config_reader *reader, struct config_index *index,
			const char *what);

/* Sorts everything as config.h says (P6). */
void config_sort(struct config *config);

#endif
