/* SPDX-License-Identifier: MIT */
/* The turn machine: whole stories, and what must hold of every row. */
#include "harness/turn.h"
#include "tests/unit/test.h"

enum { STORY_MAX = 12 };

/* A story: the inputs from `begin` on, and the log that must come of it, a letter for each operation. */
static const struct {
	const char *name;
	enum turn_input inputs[STORY_MAX]; /* ends with TURN_INPUTS */
	const char *want;
	enum turn_phase end, begin; /* TURN_IDLE when left out */
} stories[] = {
	{ "a plain answer", { TURN_QUEUED, TURN_ANSWERED, TURN_INPUTS }, "RQ[!A]I", TURN_IDLE },
	{ "one tool call", { TURN_QUEUED, TURN_CALLED, TURN_RESULTS, TURN_ANSWERED, TURN_INPUTS },
		"RQ[!A]xTQ[!A]I", TURN_IDLE },
	{ "two results apart",
		{ TURN_QUEUED, TURN_CALLED, TURN_RESULT, TURN_RESULTS, TURN_ANSWERED, TURN_INPUTS },
		"RQ[!A]xTTQ[!A]I", TURN_IDLE },
	{ "a message while the model speaks", { TURN_QUEUED, TURN_ANSWERED_MORE, TURN_ANSWERED, TURN_INPUTS },
		"RQ[!A]Q[!A]I", TURN_IDLE },
	{ "a fault, then an answer", { TURN_QUEUED, TURN_FAULT, TURN_DUE, TURN_ANSWERED, TURN_INPUTS },
		"RQ[!]esw" "R[!A]I", TURN_IDLE },
	{ "a failure", { TURN_QUEUED, TURN_FAILURE, TURN_INPUTS }, "RQ[!]XQI", TURN_IDLE },
	{ "an interrupt while asking", { TURN_QUEUED, TURN_INTERRUPT, TURN_INPUTS }, "RQ[!]iIc", TURN_IDLE },
	{ "an interrupt during a call, whose result is late",
		{ TURN_QUEUED, TURN_CALLED, TURN_INTERRUPT, TURN_RESULTS, TURN_INPUTS }, "RQ[!A]xTCiIS",
		TURN_IDLE },
	{ "an interrupt while waiting to retry", { TURN_QUEUED, TURN_FAULT, TURN_INTERRUPT, TURN_DUE,
		TURN_INPUTS }, "RQ[!]eswiI", TURN_IDLE },
	{ "an interrupt in peace", { TURN_INTERRUPT, TURN_INPUTS }, "i", TURN_IDLE },
	{ "events that start nothing", { TURN_QUEUED_QUIET, TURN_INPUTS }, "Q", TURN_IDLE },
	{ "a refusal", { TURN_QUEUED, TURN_REFUSED, TURN_INPUTS }, "RQ[!A]I", TURN_IDLE },
	{ "found asking", { TURN_FOUND, TURN_ANSWERED, TURN_INPUTS }, "]Q[!A]I", TURN_IDLE, TURN_ASKING },
	{ "found asking, and an interrupt", { TURN_INTERRUPT, TURN_INPUTS }, "]iIc", TURN_IDLE, TURN_ASKING },
	{ "found working", { TURN_FOUND, TURN_RESULTS, TURN_ANSWERED, TURN_INPUTS }, "xTQ[!A]I", TURN_IDLE,
		TURN_WORKING },
	{ "found working, and an interrupt", { TURN_INTERRUPT, TURN_INPUTS }, "TCiIS", TURN_IDLE, TURN_WORKING },
	{ "found waiting to retry", { TURN_FOUND, TURN_DUE, TURN_INPUTS }, "wR[!", TURN_ASKING, TURN_BACKOFF },
	{ "a session that cannot be used", { TURN_FAILURE, TURN_INPUTS }, "RQXI", TURN_IDLE },
	{ "that was asking", { TURN_FAILURE, TURN_INPUTS }, "]XQI", TURN_IDLE, TURN_ASKING },
	{ "that was working", { TURN_FAILURE, TURN_INPUTS }, "CXQI", TURN_IDLE, TURN_WORKING },
	{ "that waited to retry", { TURN_FAILURE, TURN_INPUTS }, "XQI", TURN_IDLE, TURN_BACKOFF },
};

static char letter(enum turn_op op)
{
	static const char letters[TURN_OPS] = { [TURN_LOG_RUNNING] = 'R', [TURN_LOG_QUEUE] = 'Q',
		[TURN_LOG_ASK] = '[', [TURN_LOG_RESPONSE] = 'A', [TURN_LOG_REQUEST_LOST] = ']',
		[TURN_LOG_RETRYING] = 'e', [TURN_LOG_EXHAUSTED] = 'X', [TURN_LOG_RESCHEDULED] = 's',
		[TURN_LOG_RESULTS] = 'T', [TURN_LOG_CLOSE_CALLS] = 'C', [TURN_LOG_INTERRUPT] = 'i',
		[TURN_LOG_IDLE] = 'I', [TURN_DO_ASK] = '!', [TURN_DO_CANCEL] = 'c', [TURN_DO_EXECUTE] = 'x',
		[TURN_DO_STOP_CALLS] = 'S', [TURN_DO_WAIT] = 'w' };
	return letters[op];
}

/* "[!A]" is a request and its complete answer: LOG_RESPONSE writes the content and the end. */
static void tell(enum turn_phase phase, const enum turn_input *inputs, char *ret_text,
	enum turn_phase *ret_phase)
{
	size_t n = 0;
	for (; *inputs != TURN_INPUTS; inputs++) {
		const struct turn_row *row = turn_next(phase, *inputs);
		for (size_t i = 0; row && i < TURN_OPS_MAX && row->ops[i] != TURN_END; i++) {
			ret_text[n++] = letter(row->ops[i]);
			if (row->ops[i] == TURN_LOG_RESPONSE)
				ret_text[n++] = ']';
		}
		phase = row ? row->next : phase;
	}
	ret_text[n] = '\0';
	*ret_phase = phase;
}

static bool is_log(enum turn_op op)
{
	return op > TURN_END && op < TURN_LOGS;
}

/* Append first, act second: within a row every log operation stands before every effect. */
static int rows_out_of_order(void)
{
	int wrong = 0;
	for (int phase = 0; phase < TURN_PHASES; phase++)
		for (int input = 0; input < TURN_INPUTS; input++) {
			const struct turn_row *row = turn_next(phase, input);
			bool acted = false;
			for (size_t i = 0; row && i < TURN_OPS_MAX && row->ops[i] != TURN_END; i++) {
				wrong += acted && is_log(row->ops[i]);
				acted |= !is_log(row->ops[i]);
			}
		}
	return wrong;
}

/* Whoever waits must be able to be interrupted, and to give up. */
static int phases_without(enum turn_input input)
{
	int missing = 0;
	for (int phase = 0; phase < TURN_PHASES; phase++)
		missing += !turn_next(phase, input);
	return missing;
}

int main(void)
{
	for (size_t i = 0; i < sizeof(stories) / sizeof(*stories); i++) {
		char text[64];
		enum turn_phase end;
		tell(stories[i].begin, stories[i].inputs, text, &end);
		CHECK_TEXT(text, stories[i].want);
		CHECK_TEXT(turn_phase_name(end), turn_phase_name(stories[i].end));
	}
	CHECK_INT(rows_out_of_order(), 0);
	CHECK_INT(phases_without(TURN_INTERRUPT), 0);
	CHECK_INT(phases_without(TURN_FAILURE), 0);
	return test_done();
}
