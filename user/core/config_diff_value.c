// SPDX-License-Identifier: GPL-2.0
#include "core/config_diff_value.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/addr.h"
#include "lib/parse.h"

#define ITEMS_MAX 8 /* of a list that is shown whole */

/* --- one form for what means the same ----------------------------------------------- */

/* Closes what open_memstream() began; NULL for want of memory. */
static char *close_text(FILE *out, char **text)
{
	if (!fclose(out))
		return *text;
	free(*text);
	return NULL;
}

static void print_value(FILE *out, const struct config_node *node);

static char *plain_form(const struct config_node *node)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	print_value(out, node);
	return close_text(out, &text);
}

/* Addresses are prefixes without a '/'. */
static char *common_form(const struct config_node *node)
{
	char address[LP_ADDR_TEXT], *text;
	struct lp_addr addr;
	unsigned int bits;
	double seconds;
	int len;

	if (node->type != CONFIG_NODE_SCALAR)
		return plain_form(node);
	if (!lp_parse_prefix(node->text, &addr, &bits))
		len = asprintf(&text, "%s/%u", lp_addr_format(&addr, address), bits);
	else if (!lp_parse_duration(node->text, &seconds))
		len = asprintf(&text, "%.3fs", seconds);
	else
		len = asprintf(&text, "%s", node->text);
	return len < 0 ? NULL : text;
}

/* The items of a list in their common form. */
struct forms {
	char **form;
	size_t n;
};

static int compare_forms(const void *left, const void *right)
{
	return strcmp(*(char *const *)left, *(char *const *)right);
}

static void forms_free(struct forms *forms)
{
	for (size_t i = 0; i < forms->n; i++)
		free(forms->form[i]);
	free(forms->form);
}

/* False for want of memory; nothing is to be freed then. */
static bool forms_make(struct forms *forms, const struct config_node *list, bool sorted)
{
	const struct config_node *item = list->first;

	*forms = (struct forms) { .form = calloc(list->n + 1, sizeof(*forms->form)) };
	for (; forms->form && item; item = item->next) {
		forms->form[forms->n] = common_form(item);
		if (!forms->form[forms->n++])
			break;
	}
	if (!forms->form || item) {
		forms_free(forms);
		return false;
	}
	if (sorted)
		qsort(forms->form, forms->n, sizeof(*forms->form), compare_forms);
	return true;
}

static bool forms_hold(const struct forms *sorted, const struct config_node *item)
{
	char *form = common_form(item);
	bool found = form && bsearch(&form, sorted->form, sorted->n, sizeof(form), compare_forms);

	free(form);
	return found;
}

static bool forms_equal(const struct forms *a, const struct forms *b)
{
	for (size_t i = 0; i < a->n && i < b->n; i++)
		if (strcmp(a->form[i], b->form[i]) != 0)
			return false;
	return a->n == b->n;
}

/* --- the same? ---------------------------------------------------------------------- */

static bool same_scalar(const struct config_node *old, const struct config_node *new)
{
	char *a = common_form(old), *b = common_form(new);
	bool same = old->null == new->null &&a &&b && !strcmp(a, b);

	free(a);
	free(b);
	return same;
}

/* This and what follows calls itself, no deeper than a configuration is: CONFIG_DEPTH_MAX. */
/* NOLINTNEXTLINE(misc-no-recursion) */
static bool same_keys(const struct config_node *old, const struct config_node *new)
{
	if (old->n != new->n)
		return false;
	for (const struct config_node *item = old->first; item; item = item->next)
		if (!config_values_same(item, config_node_get(new, item->key->text)))
			return false;
	return true;
}

/* The words of a command are the one list whose order means something. */
static bool has_order(const struct config_node *list)
{
	return list->key && !strcmp(list->key->text, "command");
}

