/* SPDX-License-Identifier: MIT */
/* Names that people choose: [A-Za-z0-9][A-Za-z0-9._+-]{0,63}. */
#pragma once

#include <stdbool.h>

bool name_is_valid(const char *name);
