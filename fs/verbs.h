/* SPDX-License-Identifier: MIT */
/* The verbs that the rows of nodes.c name; their contracts are in nodes.h. */
#pragma once

#include "fs/handle.h"
#include "fs/nodes.h"

/* root.c */
int root_show_readme(struct fs *fs, struct place at, struct buf *out);
int root_show_status(struct fs *fs, struct place at, struct buf *out);
int root_show_error(struct fs *fs, struct place at, struct buf *out);
int root_last(struct fs *fs, struct place at, struct buf *out);
int by_id_find(struct fs *fs, struct place at, const char *name, int64_t *ret_num);
int by_id_each(struct fs *fs, struct place at, uint64_t after, struct child *ret, int max);
int by_id_name(struct fs *fs, struct place at, struct buf *out);
int64_t by_id_count(struct fs *fs, struct place at);
int by_id_target(struct fs *fs, struct place at, struct buf *out);

/* objects.c: what all kinds of object have, and how they are made */
int object_row_find(struct fs *fs, struct place at, const char *name, int64_t *ret_num);
int object_row_each(struct fs *fs, struct place at, uint64_t after, struct child *ret, int max);
int object_row_name(struct fs *fs, struct place at, struct buf *out);
int64_t object_row_count(struct fs *fs, struct place at);
int object_row_time(struct fs *fs, struct place at, int64_t *ret_wall_us);
int object_row_rename(struct fs *fs, struct place at, const struct node *to, const char *name,
	struct buf *why);
int object_row_id(struct fs *fs, struct place at, struct buf *out);
int object_row_body(struct fs *fs, struct place at, struct buf *out);
int object_row_save(struct fs *fs, struct place at, struct slice text, struct buf *why);
int object_row_keep(struct fs *fs, struct place at, struct buf *why);
int agent_make(struct fs *fs, struct place at, const char *name, int64_t *ret_num, struct buf *why);
int agent_default(struct fs *fs, struct place at, struct buf *out);
int agent_set_default(struct fs *fs, struct place at, const char *target, struct buf *why);
int environment_make(struct fs *fs, struct place at, const char *name, int64_t *ret_num,
	struct buf *why);
int environment_default(struct fs *fs, struct place at, struct buf *out);
int environment_set_default(struct fs *fs, struct place at, const char *target, struct buf *why);

/* agents.c: an agent's files */
int agent_model(struct fs *fs, struct place at, struct buf *out);
int agent_save_model(struct fs *fs, struct place at, struct slice text, struct buf *why);
int agent_system(struct fs *fs, struct place at, struct buf *out);
int agent_save_system(struct fs *fs, struct place at, struct slice text, struct buf *why);
int agent_description(struct fs *fs, struct place at, struct buf *out);
int agent_save_description(struct fs *fs, struct place at, struct slice text, struct buf *why);
int agent_start(struct fs *fs, struct place at, struct buf *out);
int agent_version(struct fs *fs, struct place at, struct buf *out);
int version_row_find(struct fs *fs, struct place at, const char *name, int64_t *ret_num);
int version_row_each(struct fs *fs, struct place at, uint64_t after, struct child *ret, int max);
int version_row_name(struct fs *fs, struct place at, struct buf *out);
int version_row_time(struct fs *fs, struct place at, int64_t *ret_wall_us);

/* parts.c: entries of a definition, each a file */
int part_row_find(struct fs *fs, struct place at, const char *name, int64_t *ret_num);
int part_row_each(struct fs *fs, struct place at, uint64_t after, struct child *ret, int max);
int part_row_name(struct fs *fs, struct place at, struct buf *out);
int part_row_make(struct fs *fs, struct place at, const char *name, int64_t *ret_num,
	struct buf *why);
