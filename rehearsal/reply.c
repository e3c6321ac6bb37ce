/* SPDX-License-Identifier: MIT */
#include "rehearsal/reply.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"
#include "rehearsal/thinking.h"
#include "rehearsal/words.h"

struct maker {
	struct reply *reply;
	const struct request *request;
	const struct scene *scene;
	const struct round *round;
	uint64_t seed;
};

/* splitmix64: a counter whose outputs look random; the same seed gives the same ids. */
static uint64_t next_number(uint64_t *seed)
{
	uint64_t z = *seed += UINT64_C(0x9e3779b97f4a7c15);
	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

static void make_id(uint64_t *seed, const char *prefix, char ret_id[static ID_SIZE])
{
	static const char digits[] = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
	int n = snprintf(ret_id, ID_SIZE, "%s_", prefix);
	for (int i = 0; i < 24; i++)
		ret_id[n++] = digits[next_number(seed) % (sizeof(digits) - 1)];
	ret_id[n] = '\0';
}

static struct part *add_part(
	struct maker *m, enum part_kind kind, const char *type, char *text /* taken */)
{
	struct reply *reply = m->reply;
	reply->parts = xrealloc(reply->parts, (reply->part_count + 1) * sizeof(struct part));
	struct part *part = &reply->parts[reply->part_count++];
	*part = (struct part){ .kind = kind, .type = type, .text = text, .size = strlen(text) };
	return part;
}

static void add_call(struct maker *m, const char *type, const char *name, const char *input)
{
	struct part *part = add_part(m, PART_CALL, type, xstrdup(input));
	part->name = xstrdup(name);
	make_id(&m->seed, *type == 's' ? "srvtoolu" : "toolu", part->id);
}

/* Cuts a part's text to `size` bytes; a call's input is no JSON any more then. */
static void cut_part(struct part *part, size_t size)
{
	if (size >= part->size || part->kind == PART_WHOLE)
		return;
	part->size = utf8_clip(part->text, size);
	part->text[part->size] = '\0';
	part->is_cut = part->kind == PART_CALL;
}

static bool is_blank(const char *text)
{
	return !text[strspn(text, " \t\r\n")];
}

/* Sentences that quote may have been clipped in the middle of a character. */
static void add_words(struct maker *m, const char *text)
{
	struct buf clean = BUF_INIT(SCRIPT_TEXT_MAX);
	if (is_blank(text))
		return;
	utf8_repair(&clean, text, strlen(text));
	(void)add_part(m, PART_TEXT, "text", buf_take(&clean));
}

static void add_thinking(struct maker *m)
{
	static const char text[] = "The message asks for a thought, so here is one.";
	bool shown = thinking_is_shown(m->request);
	struct part *part = add_part(m, PART_THINKING, "thinking", xstrdup(shown ? text : ""));
	thinking_sign(text, part->signature);
	m->reply->usage.thinking += tokens_of(strlen(text));
}

/* The result that the paused turn was waiting for comes first. */
static void add_server_result(struct maker *m)
{
	size_t at = 0;
	const struct block *call =
		turn_next_block(m->request, m->scene->paused, "server_tool_use", &at);
	const struct block *next;
	while ((next = turn_next_block(m->request, m->scene->paused, "server_tool_use", &at)))
		call = next;
	cJSON *block = cJSON_CreateObject();
	cJSON_AddStringToObject(block, "type", "web_search_tool_result");
	cJSON_AddStringToObject(block, "tool_use_id", json_text(call->json, "id"));
	cJSON *result = cJSON_CreateObject();
	cJSON_AddItemToArray(cJSON_AddArrayToObject(block, "content"), result);
	cJSON_AddStringToObject(result, "type", "web_search_result");
	cJSON_AddStringToObject(result, "url", "https://example.com/rehearsal");
	cJSON_AddStringToObject(result, "title", "A page of the rehearsal");
	cJSON_AddNullToObject(result, "page_age");
	cJSON_AddStringToObject(result, "encrypted_content", "cmVoZWFyc2Fs");
	(void)add_part(m, PART_WHOLE, "web_search_tool_result", json_to_text(block));
	cJSON_Delete(block);
}

static void add_preface(struct maker *m)
{
	const struct manner *manner = &m->round->manner;
	if (m->scene->paused)
		add_server_result(m);
	if (manner->redacted)
		(void)add_part(m, PART_WHOLE, "redacted_thinking",
			xstrdup("{\"type\":\"redacted_thinking\",\"data\":\"cmVoZWFyc2Fs\"}"));
	if (manner->think)
		add_thinking(m);
	if (manner->unknown)
		(void)add_part(m, PART_UNKNOWN, "rehearsal_unknown", xstrdup("cube"));
}

static void add_calls(struct maker *m)
{
	const struct round *round = m->round;
	add_words(m, buf_text(&round->words));
	for (size_t i = 0; i < round->call_count; i++) {
		add_call(m, "tool_use", round->calls[i].name, round->calls[i].input);
		struct part *part = &m->reply->parts[m->reply->part_count - 1];
		if (round->manner.invalid_input)
			cut_part(part, part->size - 1);
	}
	m->reply->stop_reason = "tool_use";
}

static void add_answer(struct maker *m)
{
	cleanup(buf) struct buf text = BUF_INIT(WORDS_MAX_BYTES);
	const struct scene *scene = m->scene;
	const struct round *round = m->round;
	if (scene->script.wrong.size)
		words_wrong(&text, buf_text(&scene->script.wrong));
	else if (round->manner.help)
		words_help(&text);
	else if (round->say.size)
		(void)buf_add(&text, round->say.data, round->say.size);
	else if (round->manner.long_words)
		words_long(&text, round->manner.long_words);
	else if (!words_results(&text, m->request, scene->turn))
		words_hello(&text, scene->text);
	add_words(m, buf_text(&text));
}

static void add_pause(struct maker *m)
{
	add_words(m, is_blank(buf_text(&m->round->words)) ? "Let me look that up."
							  : buf_text(&m->round->words));
	add_call(m, "server_tool_use", "web_search", "{\"query\":\"rehearsal\"}");
	m->reply->stop_reason = "pause_turn";
}

static void part_done(struct part *part)
{
	free(part->text);
	free(part->name);
}

/* Keeps the first `count` parts. */
static void drop_parts(struct reply *reply, size_t count)
{
	while (reply->part_count > count)
		part_done(&reply->parts[--reply->part_count]);
}

static void cut_last(struct reply *reply, const char *stop_reason)
{
	if (reply->part_count) {
		struct part *last = &reply->parts[reply->part_count - 1];
		cut_part(last, last->size / 2);
		if (!last->size)
			drop_parts(reply, reply->part_count - 1);
	}
	reply->stop_reason = stop_reason;
}

/* The earliest stop sequence in a text ends the answer in front of it. */
static void apply_stop_sequences(struct reply *reply, const cJSON *sequences)
{
	const cJSON *sequence, *found = NULL;
	for (size_t i = 0; i < reply->part_count && !found; i++) {
		struct part *part = &reply->parts[i];
		cJSON_ArrayForEach(sequence, sequences) {
			char *at = part->kind == PART_TEXT
					   ? strstr(part->text, sequence->valuestring)
					   : NULL;
			if (!at)
				continue;
			cut_part(part, (size_t)(at - part->text));
			found = sequence;
		}
		if (found)
			drop_parts(reply, part->size ? i + 1 : i);
	}
	if (found) {
		reply->stop_reason = "stop_sequence";
		reply->stop_sequence = xstrdup(found->valuestring);
	}
}

static void apply_limit(struct reply *reply, int64_t max_tokens)
{
	int64_t left = max_tokens - reply->usage.thinking;
	for (size_t i = 0; i < reply->part_count; i++) {
		struct part *part = &reply->parts[i];
		int64_t tokens = part->kind == PART_THINKING ? 0 : tokens_of(part->size);
		left -= tokens;
		if (left >= 0)
			continue;
		left += tokens;
		bool keeps = left > 0 && part->kind != PART_WHOLE;
		if (keeps)
			cut_part(part, (size_t)left * 4);
		drop_parts(reply, keeps && part->size ? i + 1 : i);
		reply->stop_reason = "max_tokens";
	}
}

static void count_output(struct reply *reply)
{
	int64_t sum = reply->usage.thinking;
	for (size_t i = 0; i < reply->part_count; i++)
		if (reply->parts[i].kind != PART_THINKING)
			sum += tokens_of(reply->parts[i].size);
	reply->usage.output = sum ? sum : 1;
}

static void begin(struct maker *m)
{
	*m->reply = (struct reply){ .stop_reason = "end_turn", .model = m->request->model->id };
	make_id(&m->seed, "msg", m->reply->id);
}

static void finish(struct maker *m)
{
	const cJSON *json = m->request->json;
	apply_stop_sequences(m->reply, json_get(json, "stop_sequences"));
	apply_limit(m->reply, json_int(json, "max_tokens", m->request->model->max_output));
	if (json_int(json, "max_tokens", 1) == 0)
		m->reply->stop_reason = "max_tokens"; /* a request that only warms the cache */
	count_output(m->reply);
}

void reply_init(struct reply *reply, const struct request *r, const struct scene *scene,
	const struct fault *fault, uint64_t seed)
{
	struct maker m = { .reply = reply,
		.request = r,
		.scene = scene,
		.round = scene_round(scene),
		.seed = seed };
	enum fault_kind kind = fault ? fault->kind : FAULT_NONE;
	begin(&m);
	if (!m.round->manner.empty) {
		add_preface(&m);
		if (kind == FAULT_PAUSE)
			add_pause(&m);
		else if (m.round->call_count)
			add_calls(&m);
		else
			add_answer(&m);
	}
	if (kind == FAULT_MAX_TOKENS)
		cut_last(reply, "max_tokens");
	if (kind == FAULT_CONTEXT)
		cut_last(reply, "model_context_window_exceeded");
	if (m.round->manner.refuse) {
		reply->stop_reason = "refusal";
		reply->refusal = directive_category(m.round->manner.refuse);
	}
	finish(&m);
}

static void add_recorded(struct maker *m, const cJSON *block)
{
	const char *type = json_text(block, "type");
	if (strcmp(type, "text") == 0)
		add_words(m, json_text(block, "text"));
	if (strcmp(type, "thinking") == 0)
		add_thinking(m);
	if (strcmp(type, "tool_use") == 0) {
		cleanup(free) char *input = json_to_text(json_get(block, "input"));
		add_call(m, "tool_use", json_text(block, "name"), input);
		m->reply->stop_reason = "tool_use";
	}
}

void reply_init_recorded(
	struct reply *reply, const struct request *r, const cJSON *blocks, uint64_t seed)
{
	struct maker m = { .reply = reply, .request = r, .seed = seed };
	const cJSON *block;
	begin(&m);
	cJSON_ArrayForEach(block, blocks)
		add_recorded(&m, block);
	finish(&m);
}

void reply_init_words(
	struct reply *reply, const struct request *r, const char *words, uint64_t seed)
{
	struct maker m = { .reply = reply, .request = r, .seed = seed };
	begin(&m);
	add_words(&m, words);
	finish(&m);
}

void reply_done(struct reply *reply)
{
	drop_parts(reply, 0);
	free(reply->parts);
	free(reply->stop_sequence);
	*reply = (struct reply){ 0 };
}

void usage_print(struct buf *out, const struct usage *usage, int64_t output)
{
	(void)buf_printf(out,
		"{\"input_tokens\":%" PRId64 ",\"cache_creation_input_tokens\":%" PRId64
		",\"cache_read_input_tokens\":%" PRId64
		",\"cache_creation\":{\"ephemeral_5m_input_tokens\":%" PRId64
		",\"ephemeral_1h_input_tokens\":%" PRId64 "},\"output_tokens\":%" PRId64
		",\"service_tier\":\"standard\"}",
		usage->input, usage->cache_5m + usage->cache_1h, usage->cache_read, usage->cache_5m,
		usage->cache_1h, output);
}
