/* SPDX-License-Identifier: MIT */
/*
 * Parts: the named entries of an object, each of which is a file of its own in
 * the tree.  A part is a view of the definition: changing one changes the
 * definition (exactly one new version of an agent, none when nothing changes),
 * and changing the definition changes its parts.
 *
 *	kind            object       in the definition              value
 *	ITEM_METADATA   all          metadata                       a string
 *	ITEM_TOOL       agent        tools, those of type custom    the entry
 *	ITEM_MCP        agent        mcp_servers                    the entry
 *	ITEM_SKILL      agent        skills                         the entry
 *	ITEM_TEAM       agent        multiagent, its list           the entry, of type agent
 *	ITEM_PACKAGES   environment  config.packages                a list of strings
 *
 * Names are those of items (item.h); a name that is not in the definition now is
 * absent here even if it has a number.
 */
#pragma once

#include "base/json.h"
#include "store/item.h"

/* The next `max` parts of the version (0: current) with item number > after, by number: how many,
 * or -errno (-ENOENT no such object or version). */
int part_page(struct store *store, int64_t object, int64_t version, enum item_kind kind, int after,
	struct item *ret, int max);

/* 1 and the value (given), 0 absent, -errno as above. */
int part_get(struct store *store, int64_t object, int64_t version, enum item_kind kind,
	const char *name, cJSON **ret_value);

/* Sets the part or, with NULL, removes it (-ENOENT when it is absent).
 *
 * What a value leaves out is filled in: the name (a different one is refused), the type (custom for
 * tools and skills, url for MCP servers, agent for the roster), and defaults.  An MCP server comes
 * and goes with the mcp_toolset that names it.  The first member of a roster makes a multiagent of
 * type coordinator, removing the last one ends it; a member without version is pinned to its
 * current one.  Packages on a limited network allow package managers there, as the API demands.
 *
 * 0 and the version that holds now (ret_version may be NULL); -EINVAL with a sentence that names
 * the field; -EROFS archived. */
int part_set(struct store *store, int64_t object, enum item_kind kind, const char *name,
	const cJSON *value, int64_t *ret_version, struct buf *why);
