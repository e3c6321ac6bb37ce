/* SPDX-License-Identifier: MIT */
#include "tools/ring.h"

#include <string.h>

void ring_done(struct ring *r)
{
	free(r->data);
	*r = (struct ring){ 0 };
}

/* Most commands print little: memory grows with the output until the ring closes. */
static void grow(struct ring *r, size_t size)
{
	size_t need = (size_t)r->total + size;
	if (r->room >= need || r->room == RING_BYTES)
		return;
	size_t room = r->room ? r->room : 256;
	while (room < need && room < RING_BYTES)
		room *= 2;
	r->room = room < RING_BYTES ? room : RING_BYTES;
	r->data = xrealloc(r->data, r->room);
}

void ring_add(struct ring *r, const char *data, size_t size)
{
	if (size > RING_BYTES) {
		r->total += size - RING_BYTES;
		data += size - RING_BYTES;
		size = RING_BYTES;
	}
	if (r->total < RING_BYTES)
		grow(r, size);
	else if (r->room < RING_BYTES)
		r->data = xrealloc(r->data, r->room = RING_BYTES);
	while (size) {
		size_t piece = r->room - r->next < size ? r->room - r->next : size;
		memcpy(r->data + r->next, data, piece);
		r->next = r->next + piece == RING_BYTES ? 0 : r->next + piece;
		r->total += piece;
		data += piece;
		size -= piece;
	}
}

uint64_t ring_lost(const struct ring *r)
{
	return r->total > RING_BYTES ? r->total - RING_BYTES : 0;
}

void ring_take(struct ring *r, struct buf *out)
{
	if (r->total >= RING_BYTES)
		(void)buf_add(out, r->data + r->next, RING_BYTES - r->next);
	if (r->next)
		(void)buf_add(out, r->data, r->next);
	ring_done(r);
}
