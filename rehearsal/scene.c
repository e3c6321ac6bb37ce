/* SPDX-License-Identifier: MIT */
#include "rehearsal/scene.h"

#include <string.h>

#include "rehearsal/digest.h"

/* Joins the texts of a turn, given; NULL when it has none. */
static char *turn_text(const struct request *r, const struct turn *turn)
{
	struct buf text = BUF_INIT(SCRIPT_TEXT_MAX);
	size_t at = 0;
	const struct block *block;
	while ((block = turn_next_block(r, turn, "text", &at)))
		(void)buf_printf(&text, "%s%s", text.size ? "\n" : "", block_text(block));
	return text.size ? buf_take(&text) : NULL;
}

static bool read_script(struct scene *scene, const struct request *r, size_t turn)
{
	if (r->turns[turn].role == ROLE_ASSISTANT)
		return false;
	cleanup(free) char *text = turn_text(r, &r->turns[turn]);
	if (!text)
		return false;
	script_parse(&scene->script, text);
	if (r->turns[turn].role == ROLE_SYSTEM && scene->script.is_plain) {
		script_done(&scene->script);
		return false;
	}
	scene->turn = turn;
	scene->text = steal(text);
	return true;
}

static size_t count_user_turns(const struct request *r, size_t after)
{
	size_t count = 0;
	for (size_t i = after + 1; i < r->turn_count; i++)
		count += r->turns[i].role == ROLE_USER;
	return count;
}

/* The recording that is in force: named by the last message that is more than plain words. */
static void find_replay(struct scene *scene, const struct request *r)
{
	for (size_t i = scene->turn + 1; i-- > 0;) {
		struct scene at = { 0 };
		if (!read_script(&at, r, i))
			continue;
		bool is_plain = at.script.is_plain;
		if (at.script.replay && !at.script.wrong.size) {
			scene->replay = steal(at.script.replay);
			scene->replay_index = count_user_turns(r, i);
		}
		scene_done(&at);
		if (!is_plain)
			return;
	}
}

void scene_init(struct scene *scene, const struct request *r)
{
	*scene = (struct scene){ 0 };
	const struct turn *last = r->turn_count ? &r->turns[r->turn_count - 1] : NULL;
	if (last && turn_is_paused(r, last))
		scene->paused = last;
	for (size_t i = r->turn_count; i-- > 0;)
		if (read_script(scene, r, i)) {
			scene->round = count_user_turns(r, i);
			find_replay(scene, r);
			return;
		}
	scene->text = xstrdup("");
	script_parse(&scene->script, "");
}

void scene_done(struct scene *scene)
{
	free(scene->text);
	free(scene->replay);
	script_done(&scene->script);
	*scene = (struct scene){ 0 };
}

const struct round *scene_round(const struct scene *scene)
{
	static const struct round nothing;
	if (scene->script.wrong.size || scene->round >= scene->script.round_count)
		return &nothing;
	return &scene->script.rounds[scene->round];
}

uint64_t scene_key(const struct scene *scene, const struct request *r, bool by_text)
{
	uint64_t key = digest_json(DIGEST_START, json_get(r->json, "metadata"), NULL);
	key = digest_int(digest_text(key, scene->text), scene->round);
	for (size_t i = 0; !by_text && i < r->block_count; i++) {
		key = digest_int(key, r->blocks[i].role);
		key = digest_json(key, r->blocks[i].json, "cache_control");
	}
	return key;
}
