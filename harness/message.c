/* SPDX-License-Identifier: MIT */
#include "harness/message.h"

#include <errno.h>
#include <string.h>

#include "base/utf8.h"

/*
 * What grows piece by piece is kept in a buffer beside the block and becomes a
 * member of it when the block ends.
 */
enum growing { GROWS_TEXT, GROWS_THINKING, GROWS_INPUT, GROWINGS };

struct block {
	int index;
	cJSON *json; /* owned until the message is complete; then in its content */
	struct buf growing[GROWINGS];
	bool ended;
};

struct message {
	cJSON *json; /* NULL before message_start */
	cJSON *event; /* the last one; pieces are lent from it */
	cJSON *error;
	struct block *blocks; /* by rising index */
	size_t count, room;
	size_t memory; /* bytes of all events */
	bool complete;
};

/* One event while it is taken in. */
struct intake {
	struct message *message;
	cJSON *event; /* may be taken apart */
	struct model_piece *piece;
	struct buf *why;
};

struct message *message_new(void)
{
	return xcalloc(1, sizeof(struct message));
}

static void growing_done(struct block *block)
{
	for (size_t i = 0; i < GROWINGS; i++)
		buf_done(&block->growing[i]);
}

static void block_done(struct block *block)
{
	growing_done(block);
	cJSON_Delete(block->json);
}

struct message *message_free(struct message *message)
{
	if (!message)
		return NULL;
	for (size_t i = 0; i < message->count; i++)
		block_done(&message->blocks[i]);
	free(message->blocks);
	cJSON_Delete(message->json);
	cJSON_Delete(message->event);
	cJSON_Delete(message->error);
	free(message);
	return NULL;
}

const cJSON *message_json(const struct message *message)
{
	return message->json;
}

const cJSON *message_usage(const struct message *message)
{
	return json_get(message->json, "usage");
}

const cJSON *message_error(const struct message *message)
{
	return message->error;
}

static enum message_what garbage(struct intake *in, const char *what)
{
	(void)fail(in->why, EPROTO, "%s", what);
	return MESSAGE_GARBAGE;
}

/* Removes a member, however often a careless server wrote it. */
static void drop(cJSON *object, const char *name)
{
	while (json_get(object, name))
		cJSON_DeleteItemFromObjectCaseSensitive(object, name);
}

/* Replaces the member where it stands, or adds it at the end. */
static void set(cJSON *object, const char *name, cJSON *value /* taken */)
{
	cJSON *next;
	if (!json_get(object, name)) {
		cJSON_AddItemToObject(object, name, value);
		return;
	}
	cJSON_ReplaceItemInObjectCaseSensitive(object, name, value);
	for (cJSON *item = value->next; item; item = next) {
		next = item->next;
		if (strcmp(item->string, name) == 0)
			cJSON_Delete(cJSON_DetachItemViaPointer(object, item));
	}
}

static cJSON *take(cJSON *object, const char *name)
{
	return cJSON_DetachItemFromObjectCaseSensitive(object, name);
}

/* Replaces members by those of `news`, objects within objects too.  Null means "unchanged", never
 * zero; counters are totals, so nothing is added up. */
static void merge(cJSON *old, const cJSON *news)
{
	const cJSON *item;
	if (!cJSON_IsObject(news))
		return;
	cJSON_ArrayForEach(item, news) {
		cJSON *known = cJSON_GetObjectItemCaseSensitive(old, item->string);
		if (cJSON_IsNull(item) && known)
			continue;
		if (cJSON_IsObject(item) && cJSON_IsObject(known))
			merge(known, item);
		else
			set(old, item->string, cJSON_Duplicate(item, true));
	}
}

static struct block *block_find(struct message *message, int index)
{
	for (size_t i = message->count; i > 0; i--)
		if (message->blocks[i - 1].index == index)
			return &message->blocks[i - 1];
	return NULL;
}

