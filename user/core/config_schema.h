/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Tables that say which keys a map may have and how each value is read.
 */
#ifndef LIMPET_CORE_CONFIG_SCHEMA_H
#define LIMPET_CORE_CONFIG_SCHEMA_H

#include <limpet/abi.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/config_error.h"
#include "core/config_yaml.h"

struct config_field;

/* Checks a value and stores it at `to`. The value's type is the function's. */
typedef int (*config_read_fn)(const struct config_reader *reader, const struct config_node *node,
			      const struct config_field *field, void *to);

struct config_word {
	const char *text;
	unsigned int value;
};

struct config_words {
	const char *what; /* "forwarding mode" */
	const struct config_word *words;
	size_t n;
};

struct config_field {
	const char *key;
	config_read_fn read;
	size_t offset; /* of the value in the object that is read */
	bool required;
	const struct config_words *words; /* of config_read_word() */
	uint32_t min, max;                /* of numbers; of durations: min 1 means not 0 */
};

struct config_schema {
	const char *what; /* "a VIP": for a value that is no map */
	const struct config_field *fields;
	size_t n;
};

#define CONFIG_COUNT(array) (sizeof(array) / sizeof((array)[0]))

/*
 * Reads a map into `object`: every key must be in the schema, required ones
 * must be there; what has no key in the map is left as it is. A missing value
 * (null) is an empty map.
 */
int config_read_map(const struct config_reader *reader, const struct config_node *node,
		    const struct config_schema *schema, void *object);

/* Fails unless the node is of the type; null is an empty map or list. */
int config_want(const struct config_reader *reader, const struct config_node *node,
		enum config_node_type type, const char *allowed);

/* --- read functions: what they store, and from what --- */
int config_read_text(const struct config_reader *reader, const struct config_node *node,
		     const struct config_field *field, void *to); /* char *, not empty */
int config_read_name(const struct config_reader *reader, const struct config_node *node,
		     const struct config_field *field, void *to); /* char *, config_name_valid() */
int config_read_u32(const struct config_reader *reader, const struct config_node *node,
		    const struct config_field *field, void *to); /* uint32_t, min to max */
int config_read_port(const struct config_reader *reader, const struct config_node *node,
		     const struct config_field *field, void *to); /* uint16_t */
int config_read_bool(const struct config_reader *reader, const struct config_node *node,
		     const struct config_field *field, void *to); /* bool */
int config_read_word(const struct config_reader *reader, const struct config_node *node,
		     const struct config_field *field, void *to); /* unsigned int or an enum */
int config_read_duration(const struct config_reader *reader, const struct config_node *node,
			 const struct config_field *field, void *to); /* double, seconds */
int config_read_address(const struct config_reader *reader, const struct config_node *node,
			const struct config_field *field, void *to); /* struct lp_addr */
int config_read_prefix(const struct config_reader *reader, const struct config_node *node,
		       const struct config_field *field, void *to); /* struct config_prefix */
int config_read_prefixes(const struct config_reader *reader, const struct config_node *node,
			 const struct config_field *field, void *to); /* struct config_prefixes */

/* Replaces *to, which is owned, by a copy. */
int config_store_text(const struct config_reader *reader, const char *text, char **to);

/* Fails unless it is a name: 1 to 63 characters of [A-Za-z0-9._-], but not "." or "..". */
int config_check_name(const struct config_reader *reader, const struct config_node *node);

/* The same for a value that names a network interface: the kernel's rule, 1 to 15 characters. */
int config_check_interface_name(const struct config_reader *reader, const struct config_node *node);

/* Does `text` consist of 1 to `max` characters of `set`? */
bool config_text_is(const char *text, const char *set, size_t max);

#define CONFIG_ALNUM "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

#endif
