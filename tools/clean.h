/* SPDX-License-Identifier: MIT */
/*
 * Terminal output as plain text: what a command wrote for a terminal that is
 * not there, made fit for a model and for JSON.  Pure.
 */
#pragma once

#include "base/buf.h"

/* Adds the bytes to `out` without escape sequences (CSI, OSC and the like) and control characters
 * other than tab and newline; CR LF is a newline, and of a line that was overwritten by carriage
 * returns the last version stays; NUL and what is not UTF-8 becomes U+FFFD. */
void clean_text(struct buf *out, const char *data, size_t size);

/* Replaces each `from` that begins a line by `to`. */
void clean_line_starts(struct buf *text, const char *from, const char *to);

/* Cuts newlines from the end. */
void clean_end(struct buf *text);
