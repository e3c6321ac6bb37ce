/* SPDX-License-Identifier: MIT */
#include "fs/transcript.h"

#include <errno.h>
#include <string.h>

#include "base/utf8.h"
#include "store/event.h"
#include "store/log.h"

static int add_content(const cJSON *event, struct buf *out)
{
	cleanup(buf) struct buf text = BUF_INIT(LINE_BYTES_MAX);
	int r = event_content_text(json_get(event, "content"), &text);
	if (r < 0)
		return r;
	buf_add(out, buf_text(&text), text.size);
	if (text.size && text.data[text.size - 1] != '\n')
		buf_add_char(out, '\n');
	return 0;
}

/* A heading for the speaker, the words, an empty line. */
static int said(const char *who, const cJSON *event, struct buf *out)
{
	buf_printf(out, "## %s\n\n", who);
	int r = add_content(event, out);
	buf_add_char(out, '\n');
	return r;
}

static int user_message(const cJSON *event, struct buf *out)
{
	return said("user", event, out);
}

static int system_message(const cJSON *event, struct buf *out)
{
	return said("system", event, out);
}

static int agent_message(const cJSON *event, struct buf *out)
{
	return said("agent", event, out);
}

static int user_interrupt(const cJSON *event, struct buf *out)
{
	return buf_add_text(out, "*The user interrupted the turn.*\n\n");
}

/* A fence longer than any run of backquotes within, so that nothing inside can end it. */
static void fence(struct slice text, struct buf *out)
{
	size_t longest = 2, run = 0;
	for (size_t i = 0; i < text.size; i++) {
		run = text.at[i] == '`' ? run + 1 : 0;
		longest = run > longest ? run : longest;
	}
	for (size_t i = 0; i <= longest; i++)
		buf_add_char(out, '`');
}

static void fenced(struct slice text, struct buf *out)
{
	fence(text, out);
	buf_add_char(out, '\n');
	buf_add(out, text.at, text.size);
	if (text.size && text.at[text.size - 1] != '\n')
		buf_add_char(out, '\n');
	fence(text, out);
	buf_add_text(out, "\n\n");
}

static int tool_use(const cJSON *event, struct buf *out)
{
	const char *name = json_text(event, "name");
	const cJSON *input = json_get(event, "input");
	const char *command = input ? json_text(input, "command") : NULL;
	cleanup(buf) struct buf text = BUF_INIT(LINE_BYTES_MAX);
	if (command)
		buf_add_text(&text, command);
	else if (input)
		json_print(&text, input);
	buf_printf(out, "**%s**\n\n", name ? name : "?");
	fenced(buf_slice(&text), out);
	return text.overflow ? -EFBIG : 0;
}

static int tool_result(const cJSON *event, struct buf *out)
{
	cleanup(buf) struct buf text = BUF_INIT(LINE_BYTES_MAX);
	int r = event_content_text(json_get(event, "content"), &text);
	if (r < 0)
		return r;
	size_t whole = text.size;
	if (whole > TRANSCRIPT_RESULT_CHARS) {
		buf_cut(&text, utf8_clip(text.data, TRANSCRIPT_RESULT_CHARS));
		buf_printf(&text, "\n… %zu bytes in all\n", whole);
	}
	buf_add_text(out, json_bool(event, "is_error", false) ? "*failed:*\n\n" : "*result:*\n\n");
	fenced(buf_slice(&text), out);
	return 0;
}

static int confirmation(const cJSON *event, struct buf *out)
{
	const char *result = json_text(event, "result"), *why = json_text(event, "deny_message");
	return buf_printf(out, "*The user answered: %s%s%s*\n\n", result ? result : "?",
		why ? ": " : "", why ? why : "");
}

static int session_error(const cJSON *event, struct buf *out)
{
	const cJSON *message = json_path(event, "error.message");
	return buf_printf(out, "*Error: %s*\n\n",
		cJSON_IsString(message) ? message->valuestring : "unknown");
}

static int compacted(const cJSON *event, struct buf *out)
{
	return buf_add_text(out, "*What was said before was summarised.*\n\n");
}

static const struct {
	const char *type;
	int (*show)(const cJSON *event, struct buf *out);
} shown[] = {
	{ "user.message", user_message },
	{ "system.message", system_message },
	{ "agent.message", agent_message },
	{ "user.interrupt", user_interrupt },
	{ "agent.tool_use", tool_use },
	{ "agent.mcp_tool_use", tool_use },
	{ "agent.custom_tool_use", tool_use },
	{ "agent.tool_result", tool_result },
	{ "agent.mcp_tool_result", tool_result },
	{ "user.custom_tool_result", tool_result },
	{ "user.tool_result", tool_result },
	{ "user.tool_confirmation", confirmation },
	{ "session.error", session_error },
	{ "agent.thread_context_compacted", compacted },
};

int transcript_event(const cJSON *event, struct buf *out)
{
	const char *type = json_text(event, "type");
	for (size_t i = 0; type && i < ARRAY_LEN(shown); i++)
		if (strcmp(type, shown[i].type) == 0) {
			int r = shown[i].show(event, out);
			return r < 0 ? r : out->overflow ? -EFBIG : 0;
		}
	return 0;
}

enum { KNOWN_SIZES = 1024 }; /* sessions; two that share a slot only cost time */

struct transcripts {
	struct known {
		int64_t session;
		uint64_t seq, size; /* of the transcript up to and with event `seq` */
	} known[KNOWN_SIZES];
};

struct transcripts *transcripts_new(void)
{
	return xcalloc(1, sizeof(struct transcripts));
}

struct transcripts *transcripts_free(struct transcripts *transcripts)
{
	free(transcripts);
	return NULL;
}

static int add_event(struct store *store, int64_t session, uint64_t seq, struct buf *out)
{
	cleanup(json) cJSON *event = log_event(store, session, seq);
	return event ? transcript_event(event, out) : 0;
}

int transcript_show(struct store *store, const struct session *session, struct buf *out)
{
	int64_t num = session->object.num;
	uint64_t last = session->fold.events;
	for (uint64_t seq = 1; seq <= last; seq++) {
		int r = add_event(store, num, seq, out);
		if (r < 0)
			return r;
	}
	return 0;
}

int transcript_size(struct transcripts *transcripts, struct store *store,
	const struct session *session, uint64_t *ret)
{
	int64_t num = session->object.num;
	struct known *known = &transcripts->known[(uint64_t)num % KNOWN_SIZES];
	if (known->session != num)
		*known = (struct known){ .session = num };
	cleanup(buf) struct buf piece = BUF_INIT(LINE_BYTES_MAX);
	while (known->seq < session->fold.events) {
		buf_clear(&piece);
		int r = add_event(store, num, known->seq + 1, &piece);
		if (r < 0)
			return r;
		known->seq++;
		known->size += piece.size;
	}
	*ret = known->size;
	return 0;
}
