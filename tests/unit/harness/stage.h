/* SPDX-License-Identifier: MIT */
/*
 * A stage for the harness: a store in a temporary directory, a scripted model
 * server, and a spawner and hands that do what the test says, all but the server
 * on the test's own loop.
 *
 *	struct stage *s = stage_open(answers, ARRAY_LEN(answers));
 *	int64_t num = stage_session(s, "x");
 *	stage_say(s, num, "hello");
 *	CHECK(stage_until(s, num, stage_at_rest));
 *	stage_close(s);
 */
#pragma once

#include "harness/harness.h"
#include "tests/unit/harness/server.h"

enum { STAGE_CALLS_MAX = 256 };

struct stage {
	struct loop *loop;
	struct store *store; /* a connection of the test's own */
	struct harness *harness; /* NULL after stage_kill */
	struct server *server;
	char *dir; /* owned */
	int hints[2], spawner[2]; /* [0] is the test's end */
	size_t running_max;

	/* The sandbox, one at a time. */
	struct loop_io spawner_io;
	struct stream *hands; /* owned; NULL none */
	int instances; /* made so far */
	bool alive; /* the last of them */
	bool hold; /* calls are not answered; the test does it with stage_answer */
	struct slice result; /* of calls that are; lent */
	char *calls[STAGE_CALLS_MAX]; /* ids of all that the hands were told to execute; owned */
	size_t call_count;
	struct buf heard; /* o open, d discard, x execute, a acknowledge, i interrupt, in order */

	struct buf previews; /* lines of the HINT_DELTAs */
	struct server_report report; /* after stage_close: of the last request */
};

/* The answers are those of the model, in order; lent. */
struct stage *stage_open(const struct script *answers, size_t count);
void stage_close(struct stage *s); /* fills s->report and leaves s allocated for it: then stage_free */
void stage_free(struct stage *s);

void stage_kill(struct stage *s); /* the harness is gone, and what was not in the log */
void stage_start(struct stage *s); /* another one */
void stage_lose_sandbox(struct stage *s); /* the next open gives a fresh one */

int64_t stage_session(struct stage *s, const char *name);
void stage_queue(struct stage *s, int64_t num, cJSON *event /* taken */); /* without a hint */
void stage_wake(struct stage *s, int64_t num);
void stage_say(struct stage *s, int64_t num, const char *text); /* with a hint */
void stage_answer(struct stage *s, size_t call, struct slice text);

/* Runs the loop until it is so; false after a long time. */
bool stage_until(struct stage *s, int64_t num, bool (*is_so)(struct stage *s, int64_t num));
bool stage_at_rest(struct stage *s, int64_t num);
void stage_read_hints(struct stage *s); /* also done by what runs the loop */
void stage_run(struct stage *s, int64_t ms); /* runs it for a time, for what must not happen */

struct session stage_look(struct stage *s, int64_t num);
char *stage_story(struct stage *s, int64_t num); /* a letter for each event; given */
cJSON *stage_last(struct stage *s, int64_t num, const char *type); /* the last event of the type; given */

/* What the API would refuse in a request's body, or NULL. */
const char *stage_wrong_request(const char *body);
