/* SPDX-License-Identifier: MIT */
#include "store/content.h"

#include <errno.h>
#include <string.h>

enum {
	TEXT = 1,
	IMAGE = 2,
	DOCUMENT = 4,
	SEARCH_RESULT = 8,
	REDACTED = 16,
};

/* Where an image or a document may come from, and the texts that each way needs. */
static const struct {
	const char *type;
	int kinds;
	const char *needs[2];
} sources[] = {
	{ "base64", IMAGE | DOCUMENT, { "data", "media_type" } },
	{ "text", DOCUMENT, { "data", "media_type" } },
	{ "url", IMAGE | DOCUMENT, { "url" } },
	{ "file", IMAGE | DOCUMENT, { "file_id" } },
};

static const char *const image_types[] = { "image/png", "image/jpeg", "image/gif", "image/webp" };

static bool is_image_type(const char *media_type)
{
	for (size_t i = 0; i < ARRAY_LEN(image_types); i++)
		if (strcmp(image_types[i], media_type) == 0)
			return true;
	return false;
}

static bool has_text(const cJSON *object, const char *name)
{
	const char *text = json_text(object, name);
	return text && *text;
}

static const char *check_text(const cJSON *block, int kind)
{
	return has_text(block, "text") ? NULL : "must have a text that is not empty";
}

static const char *check_source(const cJSON *block, int kind)
{
	const cJSON *source = json_get(block, "source");
	const char *type = json_text(source, "type"), *media_type = json_text(source, "media_type");
	size_t i = 0;
	while (i < ARRAY_LEN(sources) && !(type && strcmp(sources[i].type, type) == 0))
		i++;
	if (i == ARRAY_LEN(sources) || !(sources[i].kinds & kind))
		return "must have a source of a known type";
	for (size_t k = 0; k < ARRAY_LEN(sources[i].needs); k++)
		if (sources[i].needs[k] && !has_text(source, sources[i].needs[k]))
			return "must have a complete source";
	if (kind == IMAGE && media_type && !is_image_type(media_type))
		return "must be a PNG, JPEG, GIF or WebP image";
	return NULL;
}

static const char *check_search_result(const cJSON *block, int kind)
{
	bool whole = json_text(block, "source") && json_text(block, "title") &&
		cJSON_IsArray(json_get(block, "content"));
	return whole ? NULL : "must have source, title and content";
}

static const char *check_redacted(const cJSON *block, int kind)
{
	return NULL;
}

static const struct {
	const char *type;
	int kind;
	const char *(*check)(const cJSON *block, int kind); /* what is wrong, or NULL */
} blocks_by_type[] = {
	{ "text", TEXT, check_text },
	{ "image", IMAGE, check_source },
	{ "document", DOCUMENT, check_source },
	{ "search_result", SEARCH_RESULT, check_search_result },
	{ "redacted", REDACTED, check_redacted },
};

static const struct rule {
	const char *name;
	int min, max, kinds;
} rules[] = {
	{ "message", 1, 10000, TEXT | IMAGE | DOCUMENT },
	{ "reply", 1, 10000, TEXT | REDACTED },
	{ "result", 0, 10000, TEXT | IMAGE | DOCUMENT | SEARCH_RESULT },
	{ "thread", 1, 10000, TEXT | IMAGE | DOCUMENT | REDACTED },
	{ "system", 1, 1000, TEXT },
};

static const struct rule *rule_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(rules); i++)
		if (strcmp(rules[i].name, name) == 0)
			return &rules[i];
	return NULL;
}

bool content_rule_exists(const char *rule)
{
	return rule_find(rule) != NULL;
}

static const char *check_block(const struct rule *rule, const cJSON *block)
{
	const char *type = json_text(block, "type");
	for (size_t i = 0; type && i < ARRAY_LEN(blocks_by_type); i++)
		if (strcmp(blocks_by_type[i].type, type) == 0 &&
			(blocks_by_type[i].kind & rule->kinds))
			return blocks_by_type[i].check(block, blocks_by_type[i].kind);
	return "must be a content block of a type that may stand here";
}

int content_check(const char *rule_name, const char *field, const cJSON *blocks, struct buf *why)
{
	const struct rule *rule = rule_find(rule_name);
	int count = cJSON_IsArray(blocks) ? cJSON_GetArraySize(blocks) : -1, i = 0;
	if (count < rule->min || count > rule->max)
		return fail(why, EINVAL, "%s must be a list of %d to %d content blocks", field,
			rule->min, rule->max);
	const cJSON *block;
	cJSON_ArrayForEach(block, blocks) {
		const char *wrong = check_block(rule, block);
		if (wrong)
			return fail(why, EINVAL, "%s[%d] %s", field, i, wrong);
		i++;
	}
	return 0;
}
