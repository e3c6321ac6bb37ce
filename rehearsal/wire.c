/* SPDX-License-Identifier: MIT */
#include "rehearsal/wire.h"

#include <inttypes.h>
#include <string.h>

#include "base/utf8.h"

enum {
	PIECE_MIN = 32, /* bytes of a delta: a few words */
	DELTAS_MAX = 512, /* of one part, so that a slow stream of a long answer still ends */
};

static void open_event(struct buf *out, const char *name)
{
	(void)buf_printf(out, "event: %s\ndata: {\"type\":\"%s\"", name, name);
}

static void close_event(struct buf *out)
{
	(void)buf_add_text(out, "}\n\n");
}

static void add_field(struct buf *out, const char *name, const char *text, size_t size)
{
	(void)buf_printf(out, ",\"%s\":", name);
	(void)json_quote(out, text, size);
}

static void add_refusal(struct buf *out, const struct reply *reply)
{
	if (!reply->refusal)
		(void)buf_add_text(out, "null");
	else
		(void)buf_printf(out,
			"{\"type\":\"refusal\",\"category\":\"%s\",\"explanation\":\"The rehearsal "
			"was asked to refuse.\"}",
			reply->refusal);
}

static void add_stop(struct buf *out, const struct reply *reply)
{
	(void)buf_printf(out, "\"stop_reason\":\"%s\",\"stop_sequence\":", reply->stop_reason);
	if (reply->stop_sequence)
		(void)json_quote(out, reply->stop_sequence, strlen(reply->stop_sequence));
	else
		(void)buf_add_text(out, "null");
	(void)buf_add_text(out, ",\"stop_details\":");
	add_refusal(out, reply);
}

/* The part that a fault breaks, or the first when there is none of its kind. */
static size_t find_break(const struct reply *reply, const struct fault *fault)
{
	bool wants_call = fault->kind == FAULT_CUT && fault->value == CUT_TOOL;
	for (size_t i = 0; i < reply->part_count; i++)
		if (reply->parts[i].kind == (wants_call ? PART_CALL : PART_TEXT))
			return i;
	return 0;
}

void wire_init(struct wire *wire, const struct reply *reply, const struct manner *manner,
	const struct fault *fault)
{
	*wire = (struct wire){ .reply = reply,
		.manner = *manner,
		.break_part = SIZE_MAX,
		.pings_left = 1 + manner->pings };
	if (!fault || fault->kind < FAULT_CUT || fault->kind > FAULT_STREAM_ERROR)
		return;
	wire->fault = *fault;
	wire->break_part = find_break(reply, fault);
	if (wire->break_part < reply->part_count)
		wire->break_offset = reply->parts[wire->break_part].size / 2;
}

static enum wire_step break_here(struct wire *wire, struct buf *out)
{
	wire->stage = STAGE_END;
	wire->break_part = SIZE_MAX;
	if (wire->fault.kind == FAULT_CUT) {
		wire->stage = STAGE_CUT;
		return WIRE_CUT;
	}
	static const char garbage[] =
		"data: {\"type\":\"content_block_del\n\n\xff\xfe\0\x01<html>?\r\n\n";
	if (wire->fault.kind == FAULT_GARBAGE)
		(void)buf_add(out, garbage, sizeof(garbage) - 1);
	else
		(void)buf_add_text(out,
			"event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":"
			"\"overloaded_error\",\"message\":\"Overloaded\"}}\n\n");
	return WIRE_EVENT;
}

/* After message_start and after each part: the next part, or the end. */
static void to_next_part(struct wire *wire)
{
	wire->offset = 0;
	wire->opened = false;
	wire->stage =
		wire->part < wire->reply->part_count ? STAGE_BLOCK_START : STAGE_MESSAGE_DELTA;
}

static enum wire_step step_start(struct wire *wire, struct buf *out)
{
	const struct reply *reply = wire->reply;
	open_event(out, "message_start");
	(void)buf_printf(out,
		",\"message\":{\"id\":\"%s\",\"type\":\"message\",\"role\":\"assistant\","
		"\"model\":\"%s\",\"content\":[],\"stop_reason\":null,\"stop_sequence\":null,"
		"\"usage\":",
		reply->id, reply->model);
	usage_print(out, &reply->usage, 1);
	(void)buf_add_text(out, "}");
	close_event(out);
	if (wire->manner.unknown)
		(void)buf_add_text(out,
			"event: rehearsal_event\ndata: {\"type\":\"rehearsal_event\",\"note\":"
			"\"unknown events must be ignored\"}\n\n");
	to_next_part(wire);
	if (wire->fault.kind == FAULT_CUT && wire->fault.value == CUT_START)
		wire->stage = STAGE_CUT;
	return WIRE_PAUSE;
}

