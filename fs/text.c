/* SPDX-License-Identifier: MIT */
#include "fs/text.h"

#include <errno.h>
#include <string.h>

#include "base/utf8.h"

int text_show(const cJSON *value, struct buf *out)
{
	if (!cJSON_IsString(value) || !*value->valuestring)
		return 0;
	return buf_printf(out, "%s\n", value->valuestring);
}

int text_parse(struct slice text, cJSON **ret, struct buf *why)
{
	size_t size = text.size;
	if (size && text.at[size - 1] == '\n')
		size--;
	if (!utf8_is_valid(text.at, size) || memchr(text.at, '\0', size))
		return fail(why, EILSEQ, "this is not UTF-8 text; convert it first");
	cleanup(free) char *copy = xstrndup(text.at, size);
	*ret = size ? cJSON_CreateString(copy) : cJSON_CreateNull();
	return 0;
}

int text_show_json(const cJSON *value, struct buf *out)
{
	cleanup(free) char *text = cJSON_Print(value);
	return buf_printf(out, "%s\n", text);
}

int text_parse_json(struct slice text, cJSON **ret, struct buf *why)
{
	cJSON *value = json_parse(text.at, text.size, why);
	if (!value)
		return -EINVAL;
	*ret = value;
	return 0;
}
