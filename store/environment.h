/* SPDX-License-Identifier: MIT */
/*
 * Parts of an environment as texts, for its files.
 *
 * packages/MANAGER: one package on a line, in the manager's own version syntax.
 *
 * network: "unrestricted", "none", or the allowed hosts, one on a line
 * ("*.example.com" for all below one).  They are config.networking: none is
 * limited without hosts.  What the text cannot say (allow_mcp_servers,
 * allow_package_managers) is kept; packages on a limited network set
 * allow_package_managers, as the API demands, and a comment line says so.
 *
 * limits: five lines "name value", `max` for none; sizes may be written with K,
 * M or G.  The API has no such field, so they are x_agentdirs.limits of the
 * definition, which holds only what is limited.
 *
 * In all three, empty lines and lines that begin with # are skipped.
 */
#pragma once

#include "base/json.h"
#include "store/store.h"

/* Adds the text.  0; -ENOENT no such environment or manager, -EIO. */
int environment_packages(struct store *store, int64_t num, const char *manager, struct buf *ret);
int environment_network(struct store *store, int64_t num, struct buf *ret);
int environment_limits(struct store *store, int64_t num, struct buf *ret);

/* Replace what the text says; limits that it does not name stay.  0, also when nothing changes;
 * -EINVAL with a sentence, -EILSEQ not UTF-8, -EROFS archived, -ENOENT. */
int environment_save_packages(struct store *store, int64_t num, const char *manager,
	struct slice text, struct buf *why);
int environment_save_network(struct store *store, int64_t num, struct slice text, struct buf *why);
int environment_save_limits(struct store *store, int64_t num, struct slice text, struct buf *why);

/* The limits of a definition, for those who enforce them; -1: none. */
struct environment_limits {
	int64_t memory_bytes, cpu_percent, processes, disk_bytes, tool_seconds;
};
void environment_limits_read(const cJSON *body, struct environment_limits *ret);
