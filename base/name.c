/* SPDX-License-Identifier: MIT */
#include "base/name.h"

#include <string.h>

#include "base/limits.h"

static const char letters_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

bool name_is_valid(const char *name)
{
	if (!*name || !strchr(letters_digits, *name))
		return false;
	size_t n = strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._+-");
	return name[n] == '\0' && n <= NAME_BYTES_MAX;
}
