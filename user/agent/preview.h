/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a configuration would change, for `limpet config plan` and `apply`: read, checked
 * as a reload checks it, and compared with what runs. Changes nothing.
 */
#ifndef LIMPET_AGENT_PREVIEW_H
#define LIMPET_AGENT_PREVIEW_H

#include <stdbool.h>

#include "agent/agent.h"
#include "core/config_diff.h"
#include "core/forecast.h"

#define PREVIEW_ID 17 /* bytes, terminating zero included */

struct preview {
	char *file; /* what errors call it */
	char *text;
	struct config *config;
	struct runtime next;
	struct desired *desired;
	struct forecast *forecast; /* names are those of `config` and of agent->config */
	struct config_diff *diff;
	bool rekeyed; /* another seed */
	bool grows;   /* the datapath is loaded anew, with larger maps */
	/*
	 * Hex digits that tell this plan from every other: of the running configuration, of
	 * the generation of each pool, and of the text.
	 */
	char id[PREVIEW_ID];
};

/*
 * `text` is of `file`. On success *out is the caller's, good until the configuration in
 * force changes. -EINVAL and others, with the words of a reload that is refused.
 */
int preview_make(struct agent *agent, const char *file, const char *text, struct preview **out,
		 struct lp_err *err);

/* -EDOM with words if a VIP's clients would move by more than `max`, a share of 0 to 1. */
int preview_limit(const struct preview *preview, double max, struct lp_err *err);

/* Frees and sets *preview to NULL; a NULL *preview is fine. */
void preview_free(struct preview **preview);

#endif
