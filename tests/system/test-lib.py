#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# users: root
"""The library itself: each rule of check_log catches a log that breaks it, and waiting is bounded."""

import copy
import itertools

from lib import *

NUMBERS = itertools.count()


def event(kind, **fields):
    return {"id": f"sevt_{next(NUMBERS)}", "type": kind, **fields}


def good_log():
    """One turn with a tool call that asked, and a second request."""
    first, second = event("span.model_request_start"), event("span.model_request_start")
    use = event("agent.tool_use", name="bash", input={}, evaluated_permission="ask")
    log = [event("user.message"), first, event("agent.message", content=[]), use,
           event("span.model_request_end", model_request_start_id=first["id"], is_error=False),
           event("session.usage"),
           event("session.status_idle", stop_reason={"type": "requires_action", "event_ids": [use["id"]]}),
           event("user.tool_confirmation", tool_use_id=use["id"], result="allow")]
    log = [event("session.status_running"), event("session.thread_status_running"), *log,
           event("session.status_running"), event("session.thread_status_running"),
           event("agent.tool_result", tool_use_id=use["id"]), second, event("agent.message", content=[]),
           event("span.model_request_end", model_request_start_id=second["id"], is_error=False),
           event("session.usage"), event("session.status_idle", stop_reason={"type": "end_turn"})]
    for n, e in enumerate(log):  # in the order of the log
        e["processed_at"] = f"2026-11-20T00:00:00.{n:06}Z"
    return log


def place(log, kind, which=0):
    return [n for n, e in enumerate(log) if e["type"] == kind][which]


def set_field(kind, name, value, which=0):
    def change(log):
        log[place(log, kind, which)][name] = value
    return change


def drop(kind, which=0):
    return lambda log: log.pop(place(log, kind, which))


def repeat(kind, which=0):
    def change(log):
        n = place(log, kind, which)
        log.insert(n + 1, {**copy.deepcopy(log[n]), "id": "sevt_other"})
    return change


BROKEN = {
    "is not sevt_": set_field("agent.message", "id", "evt_1"),
    "was there before": lambda log: [e.update(id="sevt_same") for e in of_type(log, "agent.message")],
    "no such type": set_field("agent.message", "type", "agent.massage"),
    "processed_at is None": set_field("user.message", "processed_at", None),
    "is before": set_field("session.usage", "processed_at", "2026-11-19T00:00:00Z"),
    "running already": lambda log: log.insert(2, {**log[0], "id": "sevt_again",
                                                  "processed_at": log[1]["processed_at"]}),
    "something else than thread_status_running": drop("session.thread_status_running"),
    "session.usage but 0": drop("session.usage"),
    "session.usage but 2": repeat("session.usage"),
    "stop_reason is": set_field("session.status_idle", "stop_reason", {"type": "done"}, 1),
    "are no open calls": set_field("session.status_idle", "stop_reason",
                                   {"type": "requires_action", "event_ids": ["sevt_x"]}),
    "idle with an open model request": drop("span.model_request_end", 1),
    "which is not open": repeat("span.model_request_end"),
    "outside of a model request": drop("span.model_request_start"),
    "answers no call that asked": set_field("agent.tool_use", "evaluated_permission", "allow"),
    "was not called before": drop("agent.tool_use"),
    "is a second result": repeat("agent.tool_result"),
    "has no result": drop("agent.tool_result"),
    "has no end": drop("span.model_request_end", 1),
    "ends with the session running": lambda log: log.__delitem__(slice(-2, None)),
}


@test
def a_good_log_is_good():
    check_log(good_log())
    check_log([])


@test
def each_rule_catches_what_breaks_it():
    for words, change in BROKEN.items():
        log = good_log()
        change(log)
        try:
            check_log(log)
        except Failure as failure:
            assert words in str(failure), (words, str(failure))
        else:
            raise Failure(f"nothing was said about: {words}")


@test
def an_unfinished_log_may_be_open():
    log = good_log()
    check_log(log[:place(log, "agent.tool_use") + 1], finished=False)


@test
def a_torn_line_is_noticed():
    for text in ('{"type":"a"}', '{"type":"a"}\n{"ty', '[]\n', '{"no":"type"}\n'):
        try:
            load_events(text)
        except (Failure, AssertionError, ValueError):
            continue
        raise Failure(f"accepted: {text!r}")


@test
def waiting_is_bounded():
    for wait in (lambda: run(["sleep", "60"], timeout=0.1), lambda: wait_until(lambda: False, timeout=0.1)):
        began = time.monotonic()
        try:
            wait()
        except Failure:
            assert time.monotonic() - began < 5
        else:
            raise Failure("it did not wait")


main()
