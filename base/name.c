/* SPDX-License-Identifier: MIT */
#include "base/name.h"

#include <string.h>

#include "base/limits.h"

#define LETTERS_DIGITS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

bool name_is_valid(const char *name)
{
	size_t size = strlen(name);
	return size && size <= NAME_BYTES_MAX && strchr(LETTERS_DIGITS, *name) &&
		strspn(name, LETTERS_DIGITS "._+-") == size;
}
