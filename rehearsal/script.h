/* SPDX-License-Identifier: MIT */
/*
 * What a message asks the rehearsal to do, line by line.
 *
 *	Look around.            words, said before the calls
 *	! ls                    a call of bash
 *	@grep {"pattern":"x"}   a call of any tool
 *	then                    what follows belongs to the answer after the results
 *	%overload 2             something goes wrong (or is special) in this round
 *	say Done.               the words of an answer without calls
 *
 * A script is a list of rounds, and a round is one answer of the model.  It may
 * come in several texts, when messages were not answered one by one; manners
 * count only in the last of them.  Parsing is pure and never fails: a line that
 * is wrong leaves a sentence in `wrong`, which the model then says.
 */
#pragma once

#include "base/buf.h"
#include "rehearsal/directive.h"

enum {
	ROUNDS_MAX = 256,
	CALLS_MAX = 256, /* of one round */
	FAULTS_MAX = 16, /* of one round */
	SCRIPT_TEXT_MAX = 33 << 20, /* words of a whole request fit */
};

struct call {
	char *name;
	char *input; /* JSON text, as it was typed */
};

struct round {
	struct buf words; /* before the calls, or to be answered */
	struct buf say; /* verbatim answer; empty: none */
	struct call *calls;
	size_t call_count;
	struct fault faults[FAULTS_MAX]; /* in the order in which they happen */
	size_t fault_count;
	struct manner manner;
};

struct script {
	struct round *rounds; /* at least one */
	size_t round_count;
	size_t text_count;
	char *replay; /* path of a recording; NULL */
	bool is_plain; /* nothing but words */
	struct buf wrong; /* what is wrong with the first wrong line; empty: nothing */
};

void script_init(struct script *script);
void script_add(struct script *script, const char *text); /* one more text */
void script_done(struct script *script);

/* The kinds of lines, for the help text. */
struct line_kind {
	const char *form; /* "! COMMAND" */
	const char *help;
	/* True when the line is of this kind, and then it has been taken in. */
	bool (*take)(struct script *script, const char *line);
};

const struct line_kind *script_line_kind_at(size_t index); /* NULL past the last */