/* Puts a new block at its place by index. */
static struct block *block_add(struct message *message, int index, cJSON *json /* taken */)
{
	if (message->count == message->room) {
		message->room = message->room ? 2 * message->room : 8;
		message->blocks = xrealloc(message->blocks, message->room * sizeof(struct block));
	}
	size_t place = message->count;
	while (place > 0 && message->blocks[place - 1].index > index)
		place--;
	struct block *block = &message->blocks[place];
	memmove(block + 1, block, (message->count++ - place) * sizeof(*block));
	*block = (struct block){ .index = index, .json = json };
	for (size_t i = 0; i < GROWINGS; i++)
		buf_init(&block->growing[i], MESSAGE_MEMORY_MAX);
	return block;
}

static const char *block_type(const struct block *block)
{
	const char *type = json_text(block->json, "type");
	return type ? type : "";
}

static bool takes_input(const struct block *block)
{
	static const char suffix[] = "tool_use"; /* tool_use, server_tool_use, mcp_tool_use */
	const char *type = block_type(block);
	size_t n = strlen(type);
	return n >= sizeof(suffix) - 1 && strcmp(type + n - (sizeof(suffix) - 1), suffix) == 0;
}

/* The member of a block that a kind of delta makes grow.  A delta on a block that has no such
 * member is passed over: some servers send them, and the block must stay what the API accepts. */
static const struct growth {
	const char *delta, *source, *member;
} growths[GROWINGS] = {
	[GROWS_TEXT] = { "text_delta", "text", "text" },
	[GROWS_THINKING] = { "thinking_delta", "thinking", "thinking" },
	[GROWS_INPUT] = { "input_json_delta", "partial_json", NULL },
};

static bool block_has(const struct block *block, enum growing what)
{
	if (what == GROWS_INPUT)
		return takes_input(block);
	const char *member = growths[what].member;
	return strcmp(block_type(block), member) == 0 || json_text(block->json, member);
}

/* A text that the block began with is where its buffer begins. */
static void take_beginnings(struct block *block)
{
	for (int i = 0; i < GROWS_INPUT; i++) {
		const char *text = json_text(block->json, growths[i].member);
		if (text && block_has(block, i))
			(void)buf_add_text(&block->growing[i], text);
	}
}

/* A call whose block never ended may not be run, however whole its input looks. */
static void finish_input(struct block *block)
{
	struct buf *raw = &block->growing[GROWS_INPUT];
	if (!raw->size && block->ended && cJSON_IsObject(json_get(block->json, "input")))
		return; /* an input that came whole, or none: the placeholder is {} */
	json_repair(raw);
	cleanup(json) cJSON *input =
		raw->size ? json_parse(raw->data, raw->size, NULL) : cJSON_CreateObject();
	bool valid = block->ended && cJSON_IsObject(input);
	set(block->json, "input", valid ? steal(input) : cJSON_CreateObject());
	if (!valid)
		set(block->json, "x_invalid_input", cJSON_CreateString(buf_text(raw)));
}

static void block_finish(struct block *block)
{
	for (int i = 0; i < GROWS_INPUT; i++)
		if (block->growing[i].size)
			set(block->json, growths[i].member,
				cJSON_CreateString(buf_text(&block->growing[i])));
	if (takes_input(block))
		finish_input(block);
	growing_done(block);
}

/* The block that the event is about, or NULL with a sentence. */
static struct block *open_block(struct intake *in)
{
	int64_t index = json_int(in->event, "index", -1);
	struct block *block = index >= 0 && index < MESSAGE_BLOCKS_MAX ?
		block_find(in->message, (int)index) : NULL;
	if (block && !block->ended)
		return block;
	(void)garbage(in, "a piece of a content block that is not open");
	return NULL;
}

static enum message_what show(struct intake *in, const struct block *block,
	enum model_piece_kind kind, const char *text)
{
	*in->piece = (struct model_piece){
		.kind = kind,
		.index = block->index,
		.type = block_type(block),
		.text = slice_of(text ? text : ""),
	};
	return MESSAGE_PIECE;
}