int part_row_drop(struct fs *fs, struct place at, struct buf *why);
int part_show_text(struct fs *fs, struct place at, struct buf *out);
int part_save_text(struct fs *fs, struct place at, struct slice text, struct buf *why);
int part_show_json(struct fs *fs, struct place at, struct buf *out);
int part_save_json(struct fs *fs, struct place at, struct slice text, struct buf *why);
int skill_target(struct fs *fs, struct place at, struct buf *out);
int skill_relink(struct fs *fs, struct place at, const char *target, struct buf *why);

/* team.c: the agents that an agent may call */
int team_row_find(struct fs *fs, struct place at, const char *name, int64_t *ret_num);
int team_row_each(struct fs *fs, struct place at, uint64_t after, struct child *ret, int max);
int team_row_name(struct fs *fs, struct place at, struct buf *out);
int team_row_make(struct fs *fs, struct place at, const char *name, int64_t *ret_num,
	struct buf *why);
int team_row_drop(struct fs *fs, struct place at, struct buf *why);
int team_target(struct fs *fs, struct place at, struct buf *out);
int team_relink(struct fs *fs, struct place at, const char *target, struct buf *why);

/* sessions.c: the session as a directory */
int session_row_each(struct fs *fs, struct place at, uint64_t after, struct child *ret, int max);
int session_row_time(struct fs *fs, struct place at, int64_t *ret_wall_us);
int session_row_make(struct fs *fs, struct place at, const char *name, int64_t *ret_num,
	struct buf *why);
int session_row_drop(struct fs *fs, struct place at, struct buf *why);
int session_row_rename(struct fs *fs, struct place at, const struct node *to, const char *name,
	struct buf *why);
int session_agent_link(struct fs *fs, struct place at, struct buf *out);
int session_environment_link(struct fs *fs, struct place at, struct buf *out);
int session_relink_agent(struct fs *fs, struct place at, const char *target, struct buf *why);
int session_relink_environment(struct fs *fs, struct place at, const char *target, struct buf *why);

/* facts.c: what a session's files say */
int session_events_size(struct fs *fs, struct place at, uint64_t *ret);
int session_events_bytes(struct fs *fs, struct place at, uint64_t offset, size_t size,
	struct buf *out);
int session_reply(struct fs *fs, struct place at, struct buf *out);
int session_status(struct fs *fs, struct place at, struct buf *out);
int session_usage(struct fs *fs, struct place at, struct buf *out);
int session_cost(struct fs *fs, struct place at, struct buf *out);
int session_show_title(struct fs *fs, struct place at, struct buf *out);
int session_save_title(struct fs *fs, struct place at, struct slice text, struct buf *why);
int session_show_error(struct fs *fs, struct place at, struct buf *out);
int session_json(struct fs *fs, struct place at, struct buf *out);
int session_workspace_path(struct fs *fs, struct place at, struct buf *out);
char *session_host(struct fs *fs, struct place at);
int session_transcript(struct fs *fs, struct place at, struct buf *out);
int session_transcript_size(struct fs *fs, struct place at, uint64_t *ret);

/* input.c: what a session is told */
int input_open(struct fs *fs, struct handle *h, struct buf *why);
int input_show(struct fs *fs, struct place at, struct buf *out);
int input_accept(struct fs *fs, struct handle *h, struct slice bytes, struct buf *why);
int input_commit(struct fs *fs, struct handle *h, struct buf *why);
int ctl_show(struct fs *fs, struct place at, struct buf *out);
int ctl_accept(struct fs *fs, struct handle *h, struct slice bytes, struct buf *why);

/* stream.c: files that wait */
int follow_open(struct fs *fs, struct handle *h, struct buf *why);
int follow_follow(struct fs *fs, struct handle *h);
int follow_seek(struct fs *fs, struct handle *h, uint64_t offset);
int live_open(struct fs *fs, struct handle *h, struct buf *why);
int live_follow(struct fs *fs, struct handle *h);
int live_seek(struct fs *fs, struct handle *h, uint64_t offset);
int wait_open(struct fs *fs, struct handle *h, struct buf *why);
int wait_follow(struct fs *fs, struct handle *h);
int wait_seek(struct fs *fs, struct handle *h, uint64_t offset);
