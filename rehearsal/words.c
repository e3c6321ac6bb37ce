/* SPDX-License-Identifier: MIT */
#include "rehearsal/words.h"

#include <inttypes.h>
#include <string.h>

#include "base/utf8.h"

enum {
	QUOTE_MAX = 1000, /* bytes of a message that are quoted */
	RESULT_MAX = 4000, /* bytes of one result */
};

#define WHO "the rehearsal model, not Claude"

/* Adds at most `max` bytes of the text and says how much is missing. */
static void add_clipped(struct buf *out, const char *text, size_t max)
{
	size_t size = strlen(text), shown = size <= max ? size : utf8_clip(text, max);
	(void)buf_add(out, text, shown);
	if (shown < size)
		(void)buf_printf(out, " … (%zu more bytes)", size - shown);
}

void words_hello(struct buf *out, const char *text)
{
	(void)buf_add_text(out,
		"Hello! This is " WHO ": nobody thinks here, but everything else is real. "
		"You wrote: ");
	add_clipped(out, text, QUOTE_MAX);
	(void)buf_add_text(out,
		"\n\nA line `! ls` makes me call bash, `@TOOL {JSON}` any tool, and `say TEXT` "
		"is what I say after it. `%help` lists the rest.");
}

void words_wrong(struct buf *out, const char *sentence)
{
	(void)buf_printf(out, "I am " WHO ", and I did not understand that: %s.", sentence);
}

void words_help(struct buf *out)
{
	const struct line_kind *kind;
	const struct directive *d;
	(void)buf_add_text(out, "This is " WHO ". It does what the lines of a message say:\n");
	for (size_t i = 0; (kind = script_line_kind_at(i)); i++)
		(void)buf_printf(out, "  %-34s %s\n", kind->form, kind->help);
	(void)buf_add_text(out, "Other lines are words. Directives:\n");
	for (size_t i = 0; (d = directive_at(i)); i++) {
		cleanup(free) char *form = xprintf("%%%s %s", d->name, d->args);
		(void)buf_printf(out, "  %-34s %s\n", form, d->help);
	}
}

void words_long(struct buf *out, int64_t count)
{
	static const char *const some[] = { "again", "and", "the", "rehearsal", "goes", "on" };
	for (int64_t i = 1; i <= count; i++)
		(void)buf_printf(out, "%s%s",
			i == 1	      ? ""
			: i % 12 == 1 ? "\n"
				      : " ",
			some[(size_t)i % ARRAY_LEN(some)]);
}

static const cJSON *find_call(const struct request *r, const char *id)
{
	for (size_t i = r->block_count; i-- > 0;) {
		const struct block *block = &r->blocks[i];
		if (strcmp(block->type, "tool_use") == 0 &&
			strcmp(json_text(block->json, "id"), id) == 0)
			return block->json;
	}
	return NULL;
}

static void add_block_text(struct buf *out, const cJSON *block)
{
	const char *text = json_text(block, "text");
	if (text)
		(void)buf_printf(out, "%s%s", out->size ? "\n" : "", text);
	else
		(void)buf_printf(out, "%s[%s]", out->size ? "\n" : "", json_text(block, "type"));
}

static void add_result_text(struct buf *out, const cJSON *result)
{
	const cJSON *content = json_get(result, "content"), *block;
	if (cJSON_IsString(content))
		(void)buf_add_text(out, content->valuestring);
	if (cJSON_IsArray(content))
		cJSON_ArrayForEach(block, content)
			add_block_text(out, block);
	while (out->size && strchr("\r\n", out->data[out->size - 1]))
		buf_cut(out, out->size - 1);
}

static void add_result(struct buf *out, const struct request *r, const cJSON *result)
{
	cleanup(buf) struct buf text = BUF_INIT(SCRIPT_TEXT_MAX);
	const char *name = json_text(find_call(r, json_text(result, "tool_use_id")), "name");
	bool is_bash = name && strcmp(name, "bash") == 0;
	bool failed = json_bool(result, "is_error", false);
	if (is_bash)
		(void)buf_printf(out, "The command %s", failed ? "failed" : "printed");
	else
		(void)buf_printf(
			out, "The tool %s %s", name ? name : "?", failed ? "failed" : "answered");
	add_result_text(&text, result);
	if (!text.size)
		(void)buf_add_text(out, failed ? "." : " nothing.");
	else
		(void)buf_add_text(out, strchr(text.data, '\n') ? ":\n" : ": ");
	add_clipped(out, buf_text(&text), RESULT_MAX);
	(void)buf_add_text(out, "\n");
}

bool words_results(struct buf *out, const struct request *r, size_t since_turn)
{
	bool any = false;
	for (size_t i = since_turn; i < r->turn_count; i++) {
		size_t at = 0;
		const struct block *result;
		while ((result = turn_next_block(r, &r->turns[i], "tool_result", &at))) {
			add_result(out, r, result->json);
			any = true;
		}
	}
	if (any)
		(void)buf_add_text(out, "\nThat is all that " WHO ", has to say.");
	return any;
}
