/* SPDX-License-Identifier: MIT */
#include "rehearsal/shape.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

static const struct kind {
	const char *name;
	int types; /* of cJSON */
	const char *should_be;
} kinds[] = {
	{ "text", cJSON_String, "string" },
	{ "int", cJSON_Number, "integer" },
	{ "number", cJSON_Number, "number" },
	{ "bool", cJSON_True | cJSON_False, "boolean" },
	{ "array", cJSON_Array, "list" },
	{ "object", cJSON_Object, "dictionary" },
	{ "content", cJSON_String | cJSON_Array, "string or list" },
	{ "ref", cJSON_String | cJSON_Object, "string or dictionary" },
	{ "any", ~0, "value" },
};

struct word {
	const char *name; /* not terminated */
	size_t name_size;
	const struct kind *kind;
	bool optional;
};

static const struct kind *kind_of(const char *name, size_t size)
{
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (strlen(kinds[i].name) == size && memcmp(kinds[i].name, name, size) == 0)
			return &kinds[i];
	return NULL;
}

static bool next_word(const char **at, struct word *ret)
{
	*at += strspn(*at, " ");
	size_t size = strcspn(*at, " ");
	if (!size)
		return false;
	size_t name_size = strcspn(*at, ":");
	assert(name_size < size);
	bool optional = (*at)[size - 1] == '?';
	*ret = (struct word){ .name = *at,
		.name_size = name_size,
		.optional = optional,
		.kind = kind_of(*at + name_size + 1, size - name_size - 1 - optional) };
	assert(ret->kind);
	*at += size;
	return true;
}

static bool fits(const struct kind *kind, const cJSON *value)
{
	if (!(value->type & kind->types & 0xff))
		return false;
	double number = cJSON_IsNumber(value) ? value->valuedouble : 0;
	bool whole = number > -9e15 && number < 9e15 && number == (double)(int64_t)number;
	return whole || strcmp(kind->name, "int") != 0;
}

static const char *dot(const char *where)
{
	return *where ? "." : "";
}

static int check_word(
	const cJSON *object, const struct word *word, const char *where, struct buf *why)
{
	cleanup(free) char *name = xstrndup(word->name, word->name_size);
	const cJSON *value = json_get(object, name);
	if (!value && word->optional)
		return 0;
	if (!value)
		return fail(why, EINVAL, "%s%s%s: Field required", where, dot(where), name);
	if (fits(word->kind, value))
		return 0;
	return fail(why, EINVAL, "%s%s%s: Input should be a valid %s", where, dot(where), name,
		word->kind->should_be);
}

static bool is_named(const char *shape, const char *field)
{
	struct word word;
	for (const char *at = shape; next_word(&at, &word);)
		if (strlen(field) == word.name_size &&
			memcmp(field, word.name, word.name_size) == 0)
			return true;
	return false;
}

int shape_check(const cJSON *object, const char *shape, const char *where, struct buf *why)
{
	if (!cJSON_IsObject(object))
		return fail(why, EINVAL, "%s%sInput should be a valid dictionary", where,
			*where ? ": " : "");
	struct word word;
	for (const char *at = shape; next_word(&at, &word);) {
		int r = check_word(object, &word, where, why);
		if (r < 0)
			return r;
	}
	for (const cJSON *field = object->child; field; field = field->next)
		if (!is_named(shape, field->string))
			return fail(why, EINVAL, "%s%s%.200s: Extra inputs are not permitted",
				where, dot(where), field->string);
	return 0;
}
