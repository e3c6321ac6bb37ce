/* SPDX-License-Identifier: MIT */
#include "fs/piece.h"

#include <ctype.h>
#include <string.h>

#include "base/limits.h"
#include "base/utf8.h"
#include "store/event.h"

static void add_content(const cJSON *event, struct buf *out)
{
	size_t before = out->size;
	(void)event_content_text(json_get(event, "content"), out);
	if (out->size > before && out->data[out->size - 1] != '\n')
		(void)buf_add_char(out, '\n');
	(void)buf_add_char(out, '\n');
}

static void user_message(const cJSON *event, struct buf *out)
{
	(void)buf_add_text(out, "## user\n\n");
	add_content(event, out);
}

static void system_message(const cJSON *event, struct buf *out)
{
	(void)buf_add_text(out, "## system\n\n");
	add_content(event, out);
}

static void user_interrupt(const cJSON *event, struct buf *out)
{
	(void)buf_add_text(out, "*The user interrupted the turn.*\n\n");
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
		(void)buf_add_char(out, '`');
}

static void fenced(struct slice text, struct buf *out)
{
	fence(text, out);
	(void)buf_add_char(out, '\n');
	(void)buf_add(out, text.at, text.size);
	if (text.size && text.at[text.size - 1] != '\n')
		(void)buf_add_char(out, '\n');
	fence(text, out);
	(void)buf_add_text(out, "\n\n");
}

static void block(struct buf *text, struct buf *out)
{
	size_t whole = text->size;
	if (whole > PIECE_BLOCK_BYTES) {
		buf_cut(text, utf8_clip(text->data, PIECE_BLOCK_BYTES));
		(void)buf_printf(text, "\n… %zu bytes in all\n", whole);
	}
	fenced(buf_slice(text), out);
}

/* The names of a tool and of its arguments come from the model, too. */
static bool is_word(const char *name)
{
	size_t size = name ? strlen(name) : 0;
	for (size_t i = 0; i < size; i++)
		if (!isalnum((unsigned char)name[i]) && !strchr("_-.", name[i]))
			return false;
	return size && size <= NAME_BYTES_MAX;
}

enum { SPAN_BYTES = 80 }; /* an argument that fits the line of its call */

static bool fits_span(struct slice text)
{
	for (size_t i = 0; i < text.size; i++)
		if (text.at[i] == '`' || iscntrl((unsigned char)text.at[i]))
			return false;
	return text.size && text.size <= SPAN_BYTES && text.at[0] != ' ' &&
		text.at[text.size - 1] != ' ';
}

/* The command of bash, which everybody looks for, is a block without a name. */
static bool is_command(const cJSON *argument)
{
	return cJSON_IsString(argument) && strcmp(argument->string, "command") == 0;
}

static void argument_text(const cJSON *argument, struct buf *out)
{
	if (cJSON_IsString(argument))
		(void)buf_add_text(out, argument->valuestring);
	else
		(void)json_print(out, argument);
}

/* In the line of the call if it is short, else, when it is its turn, as a block. */
static void show_argument(const cJSON *argument, bool blocks, struct buf *out)
{
	cleanup(buf) struct buf text = BUF_INIT(LINE_BYTES_MAX);
	argument_text(argument, &text);
	bool is_block = is_command(argument) || !fits_span(buf_slice(&text));
	if (is_block != blocks)
		return;
	if (!is_block) {
		(void)buf_printf(out, " %s `%s`", argument->string, buf_text(&text));
		return;
	}
	if (!is_command(argument))
		(void)buf_printf(out, "*%s:*\n\n", argument->string);
	block(&text, out);
}

static bool has_named_arguments(const cJSON *input)
{
	const cJSON *argument;
	cJSON_ArrayForEach (argument, input)
		if (!is_word(argument->string))
			return false;
	return cJSON_IsObject(input);
}

static void show_arguments(const cJSON *input, struct buf *out)
{
	const cJSON *argument;
	cJSON_ArrayForEach (argument, input)
		show_argument(argument, false, out);
	(void)buf_add_text(out, "\n\n");
	cJSON_ArrayForEach (argument, input)
		show_argument(argument, true, out);
}

static void tool_use(const cJSON *event, struct buf *out)
{
	const char *name = json_text(event, "name");
	const cJSON *input = json_get(event, "input");
	(void)buf_printf(out, "**%s**", is_word(name) ? name : "?");
	if (has_named_arguments(input)) {
		show_arguments(input, out);
		return;
	}
	cleanup(buf) struct buf text = BUF_INIT(LINE_BYTES_MAX);
	if (input)
		(void)json_print(&text, input);
	(void)buf_add_text(out, "\n\n");
	block(&text, out);
}

static void tool_result(const cJSON *event, struct buf *out)
{
	cleanup(buf) struct buf text = BUF_INIT(LINE_BYTES_MAX);
	(void)event_content_text(json_get(event, "content"), &text);
	bool failed = json_bool(event, "is_error", false);
	(void)buf_add_text(out, failed ? "*failed:*\n\n" : "*result:*\n\n");
	block(&text, out);
}

static void confirmation(const cJSON *event, struct buf *out)
{
	const char *result = json_text(event, "result"), *why = json_text(event, "deny_message");
	(void)buf_printf(out, "*The user answered: %s%s%s*\n\n", result ? result : "?",
		why ? ": " : "", why ? why : "");
}

static void session_error(const cJSON *event, struct buf *out)
{
	const cJSON *message = json_path(event, "error.message");
	(void)buf_printf(out, "*Error: %s*\n\n",
		cJSON_IsString(message) ? message->valuestring : "unknown");
}

static void compacted(const cJSON *event, struct buf *out)
{
	(void)buf_add_text(out, "*What was said before was summarised.*\n\n");
}

static const struct row {
	const char *type;
	enum piece_kind kind;
	const char *call; /* the field that names it; NULL: none */
	void (*show)(const cJSON *event, struct buf *out);
} rows[] = {
	{ "user.message", PIECE_WORD, NULL, user_message },
	{ "system.message", PIECE_WORD, NULL, system_message },
	{ "user.interrupt", PIECE_WORD, NULL, user_interrupt },
	{ "session.error", PIECE_WORD, NULL, session_error },
	{ "agent.thread_context_compacted", PIECE_WORD, NULL, compacted },
	{ "agent.message", PIECE_AGENT, NULL, add_content },
	{ "agent.tool_use", PIECE_CALL, "id", tool_use },
	{ "agent.mcp_tool_use", PIECE_CALL, "id", tool_use },
	{ "agent.custom_tool_use", PIECE_CALL, "id", tool_use },
	{ "user.tool_confirmation", PIECE_NOTE, "tool_use_id", confirmation },
	{ "agent.tool_result", PIECE_RESULT, "tool_use_id", tool_result },
	{ "agent.mcp_tool_result", PIECE_RESULT, "mcp_tool_use_id", tool_result },
	{ "user.custom_tool_result", PIECE_RESULT, "custom_tool_use_id", tool_result },
	{ "user.tool_result", PIECE_RESULT, "tool_use_id", tool_result },
};

static const struct row *find_row(const char *type)
{
	for (size_t i = 0; type && i < ARRAY_LEN(rows); i++)
		if (strcmp(type, rows[i].type) == 0)
			return &rows[i];
	return NULL;
}

struct piece piece_show(const cJSON *event, struct buf *out)
{
	const struct row *row = find_row(json_text(event, "type"));
	if (!row)
		return (struct piece){ PIECE_NONE, NULL };
	row->show(event, out);
	return (struct piece){ row->kind, row->call ? json_text(event, row->call) : NULL };
}
