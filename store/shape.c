/* SPDX-License-Identifier: MIT */
#include "store/shape.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"

enum { MAP_PAIRS_MAX = 16, MAP_KEY_MAX = 64, MAP_VALUE_MAX = 512 };

/* Where the walk is, for the sentence: "tools[0].name". */
struct walk {
	struct buf path;
	struct buf *why;
};

static int apply(struct walk *w, const struct shape *shape, const cJSON *value, cJSON **ret);

static print_like(2, 3) int refuse(struct walk *w, const char *format, ...)
{
	char what[1000];
	va_list args;
	va_start(args, format);
	(void)vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	return fail(
		w->why, EINVAL, "%s %s", w->path.size ? buf_text(&w->path) : "the document", what);
}

static size_t enter(struct walk *w, const char *name)
{
	size_t before = w->path.size;
	(void)buf_printf(&w->path, "%s%s", before ? "." : "", name);
	return before;
}

static size_t enter_index(struct walk *w, int index)
{
	size_t before = w->path.size;
	(void)buf_printf(&w->path, "[%d]", index);
	return before;
}

static bool is_word(const char *const *words, const char *text)
{
	for (; *words; words++)
		if (strcmp(*words, text) == 0)
			return true;
	return false;
}

static int refuse_words(struct walk *w, const char *const *words)
{
	cleanup(buf) struct buf what = BUF_INIT(1000);
	(void)buf_add_text(&what, "must be one of");
	for (; *words; words++)
		(void)buf_printf(&what, " \"%s\"", *words);
	return refuse(w, "%s", buf_text(&what));
}

static int apply_text(struct walk *w, const struct shape *shape, const cJSON *value, cJSON **ret)
{
	if (!cJSON_IsString(value))
		return refuse(w, "must be text");
	if (shape->words && !is_word(shape->words, value->valuestring))
		return refuse_words(w, shape->words);
	size_t n = utf8_count(value->valuestring);
	if (!shape->words && (n < shape->min || n > shape->max))
		return refuse(w, "must have %zu to %zu characters", shape->min, shape->max);
	*ret = cJSON_CreateString(value->valuestring);
	return 0;
}

static int apply_bool(struct walk *w, const struct shape *shape, const cJSON *value, cJSON **ret)
{
	if (!cJSON_IsBool(value))
		return refuse(w, "must be true or false");
	*ret = cJSON_CreateBool(cJSON_IsTrue(value));
	return 0;
}

static int apply_count(struct walk *w, const struct shape *shape, const cJSON *value, cJSON **ret)
{
	double d = cJSON_IsNumber(value) ? value->valuedouble : -1;
	if (d < (double)shape->min || d > (double)shape->max || d != (double)(int64_t)d)
		return refuse(w, "must be a whole number from %zu to %zu", shape->min, shape->max);
	*ret = cJSON_CreateNumber(d);
	return 0;
}

static int apply_list(struct walk *w, const struct shape *shape, const cJSON *value, cJSON **ret)
{
	if (!cJSON_IsArray(value))
		return refuse(w, "must be a list");
	size_t n = (size_t)cJSON_GetArraySize(value);
	if (n < shape->min || n > shape->max)
		return refuse(w, "must have %zu to %zu entries", shape->min, shape->max);
	cleanup(json) cJSON *list = cJSON_CreateArray();
	const cJSON *entry;
	int i = 0;
	cJSON_ArrayForEach(entry, value) {
		size_t before = enter_index(w, i++);
		cJSON *full = NULL;
		int r = apply(w, shape->parts, entry, &full);
		if (r < 0)
			return r;
		cJSON_AddItemToArray(list, full);
		buf_cut(&w->path, before);
	}
	*ret = steal(list);
	return 0;
}

static const struct shape *part_named(const struct shape *parts, const char *name)
{
	for (; parts && parts->name; parts++)
		if (strcmp(parts->name, name) == 0)
			return parts;
	return NULL;
}

static int refuse_unknown(struct walk *w, const struct shape *parts, const cJSON *value, bool typed)
{
	const cJSON *field;
	cJSON_ArrayForEach(field, value) {
		if (part_named(parts, field->string) ||
			(typed && strcmp(field->string, "type") == 0))
			continue;
		(void)enter(w, field->string);
		return refuse(w, "is not a known field");
	}
	return 0;
}

static int apply_field(struct walk *w, const struct shape *part, const cJSON *value, cJSON *to)
{
	if (!value && part->fallback && !part->fallback[0])
		return 0;
	size_t before = enter(w, part->name);
	if (!value && !part->fallback)
		return refuse(w, "is required");
	cleanup(json) cJSON *fallback = value ? NULL : cJSON_Parse(part->fallback);
	assert(value || fallback);
	cJSON *full = NULL;
	int r = apply(w, part, value ? value : fallback, &full);
	if (r < 0)
		return r;
	cJSON_AddItemToObject(to, part->name, full);
	buf_cut(&w->path, before);
	return 0;
}

