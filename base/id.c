/* SPDX-License-Identifier: MIT */
#include "base/id.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/* Random bytes are drawn in blocks: a system call for each id would cost more than the id.  The pool is
 * this file's only state and holds nothing but unused randomness. */
static uint8_t random_byte(void)
{
	static uint8_t pool[256];
	static size_t left;
	if (left == 0) {
		if (getrandom(pool, sizeof(pool), 0) != (ssize_t)sizeof(pool))
			abort();
		left = sizeof(pool);
	}
	return pool[--left];
}

void id_make(const char *prefix, char ret_id[static ID_SIZE])
{
	enum { RANDOM_DIGITS = 24 };
	size_t n = strlen(prefix);
	assert(n + 1 + RANDOM_DIGITS < ID_SIZE);
	memcpy(ret_id, prefix, n);
	ret_id[n++] = '_';
	for (int i = 0; i < RANDOM_DIGITS;) {
		uint8_t byte = random_byte() & 63;
		if (byte >= 62)
			continue; /* rejected, so that every digit is equally likely */
		ret_id[n++] = digits[byte];
		i++;
	}
	ret_id[n] = '\0';
}
