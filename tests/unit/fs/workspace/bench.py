#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""How much slower than the disk a workspace is, for things that people do there.

    bench.py PROGRAM root|user

Each line: what, milliseconds on the disk, through the mount, and the ratio;
medians of interleaved rounds, everything in the page cache.
"""
import os
import statistics
import sys
import time

from lib import Mount, become, run

ROUNDS = 5
SOURCES = "/usr/include"

WORK = {
    "git status": "git -C repo status --porcelain",
    "git diff HEAD, files touched": "find repo -name '*.h' -newermt 1970-01-01 | head -50 | xargs touch; git -C repo diff --stat HEAD",
    "find": "find repo | wc -l",
    "ls -lR": "ls -lR repo | wc -l",
    "du": "du -s repo",
    "grep -r": "grep -r no_such_word repo || true",
    "tar": "tar -cf - repo | wc -c",
    "cp -r": "cp -r repo copy; rm -r copy",
    "read 100 MB, 1 MiB": "dd if=big of=/dev/null bs=1M status=none",
    "read 100 MB, 4 KiB": "dd if=big of=/dev/null bs=4k status=none",
    "write 100 MB, 1 MiB": "dd if=/dev/zero of=out bs=1M count=100 status=none; rm out",
    "write 100 MB, 4 KiB": "dd if=/dev/zero of=out bs=4k count=25600 status=none; rm out",
    "compile": "gcc -c -o x.o x.c",
    "1000 files made and removed": "for i in $(seq 1000); do echo $i > f$i; done; rm f*",
}


def prepare(where):
    run("bash", "-euc", f"""
        mkdir repo; cp -r {SOURCES}/linux {SOURCES}/c++ repo 2>/dev/null || cp -r {SOURCES}/linux repo
        git -C repo init -q; git -C repo add .; git -C repo commit -qm one
        dd if=/dev/urandom of=big bs=1M count=100 status=none
        printf '#include <stdio.h>\\n#include <stdlib.h>\\n#include <sys/socket.h>\\nint x;\\n' > x.c""", cwd=where)


def milliseconds(script, where):
    begun = time.monotonic()
    run("bash", "-c", script, cwd=where)
    return (time.monotonic() - begun) * 1000


def main():
    become(sys.argv[2])
    m = Mount(os.path.abspath(sys.argv[1]), sys.argv[2])
    try:
        for where in [m.native, m.dir]:
            prepare(where)
        print(f"{'':32}{'disk':>8}{'mount':>8}  ratio")
        for name, script in WORK.items():
            times = [(milliseconds(script, m.native), milliseconds(script, m.dir)) for _ in range(ROUNDS)]
            disk, mount = (statistics.median(t) for t in zip(*times))
            print(f"{name:32}{disk:8.1f}{mount:8.1f}{mount / disk:7.1f}", flush=True)
    finally:
        print(m.stop(), end="")
        m.remove()


main()
