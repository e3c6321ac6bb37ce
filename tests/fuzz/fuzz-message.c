/* SPDX-License-Identifier: MIT */
/* Each line is the data of one event.  Whatever comes, a complete message has tool inputs that are objects. */
#include <assert.h>
#include <string.h>

#include "harness/message.h"
#include "harness/price.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_piece(const struct model_piece *piece)
{
	assert(piece->index >= 0 && piece->index < MESSAGE_BLOCKS_MAX);
	assert(strlen(piece->type) + strlen(piece->text.at) < SIZE_MAX);
}

static void check_block(const cJSON *block)
{
	const char *type = json_text(block, "type");
	assert(cJSON_IsObject(block));
	if (type && strcmp(type, "tool_use") == 0)
		assert(cJSON_IsObject(json_get(block, "input")));
}

static void check_message(const struct message *message)
{
	const cJSON *json = message_json(message), *block;
	char *text = json_to_text(json);
	cJSON_ArrayForEach(block, json_get(json, "content"))
		check_block(block);
	assert(model_cost_nano(model_find(""), message_usage(message)) >= 0);
	free(text);
}

static enum message_what push_line(struct message *message, struct slice line)
{
	struct model_piece piece;
	cleanup(buf) struct buf why = BUF_INIT(1000);
	enum message_what what = message_push(message, line, &piece, &why);
	if (what == MESSAGE_PIECE)
		check_piece(&piece);
	assert((what == MESSAGE_GARBAGE) == (why.size > 0));
	return what;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *at = (const char *)data, *end = at + size;
	struct message *message = message_new();
	json_setup();
	while (at < end) {
		const char *stop = memchr(at, '\n', (size_t)(end - at));
		size_t n = (size_t)((stop ? stop : end) - at);
		enum message_what what = push_line(message, (struct slice){ at, n });
		if (what == MESSAGE_COMPLETE)
			check_message(message);
		if (what == MESSAGE_GARBAGE || what == MESSAGE_ERROR)
			break;
		at += n + 1;
	}
	message_free(message);
	return 0;
}
