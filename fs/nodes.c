/* SPDX-License-Identifier: MIT */
#include "fs/nodes.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "fs/verbs.h"

#define DIRECTORY (S_IFDIR | 0755)
#define FILE_R (S_IFREG | 0444)
#define FILE_W (S_IFREG | 0222)
#define FILE_RW (S_IFREG | 0644)
#define LINK (S_IFLNK | 0777)

/* Sorted as README shows them.  The number of a row is for ever; take the next free one. */
static const struct node nodes[] = {
	{ 1, "", DIRECTORY, .help = "agents as directories" },
	{ 2, "README", FILE_R, NODE_FIXED, .help = "how to use this tree",
		.show = root_show_readme },
	{ 3, "status", FILE_R, .help = "facts about the running system, one `name value` a line",
		.show = root_show_status },
	{ 4, "error", FILE_R, .help = "refusals that belong to no session, the last at the end",
		.show = root_show_error },
	{ 5, "last", LINK, .help = "the session that most recently had an event",
		.target = root_last },

	{ 10, "agents", DIRECTORY, NODE_SCRATCH_LINKS,
		.help = "definitions of agents; `mkdir agents/NAME` makes one" },
	{ 11, "agents/default", LINK,
		.help = "the agent of new sessions; set it with `ln -sfn NAME`",
		.target = agent_default, .relink = agent_set_default },
	{ 12, "agents/*", DIRECTORY, .kind = OBJECT_AGENT, .help = "one agent",
		.find = object_row_find, .each = object_row_each, .make = agent_make,
		.drop = object_row_keep, .rename = object_row_rename },
	{ 13, "agents/*/agent.json", FILE_R, .kind = OBJECT_AGENT,
		.help = "the whole definition as the API has it", .show = object_row_body },
	{ 14, "agents/*/model", FILE_R, .kind = OBJECT_AGENT, .help = "the model's id",
		.show = agent_model },
	{ 15, "agents/*/system.md", FILE_R, .kind = OBJECT_AGENT, .help = "the system prompt",
		.show = agent_system },
	{ 16, "agents/*/description", FILE_R, .kind = OBJECT_AGENT, .help = "what it is for",
		.show = agent_description },
	{ 17, "agents/*/version", FILE_R, .kind = OBJECT_AGENT,
		.help = "the current version's number",
		.show = agent_version },
	{ 18, "agents/*/id", FILE_R, NODE_FIXED, .kind = OBJECT_AGENT, .help = "its id in the API",
		.show = object_row_id },

	{ 30, "environments", DIRECTORY, NODE_SCRATCH_LINKS,
		.help = "where tools run; `mkdir environments/NAME` makes one" },
	{ 31, "environments/default", LINK,
		.help = "the environment of new sessions; set it with `ln -sfn NAME`",
		.target = environment_default, .relink = environment_set_default },
	{ 32, "environments/*", DIRECTORY, .kind = OBJECT_ENVIRONMENT, .help = "one environment",
		.find = object_row_find, .each = object_row_each, .make = environment_make,
		.drop = object_row_keep, .rename = object_row_rename },
	{ 33, "environments/*/environment.json", FILE_R, .kind = OBJECT_ENVIRONMENT,
		.help = "the whole definition as the API has it", .show = object_row_body },
	{ 34, "environments/*/id", FILE_R, NODE_FIXED, .kind = OBJECT_ENVIRONMENT,
		.help = "its id in the API", .show = object_row_id },

	{ 50, "sessions", DIRECTORY, .help = "conversations; `mkdir sessions/NAME` begins one" },
	{ 51, "sessions/*", DIRECTORY, NODE_SCRATCH, .kind = OBJECT_SESSION,
		.help = "one session; `rmdir` removes one that has no events, `mv` renames it",
		.find = object_row_find, .each = session_row_each, .make = session_row_make,
		.drop = session_row_drop, .rename = session_row_rename },
	{ 52, "sessions/*/agent", LINK, .kind = OBJECT_SESSION,
		.help = "who answers; `ln -sfn ../../agents/NAME` before the first event",
		.target = session_agent_link, .relink = session_relink_agent },
	{ 53, "sessions/*/environment", LINK, .kind = OBJECT_SESSION,
		.help = "where tools run; `ln -sfn ../../environments/NAME` before the first event",
		.target = session_environment_link, .relink = session_relink_environment },
	{ 54, "sessions/*/input", FILE_W, .kind = OBJECT_SESSION,
		.help = "write a message, or JSON events; one redirection is one message",
		.open = input_open, .show = input_show, .accept = input_accept,
		.commit = input_commit },
	{ 55, "sessions/*/events", FILE_R, NODE_PLAIN, .kind = OBJECT_SESSION,
		.help = "everything that happened, one JSON event a line, only ever appended to",
		.size = session_events_size, .bytes = session_events_bytes },
	{ 56, "sessions/*/reply", FILE_R, .kind = OBJECT_SESSION,
		.help = "text of the last finished answer", .show = session_reply },
	{ 57, "sessions/*/transcript.md", FILE_R, .kind = OBJECT_SESSION,
		.help = "the whole conversation to read", .show = session_transcript,
		.size = session_transcript_size },
	{ 58, "sessions/*/status", FILE_R, .kind = OBJECT_SESSION,
		.help = "idle, running, waiting, rescheduling or terminated, and why",
		.show = session_status },
	{ 59, "sessions/*/usage", FILE_R, .kind = OBJECT_SESSION,
		.help = "tokens so far, one `name value` a line", .show = session_usage },
	{ 60, "sessions/*/cost", FILE_R, .kind = OBJECT_SESSION, .help = "US dollars so far",
		.show = session_cost },
	{ 61, "sessions/*/ctl", FILE_RW, .kind = OBJECT_SESSION,
		.help = "write a verb; reading lists them", .open = input_open, .show = ctl_show,
		.accept = ctl_accept },
	{ 62, "sessions/*/title", FILE_RW, .kind = OBJECT_SESSION, .help = "a line for people",
		.show = session_show_title, .save = session_save_title },
	{ 63, "sessions/*/error", FILE_R, .kind = OBJECT_SESSION,
		.help = "what went wrong last, in words; empty when all is well",
		.show = session_show_error },
	{ 64, "sessions/*/session.json", FILE_R, .kind = OBJECT_SESSION,
		.help = "the session as the API has it", .show = session_json },
	{ 65, "sessions/*/id", FILE_R, NODE_FIXED, .kind = OBJECT_SESSION,
		.help = "its id in the API", .show = object_row_id },
	{ 66, "sessions/*/workspace", DIRECTORY, .kind = OBJECT_SESSION,
		.help = "the sandbox's working directory", .host = session_host },
	{ 67, "sessions/*/workspace_path", FILE_R, NODE_FIXED, .kind = OBJECT_SESSION,
		.help = "where workspace/ really lies; links there may lead anywhere",
		.show = session_workspace_path },
	{ 68, "sessions/*/wait", FILE_R, NODE_UNLISTED, .kind = OBJECT_SESSION,
		.help = "waits until what was queued is worked off, then says the status",
		.open = wait_open, .follow = wait_follow, .seek = wait_seek },
	{ 69, "sessions/*/follow", FILE_R, NODE_UNLISTED, .kind = OBJECT_SESSION,
		.help = "waits for events and prints them, with previews of what is being written",
		.size = session_events_size, .open = follow_open, .follow = follow_follow,
		.seek = follow_seek },
	{ 70, "sessions/*/live", FILE_R, NODE_UNLISTED, .kind = OBJECT_SESSION,
		.help = "the words of the answer as they come; ends with the turn",
		.open = live_open, .follow = live_follow, .seek = live_seek },

	{ 200, "by-id", DIRECTORY, .help = "every object by its id in the API" },
	{ 201, "by-id/*", LINK, .help = "link to the object", .find = by_id_find,
		.each = by_id_each, .target = by_id_target },
};

