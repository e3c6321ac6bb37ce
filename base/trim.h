/* SPDX-License-Identifier: MIT */
/* Gives memory back that only starting up needed. */
#pragma once

/*
 * Unmaps the pages of the program's and its libraries' code and constants; those
 * that are used again come back from the page cache at their first use (about
 * half a microsecond each).  Loading a library with its dependencies touches
 * megabytes that never run.  Call it when start-up is over.
 */
void trim_code(void);
