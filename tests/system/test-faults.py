#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# users: root
# timeout: 240
"""What goes wrong at the model, as the user sees it: events, status, the error file, and a completed turn."""
from lib import *

RETRIED = {
    "overload": ("%overload 1", "model_overloaded_error"),
    "rate_limit": ("%rate_limit 1 1", "model_rate_limited_error"),
    "error_500": ("%error 1 500", "model_request_failed_error"),
    "cut_in_a_tool_input": ("%cut 1 tool", "model_request_failed_error"),
    "cut_at_the_start": ("%cut 1 start", "model_request_failed_error"),
    "garbage": ("%garbage 1", "model_request_failed_error"),
    "an_error_event": ("%stream_error 1", "model_overloaded_error"),
}


def errors(s):
    return [(e["error"]["type"], e["error"]["retry_status"]["type"]) for e in of_type(s.events(), "session.error")]


@test
def faults_that_pass_are_retried():
    with Mount() as m:
        for name, (directive, kind) in RETRIED.items():
            s = m.session(name)
            assert "printed: done" in s.ask(f"{directive}\n! echo done"), (name, s.read("reply"))
            assert s.status() == "idle end_turn", (name, s.status())
            assert errors(s) == [(kind, "retrying")], (name, errors(s))
            events = s.events()
            check_log(events)
            assert "session.status_rescheduled" in types(events), name
            assert len(of_type(events, "agent.tool_result")) == 1, name


@test
def a_wait_says_so_while_it_lasts():
    with Mount() as m:
        s = m.session("x")
        began = time.monotonic()
        s.send("%rate_limit 1 2\nhello")
        wait_until(lambda: s.status() == "rescheduling", 10, "rescheduling")
        assert "rate" in s.read("error").lower(), s.read("error")
        assert s.wait() == "idle end_turn"
        assert time.monotonic() - began >= 1.9, "retry-after was not heeded"


@test
def a_request_that_cannot_succeed_ends_the_turn():
    with Mount() as m:
        for status, kind in ((400, "model_request_failed_error"), (401, "model_request_failed_error"),
                             (402, "billing_error")):
            s = m.session(f"x{status}")
            s.send(f"%error 1 {status}\nhello")
            assert s.wait() == "idle retries_exhausted", s.status()
            assert errors(s) == [(kind, "exhausted")], errors(s)
            assert s.read("error").strip(), "the error file says nothing"
            check_log(s.events())


@test
def no_answer_for_long():
    with Mount("--model-silence", "1") as m:
        s = m.session("x")
        assert s.ask("%silence 1 60s\nhello", timeout=40) != ""
        assert errors(s) == [("model_request_failed_error", "retrying")], errors(s)
        check_log(s.events())


@test
def nobody_listens():
    """Connection refused, then the server comes up."""
    with Mount() as m:
        rehearsal = m.pid("rehearsal")
        s = m.session("x")
        os.kill(rehearsal, signal.SIGSTOP)
        try:
            s.send("hello")
            s.wait_for("span.model_request_start")
        finally:
            os.kill(rehearsal, signal.SIGCONT)
        assert s.wait() == "idle end_turn"


@test
def a_refusal_is_a_stop_reason():
    with Mount() as m:
        s = m.session("x")
        s.send("%refuse\nhello")
        assert s.wait() == "idle refusal"
        idle = of_type(s.events(), "session.status_idle")[-1]
        assert idle["stop_reason"] == {"type": "refusal"}, idle
        assert idle["stop_details"]["type"] == "refusal", idle
        assert of_type(s.events(), "agent.message") == []
        check_log(s.events())


@test
def an_interrupt_ends_the_turn_at_once():
    with Mount() as m:
        for name, text in (("call", "! touch started; sleep 60"), ("stream", "%slow 300ms\na long answer, please")):
            s = m.session(name)
            s.send(text)
            if name == "call":
                wait_until(lambda: (s / "workspace/started").exists(), 15, "the call to start")
            else:
                s.wait_for("span.model_request_start")
            began = time.monotonic()
            (s / "ctl").write_text("interrupt\n")
            assert s.wait() == "idle end_turn"
            assert time.monotonic() - began < 10
            assert types(s.events()).count("user.interrupt") == 1
            check_log(s.events())
            assert "still" in s.ask("! echo still here")


main()