static enum message_what on_message_start(struct intake *in)
{
	struct message *message = in->message;
	const cJSON *start = json_get(in->event, "message");
	if (!cJSON_IsObject(start))
		return garbage(in, "a message_start without a message");
	if (message->json) {
		const char *id = json_text(start, "id"), *known = json_text(message->json, "id");
		bool again = id && known && strcmp(id, known) == 0;
		return again ? MESSAGE_NOTHING : garbage(in, "two messages in one stream");
	}
	message->json = take(in->event, "message");
	set(message->json, "content", cJSON_CreateArray());
	return MESSAGE_NOTHING;
}

/* The serving model changed in mid-stream. */
static void note_fallback(struct message *message, const cJSON *block)
{
	const char *type = json_text(block, "type");
	const cJSON *model = json_path(block, "to.model");
	if (type && strcmp(type, "fallback") == 0 && cJSON_IsString(model))
		set(message->json, "model", cJSON_Duplicate(model, false));
}

static enum message_what on_block_start(struct intake *in)
{
	int64_t index = json_int(in->event, "index", -1);
	const cJSON *start = json_get(in->event, "content_block");
	if (!cJSON_IsObject(start) || index < 0 || index >= MESSAGE_BLOCKS_MAX)
		return garbage(in, "a content_block_start without a block");
	if (block_find(in->message, (int)index))
		return garbage(in, "a content block that begins twice");
	struct block *block = block_add(in->message, (int)index, take(in->event, "content_block"));
	take_beginnings(block);
	note_fallback(in->message, start);
	bool text = strcmp(block_type(block), "text") == 0;
	return show(in, block, PIECE_BLOCK_START, text ? json_text(start, "text") : NULL);
}

static enum message_what grow(struct intake *in, struct block *block, enum growing what,
	const cJSON *delta)
{
	const char *text = json_text(delta, growths[what].source);
	if (!text || !block_has(block, what))
		return MESSAGE_NOTHING;
	if (buf_add_text(&block->growing[what], text) < 0)
		return MESSAGE_TOO_BIG;
	if (what != GROWS_TEXT || !*text || strcmp(block_type(block), "text") != 0)
		return MESSAGE_NOTHING;
	return show(in, block, PIECE_TEXT, text);
}

static void set_members(cJSON *block, const cJSON *delta)
{
	const cJSON *item;
	cJSON_ArrayForEach(item, delta)
		if (strcmp(item->string, "type") != 0)
			set(block, item->string, cJSON_Duplicate(item, true));
}

static void add_citation(cJSON *block, const cJSON *delta)
{
	const cJSON *citation = json_get(delta, "citation");
	cJSON *list = cJSON_GetObjectItemCaseSensitive(block, "citations");
	if (!cJSON_IsArray(list)) {
		list = cJSON_CreateArray();
		set(block, "citations", list);
	}
	if (citation)
		cJSON_AddItemToArray(list, cJSON_Duplicate(citation, true));
}

/* Deltas that come whole.  A kind that is in neither table is passed over. */
static const struct {
	const char *delta, *block;
	void (*take)(cJSON *block, const cJSON *delta);
} whole_deltas[] = {
	{ "signature_delta", "thinking", set_members },
	{ "citations_delta", "text", add_citation },
	{ "compaction_delta", "compaction", set_members },
};

static enum message_what on_block_delta(struct intake *in)
{
	const cJSON *delta = json_get(in->event, "delta");
	const char *type = json_text(delta, "type");
	struct block *block = open_block(in);
	if (!block)
		return MESSAGE_GARBAGE;
	if (!type)
		return MESSAGE_NOTHING;
	for (int i = 0; i < GROWINGS; i++)
		if (strcmp(type, growths[i].delta) == 0)
			return grow(in, block, i, delta);
	for (size_t i = 0; i < ARRAY_LEN(whole_deltas); i++)
		if (strcmp(type, whole_deltas[i].delta) == 0 &&
			strcmp(block_type(block), whole_deltas[i].block) == 0)
			whole_deltas[i].take(block->json, delta);
	return MESSAGE_NOTHING;
}