const struct node *node_at(size_t index)
{
	return index < ARRAY_LEN(nodes) ? &nodes[index] : NULL;
}

const struct node *node_by_id(unsigned id)
{
	for (size_t i = 0; i < ARRAY_LEN(nodes); i++)
		if (nodes[i].id == id)
			return &nodes[i];
	return NULL;
}

const char *node_name(const struct node *node)
{
	const char *slash = strrchr(node->path, '/');
	return slash ? slash + 1 : node->path;
}

static bool is_in(const struct node *node, const struct node *directory)
{
	size_t size = strlen(directory->path);
	if (size == 0)
		return *node->path && !strchr(node->path, '/');
	return strncmp(node->path, directory->path, size) == 0 && node->path[size] == '/' &&
		!strchr(node->path + size + 1, '/');
}

static bool is_any(const struct node *node)
{
	return strcmp(node_name(node), "*") == 0;
}

const struct node *node_named(const struct node *directory, const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(nodes); i++)
		if (is_in(&nodes[i], directory) && !is_any(&nodes[i]) &&
			strcmp(node_name(&nodes[i]), name) == 0)
			return &nodes[i];
	return NULL;
}

const struct node *node_any(const struct node *directory)
{
	for (size_t i = 0; i < ARRAY_LEN(nodes); i++)
		if (is_in(&nodes[i], directory) && is_any(&nodes[i]))
			return &nodes[i];
	return NULL;
}

