/* SPDX-License-Identifier: MIT */
#include "base/param_json.h"

#include <errno.h>
#include <string.h>

static cJSON *property_schema(const struct param *p)
{
	static const char *const types[] = { [PARAM_TEXT] = "string", [PARAM_INT] = "integer",
		[PARAM_BOOL] = "boolean", [PARAM_RANGE] = "array" };
	cJSON *property = cJSON_CreateObject();
	cJSON_AddStringToObject(property, "type", types[p->type]);
	if (p->type == PARAM_RANGE)
		cJSON_AddStringToObject(cJSON_AddObjectToObject(property, "items"), "type", "integer");
	if (p->help)
		cJSON_AddStringToObject(property, "description", p->help);
	return property;
}

cJSON *param_schema(const struct param *table)
{
	cJSON *schema = cJSON_CreateObject();
	cJSON_AddStringToObject(schema, "type", "object");
	cJSON *properties = cJSON_AddObjectToObject(schema, "properties");
	cJSON *required = cJSON_CreateArray();
	for (const struct param *p = table; p->name; p++) {
		cJSON_AddItemToObject(properties, p->name, property_schema(p));
		if (p->required)
			cJSON_AddItemToArray(required, cJSON_CreateString(p->name));
	}
	if (cJSON_GetArraySize(required))
		cJSON_AddItemToObject(schema, "required", required);
	else
		cJSON_Delete(required);
	return schema;
}

static bool whole_number(const cJSON *value)
{
	double d = cJSON_IsNumber(value) ? value->valuedouble : 0.5;
	return d > -9e15 && d < 9e15 && d == (double)(int64_t)d;
}

static int pack_int(const struct param *p, const cJSON *value, struct buf *out, struct buf *why)
{
	if (!whole_number(value))
		return fail(why, EINVAL, "%s must be a whole number", p->name);
	int64_t number = (int64_t)value->valuedouble;
	if (p->min != p->max && (number < p->min || number > p->max))
		return fail(why, EINVAL, "%s must be between %lld and %lld", p->name,
			(long long)p->min, (long long)p->max);
	return fields_add_int(out, p->name, number);
}

static int pack_range(const struct param *p, const cJSON *value, struct buf *out, struct buf *why)
{
	if (cJSON_IsArray(value) && cJSON_GetArraySize(value) == 0)
		return 0;
	const cJSON *first = cJSON_GetArrayItem(value, 0), *last = cJSON_GetArrayItem(value, 1);
	if (!cJSON_IsArray(value) || cJSON_GetArraySize(value) != 2 || !whole_number(first) ||
		!whole_number(last))
		return fail(why, EINVAL, "%s must be [first, last]", p->name);
	cleanup(free) char *text = xprintf("%lld %lld", (long long)first->valuedouble,
		(long long)last->valuedouble);
	return fields_add_text(out, p->name, text);
}

static int pack_value(const struct param *p, const cJSON *value, struct buf *out, struct buf *why)
{
	switch (p->type) {
	case PARAM_TEXT:
		if (!cJSON_IsString(value))
			return fail(why, EINVAL, "%s must be a string", p->name);
		return fields_add_text(out, p->name, value->valuestring);
	case PARAM_BOOL:
		if (!cJSON_IsBool(value))
			return fail(why, EINVAL, "%s must be true or false", p->name);
		return fields_add_text(out, p->name, cJSON_IsTrue(value) ? "1" : "0");
	case PARAM_INT:
		return pack_int(p, value, out, why);
	case PARAM_RANGE:
		return pack_range(p, value, out, why);
	}
	return -EINVAL;
}

int param_pack(const struct param *table, const cJSON *input, struct buf *out, struct buf *why)
{
	if (!cJSON_IsObject(input))
		return fail(why, EINVAL, "the input must be an object");
	for (const struct param *p = table; p->name; p++) {
		const cJSON *value = json_get(input, p->name);
		if (!value || cJSON_IsNull(value)) {
			if (p->required)
				return fail(why, EINVAL, "%s is required", p->name);
			continue;
		}
		int r = pack_value(p, value, out, why);
		if (r == -EFBIG)
			return fail(why, EFBIG, "%s is too large", p->name);
		if (r < 0)
			return r;
	}
	return 0;
}
