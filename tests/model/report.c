// SPDX-License-Identifier: GPL-2.0
#include "report.h"

#include <stdlib.h>
#include <string.h>

#include "lib/addr.h"

static void print_backend(uint32_t id, FILE *out)
{
	if (id == WORLD_NOBODY)
		fprintf(out, "nobody");
	else if (id == WORLD_RESET)
		fprintf(out, "a RST");
	else if (id == WORLD_STRANGE)
		fprintf(out, "neither to a backend nor dropped");
	else
		fprintf(out, "%s/b%u@%u (id %u)", spec_pool_name(spec_id_pool(id)),
			spec_id_name(id), spec_id_address(id), id);
}

static void print_spec(const struct history *history, FILE *out)
{
	char *text = spec_yaml(&history->spec), *line = text, *end;

	if (!text)
		return;
	for (; (end = strchr(line, '\n')); line = end + 1)
		fprintf(out, "#   %.*s\n", (int)(end - line), line);
	free(text);
}

static void print_packet(const struct history *history, const struct step *step, FILE *out)
{
	const struct flow *flow = &history->flows[step->flow];
	char src[LP_ADDR_TEXT];

	fprintf(out, "%s of %s port %u to %s", step_name(step), lp_addr_format(&flow->src, src),
		flow->sport, spec_vip_kinds[flow->vip].name);
}

static void print_event(const struct step *step, FILE *out)
{
	switch (step->kind) {
	case STEP_TICK:
	case STEP_KILL:
	case STEP_START:
	case STEP_RELOAD:
		fprintf(out, "%s", step_name(step));
		break;
	case STEP_RESETS:
		fprintf(out, "%s: VIPs %#x", step_name(step), step->value);
		break;
	case STEP_IDLE:
		fprintf(out, "idle_timeout of %s: %u s", spec_vip_kinds[step->backend].name,
			step->value);
		break;
	case STEP_TIMEOUT:
		fprintf(out, "timeout of scope %u: %u s", step->backend, step->value);
		break;
	default:
		fprintf(out, "%s/b%u: %s", spec_pool_name(spec_id_pool(step->backend)),
			spec_id_name(step->backend), step_name(step));
		if (step->kind == STEP_WEIGHT || step->kind == STEP_HASH ||
		    step->kind == STEP_BACKUP || step->kind == STEP_MIN_UP ||
		    step->kind == STEP_SLOW)
			fprintf(out, " %u", step->value);
		else if (step->kind == STEP_WEIGH)
			fprintf(out, " %u for %u s", step->value & 0xffff, step->value >> 16);
		else if (step->value)
			fprintf(out, " for %u s", step->value);
	}
	if (step->cut)
		fprintf(out, "; the agent dies before operation %u of it", step->cut);
}

static void print_step(const struct history *history, const struct step *step, FILE *out)
{
	fprintf(out, "# %8u.%03u  ", step->ms / 1000, step->ms % 1000);
	if (step_is_packet(step))
		print_packet(history, step, out);
	else
		print_event(step, out);
	fputc('\n', out);
}

static void print_expected(const struct oracle_complaint *complaint, FILE *out)
{
	for (unsigned int i = 0; i < complaint->n_expected; i++) {
		fprintf(out, "%s", i ? " or " : "");
		print_backend(complaint->expected[i], out);
	}
	if (complaint->known)
		fprintf(out, " or one that it knows");
	if (complaint->any)
		fprintf(out, " or any that lives");
	if (complaint->reset)
		fprintf(out, "%sa RST", complaint->any ? " or " : "");
}

void report_difference(const struct history *history, const bool *off,
		       const struct replay_result *result, FILE *out)
{
	fprintf(out, "# it began with (times are seconds since then):\n");
	print_spec(history, out);
	for (size_t i = 0; i <= result->step; i++)
		if (!off[i])
			print_step(history, &history->steps[i], out);
	fprintf(out, "# %s\n# expected: ", result->complaint.promise);
	print_expected(&result->complaint, out);
	fprintf(out, "\n# got:      ");
	print_backend(result->got, out);
	fputc('\n', out);
}
