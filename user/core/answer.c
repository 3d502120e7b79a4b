// SPDX-License-Identifier: GPL-2.0
#include "core/answer.h"

#include <stddef.h>

#include "core/slot_state.h"

/* Nobody looks at records then. */
static bool is_blind(const struct answer_question *question)
{
	return question->track == LP_TRACK_NEVER ||
	       (question->track == LP_TRACK_NEEDED && slot_is_settled(question->slot));
}

const char *answer_refuses(const struct answer_question *question,
			   const struct answer_record *record, bool opening)
{
	if (!record->found)
		return "there is none";
	if (question->track == LP_TRACK_NEVER)
		return "the VIP tracks never";
	if (is_blind(question))
		return "the slot is settled";
	if (!record->lives)
		return "its backend is gone, or has had another life since";
	if (opening && record->offline)
		return "its backend is offline";
	if (record->expired && !slot_is_moving(question->slot))
		return "it has expired";
	return NULL;
}

/* T8, of a packet that no good record decides. */
static bool is_orphan(const struct answer_question *question)
{
	if (!question->resets || is_blind(question))
		return false;
	return (slot_is_moving(question->slot) && !question->past_lives) ||
	       (question->flow.found && !question->flow.lives);
}

struct answer answer_packet(const struct answer_question *question, bool opening)
{
	const struct lp_slot slot = question->slot;

	if (!answer_refuses(question, &question->flow, opening))
		return (struct answer) { question->flow.backend, ANSWER_CONNECTION };
	if (opening && question->source && !answer_refuses(question, &question->client, true))
		return (struct answer) { question->client.backend, ANSWER_CLIENT };
	if (!opening && is_orphan(question))
		return (struct answer) { 0, ANSWER_RESET };
	if (!opening && !is_blind(question) && slot_is_moving(slot) && question->past_lives)
		return (struct answer) { slot.prev, ANSWER_PAST };
	return (struct answer) { slot.cur, ANSWER_SLOT };
}