const struct node *node_next(const struct node *directory, const struct node *after)
{
	for (size_t i = after ? (size_t)(after - nodes) + 1 : 0; i < ARRAY_LEN(nodes); i++)
		if (is_in(&nodes[i], directory) && !is_any(&nodes[i]))
			return &nodes[i];
	return NULL;
}

const struct node *node_parent(const struct node *node)
{
	for (size_t i = 0; i < ARRAY_LEN(nodes); i++)
		if (is_in(node, &nodes[i]))
			return &nodes[i];
	return node;
}

bool node_is_writable(const struct node *node)
{
	return node->accept || node->save;
}

bool node_can_wait(const struct node *node)
{
	return node->follow;
}

bool node_is_replaceable(const struct node *node)
{
	return node->accept || node->save || node->relink;
}

enum {
	ROW_BITS = 8,
	OBJECT_BITS = 48, /* bits above are for items of an object, bit 63 for workspaces */
};

uint64_t place_inode(struct place place)
{
	assert(place.object >= 0 && place.object < 1LL << OBJECT_BITS);
	return (uint64_t)place.object << ROW_BITS | place.node->id;
}

bool place_of(uint64_t inode, struct place *ret)
{
	const struct node *node = node_by_id(inode & ((1 << ROW_BITS) - 1));
	if (!node || inode >> (ROW_BITS + OBJECT_BITS))
		return false;
	*ret = (struct place){ .node = node, .object = (int64_t)(inode >> ROW_BITS) };
	return true;
}

uint64_t scratch_inode(uint64_t serial)
{
	return serial << ROW_BITS | NODE_ID_SCRATCH;
}

uint64_t scratch_serial(uint64_t inode)
{
	bool is_scratch = (inode & ((1 << ROW_BITS) - 1)) == NODE_ID_SCRATCH;
	return is_scratch && !(inode >> 63) ? inode >> ROW_BITS : 0;
}

void place_path(struct fs *fs, struct place place, struct buf *out)
{
	const char *star = strchr(place.node->path, '*');
	if (!star) {
		buf_add_text(out, place.node->path);
		return;
	}
	struct object object;
	bool known = object_get(fs->store, place.object, &object) == 1;
	const char *name = !known ? "?" : place.node->kind ? object.name : object.id;
	buf_add(out, place.node->path, (size_t)(star - place.node->path));
	buf_add_text(out, name);
	buf_add_text(out, star + 1);
}

static bool has_parent(const struct node *node)
{
	const struct node *parent = node_parent(node);
	return parent == node ? node->id == 1 : S_ISDIR(parent->mode);
}

static bool is_unique(const struct node *node)
{
	for (size_t i = 0; i < ARRAY_LEN(nodes); i++)
		if (&nodes[i] != node &&
			(nodes[i].id == node->id || strcmp(nodes[i].path, node->path) == 0))
			return false;
	return true;
}

static bool file_is_whole(const struct node *node)
{
	bool reads = node->show || (node->size && node->bytes) || (node->follow && node->seek);
	bool writes = node->accept || node->save;
	return reads && writes == !!(node->mode & 0222) && !node->target && !node->host &&
		!(node->accept && node->save) && (!node->commit || node->accept) &&
		!node->follow == !(node->flags & NODE_UNLISTED) &&
		!node->bytes == !(node->flags & NODE_PLAIN);
}

static bool is_whole(const struct node *node)
{
	if (!*node->help || strchr(node->help, '\n') || node->id == 0 ||
		node->id == NODE_ID_SCRATCH)
		return false;
	if (is_any(node) && !(node->find && node->each))
		return false;
	if ((node->make || node->drop || node->rename) && !is_any(node))
		return false;
	if (S_ISREG(node->mode))
		return file_is_whole(node);
	bool reads = node->show || node->bytes || node->follow || node->accept || node->save;
	return !reads && !node->target == !S_ISLNK(node->mode);
}

void nodes_check(void)
{
	for (size_t i = 0; i < ARRAY_LEN(nodes); i++) {
		if (is_unique(&nodes[i]) && has_parent(&nodes[i]) && is_whole(&nodes[i]))
			continue;
		(void)fprintf(stderr, "agentdirs-fs: row %u \"%s\" of the node table is not sound\n",
			nodes[i].id, nodes[i].path);
		abort();
	}
}

void nodes_print(struct buf *out)
{
	for (size_t i = 1; i < ARRAY_LEN(nodes); i++) {
		const char *star = strchr(nodes[i].path, '*');
		int before = star ? (int)(star - nodes[i].path) : (int)strlen(nodes[i].path);
		buf_printf(out, "  %.*s%s%s%s\n        %s\n", before, nodes[i].path,
			star ? "NAME" : "", star ? star + 1 : "", S_ISDIR(nodes[i].mode) ? "/" : "", nodes[i].help);
	}
}
