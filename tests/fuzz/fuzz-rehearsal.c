/* SPDX-License-Identifier: MIT */
/*
 * The rehearsal model from the bytes of a request to the last event.
 *
 * Input that begins with '{' is a request body; anything else is the text of a
 * message.  Whatever comes in: there is an answer, its stream ends, and what it
 * says is UTF-8.
 */
#include <assert.h>
#include <stdlib.h>

#include "base/utf8.h"
#include "rehearsal/answer.h"

enum { EVENTS_MAX = 200000 };

static char *body_of(const uint8_t *data, size_t size, size_t *ret_size)
{
	struct buf body = BUF_INIT(0);
	if (size && *data == '{') {
		(void)buf_add(&body, data, size);
	} else {
		cleanup(buf) struct buf text = BUF_INIT(0);
		utf8_repair(&text, data, size);
		(void)buf_add_text(&body, "{\"model\":\"claude-opus-5\",\"max_tokens\":100000,\"stream\":true,"
			"\"messages\":[{\"role\":\"user\",\"content\":");
		(void)json_quote(&body, buf_text(&text), text.size);
		(void)buf_add_text(&body, "}]}");
	}
	*ret_size = body.size;
	return buf_take(&body);
}

static void drain(struct answer *answer)
{
	cleanup(buf) struct buf out = BUF_INIT(0);
	bool garbage = answer->wire.fault.kind == FAULT_GARBAGE;
	for (int events = 0; answer->streams; events++) {
		assert(events < EVENTS_MAX);
		buf_clear(&out);
		enum wire_step step = wire_next(&answer->wire, &out);
		assert(garbage || utf8_is_valid(buf_text(&out), out.size));
		assert((out.size > 0) == (step == WIRE_EVENT || step == WIRE_PAUSE));
		if (step == WIRE_END || step == WIRE_CUT)
			break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	json_setup();
	size_t body_size;
	cleanup(free) char *body = body_of(data, size, &body_size);
	struct desk *desk = desk_new();
	struct ask ask = { .method = "POST", .path = "/v1/messages", .version = "2023-06-01",
		.content_type = "application/json", .headers = "{}", .body = { body, body_size },
		.body_size = body_size };
	for (int i = 0; i < 2; i++) {
		struct answer answer;
		answer_init(&answer, desk, &ask);
		assert(answer.status >= 200 && answer.status < 600);
		if (answer.replay)
			answer_replayed(&answer, NULL, "fuzzing reads no files");
		drain(&answer);
		answer_done(&answer);
	}
	desk_free(desk);
	return 0;
}