static enum wire_step step_ping(struct wire *wire, struct buf *out)
{
	open_event(out, "ping");
	close_event(out);
	if (--wire->pings_left == 0)
		wire->stage = STAGE_DELTA;
	return WIRE_PAUSE;
}

static void add_start_fields(struct buf *out, const struct part *part)
{
	if (part->kind == PART_TEXT)
		(void)buf_add_text(out, ",\"text\":\"\"");
	if (part->kind == PART_THINKING)
		(void)buf_add_text(out, ",\"thinking\":\"\",\"signature\":\"\"");
	if (part->kind == PART_UNKNOWN)
		add_field(out, "shape", part->text, part->size);
	if (part->kind != PART_CALL)
		return;
	add_field(out, "id", part->id, strlen(part->id));
	add_field(out, "name", part->name, strlen(part->name));
	(void)buf_add_text(out, ",\"input\":{}");
}

static enum wire_step step_block_start(struct wire *wire, struct buf *out)
{
	const struct part *part = &wire->reply->parts[wire->part];
	open_event(out, "content_block_start");
	(void)buf_printf(out, ",\"index\":%zu,\"content_block\":", wire->part);
	if (part->kind == PART_WHOLE) {
		(void)buf_add(out, part->text, part->size);
	} else {
		(void)buf_printf(out, "{\"type\":\"%s\"", part->type);
		add_start_fields(out, part);
		(void)buf_add_text(out, "}");
	}
	close_event(out);
	wire->stage = wire->pings_left ? STAGE_PING : STAGE_DELTA;
	return WIRE_EVENT;
}

static const struct {
	const char *type, *field; /* NULL: this kind has no deltas */
} delta_kinds[] = {
	[PART_TEXT] = { "text_delta", "text" },
	[PART_THINKING] = { "thinking_delta", "thinking" },
	[PART_CALL] = { "input_json_delta", "partial_json" },
	[PART_WHOLE] = { NULL, NULL },
	[PART_UNKNOWN] = { "rehearsal_delta", "shape" },
};

static void add_delta(struct wire *wire, struct buf *out, const char *type, const char *field,
	const char *text, size_t size)
{
	open_event(out, "content_block_delta");
	(void)buf_printf(out, ",\"index\":%zu,\"delta\":{\"type\":\"%s\"", wire->part, type);
	add_field(out, field, text, size);
	(void)buf_add_text(out, "}");
	close_event(out);
}

/* Words are not torn: a piece of text ends behind its last space, if it has one and goes on. */
static size_t end_of_words(const struct part *part, size_t from, size_t size)
{
	const char *space = NULL;
	if (part->kind == PART_TEXT && from + size < part->size)
		space = memrchr(part->text + from, ' ', size);
	return space ? (size_t)(space - (part->text + from)) + 1 : size;
}

/* Bytes of the next delta: whole characters, and not past the place of a break. */
static size_t piece_size(const struct wire *wire, const struct part *part)
{
	size_t left = part->size - wire->offset;
	size_t size = part->size / DELTAS_MAX > PIECE_MIN ? part->size / DELTAS_MAX : PIECE_MIN;
	if (wire->part == wire->break_part && wire->offset < wire->break_offset)
		left = wire->break_offset - wire->offset;
	if (size > left)
		size = left;
	size_t whole = utf8_clip(part->text + wire->offset, size);
	while (!whole && wire->offset + size < part->size)
		whole = utf8_clip(part->text + wire->offset, ++size);
	return end_of_words(part, wire->offset, whole ? whole : size);
}

static void after_deltas(struct wire *wire, const struct part *part)
{
	wire->stage = part->kind == PART_THINKING ? STAGE_SIGNATURE : STAGE_BLOCK_STOP;
}

/* Calls open with an empty delta, as the API's do; an unknown delta comes where a text opens. */
static bool step_opening(struct wire *wire, struct buf *out, const struct part *part)
{
	bool was_opened = wire->opened;
	wire->opened = true;
	if (was_opened ||
		(part->kind != PART_CALL && !(part->kind == PART_TEXT && wire->manner.unknown)))
		return false;
	if (part->kind == PART_CALL)
		add_delta(wire, out, "input_json_delta", "partial_json", "", 0);
	else
		add_delta(wire, out, "rehearsal_delta", "note", "unknown", 7);
	return true;
}

