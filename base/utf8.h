/* SPDX-License-Identifier: MIT */
/* UTF-8 as RFC 3629 has it: no overlong forms, no surrogates, nothing above U+10FFFF. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

bool utf8_is_valid(const void *data, size_t size);

/* The largest n <= size at which the bytes can be cut without splitting a character. */
size_t utf8_clip(const void *data, size_t size);

/* Whether it has nothing but white space, in the sense of Unicode (which the Messages API shares). */
bool utf8_is_blank(const char *text);

/* The number of characters in valid UTF-8. */
size_t utf8_count(const char *text);

/* Adds the bytes to `out`, each invalid one (and each NUL) replaced by U+FFFD. */
void utf8_repair(struct buf *out, const void *data, size_t size);
