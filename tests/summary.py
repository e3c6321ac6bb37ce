#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Adds up results of meson (testlog.json, a line per program) and of tests/system/run (sums) to one line."""

import json
import pathlib
import sys

from tap import count


def of_line(line):
    """One program's TAP, or the sums of many."""
    result = json.loads(line)
    if "result" not in result:
        return result["passed"], result["failed"], result["skipped"]
    code = 77 if result["result"] == "SKIP" else result["returncode"]
    if code == 0 and result["result"] not in ("OK", "EXPECTEDFAIL"):
        code = 1
    return count(result.get("stdout", ""), code)


def main():
    sums = [0, 0, 0]
    for path in sys.argv[1:]:
        for line in pathlib.Path(path).read_text().splitlines():
            sums = [a + b for a, b in zip(sums, of_line(line))]
    print(f"{sums[0]} passed, {sums[1]} failed, {sums[2]} skipped")
    sys.exit(1 if sums[1] or not sums[0] else 0)


main()
