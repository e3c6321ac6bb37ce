/* SPDX-License-Identifier: MIT */
/* What arrives on a stream of the hands, cut into requests, and the parameters of each tool taken
 * out of them. */
#include "tools/calls.h"
#include "tools/request.h"
#include "tools/tool.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void take(struct calls *calls, const struct request *request)
{
	struct call *call = calls_find(calls, request->call);
	if (request->kind == REQUEST_ACKNOWLEDGE && call)
		calls_remove(calls, call);
	if (request->kind != REQUEST_EXECUTE || call)
		return;
	cleanup(free) char *name = xstrndup(request->tool.at, request->tool.size);
	const struct tool *tool = tool_find(name);
	call = tool ? calls_add(calls, request->call, tool, request->input) : NULL;
	if (!call)
		return;
	bool ok = param_unpack(tool->params, buf_slice(&call->input), call->args, NULL) == 0;
	calls_finish(calls, call, !ok, request->input, 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct calls calls;
	struct request request;
	struct slice frame;
	cleanup(buf) struct buf in = BUF_INIT(REQUEST_BYTES_MAX);
	calls_init(&calls);
	(void)buf_add(&in, data, size);
	while (request_next(&in, &request, &frame) == 1) {
		take(&calls, &request);
		request_drop(&in, frame);
	}
	calls_done(&calls);
	return 0;
}
