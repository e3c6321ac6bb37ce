/* SPDX-License-Identifier: MIT */
#include "fs/nodes.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/wrap.h"
#include "fs/verbs.h"

#define DIRECTORY (S_IFDIR | 0755)
#define DIRECTORY_R (S_IFDIR | 0555)
#define FILE_R (S_IFREG | 0444)
#define PROGRAM (S_IFREG | 0555)
#define FILE_W (S_IFREG | 0222)
#define FILE_RW (S_IFREG | 0644)
#define LINK (S_IFLNK | 0777)

/* Sorted as README shows them: each row stands behind its directory, with nothing between them that
 * is not in there too.  The number of a row is for ever; take the next free one. */
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
	{ 12, "agents/*", DIRECTORY, NODE_SCRATCH, .kind = OBJECT_AGENT,
		.help = "one agent; a save that changes something makes one new version",
		.star = "NAME", .find = object_row_find, .each = object_row_each,
		.name = object_row_name, .count = object_row_count, .time = object_row_time,
		.make = agent_make, .drop = object_row_keep, .rename = object_row_rename },
	{ 13, "agents/*/agent.json", FILE_RW, .kind = OBJECT_AGENT,
		.help = "the whole definition as the API has it", .show = object_row_body,
		.save = object_row_save },
	{ 14, "agents/*/model", FILE_RW, .kind = OBJECT_AGENT, .help = "the model's id",
		.show = agent_model, .save = agent_save_model },
	{ 15, "agents/*/system.md", FILE_RW, .kind = OBJECT_AGENT, .help = "the system prompt",
		.show = agent_system, .save = agent_save_system },
	{ 16, "agents/*/description", FILE_RW, .kind = OBJECT_AGENT, .help = "what it is for",
		.show = agent_description, .save = agent_save_description },
	{ 160, "agents/*/tools", DIRECTORY, NODE_SCRATCH, .kind = OBJECT_AGENT,
		.help = "custom tools, which somebody outside answers" },
	{ 161, "agents/*/tools/*.json", FILE_RW, .kind = OBJECT_AGENT, .items = ITEM_TOOL,
		.help = "its description and input_schema", .star = "NAME",
		.find = part_row_find, .each = part_row_each, .name = part_row_name,
		.make = part_row_make, .drop = part_row_drop,
		.show = part_show_json, .save = part_save_json },
	{ 162, "agents/*/mcp", DIRECTORY, NODE_SCRATCH, .kind = OBJECT_AGENT,
		.help = "MCP servers; one comes and goes with its toolset" },
	{ 163, "agents/*/mcp/*.json", FILE_RW, .kind = OBJECT_AGENT, .items = ITEM_MCP,
		.help = "its url", .star = "NAME",
		.find = part_row_find, .each = part_row_each, .name = part_row_name,
		.make = part_row_make, .drop = part_row_drop,
		.show = part_show_json, .save = part_save_json },
	{ 164, "agents/*/skills", DIRECTORY, NODE_SCRATCH_LINKS, .kind = OBJECT_AGENT,
		.help = "what it has learned; `ln -s ../../../skills/NAME` gives it a skill" },
	{ 165, "agents/*/skills/*", LINK, .kind = OBJECT_AGENT, .items = ITEM_SKILL,
		.help = "link to a skill, or to anthropic/NAME for one of the API's",
		.star = "NAME",
		.find = part_row_find, .each = part_row_each, .name = part_row_name,
		.make = part_row_make, .drop = part_row_drop,
		.target = skill_target, .relink = skill_relink },
	{ 166, "agents/*/team", DIRECTORY, NODE_SCRATCH_LINKS, .kind = OBJECT_AGENT,
		.help = "agents that it may call; `ln -s ../../NAME` adds one" },
	{ 167, "agents/*/team/*", LINK, .kind = OBJECT_AGENT, .items = ITEM_TEAM,
		.help = "link to the agent, with the version if that is not the newest",
		.star = "NAME",
		.find = team_row_find, .each = team_row_each, .name = team_row_name,
		.make = team_row_make, .drop = team_row_drop,
		.target = team_target, .relink = team_relink },
	{ 168, "agents/*/metadata", DIRECTORY, NODE_SCRATCH, .kind = OBJECT_AGENT,
		.help = "notes of your own; programs see them, the model does not" },
	{ 169, "agents/*/metadata/*", FILE_RW, .kind = OBJECT_AGENT, .items = ITEM_METADATA,
		.help = "the value of a key", .star = "KEY",
		.find = part_row_find, .each = part_row_each, .name = part_row_name,
		.make = part_row_make, .drop = part_row_drop,
		.show = part_show_text, .save = part_save_text },
	{ 170, "agents/*/start", PROGRAM, NODE_FIXED, .kind = OBJECT_AGENT,
		.help = "run it: takes a message, begins a session, prints its path",
		.show = agent_start },
	{ 17, "agents/*/version", FILE_R, .kind = OBJECT_AGENT,
		.help = "the current version's number",
		.show = agent_version },
	{ 18, "agents/*/id", FILE_R, NODE_FIXED, .kind = OBJECT_AGENT, .help = "its id in the API",
		.show = object_row_id },
	{ 19, "agents/*/versions", DIRECTORY_R, NODE_FROZEN, .kind = OBJECT_AGENT,
		.help = "everything that it ever was" },
	{ 20, "agents/*/versions/*", DIRECTORY_R, NODE_FROZEN, .kind = OBJECT_AGENT,
		.help = "one version, for ever the same", .star = "N", .find = version_row_find,
		.each = version_row_each, .name = version_row_name, .time = version_row_time },
	{ 21, "agents/*/versions/*/agent.json", FILE_R, NODE_FIXED | NODE_FROZEN,
		.kind = OBJECT_AGENT, .help = "its whole definition", .show = object_row_body },
	{ 22, "agents/*/versions/*/model", FILE_R, NODE_FIXED | NODE_FROZEN,
		.kind = OBJECT_AGENT, .help = "its model", .show = agent_model },
	{ 23, "agents/*/versions/*/system.md", FILE_R, NODE_FIXED | NODE_FROZEN,
		.kind = OBJECT_AGENT, .help = "its system prompt", .show = agent_system },
	{ 24, "agents/*/versions/*/description", FILE_R, NODE_FIXED | NODE_FROZEN,
		.kind = OBJECT_AGENT, .help = "its description", .show = agent_description },

	{ 30, "environments", DIRECTORY, NODE_SCRATCH_LINKS,
		.help = "where tools run; `mkdir environments/NAME` makes one" },
	{ 31, "environments/default", LINK,
		.help = "the environment of new sessions; set it with `ln -sfn NAME`",
		.target = environment_default, .relink = environment_set_default },
	{ 32, "environments/*", DIRECTORY, .kind = OBJECT_ENVIRONMENT, .help = "one environment",
		.star = "NAME",
		.find = object_row_find, .each = object_row_each, .name = object_row_name,
		.count = object_row_count, .time = object_row_time, .make = environment_make,
		.drop = object_row_keep, .rename = object_row_rename },
	{ 33, "environments/*/environment.json", FILE_R, .kind = OBJECT_ENVIRONMENT,
		.help = "the whole definition as the API has it", .show = object_row_body },
	{ 34, "environments/*/id", FILE_R, NODE_FIXED, .kind = OBJECT_ENVIRONMENT,
		.help = "its id in the API", .show = object_row_id },

	{ 50, "sessions", DIRECTORY, .help = "conversations; `mkdir sessions/NAME` begins one" },
	{ 51, "sessions/*", DIRECTORY, NODE_SCRATCH, .kind = OBJECT_SESSION,
		.help = "one session; `rmdir` removes one that has no events, `mv` renames it",
		.star = "NAME", .find = object_row_find, .each = session_row_each,
		.name = object_row_name, .count = object_row_count, .time = session_row_time,
		.make = session_row_make, .drop = session_row_drop,
		.rename = session_row_rename },
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
	{ 57, "sessions/*/transcript.md", FILE_R, NODE_GROWS, .kind = OBJECT_SESSION,
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
	{ 62, "sessions/*/title", FILE_RW, .kind = OBJECT_SESSION, .help = "a line for people; write or edit it",
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
	{ 201, "by-id/*", LINK, .help = "link to the object", .star = "ID", .find = by_id_find,
		.each = by_id_each, .name = by_id_name, .count = by_id_count,
		.target = by_id_target },
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

/* The rest of its path if it lies below the directory, at any depth; else NULL. */
static const char *path_below(const struct node *node, const struct node *directory)
{
	size_t size = strlen(directory->path);
	if (size == 0)
		return *node->path ? node->path : NULL;
	bool is_below = strncmp(node->path, directory->path, size) == 0 && node->path[size] == '/';
	return is_below ? node->path + size + 1 : NULL;
}

static bool is_any(const struct node *node)
{
	return *node_name(node) == '*';
}

static const struct node *next_in(const struct node *directory, const struct node *after)
{
	const struct node *end = nodes + ARRAY_LEN(nodes);
	for (const struct node *n = (after ? after : directory) + 1; n < end; n++) {
		const char *rest = path_below(n, directory);
		if (!rest)
			return NULL;
		if (!strchr(rest, '/'))
			return n;
	}
	return NULL;
}

const struct node *node_next(const struct node *directory, const struct node *after)
{
	while ((after = next_in(directory, after)) && is_any(after))
		;
	return after;
}

const struct node *node_any(const struct node *directory, const struct node *after)
{
	while ((after = next_in(directory, after)) && !is_any(after))
		;
	return after;
}

const struct node *node_named(const struct node *directory, const char *name)
{
	for (const struct node *n = NULL; (n = node_next(directory, n));)
		if (strcmp(node_name(n), name) == 0)
			return n;
	return NULL;
}

const struct node *node_parent(const struct node *node)
{
	for (const struct node *n = node; n-- > nodes;)
		if (path_below(node, n) == node_name(node))
			return n;
	return node;
}

const char *node_ending(const struct node *node)
{
	return node_name(node) + 1;
}

bool node_stem(const struct node *node, const char *name, char ret[static ITEM_NAME_SIZE])
{
	size_t ending = strlen(node_ending(node)), size = strlen(name);
	if (size <= ending || size - ending >= ITEM_NAME_SIZE ||
		strcmp(name + size - ending, node_ending(node)) != 0)
		return false;
	memcpy(ret, name, size - ending);
	ret[size - ending] = '\0';
	return true;
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

static int stars(const struct node *node)
{
	int count = 0;
	for (const char *at = node->path; (at = strchr(at, '*')); at++)
		count++;
	return count;
}

struct place place_below(struct place directory, const struct node *node, int64_t num)
{
	struct place place = { node, directory.object, directory.item };
	if (is_any(node) && stars(node) == 1)
		place.object = num;
	else if (is_any(node))
		place.item = (int)num;
	return place;
}

struct place place_parent(struct place place)
{
	const struct node *parent = node_parent(place.node);
	int left = stars(parent);
	return (struct place){ parent, left > 0 ? place.object : 0, left > 1 ? place.item : 0 };
}

/* An inode number, from its lowest bit; bit 63 is that of workspaces. */
enum { ROW_BITS = 8, OBJECT_BITS = 39, ITEM_BITS = 16 };

_Static_assert(ROW_BITS + OBJECT_BITS + ITEM_BITS == 63, "bit 63 is not ours");
_Static_assert(ITEM_NUM_MAX < 1 << ITEM_BITS, "each item has an inode number");

uint64_t place_inode(struct place place)
{
	assert(place.object >= 0 && place.object < 1LL << OBJECT_BITS);
	assert(place.item >= 0 && place.item < 1 << ITEM_BITS);
	return ((uint64_t)place.item << OBJECT_BITS | (uint64_t)place.object) << ROW_BITS |
		place.node->id;
}

bool place_of(uint64_t inode, struct place *ret)
{
	struct place place = { .node = node_by_id(inode & ((1 << ROW_BITS) - 1)),
		.object = (int64_t)(inode >> ROW_BITS & ((1ULL << OBJECT_BITS) - 1)),
		.item = (int)(inode >> (ROW_BITS + OBJECT_BITS)) };
	if (!place.node || inode >> 63)
		return false;
	int numbers = place.item ? 2 : place.object ? 1 : 0;
	if (numbers != stars(place.node))
		return false;
	*ret = place;
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

void place_name(struct fs *fs, struct place place, struct buf *out)
{
	if (!is_any(place.node)) {
		buf_add_text(out, node_name(place.node));
		return;
	}
	if (place.node->name(fs, place, out) < 0)
		buf_add_char(out, '?');
	buf_add_text(out, node_ending(place.node));
}

void place_path(struct fs *fs, struct place place, struct buf *out)
{
	struct place parent = place_parent(place);
	if (parent.node == place.node)
		return;
	size_t before = out->size;
	place_path(fs, parent, out);
	if (out->size > before)
		buf_add_char(out, '/');
	place_name(fs, place, out);
}

/* Searches go on from a directory's row and end at the first that is not below it. */
static bool is_in_order(const struct node *node)
{
	const struct node *parent = node_parent(node);
	for (const struct node *n = parent + 1; n < node; n++)
		if (!path_below(n, parent))
			return false;
	return true;
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
		!node->bytes == !(node->flags & NODE_PLAIN) &&
		(!(node->flags & NODE_GROWS) || (node->show && node->size));
}

/* A row that ends in `*` is found, listed and named; no other is. */
static bool star_is_whole(const struct node *node)
{
	bool all = node->find && node->each && node->name && node->star;
	bool none = !node->find && !node->each && !node->name && !node->star && !node->count &&
		!node->make && !node->drop && !node->rename;
	bool made_empty = S_ISDIR(node->mode) || node->save || node->relink;
	return stars(node) <= 2 && (is_any(node) ? all : none) &&
		!(node->items && !(is_any(node) && stars(node) == 2)) &&
		(!node->make || made_empty);
}

/* Where files may be made, editors make theirs; what is frozen has no verb that writes. */
static bool place_is_whole(const struct node *node)
{
	bool is_made = node->make && !S_ISDIR(node->mode);
	if (is_made && !(node_parent(node)->flags & (NODE_SCRATCH | NODE_SCRATCH_LINKS)))
		return false;
	bool writes = node->accept || node->save || node->relink || node->make || node->drop ||
		node->rename || node->flags & (NODE_SCRATCH | NODE_SCRATCH_LINKS);
	return !(node->flags & NODE_FROZEN && writes);
}

static bool is_whole(const struct node *node)
{
	if (!*node->help || strchr(node->help, '\n') || node->id == 0 ||
		node->id == NODE_ID_SCRATCH || !star_is_whole(node) || !place_is_whole(node))
		return false;
	if (S_ISREG(node->mode))
		return file_is_whole(node);
	bool reads = node->show || node->bytes || node->follow || node->accept || node->save;
	return !reads && !node->target == !S_ISLNK(node->mode);
}

void nodes_check(void)
{
	for (size_t i = 0; i < ARRAY_LEN(nodes); i++) {
		if (is_unique(&nodes[i]) && has_parent(&nodes[i]) && is_in_order(&nodes[i]) &&
			is_whole(&nodes[i]))
			continue;
		(void)fprintf(stderr, "agentdirs-fs: row %u \"%s\" of the node table is not sound\n",
			nodes[i].id, nodes[i].path);
		abort();
	}
}

enum { HELP_COLUMN = 22 }; /* in README */

static size_t depth_of(const struct node *node)
{
	size_t slashes = 0;
	for (const char *at = node->path; (at = strchr(at, '/')); at++)
		slashes++;
	return slashes;
}

static void print_row(const struct node *node, struct buf *out)
{
	bool directory = S_ISDIR(node->mode);
	size_t depth = depth_of(node);
	if (directory && depth == 0)
		buf_add_char(out, '\n');
	cleanup(buf) struct buf name = BUF_INIT(0);
	buf_printf(&name, "%*s%s%s%s", 2 * (int)depth, "", is_any(node) ? node->star : node_name(node),
		is_any(node) ? node_ending(node) : "", directory ? "/" : "");
	buf_printf(out, "%-*s ", HELP_COLUMN - 1, buf_text(&name));
	wrap_text(out, HELP_COLUMN, HELP_COLUMN, node->help);
}

void nodes_print(struct buf *out)
{
	for (size_t i = 1; i < ARRAY_LEN(nodes); i++)
		print_row(&nodes[i], out);
}