static enum wire_step step_delta(struct wire *wire, struct buf *out)
{
	const struct part *part = &wire->reply->parts[wire->part];
	if (wire->part == wire->break_part && wire->offset >= wire->break_offset)
		return break_here(wire, out);
	if (step_opening(wire, out, part))
		return WIRE_EVENT;
	if (part->kind == PART_WHOLE || wire->offset == part->size) {
		after_deltas(wire, part);
		return wire_next(wire, out);
	}
	size_t size = piece_size(wire, part);
	add_delta(wire, out, delta_kinds[part->kind].type, delta_kinds[part->kind].field,
		part->text + wire->offset, size);
	wire->offset += size;
	return WIRE_PAUSE;
}

static enum wire_step step_signature(struct wire *wire, struct buf *out)
{
	const struct part *part = &wire->reply->parts[wire->part];
	add_delta(wire, out, "signature_delta", "signature", part->signature,
		strlen(part->signature));
	wire->stage = STAGE_BLOCK_STOP;
	return WIRE_EVENT;
}

static enum wire_step step_block_stop(struct wire *wire, struct buf *out)
{
	open_event(out, "content_block_stop");
	(void)buf_printf(out, ",\"index\":%zu", wire->part);
	close_event(out);
	wire->part++;
	to_next_part(wire);
	return WIRE_EVENT;
}

static enum wire_step step_message_delta(struct wire *wire, struct buf *out)
{
	const struct usage *usage = &wire->reply->usage;
	if (wire->break_part != SIZE_MAX)
		return break_here(wire, out);
	open_event(out, "message_delta");
	(void)buf_add_text(out, ",\"delta\":{");
	add_stop(out, wire->reply);
	(void)buf_add_text(out, "},\"usage\":");
	usage_print(out, usage, usage->output);
	if (usage->thinking) {
		buf_cut(out, out->size - 1);
		(void)buf_printf(out,
			",\"output_tokens_details\":{\"thinking_tokens\":%" PRId64 "}}",
			usage->thinking);
	}
	close_event(out);
	wire->stage = STAGE_MESSAGE_STOP;
	return WIRE_EVENT;
}

static enum wire_step step_message_stop(struct wire *wire, struct buf *out)
{
	open_event(out, "message_stop");
	close_event(out);
	wire->stage = STAGE_END;
	return WIRE_EVENT;
}

static enum wire_step step_end(struct wire *wire, struct buf *out)
{
	(void)wire;
	(void)out;
	return WIRE_END;
}

static enum wire_step step_cut(struct wire *wire, struct buf *out)
{
	(void)wire;
	(void)out;
	return WIRE_CUT;
}

enum wire_step wire_next(struct wire *wire, struct buf *out)
{
	static enum wire_step (*const steps[STAGES])(struct wire *, struct buf *) = {
		[STAGE_START] = step_start,
		[STAGE_PING] = step_ping,
		[STAGE_BLOCK_START] = step_block_start,
		[STAGE_DELTA] = step_delta,
		[STAGE_SIGNATURE] = step_signature,
		[STAGE_BLOCK_STOP] = step_block_stop,
		[STAGE_MESSAGE_DELTA] = step_message_delta,
		[STAGE_MESSAGE_STOP] = step_message_stop,
		[STAGE_END] = step_end,
		[STAGE_CUT] = step_cut,
	};
	return steps[wire->stage](wire, out);
}

static void add_part_json(struct buf *out, const struct part *part)
{
	if (part->kind == PART_WHOLE) {
		(void)buf_add(out, part->text, part->size);
		return;
	}
	(void)buf_printf(out, "{\"type\":\"%s\"", part->type);
	if (part->kind == PART_CALL) {
		add_field(out, "id", part->id, strlen(part->id));
		add_field(out, "name", part->name, strlen(part->name));
		(void)buf_printf(out, ",\"input\":%s", part->is_cut ? "{}" : part->text);
	} else {
		add_field(out, delta_kinds[part->kind].field, part->text, part->size);
	}
	if (part->kind == PART_THINKING)
		add_field(out, "signature", part->signature, strlen(part->signature));
	(void)buf_add_text(out, "}");
}

void wire_message(struct buf *out, const struct reply *reply)
{
	(void)buf_printf(out,
		"{\"id\":\"%s\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"%s\","
		"\"content\":[",
		reply->id, reply->model);
	for (size_t i = 0; i < reply->part_count; i++) {
		(void)buf_add_text(out, i ? "," : "");
		add_part_json(out, &reply->parts[i]);
	}
	(void)buf_add_text(out, "],");
	add_stop(out, reply);
	(void)buf_add_text(out, ",\"container\":null,\"context_management\":null,\"usage\":");
	usage_print(out, &reply->usage, reply->usage.output);
	(void)buf_add_text(out, "}");
}
