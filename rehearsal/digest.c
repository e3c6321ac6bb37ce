/* SPDX-License-Identifier: MIT */
#include "rehearsal/digest.h"

#include <string.h>

uint64_t digest_bytes(uint64_t hash, const void *data, size_t size)
{
	const unsigned char *at = data;
	for (size_t i = 0; i < size; i++)
		hash = (hash ^ at[i]) * UINT64_C(0x100000001b3);
	return hash;
}

uint64_t digest_text(uint64_t hash, const char *text)
{
	/* The NUL is hashed too, so that "ab","c" and "a","bc" differ. */
	return text ? digest_bytes(hash, text, strlen(text) + 1) : digest_bytes(hash, "\1", 2);
}

uint64_t digest_int(uint64_t hash, uint64_t value)
{
	return digest_bytes(hash, &value, sizeof(value));
}

uint64_t digest_json(uint64_t hash, const cJSON *value, const char *skip)
{
	if (!value)
		return digest_text(hash, NULL);
	hash = digest_int(hash, (uint64_t)(value->type & 0xff));
	if (cJSON_IsString(value))
		return digest_text(hash, value->valuestring);
	if (cJSON_IsNumber(value))
		return digest_bytes(hash, &value->valuedouble, sizeof(value->valuedouble));
	for (const cJSON *item = value->child; item; item = item->next) {
		if (skip && item->string && strcmp(item->string, skip) == 0)
			continue;
		hash = digest_text(hash, item->string);
		hash = digest_json(hash, item, NULL);
	}
	return digest_bytes(hash, "]", 1);
}
