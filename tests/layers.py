#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Who may include whom: the layers of HACKING.md, held against the include lines.  Prints TAP."""
import pathlib
import re
import sys

TOP = pathlib.Path(__file__).resolve().parent.parent

# A folder may include itself and these.
MAY = {
    "base": set(),
    "store": {"base"},
    "sandbox": {"base"},
    "tools": {"base", "sandbox"},
    "harness": {"base", "store", "sandbox", "tools"},
    "rehearsal": {"base"},
    "fs": {"base", "store"},
    "cmd": {"base", "store", "sandbox"},
}
# Of a lower folder only these headers are meant for others.
ONLY = {
    ("harness", "sandbox"): {"sandbox/sandbox.h", "sandbox/protocol.h"},
    ("harness", "tools"): {"tools/tool.h"},
    ("tools", "sandbox"): {"sandbox/protocol.h", "sandbox/enter.h"},
    ("cmd", "sandbox"): {"sandbox/enter.h", "sandbox/protocol.h"},
}
# A library's header appears only where its subject is dealt with.
LIBRARIES = {
    "sqlite3.h": {"store"},
    "curl/curl.h": {"harness/http.c"},
    "fuse_lowlevel.h": {"fs"},
    "fuse3/fuse_lowlevel.h": {"fs"},
    "seccomp.h": {"sandbox"},
    "microhttpd.h": {"rehearsal"},
    "pcre2.h": {"tools"},
}
INCLUDE = re.compile(r'^\s*#\s*include\s+["<]([^">]+)[">]', re.M)


def allowed(path, header):
    folder = path.parts[0]
    for library, places in LIBRARIES.items():
        if header == library:
            return str(path) in places or folder in places
    target = header.split("/")[0]
    if target not in MAY or target == folder:
        return True
    if target not in MAY[folder]:
        return False
    only = ONLY.get((folder, target))
    return only is None or header in only


def main():
    count = failures = 0
    for folder in MAY:
        wrong = []
        for path in sorted((TOP / folder).rglob("*.[ch]")):
            relative = path.relative_to(TOP)
            for header in INCLUDE.findall(path.read_text()):
                if not allowed(relative, header):
                    wrong.append(f"{relative} includes {header}")
        count += 1
        failures += bool(wrong)
        print(f"{'not ok' if wrong else 'ok'} {count} - {folder}/ includes only what lies below it")
        for line in wrong:
            print(f"#   {line}")
    print(f"1..{count}")
    return 1 if failures else 0


sys.exit(main())
