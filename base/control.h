/* SPDX-License-Identifier: MIT */
/*
 * What a child process and the supervisor say to each other: field lists, one a
 * packet, on a SOCK_SEQPACKET pair.
 *
 *	child -> supervisor
 *	  say=ready                      serving; sent once after each start
 *	  say=mounted  + 1 descriptor    fs: /dev/fuse of the live mount, kept so that a restarted fs goes on
 *	  say=failed why=TEXT            cannot serve and a restart will not help; the child exits with 2
 *	supervisor -> child
 *	  do=facts NAME=VALUE …          fs: what the root's `status` file shows (pids, model, isolation …)
 *
 * End of file on this socket means that the supervisor is gone: stop.
 */
#pragma once

#include "base/fields.h"

enum { CONTROL_PACKET_MAX = 16 << 10 };

int control_say_ready(int control); /* 0 or -errno */
int control_say_failed(int control, const char *why);