static bool same_list(const struct config_node *old, const struct config_node *new)
{
	struct forms a, b;
	bool same;

	if (!forms_make(&a, old, !has_order(old)))
		return false;
	if (!forms_make(&b, new, !has_order(old))) {
		forms_free(&a);
		return false;
	}
	same = forms_equal(&a, &b);
	forms_free(&a);
	forms_free(&b);
	return same;
}

/* NOLINTNEXTLINE(misc-no-recursion) */
bool config_values_same(const struct config_node *old, const struct config_node *new)
{
	if (!old || !new || old->type != new->type)
		return old == new;
	switch (old->type) {
	case CONFIG_NODE_SCALAR:
		return same_scalar(old, new);
	case CONFIG_NODE_LIST:
		return same_list(old, new);
	default:
		return same_keys(old, new);
	}
}

/* --- in words ----------------------------------------------------------------------- */

/* NOLINTNEXTLINE(misc-no-recursion) */
static void print_items(FILE *out, const struct config_node *list)
{
	size_t n = 0;

	for (const struct config_node *item = list->first; item; item = item->next) {
		if (n++ == ITEMS_MAX) {
			fprintf(out, ", %zu more", list->n - ITEMS_MAX);
			return;
		}
		fputs(n > 1 ? ", " : "", out);
		print_value(out, item);
	}
}

/* NOLINTNEXTLINE(misc-no-recursion) */
static void print_keys(FILE *out, const struct config_node *map)
{
	const char *between = "";

	for (const struct config_node *item = map->first; item; item = item->next) {
		fprintf(out, "%s%s: ", between, item->key->text);
		print_value(out, item);
		between = ", ";
	}
}

/* NOLINTNEXTLINE(misc-no-recursion) */
static void print_value(FILE *out, const struct config_node *node)
{
	if (!node) {
		fputs("(default)", out);
	} else if (node->type == CONFIG_NODE_SCALAR) {
		fputs(node->text, out);
	} else if (node->type == CONFIG_NODE_LIST) {
		fputc('[', out);
		print_items(out, node);
		fputc(']', out);
	} else {
		fputc('{', out);
		print_keys(out, node);
		fputc('}', out);
	}
}

/* Items of `items` that are not in `list`, each with a sign. */
static void print_missing(FILE *out, char sign, const struct config_node *list,
			  const struct config_node *items)
{
	struct forms there;
	size_t n = 0;

	if (!forms_make(&there, list, true))
		return;
	for (const struct config_node *item = items->first; item; item = item->next) {
		if (forms_hold(&there, item))
			continue;
		if (n++ < ITEMS_MAX) {
			fprintf(out, " %c", sign);
			print_value(out, item);
		}
	}
	if (n > ITEMS_MAX)
		fprintf(out, " %c%zu more", sign, n - ITEMS_MAX);
	forms_free(&there);
}

static bool are_sets(const struct config_node *old, const struct config_node *new)
{
	return old && new && old->type == CONFIG_NODE_LIST &&new->type == CONFIG_NODE_LIST &&
	       !has_order(old);
}

char *config_values_describe(const char *path, const char *key, const struct config_node *old,
			     const struct config_node *new)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	fprintf(out, "%s%s:", path, key);
	if (are_sets(old, new)) {
		print_missing(out, '-', new, old);
		print_missing(out, '+', old, new);
	} else {
		fputc(' ', out);
		print_value(out, old);
		fputs(" -> ", out);
		print_value(out, new);
	}
	return close_text(out, &text);
}

/* The name stands beside the text, and backends have lines of their own. */
static bool is_said_elsewhere(const char *key)
{
	return !strcmp(key, "name") || !strcmp(key, "backends");
}

char *config_value_keys(const struct config_node *thing)
{
	const char *between = "";
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	for (const struct config_node *item = thing->first; item; item = item->next) {
		if (is_said_elsewhere(item->key->text))
			continue;
		fprintf(out, "%s%s: ", between, item->key->text);
		print_value(out, item);
		between = ", ";
	}
	return close_text(out, &text);
}
