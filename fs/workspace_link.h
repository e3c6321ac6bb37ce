/* SPDX-License-Identifier: MIT */
/*
 * What a symbolic link made by a sandbox says when it is read through the mount.
 *
 * The attacker writes the text and swaps, moves and links what is around it at any
 * moment.  The one who follows is the host's kernel: it takes the text that
 * READLINK gave it and walks on from the directory where it met the link, by its
 * own tree of dentries.  A name it asks us for; for ".." it asks nobody, it goes
 * to the parent dentry, and past the top of the workspace that is the user's
 * session, the user's other sessions, the host.  So safety is a property of the
 * text alone, judged against the dentry tree, and the rules are:
 *
 *  - Absolute text is never shown.  What begins with the place where the sandbox
 *    sees the tree is shown as relative text that leads to the same place.
 *  - ".." stands only in front, at most as often as the link's directory is
 *    deep.  After a name it would count from wherever that name leads, and the
 *    sandbox can make the name a link to a higher place; "a/../b" is shown as "b".
 *  - Anything else leads out.  It is shown as one name, "outside:\etc\passwd", that
 *    nobody can create through the mount.  If the sandbox makes a file of that
 *    name beside the link, the link leads to that file, inside.
 *
 * Links that follow each other need no rule: each hop is a READLINK of its own.
 *
 * The depth must be that of the dentry, and stay it.  It does, because an entry is
 * a place (workspace_entry.h): a directory moved by the sandbox keeps its old
 * dentry where it was, and two hard links of one symbolic link, which lie at
 * different depths, are two inodes to the kernel.  An entry whose name was found
 * to mean something else answers nothing any more, nor does what lies below it.
 * The text is judged anew each time it is read; the kernel is not told to keep it.
 *
 * What remains:
 *  - Somebody on the host moves a directory upwards through the mount in the very
 *    moment between another process's READLINK below it and that process's next
 *    step.  The sandbox can start neither.
 *  - A subdirectory of a workspace is bind-mounted elsewhere: ".." from its top is
 *    then that mount's affair, as with every file system.
 *  - The path in workspace_path goes past all this; README says so.
 */
#pragma once

#include "base/buf.h"

enum {
	LINK_TEXT_MAX = 4095, /* PATH_MAX without its NUL: on disk, and in an answer */
};

/* The text to show for a link whose target is `text` (at most LINK_TEXT_MAX bytes), in a directory
 * `depth` levels below the top of a tree that the sandbox sees at `inside` (absolute, without
 * trailing slash). Replaces `ret`: 1 to LINK_TEXT_MAX bytes. */
void link_text_show(const char *text, const char *inside, unsigned depth, struct buf *ret);

/* Whether a name is one that only a link that leads out is shown to have; making one is refused, so
 * that `echo > link` fails. */
bool link_text_is_outside(const char *name);
