/* SPDX-License-Identifier: MIT */
/* Every limit that more than one folder knows, with the reason for its size. */
#pragma once

enum {
	NAME_BYTES_MAX = 64, /* of an object's name, see name_is_valid */
	MESSAGE_BYTES_MAX = 1 << 20, /* text of one message written to `input` */
	EVENTS_BYTES_MAX = 32 << 20, /* JSON events of one write, the API's request limit */
	LINE_BYTES_MAX = 36 << 20, /* one line of the log: the largest event and its envelope */
	QUEUE_EVENTS_MAX = 1000, /* events waiting in one session */
	TITLE_CHARS_MAX = 500,
	TOOL_RESULT_BYTES_MAX = 1 << 20, /* what the hands may answer to one call */
	TOOL_INPUT_BYTES_MAX = 32 << 20, /* packed input of one call */
	SESSIONS_MAX = 1 << 20, /* live sessions of one store */
	HINT_BYTES_MAX = 32 << 10, /* one hint between fs and harness */
};
