/* SPDX-License-Identifier: MIT */
#include "rehearsal/thinking.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "rehearsal/digest.h"

#define SIGNED_BY "rehearsal-"

enum { BUDGET_MIN = 1024 };

void thinking_sign(const char *text, char ret_signature[static SIGNATURE_SIZE])
{
	(void)snprintf(ret_signature, SIGNATURE_SIZE, SIGNED_BY "%016" PRIx64,
		digest_text(DIGEST_START, text));
}

bool thinking_is_shown(const struct request *r)
{
	const char *display = json_text(json_get(r->json, "thinking"), "display");
	if (display)
		return strcmp(display, "summarized") == 0;
	return !r->model || !(r->model->flags & MODEL_HIDES);
}

static const struct {
	const char *type;
	unsigned flag;
} types[] = {
	{ "adaptive", MODEL_ADAPTIVE },
	{ "enabled", MODEL_BUDGET },
	{ "disabled", MODEL_NO_THINKING },
};

static int check_type(const struct request *r, const char *type, struct buf *why)
{
	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		if (strcmp(type, types[i].type) == 0 && !(r->model->flags & types[i].flag))
			return fail(why, EINVAL,
				"\"thinking.type.%s\" is not supported for this model", type);
	return 0;
}

static int check_budget(const struct request *r, const cJSON *thinking, struct buf *why)
{
	const char *choice = json_text(json_get(r->json, "tool_choice"), "type");
	int64_t budget = json_int(thinking, "budget_tokens", -1);
	int64_t max = json_int(r->json, "max_tokens", INT64_MAX);
	if (budget < 0)
		return fail(why, EINVAL, "thinking.enabled.budget_tokens: Field required");
	if (budget < BUDGET_MIN)
		return fail(why, EINVAL,
			"thinking.enabled.budget_tokens: Input should be greater than or "
			"equal to %d",
			BUDGET_MIN);
	if (budget >= max && !request_has_beta(r, "interleaved-thinking-2025-05-14"))
		return fail(
			why, EINVAL, "`max_tokens` must be greater than `thinking.budget_tokens`.");
	if (choice && (strcmp(choice, "any") == 0 || strcmp(choice, "tool") == 0))
		return fail(why, EINVAL,
			"Thinking may not be enabled when tool_choice forces tool use.");
	return 0;
}

static int check_effort(const struct request *r, const char *thinking, struct buf *why)
{
	const char *effort = json_text(json_get(r->json, "output_config"), "effort");
	if (!effort)
		return 0;
	if (!*r->model->efforts)
		return fail(why, EINVAL, "This model does not support the effort parameter.");
	cleanup(free) char *word = xprintf(" %s ", effort);
	cleanup(free) char *all = xprintf(" %s ", r->model->efforts);
	if (!strstr(all, word))
		return fail(why, EINVAL, "This model does not support effort level '%s'.", effort);
	bool wild = strcmp(effort, "xhigh") == 0 || strcmp(effort, "max") == 0;
	if (wild && (r->model->flags & MODEL_CALM_ONLY) && strcmp(thinking, "disabled") == 0)
		return fail(why, EINVAL,
			"\"thinking.type.disabled\" is not supported with effort '%s'", effort);
	return 0;
}

int check_thinking(const struct request *r, struct buf *why)
{
	const cJSON *thinking = json_get(r->json, "thinking");
	const char *type = thinking ? json_text(thinking, "type") : "";
	int error = check_type(r, type, why);
	if (error == 0 && strcmp(type, "enabled") == 0)
		error = check_budget(r, thinking, why);
	return error < 0 ? error : check_effort(r, type, why);
}

static bool is_untouched(const cJSON *block)
{
	const char *text = json_text(block, "thinking"), *signature = json_text(block, "signature");
	char right[SIGNATURE_SIZE];
	/* Omitted text leaves nothing to compare with. */
	if (!*text || strncmp(signature, SIGNED_BY, strlen(SIGNED_BY)) != 0)
		return true;
	thinking_sign(text, right);
	return strcmp(signature, right) == 0;
}

int check_signatures(const struct request *r, struct buf *why)
{
	for (size_t i = 0; i < r->block_count; i++) {
		const struct block *block = &r->blocks[i];
		if (strcmp(block->type, "thinking") != 0 || is_untouched(block->json))
			continue;
		return fail(why, EINVAL,
			"messages.%d.content.%d: `thinking` or `redacted_thinking` blocks in "
			"the latest assistant message cannot be modified. These blocks must "
			"remain as they were "
			"in the original response.",
			block->message, block->index);
	}
	return 0;
}
