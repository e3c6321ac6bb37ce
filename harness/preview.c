/* SPDX-License-Identifier: MIT */
/*
 * What watchers see while an answer streams: event_start and event_delta lines,
 * which are never stored.
 *
 * They announce the ids under which record.c logs the finished events, and the
 * deltas of an event are a prefix of its text: text that could not be handed on
 * ends the previews of that answer, because what follows would hide the gap.
 */
#include <string.h>

#include "base/utf8.h"
#include "harness/harness.h"

enum {
	DELTA_BYTES_MAX = HINT_BYTES_MAX / 8, /* with every byte escaped as \u00XX it fits one hint */
	PREVIEW_BYTES_MAX = 1 << 20, /* of one round; a model writes some hundred bytes in it */
};

void preview_init(struct active *a)
{
	a->preview = BUF_INIT(PREVIEW_BYTES_MAX);
	a->delta = BUF_INIT(DELTA_BYTES_MAX);
}

void preview_clear(struct active *a)
{
	free(steal(a->blocks));
	a->block_count = 0;
	a->preview_lost = false;
	buf_clear(&a->preview);
	buf_clear(&a->delta);
}

static void lose(struct active *a)
{
	a->preview_lost = true;
	buf_clear(&a->preview);
	buf_clear(&a->delta);
}

static void start_event(struct active *a, const char *type, const char *event_id)
{
	(void)buf_printf(&a->preview, "{\"type\":\"event_start\",\"event\":{\"type\":\"%s\",\"id\":\"%s\"}}\n",
		type, event_id);
}

/* --- blocks --- */

static struct stream_block *block_find(struct active *a, int index)
{
	for (size_t i = a->block_count; i > 0; i--)
		if (a->blocks[i - 1].index == index)
			return &a->blocks[i - 1];
	return NULL;
}

/* Puts a new block at its place by index. */
static struct stream_block *block_add(struct active *a, int index)
{
	size_t place = a->block_count++;
	a->blocks = xrealloc(a->blocks, a->block_count * sizeof(*a->blocks));
	for (; place > 0 && a->blocks[place - 1].index > index; place--)
		a->blocks[place] = a->blocks[place - 1];
	a->blocks[place] = (struct stream_block){ .index = index };
	return &a->blocks[place];
}

/* Neighbouring text blocks are one agent.message; one that stays empty is no part of it. */
static void start_text(struct active *a, struct stream_block *block)
{
	const struct stream_block *before = block > a->blocks ? block - 1 : NULL;
	block->is_text = true;
	if (before && before->is_text) {
		memcpy(block->event_id, before->event_id, ID_SIZE);
		block->content_index = before->content_index + before->has_text;
		return;
	}
	id_make("sevt", block->event_id);
	start_event(a, "agent.message", block->event_id);
}

static void start_other(struct active *a, struct stream_block *block, const char *type)
{
	id_make("sevt", block->event_id);
	if (record_is_thinking(type))
		start_event(a, "agent.thinking", block->event_id);
	else if (strcmp(type, "tool_use") == 0) /* it will be wanted: let it be made while the model writes */
		(void)sandbox_open(a->harness->sandboxes, a->id, a->workspace);
}

static void start_block(struct active *a, int index, const char *type)
{
	struct stream_block *block = block_add(a, index);
	if (strcmp(type, "text") == 0)
		start_text(a, block);
	else
		start_other(a, block, type);
}

/* --- text --- */

static void flush_delta(struct active *a)
{
	const struct stream_block *block = a->delta.size ? block_find(a, a->delta_index) : NULL;
	if (!block)
		return;
	(void)buf_printf(&a->preview,
		"{\"type\":\"event_delta\",\"event_id\":\"%s\",\"delta\":{\"type\":\"content_delta\","
		"\"index\":%d,\"content\":{\"type\":\"text\",\"text\":", block->event_id,
		block->content_index);
	(void)json_quote(&a->preview, a->delta.data, a->delta.size);
	(void)buf_add_text(&a->preview, "}}}\n");
	buf_clear(&a->delta);
	if (a->preview.overflow)
		lose(a);
}

/* Text is gathered until the end of the round, so that a fast model costs one line a round. */
static void add_text(struct active *a, int index, struct slice text)
{
	struct stream_block *block = block_find(a, index);
	if (!block)
		return;
	block->has_text = true;
	if (a->delta_index != index)
		flush_delta(a);
	a->delta_index = index;
	while (text.size && !a->preview_lost) {
		size_t room = DELTA_BYTES_MAX - a->delta.size;
		size_t size = text.size <= room ? text.size : utf8_clip(text.at, room);
		if (size == 0) {
			flush_delta(a);
			continue;
		}
		(void)buf_add(&a->delta, text.at, size);
		text = (struct slice){ text.at + size, text.size - size };
	}
}

void preview_piece(struct active *a, const struct model_piece *piece)
{
	if (piece->kind == PIECE_BLOCK_START)
		start_block(a, piece->index, piece->type);
	else if (piece->kind == PIECE_TEXT)
		add_text(a, piece->index, piece->text);
	active_ready(a);
}

/* --- sending --- */

/* As many whole lines as one hint takes. */
static size_t hint_size(const char *at, size_t size)
{
	const char *newline = size > HINT_BYTES_MAX ? memrchr(at, '\n', HINT_BYTES_MAX) : NULL;
	return newline ? (size_t)(newline + 1 - at) : size;
}

void preview_send(struct active *a)
{
	flush_delta(a);
	const char *at = buf_text(&a->preview), *end = at + a->preview.size;
	while (at < end && !a->preview_lost) {
		size_t size = hint_size(at, (size_t)(end - at));
		struct hint hint = { HINT_DELTA, a->num, { at, size }, a->logged_seq };
		a->preview_lost = hint_send(a->harness->hints, &hint) < 0;
		at += size;
	}
	buf_clear(&a->preview);
}
