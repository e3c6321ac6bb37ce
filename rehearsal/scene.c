/* SPDX-License-Identifier: MIT */
#include "rehearsal/scene.h"

#include <string.h>

#include "rehearsal/digest.h"

static void forget_script(struct scene *scene)
{
	free(steal(scene->text));
	script_done(&scene->script);
}

/* Reads all texts of a turn; false when it has none. */
static bool read_texts(struct scene *scene, const struct request *r, const struct turn *turn)
{
	struct buf all = BUF_INIT(SCRIPT_TEXT_MAX);
	size_t at = 0;
	const struct block *block;
	script_init(&scene->script);
	while ((block = turn_next_block(r, turn, "text", &at))) {
		(void)buf_printf(&all, "%s%s", all.size ? "\n" : "", block_text(block));
		script_add(&scene->script, block_text(block));
	}
	scene->text = buf_take(&all);
	return scene->script.text_count > 0;
}

static bool read_script(struct scene *scene, const struct request *r, size_t turn)
{
	if (r->turns[turn].role == ROLE_ASSISTANT)
		return false;
	bool is_script = read_texts(scene, r, &r->turns[turn]);
	if (r->turns[turn].role == ROLE_SYSTEM && scene->script.is_plain)
		is_script = false;
	if (!is_script)
		forget_script(scene);
	scene->turn = turn;
	return is_script;
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
	script_init(&scene->script);
}

void scene_done(struct scene *scene)
{
	forget_script(scene);
	free(scene->replay);
	*scene = (struct scene){ 0 };
}

const struct round *scene_round(const struct scene *scene)
{
	static const struct round nothing;
	if (scene->script.wrong.size || scene->round >= scene->script.round_count)
		return &nothing;
	return &scene->script.rounds[scene->round];
}

/* The block of request.blocks that holds the script's text of that number. */
static size_t find_text(const struct scene *scene, const struct request *r, size_t number)
{
	const struct turn *turn = &r->turns[scene->turn];
	size_t at = 0;
	for (size_t i = 0; i <= number; i++)
		(void)turn_next_block(r, turn, "text", &at);
	return turn->first + at - 1;
}

uint64_t scene_key(const struct scene *scene, const struct request *r, const struct fault *fault)
{
	size_t last = find_text(scene, r, fault->text);
	uint64_t key = digest_json(DIGEST_START, json_get(r->json, "metadata"), NULL);
	key = digest_int(key, scene->round);
	for (size_t i = fault->by_text ? last : 0; i <= last; i++) {
		key = digest_int(key, r->blocks[i].role);
		key = digest_text(key, block_text(&r->blocks[i]));
		if (!block_text(&r->blocks[i]))
			key = digest_json(key, r->blocks[i].json, "cache_control");
	}
	return key;
}
