/* SPDX-License-Identifier: MIT */
#include "rehearsal/models.h"

#include <string.h>

#define ALL_EFFORTS "low medium high xhigh max"

enum {
	NEWEST = MODEL_ADAPTIVE | MODEL_HIDES | MODEL_FIXED_SAMPLING,
	OPUS_4_6 = MODEL_ADAPTIVE | MODEL_BUDGET | MODEL_NO_THINKING,
	GEN_4_5 = MODEL_BUDGET | MODEL_NO_THINKING | MODEL_PREFILL,
	MILLION = 1000000,
};

/* Newest first, as the API lists them. */
static const struct model models[] = {
	{ "claude-fable-5-2", NULL, "Claude Fable 5.2", "2026-11-09T00:00:00Z", MILLION, 128000,
		512, ALL_EFFORTS, NEWEST },
	{ "claude-fable-5-1", NULL, "Claude Fable 5.1", "2026-10-20T00:00:00Z", MILLION, 128000,
		512, ALL_EFFORTS, NEWEST | MODEL_MID_SYSTEM },
	{ "claude-opus-5-5", NULL, "Claude Opus 5.5", "2026-10-13T00:00:00Z", MILLION, 128000, 512,
		ALL_EFFORTS, NEWEST | MODEL_NO_THINKING | MODEL_CALM_ONLY | MODEL_MID_SYSTEM },
	{ "claude-sonnet-5-5", NULL, "Claude Sonnet 5.5", "2026-10-06T00:00:00Z", MILLION, 128000,
		1024, ALL_EFFORTS, NEWEST | MODEL_NO_THINKING | MODEL_MID_SYSTEM },
	{ "claude-haiku-5-5", NULL, "Claude Haiku 5.5", "2026-10-01T00:00:00Z", 200000, 64000,
		1024, ALL_EFFORTS, NEWEST | MODEL_NO_THINKING | MODEL_MID_SYSTEM },
	{ "claude-opus-5", NULL, "Claude Opus 5", "2026-07-24T00:00:00Z", MILLION, 128000, 512,
		ALL_EFFORTS, NEWEST | MODEL_NO_THINKING | MODEL_CALM_ONLY | MODEL_MID_SYSTEM },
	{ "claude-sonnet-5", NULL, "Claude Sonnet 5", "2026-06-30T00:00:00Z", MILLION, 128000, 1024,
		ALL_EFFORTS, NEWEST | MODEL_NO_THINKING },
	{ "claude-fable-5", NULL, "Claude Fable 5", "2026-06-09T00:00:00Z", MILLION, 128000, 512,
		ALL_EFFORTS, NEWEST | MODEL_MID_SYSTEM },
	{ "claude-mythos-5", NULL, "Claude Mythos 5", "2026-06-09T00:00:00Z", MILLION, 128000, 512,
		ALL_EFFORTS, NEWEST | MODEL_MID_SYSTEM },
	{ "claude-opus-4-8", NULL, "Claude Opus 4.8", "2026-05-12T00:00:00Z", MILLION, 128000, 1024,
		ALL_EFFORTS, NEWEST | MODEL_NO_THINKING | MODEL_MID_SYSTEM },
	{ "claude-opus-4-7", NULL, "Claude Opus 4.7", "2026-04-14T00:00:00Z", MILLION, 128000, 2048,
		ALL_EFFORTS, NEWEST | MODEL_NO_THINKING },
	{ "claude-sonnet-4-6", NULL, "Claude Sonnet 4.6", "2026-02-17T00:00:00Z", MILLION, 128000,
		1024, "low medium high max", OPUS_4_6 },
	{ "claude-opus-4-6", NULL, "Claude Opus 4.6", "2026-02-05T00:00:00Z", MILLION, 128000, 4096,
		"low medium high max", OPUS_4_6 },
	{ "claude-opus-4-5-20251101", "claude-opus-4-5", "Claude Opus 4.5", "2025-11-24T00:00:00Z",
		200000, 64000, 4096, "low medium high", GEN_4_5 },
	{ "claude-haiku-4-5-20251001", "claude-haiku-4-5", "Claude Haiku 4.5",
		"2025-10-15T00:00:00Z", 200000, 64000, 4096, "", GEN_4_5 },
	{ "claude-sonnet-4-5-20250929", "claude-sonnet-4-5", "Claude Sonnet 4.5",
		"2025-09-29T00:00:00Z", 200000, 64000, 1024, "", GEN_4_5 },
};