static enum message_what on_block_stop(struct intake *in)
{
	struct block *block = open_block(in);
	if (!block)
		return MESSAGE_GARBAGE;
	block->ended = true;
	block_finish(block);
	return show(in, block, PIECE_BLOCK_STOP, NULL);
}

/* The blocks are ours alone: whatever an event says beside them cannot replace them. */
static void merge_message(cJSON *message, cJSON *news)
{
	drop(news, "type");
	drop(news, "content");
	merge(message, news);
}

static enum message_what on_message_delta(struct intake *in)
{
	cleanup(json) cJSON *delta = take(in->event, "delta");
	merge_message(in->message->json, in->event); /* usage, context_management … */
	merge_message(in->message->json, delta); /* stop_reason, stop_details, container … */
	return MESSAGE_NOTHING;
}

static enum message_what on_message_stop(struct intake *in)
{
	struct message *message = in->message;
	cJSON *content = cJSON_CreateArray();
	for (size_t i = 0; i < message->count; i++) {
		struct block *block = &message->blocks[i];
		if (!block->ended)
			block_finish(block);
		cJSON_AddItemToArray(content, steal(block->json));
	}
	set(message->json, "content", content);
	message->complete = true;
	return MESSAGE_COMPLETE;
}

static enum message_what on_ping(struct intake *in)
{
	return MESSAGE_LIFE;
}

static enum message_what on_error(struct intake *in)
{
	cJSON_Delete(in->message->error);
	in->message->error = steal(in->message->event);
	return MESSAGE_ERROR;
}

static const struct event_row {
	const char *type;
	enum message_what (*take)(struct intake *in);
	bool within; /* makes sense only after message_start */
} event_rows[] = {
	{ "message_start", on_message_start },
	{ "content_block_start", on_block_start, .within = true },
	{ "content_block_delta", on_block_delta, .within = true },
	{ "content_block_stop", on_block_stop, .within = true },
	{ "message_delta", on_message_delta, .within = true },
	{ "message_stop", on_message_stop, .within = true },
	{ "ping", on_ping },
	{ "error", on_error },
};

static enum message_what take_event(struct intake *in)
{
	const char *type = json_text(in->event, "type");
	if (!type && cJSON_IsObject(json_get(in->event, "error")))
		return on_error(in); /* servers that only imitate the format leave the type out */
	for (size_t i = 0; type && i < ARRAY_LEN(event_rows); i++) {
		if (strcmp(type, event_rows[i].type) != 0)
			continue;
		if (event_rows[i].within && !in->message->json)
			return garbage(in, "an event before the message began");
		return event_rows[i].take(in);
	}
	return MESSAGE_NOTHING;
}

/* Bytes that JSON cannot carry for us are replaced, but only when there are any: nearly never. */
static cJSON *parse_event(struct slice data, struct buf *why)
{
	cJSON *event = json_parse(data.at, data.size, NULL);
	if (event)
		return event;
	cleanup(buf) struct buf text = BUF_INIT(MESSAGE_MEMORY_MAX);
	utf8_repair(&text, data.at, data.size);
	json_repair(&text);
	return json_parse(buf_text(&text), text.size, why);
}

enum message_what message_push(struct message *message, struct slice data,
	struct model_piece *ret_piece, struct buf *why)
{
	if (message->complete)
		return MESSAGE_NOTHING;
	message->memory += data.size;
	if (message->memory > MESSAGE_MEMORY_MAX)
		return MESSAGE_TOO_BIG;
	cJSON_Delete(message->event);
	message->event = parse_event(data, why);
	struct intake in = {
		.message = message,
		.event = message->event,
		.piece = ret_piece,
		.why = why,
	};
	if (!message->event)
		return MESSAGE_GARBAGE;
	if (!cJSON_IsObject(message->event))
		return garbage(&in, "an event that is not a JSON object");
	return take_event(&in);
}
