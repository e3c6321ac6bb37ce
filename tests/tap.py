# SPDX-License-Identifier: MIT
"""Counts what a program said in TAP."""

import re


def count(text, code):
    """(passed, failed, skipped) of a program that printed this and ended with that exit code.  One that dies,
    or says fewer results than it planned, has failed even when every line was fine."""
    results = re.findall(r"^(ok|not ok) \d+(.*)$", text, re.M)
    skipped = sum(1 for verdict, rest in results if verdict == "ok" and "# SKIP" in rest)
    failed = sum(1 for verdict, _ in results if verdict == "not ok")
    passed = len(results) - skipped - failed
    if code == 77 and not results:
        return 0, 0, 1
    planned = re.search(r"^1\.\.(\d+)", text, re.M)
    is_whole = planned and int(planned[1]) == len(results) and results
    if not failed and (code != 0 or not is_whole):
        failed = 1
    return passed, failed, skipped
