/* SPDX-License-Identifier: MIT */
#include "base/control.h"

#include "base/io.h"

static int say(int control, const char *what, const char *why)
{
	cleanup(buf) struct buf packet = BUF_INIT(CONTROL_PACKET_MAX);
	(void)fields_add_text(&packet, "say", what);
	(void)fields_add_text(&packet, "why", why);
	return io_send_packet(control, packet.data, packet.size, NULL, 0);
}

int control_say_ready(int control)
{
	return say(control, "ready", NULL);
}

int control_say_failed(int control, const char *why)
{
	return say(control, "failed", why);
}