const struct model *models_at(size_t index)
{
	return index < ARRAY_LEN(models) ? &models[index] : NULL;
}

const struct model *models_find(const char *id)
{
	for (size_t i = 0; id && i < ARRAY_LEN(models); i++) {
		const struct model *model = &models[i];
		if (strcmp(id, model->id) == 0 || (model->alias && strcmp(id, model->alias) == 0))
			return model;
	}
	return NULL;
}

static cJSON *add_capability(cJSON *to, const char *name, bool supported)
{
	cJSON *capability = cJSON_AddObjectToObject(to, name);
	cJSON_AddBoolToObject(capability, "supported", supported);
	return capability;
}

static void add_efforts(cJSON *capabilities, const struct model *model)
{
	static const char *const levels[] = { "low", "medium", "high", "xhigh", "max" };
	cJSON *effort = add_capability(capabilities, "effort", *model->efforts);
	for (size_t i = 0; i < ARRAY_LEN(levels); i++) {
		cleanup(free) char *word = xprintf(" %s ", levels[i]);
		cleanup(free) char *all = xprintf(" %s ", model->efforts);
		(void)add_capability(effort, levels[i], strstr(all, word));
	}
}

static cJSON *capabilities_of(const struct model *model)
{
	static const char *const always[] = { "batch", "citations", "code_execution", "image_input",
		"pdf_input", "structured_outputs" };
	cJSON *all = cJSON_CreateObject();
	for (size_t i = 0; i < ARRAY_LEN(always); i++)
		(void)add_capability(all, always[i], true);
	cJSON *types = cJSON_AddObjectToObject(add_capability(all, "thinking", true), "types");
	(void)add_capability(types, "adaptive", model->flags & MODEL_ADAPTIVE);
	(void)add_capability(types, "enabled", model->flags & MODEL_BUDGET);
	add_efforts(all, model);
	return all;
}

cJSON *models_info(const struct model *model)
{
	cJSON *info = cJSON_CreateObject();
	cJSON_AddStringToObject(info, "type", "model");
	cJSON_AddStringToObject(info, "id", model->id);
	cJSON_AddStringToObject(info, "display_name", model->name);
	cJSON_AddStringToObject(info, "created_at", model->created_at);
	cJSON_AddNumberToObject(info, "max_input_tokens", (double)model->window);
	cJSON_AddNumberToObject(info, "max_tokens", (double)model->max_output);
	cJSON_AddItemToObject(info, "capabilities", capabilities_of(model));
	return info;
}

static void add_id(cJSON *list, const char *name, const cJSON *row)
{
	const char *id = json_text(row, "id");
	if (id)
		cJSON_AddStringToObject(list, name, id);
	else
		cJSON_AddNullToObject(list, name);
}

cJSON *models_list(int64_t limit, const char *after, const char *before)
{
	const struct model *from = models_find(after), *to = models_find(before);
	if ((after && !from) || (before && !to))
		return NULL;
	size_t first = from ? (size_t)(from - models) + 1 : 0;
	size_t end = to ? (size_t)(to - models) : ARRAY_LEN(models);
	bool more = end > first && (int64_t)(end - first) > limit;
	if (more && to)
		first = end - (size_t)limit; /* a page before an id ends at that id */
	else if (more)
		end = first + (size_t)limit;
	cJSON *list = cJSON_CreateObject();
	cJSON *data = cJSON_AddArrayToObject(list, "data");
	for (size_t i = first; i < end; i++)
		cJSON_AddItemToArray(data, models_info(&models[i]));
	add_id(list, "first_id", cJSON_GetArrayItem(data, 0));
	add_id(list, "last_id", cJSON_GetArrayItem(data, cJSON_GetArraySize(data) - 1));
	cJSON_AddBoolToObject(list, "has_more", more);
	return list;
}