static int apply_fields(struct walk *w, const struct shape *parts, const cJSON *value, cJSON *to)
{
	int r = refuse_unknown(w, parts, value, json_get(to, "type") != NULL);
	for (; r == 0 && parts && parts->name; parts++)
		r = apply_field(w, parts, json_get(value, parts->name), to);
	return r;
}

static int apply_object(struct walk *w, const struct shape *shape, const cJSON *value, cJSON **ret)
{
	if (!cJSON_IsObject(value))
		return refuse(w, "must be an object");
	cleanup(json) cJSON *to = cJSON_CreateObject();
	int r = apply_fields(w, shape->parts, value, to);
	if (r == 0)
		*ret = steal(to);
	return r;
}

static int refuse_type(struct walk *w, const struct shape *parts)
{
	const char *words[8] = { NULL };
	for (size_t i = 0; parts[i].name; i++) {
		assert(i + 1 < ARRAY_LEN(words));
		words[i] = parts[i].name;
	}
	(void)enter(w, "type");
	return refuse_words(w, words);
}

static int apply_choice(struct walk *w, const struct shape *shape, const cJSON *value, cJSON **ret)
{
	if (!cJSON_IsObject(value))
		return refuse(w, "must be an object");
	const char *type = json_text(value, "type");
	const struct shape *row = type ? part_named(shape->parts, type) : NULL;
	if (!row)
		return refuse_type(w, shape->parts);
	cleanup(json) cJSON *to = NULL;
	if (row->kind == SHAPE_FREE) {
		to = cJSON_Duplicate(value, true);
	} else {
		to = cJSON_CreateObject();
		cJSON_AddStringToObject(to, "type", type);
		int r = apply_fields(w, row->parts, value, to);
		if (r < 0)
			return r;
	}
	const char *wrong = row->check ? row->check(to) : NULL;
	if (wrong)
		return refuse(w, "%s", wrong);
	*ret = steal(to);
	return 0;
}

static int apply_map(struct walk *w, const struct shape *shape, const cJSON *value, cJSON **ret)
{
	if (!cJSON_IsObject(value))
		return refuse(w, "must be an object of texts");
	cleanup(json) cJSON *map = cJSON_CreateObject();
	const cJSON *pair;
	cJSON_ArrayForEach(pair, value) {
		if (cJSON_IsNull(pair))
			continue; /* the API's way to say "delete this key" */
		size_t key = utf8_count(pair->string);
		if (!cJSON_IsString(pair) || key < 1 || key > MAP_KEY_MAX ||
			utf8_count(pair->valuestring) > MAP_VALUE_MAX)
			return refuse(w,
				"must have keys of 1 to %d and texts of up to %d characters",
				MAP_KEY_MAX, MAP_VALUE_MAX);
		cJSON_DeleteItemFromObjectCaseSensitive(map, pair->string);
		cJSON_AddStringToObject(map, pair->string, pair->valuestring);
	}
	if (cJSON_GetArraySize(map) > MAP_PAIRS_MAX)
		return refuse(w, "must have at most %d keys", MAP_PAIRS_MAX);
	*ret = steal(map);
	return 0;
}

static int apply_free(struct walk *w, const struct shape *shape, const cJSON *value, cJSON **ret)
{
	if (!cJSON_IsObject(value))
		return refuse(w, "must be an object");
	*ret = cJSON_Duplicate(value, true);
	return 0;
}

static int apply(struct walk *w, const struct shape *shape, const cJSON *value, cJSON **ret)
{
	static int (*const by_kind[])(
		struct walk *, const struct shape *, const cJSON *, cJSON **) = {
		[SHAPE_TEXT] = apply_text,
		[SHAPE_BOOL] = apply_bool,
		[SHAPE_COUNT] = apply_count,
		[SHAPE_LIST] = apply_list,
		[SHAPE_OBJECT] = apply_object,
		[SHAPE_CHOICE] = apply_choice,
		[SHAPE_MAP] = apply_map,
		[SHAPE_FREE] = apply_free,
	};
	cleanup(json) cJSON *wide = shape->widen ? shape->widen(value) : NULL;
	if (wide)
		value = wide;
	if (shape->null && cJSON_IsNull(value)) {
		*ret = cJSON_CreateNull();
		return 0;
	}
	cleanup(json) cJSON *full = NULL;
	int r = by_kind[shape->kind](w, shape, value, &full);
	if (r < 0)
		return r;
	const char *wrong = shape->check ? shape->check(full) : NULL;
	if (wrong)
		return refuse(w, "%s", wrong);
	*ret = steal(full);
	return 0;
}

int shape_apply(const struct shape *shape, const cJSON *value, cJSON **ret, struct buf *why)
{
	struct walk w = { .path = BUF_INIT(1000), .why = why };
	int r = apply(&w, shape, value, ret);
	buf_done(&w.path);
	return r;
}
