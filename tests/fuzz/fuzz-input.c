/* SPDX-License-Identifier: MIT */
/*
 * What a person writes to `input`.  The first byte says where the bytes are cut.
 *
 * What is good as a whole is good at each cut; what is refused at a cut is refused
 * as a whole; the events that come out are events, and can be printed and read.
 */
#include <assert.h>
#include <string.h>

#include "store/event.h"
#include "store/input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_events(const cJSON *events)
{
	const cJSON *event;
	cJSON_ArrayForEach(event, events) {
		assert(event_check(event, NULL) == 0);
		assert(event_type_find(json_text(event, "type"))->sender == SENDER_CLIENT);
		cleanup(free) char *line = json_to_text(event);
		assert(!strchr(line, '\n'));
		cleanup(json) cJSON *again = json_parse(line, strlen(line), NULL);
		cleanup(free) char *same = json_to_text(again);
		assert(strcmp(line, same) == 0);
	}
}

/* The judge's state must not depend on how the bytes were cut. */
static void check_pieces(const char *input, size_t size, size_t piece)
{
	struct input_scan whole = { 0 }, pieces = { 0 };
	enum input_found a, b = INPUT_MORE;
	size_t end = input_scan_push(&whole, input, size, &a);
	for (size_t at = 0; at < end && b == INPUT_MORE; at += piece)
		(void)input_scan_push(&pieces, input + at, at + piece < end ? piece : end - at, &b);
	assert(a == INPUT_NOT_UTF8 || memcmp(&whole, &pieces, sizeof(whole)) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	json_setup();
	if (size == 0)
		return 0;
	const char *input = (const char *)data + 1;
	size_t cut = (size - 1) * data[0] / 255;
	cleanup(json) cJSON *events = NULL, *none = NULL;
	cleanup(buf) struct buf why = BUF_INIT(1000);
	int whole = event_parse_input(input, size - 1, true, &events, &why);
	assert((whole == 0) == (events != NULL));
	assert(whole == 0 || why.size > 0);
	int part = event_parse_input(input, cut, false, &none, NULL);
	assert(!none);
	assert(part == 0 || whole != 0);
	check_events(events);
	check_pieces(input, size - 1, 1 + data[0] % 16);
	return 0;
}
