/* SPDX-License-Identifier: MIT */
#include "rehearsal/request.h"

#include <string.h>

static const char *const role_names[ROLES] = { "user", "assistant", "system" };

static enum role role_of(const cJSON *message)
{
	const char *name = json_text(message, "role");
	for (int i = 0; name && i < ROLES; i++)
		if (strcmp(name, role_names[i]) == 0)
			return (enum role)i;
	return ROLES;
}

static void add_block(struct request *r, enum role role, const cJSON *json, int message, int index)
{
	const char *type = cJSON_IsString(json) ? "text" : json_text(json, "type");
	if (!type)
		return;
	struct turn *turn = r->turn_count ? &r->turns[r->turn_count - 1] : NULL;
	if (!turn || turn->role != role) {
		turn = &r->turns[r->turn_count++];
		*turn = (struct turn){ .role = role, .first = r->block_count };
	}
	r->blocks[r->block_count++] = (struct block){
		.role = role, .type = type, .json = json, .message = message, .index = index
	};
	turn->count++;
}

static size_t count_blocks(const cJSON *messages)
{
	size_t count = 0;
	const cJSON *message;
	cJSON_ArrayForEach(message, messages) {
		const cJSON *content = json_get(message, "content");
		count += cJSON_IsArray(content) ? (size_t)cJSON_GetArraySize(content) : 1;
	}
	return count;
}

static void add_message(struct request *r, const cJSON *message, int number)
{
	enum role role = role_of(message);
	const cJSON *content = json_get(message, "content");
	if (role == ROLES)
		return;
	if (cJSON_IsString(content))
		add_block(r, role, content, number, 0);
	int index = 0;
	const cJSON *block;
	if (cJSON_IsArray(content))
		cJSON_ArrayForEach(block, content)
			add_block(r, role, block, number, index++);
}

void request_init(struct request *r, const cJSON *json, const char *betas, bool counting)
{
	const cJSON *messages = json_get(json, "messages");
	size_t room = cJSON_IsArray(messages) ? count_blocks(messages) : 0;
	*r = (struct request){ .json = json,
		.betas = betas,
		.counting = counting,
		.model = models_find(json_text(json, "model")),
		.blocks = xcalloc(room + 1, sizeof(struct block)),
		.turns = xcalloc(room + 1, sizeof(struct turn)) };
	int number = 0;
	const cJSON *message;
	if (cJSON_IsArray(messages))
		cJSON_ArrayForEach(message, messages)
			add_message(r, message, number++);
}

void request_done(struct request *r)
{
	free(r->blocks);
	free(r->turns);
	*r = (struct request){ 0 };
}

bool request_has_beta(const struct request *r, const char *name)
{
	size_t n = strlen(name);
	for (const char *at = r->betas; *at;) {
		at += strspn(at, ", ");
		size_t size = strcspn(at, ", ");
		if (size == n && memcmp(at, name, n) == 0)
			return true;
		at += size;
	}
	return false;
}

const char *block_text(const struct block *block)
{
	if (strcmp(block->type, "text") != 0)
		return NULL;
	return cJSON_IsString(block->json) ? block->json->valuestring
					   : json_text(block->json, "text");
}

const struct block *turn_next_block(
	const struct request *r, const struct turn *turn, const char *type, size_t *at)
{
	while (*at < turn->count) {
		const struct block *block = &r->blocks[turn->first + (*at)++];
		if (strcmp(block->type, type) == 0)
			return block;
	}
	return NULL;
}

static bool has_server_result(const struct request *r, const struct turn *turn, const char *id)
{
	for (size_t i = 0; i < turn->count; i++) {
		const struct block *block = &r->blocks[turn->first + i];
		const char *answered = json_text(block->json, "tool_use_id");
		if (answered && strcmp(answered, id) == 0)
			return true;
	}
	return false;
}

bool turn_is_paused(const struct request *r, const struct turn *turn)
{
	size_t at = 0;
	const struct block *call;
	if (turn->role != ROLE_ASSISTANT)
		return false;
	while ((call = turn_next_block(r, turn, "server_tool_use", &at))) {
		const char *id = json_text(call->json, "id");
		if (id && !has_server_result(r, turn, id))
			return true;
	}
	return false;
}
