/* SPDX-License-Identifier: MIT */
/*
 * A running 64-bit hash (FNV-1a) of texts and JSON values.
 *
 * It names prefixes of conversations in small tables of a stand-in server, where
 * a collision costs a wrong token count; it is no protection against anybody.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/json.h"

#define DIGEST_START UINT64_C(0xcbf29ce484222325)

uint64_t digest_bytes(uint64_t hash, const void *data, size_t size);
uint64_t digest_text(uint64_t hash, const char *text); /* NULL counts as absent, not as "" */
uint64_t digest_int(uint64_t hash, uint64_t value);

/* Keys count in the order in which they stand, as they do for the API's cache.  The member `skip`
 * of the value itself (not of what lies within) is left out; NULL leaves out nothing. */
uint64_t digest_json(uint64_t hash, const cJSON *value, const char *skip);
