/* SPDX-License-Identifier: MIT */
#include "rehearsal/prefix.h"

#include <string.h>

#include "rehearsal/digest.h"

enum {
	BINARY_BYTES = 1600 * 4, /* a picture or a PDF page: about 1,600 tokens */
	PRIMITIVE_BYTES = 4,
};

int64_t tokens_of(size_t bytes)
{
	return (int64_t)((bytes + 3) / 4);
}

static size_t weight(const cJSON *value, const char *skip)
{
	if (cJSON_IsString(value))
		return strlen(value->valuestring);
	if (!cJSON_IsObject(value) && !cJSON_IsArray(value))
		return value ? PRIMITIVE_BYTES : 0;
	const char *type = json_text(value, "type");
	if (type && strcmp(type, "base64") == 0)
		return BINARY_BYTES;
	size_t sum = 0;
	for (const cJSON *item = value->child; item; item = item->next) {
		if (skip && item->string && strcmp(item->string, skip) == 0)
			continue;
		sum += (item->string ? strlen(item->string) : 0) + weight(item, NULL);
	}
	return sum;
}

static size_t block_weight(const cJSON *block)
{
	return weight(block, "cache_control");
}

/* A plain string and the text block that it is short for are one prompt. */
static uint64_t block_hash(uint64_t hash, const cJSON *block)
{
	if (!cJSON_IsString(block))
		return digest_json(hash, block, "cache_control");
	cJSON *whole = cJSON_CreateObject();
	cJSON_AddStringToObject(whole, "type", "text");
	cJSON_AddItemToObject(whole, "text", cJSON_CreateStringReference(block->valuestring));
	hash = digest_json(hash, whole, NULL);
	cJSON_Delete(whole);
	return hash;
}

static int ttl_of(const cJSON *mark)
{
	const char *ttl = json_text(mark, "ttl");
	if (!cJSON_IsObject(mark))
		return 0;
	return ttl && strcmp(ttl, "1h") == 0 ? TTL_LONG_S : TTL_SHORT_S;
}

/* A mark on a block within a tool result stands for the result. */
static int block_ttl(const cJSON *block)
{
	int ttl = ttl_of(json_get(block, "cache_control"));
	const cJSON *content = json_get(block, "content"), *inner;
	if (!ttl && cJSON_IsArray(content))
		cJSON_ArrayForEach(inner, content)
			ttl = ttl ? ttl : ttl_of(json_get(inner, "cache_control"));
	return ttl;
}

struct walk {
	struct prefix *prefix; /* NULL: only count bytes */
	uint64_t hash;
	size_t bytes;
};

static void add(struct walk *walk, const cJSON *block)
{
	walk->bytes += cJSON_IsString(block) ? strlen(block->valuestring) + strlen("typetexttext")
					     : block_weight(block);
	if (!walk->prefix)
		return;
	walk->hash = block_hash(walk->hash, block);
	walk->prefix->spots[walk->prefix->count++] = (struct spot){
		.hash = walk->hash, .tokens = tokens_of(walk->bytes), .ttl_s = block_ttl(block)
	};
}

static void add_list(struct walk *walk, const cJSON *list)
{
	const cJSON *block;
	if (cJSON_IsString(list))
		add(walk, list);
	else if (cJSON_IsArray(list))
		cJSON_ArrayForEach(block, list)
			add(walk, block);
}

/* What changes the rendering of the messages but not of what comes before them. */
static uint64_t settings_hash(uint64_t hash, const cJSON *json)
{
	static const char *const settings[] = { "tool_choice", "thinking", "output_config" };
	for (size_t i = 0; i < ARRAY_LEN(settings); i++)
		hash = digest_json(hash, json_get(json, settings[i]), NULL);
	return hash;
}

static void walk_all(struct walk *walk, const struct request *r)
{
	walk->hash = digest_text(DIGEST_START, r->model ? r->model->id : NULL);
	walk->hash = digest_json(walk->hash, json_get(r->json, "speed"), NULL);
	add_list(walk, json_get(r->json, "tools"));
	walk->hash = digest_text(walk->hash, "system");
	add_list(walk, json_get(r->json, "system"));
	if (walk->prefix)
		walk->hash = settings_hash(walk->hash, r->json);
	for (size_t i = 0; i < r->block_count; i++) {
		walk->hash = digest_int(walk->hash, r->blocks[i].role);
		add(walk, r->blocks[i].json);
	}
}

static bool can_be_marked(const struct block *block)
{
	return !strstr(block->type, "thinking");
}

/* A top-level cache_control marks the last block that can bear a mark. */
static void mark_automatic(struct prefix *prefix, const struct request *r)
{
	int ttl = ttl_of(json_get(r->json, "cache_control"));
	for (size_t i = r->block_count; ttl && i-- > 0;) {
		if (!can_be_marked(&r->blocks[i]))
			continue;
		prefix->spots[prefix->count - r->block_count + i].ttl_s = ttl;
		return;
	}
}

static size_t list_room(const cJSON *list)
{
	return cJSON_IsArray(list) ? (size_t)cJSON_GetArraySize(list) : 1;
}

void prefix_init(struct prefix *prefix, const struct request *r)
{
	size_t room = list_room(json_get(r->json, "tools")) +
		      list_room(json_get(r->json, "system")) + r->block_count;
	*prefix = (struct prefix){ .spots = xcalloc(room, sizeof(struct spot)) };
	struct walk walk = { .prefix = prefix };
	walk_all(&walk, r);
	mark_automatic(prefix, r);
	prefix->tokens = tokens_of(walk.bytes);
}

void prefix_done(struct prefix *prefix)
{
	free(prefix->spots);
	*prefix = (struct prefix){ 0 };
}

int64_t prefix_tokens(const struct request *r)
{
	struct walk walk = { 0 };
	walk_all(&walk, r);
	return tokens_of(walk.bytes);
}
