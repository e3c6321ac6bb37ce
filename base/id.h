/* SPDX-License-Identifier: MIT */
/* Object ids as the API spells them: a prefix and opaque letters and digits. */
#pragma once

#include <stddef.h>

enum { ID_SIZE = 40 }; /* room for any id made here, with its NUL */

/* "sevt" gives "sevt_" and 24 random base-62 characters (142 bits). */
void id_make(const char *prefix, char ret_id[static ID_SIZE]);
