#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Storms of kill -9 over a mount at work, and after each a look whether every promise was kept.

    tests/soak/kills.py [--storms 6] [--seconds 10] [--seed N] [--clients 8] [--any-time] [--build DIR]

While clients talk to their sessions (echo into input, cat wait, cat reply, tail -f events), one of the processes
fs, harness, spawner, rehearsal and the hands' is killed every 50 to 300 ms.  Then:

  - each message that was accepted is in its session's log exactly once, and each client's are in order;
  - each command's effect, a line in a file, is there exactly once, or its result says in words that nobody knows;
  - the logs keep the order rules of the API (tests/system/lib.py), and what tail -f printed is what is in them;
  - nobody was refused, nobody waited for ever; after the umount no process and no mount is left.

All storms go over one store, which is mounted anew for each: a supervisor that has seen many deaths starts a process
again only after a pause, and a storm over pauses is none.  The schedule of the kills and what the clients say come
from the seed, which is printed.  It runs as whoever calls it; the runner of the tests does not, since it takes a minute.

The fs is killed only when it serves, but with --any-time: three deaths in a row before that mean to the supervisor
that the mount cannot be taken over, and it makes a new one.  Then clients may be refused, and a message that was
refused may be in the log or not.
"""

import argparse
import collections
import multiprocessing
import pathlib
import random
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "system"))
sys.dont_write_bytecode = True
import lib  # noqa: E402
from lib import *  # noqa: E402,F403

TARGETS = ("fs", "harness", "spawner", "rehearsal", "hands")
PAUSE_SECONDS = (0.05, 0.3)
WAIT_SECONDS = 60  # for one turn; the pauses between restarts grow to 5 s
CALM_SECONDS = 90  # for everything to be worked off after a storm
PER_SESSION = 2  # clients

# What the clients say; each T becomes a token that the effects tell.  Long, so that a call is in
# the middle of something; several calls in one answer, and one after the other; an answer that streams.
MESSAGES = (
    "! echo T >> effects",
    "! echo T >> effects",
    "! sleep 0.2; echo T >> effects; sleep 0.1",
    "! echo T >> effects\n! sleep 0.1; echo T >> effects",
    "! echo T >> effects\nthen\n! echo T >> effects\nsay done",
    "%slow 5ms\nA few words first, so that there is something to cut off.\n! echo T >> effects",
)
TOKEN = re.compile(r"echo (\S+) >> effects")

# What a result may say when nobody can know whether its command ran.
UNKNOWN = re.compile("not known whether|may have completed")


# --- a client ---

class TooLong(Exception):
    pass


def on_alarm(*_):
    raise TooLong


def bounded(what, function, *arguments):
    """The function's result; a Failure when it takes too long."""
    signal.alarm(WAIT_SECONDS)
    try:
        return function(*arguments)
    except TooLong:
        raise Failure(f"{what} took more than {WAIT_SECONDS} s") from None
    finally:
        signal.alarm(0)


def write_input(session, text):
    fd = os.open(session / "input", os.O_WRONLY)
    try:
        os.write(fd, text.encode())
    finally:
        os.close(fd)


def make_message(chooser, name, number):
    """A message whose tokens are numbered; and these."""
    text, tokens = chooser.choice(MESSAGES), []
    while "T " in text:
        tokens.append(f"{name}.{number}.{len(tokens)}")
        text = text.replace("T ", tokens[-1] + " ", 1)
    return text, tokens


def talk(session, text, tokens, out):
    """One message and what belongs to it, told in the journal: `sent` when it was accepted, `maybe` when not."""
    try:
        bounded("echo", write_input, session, text)
    except (OSError, Failure):
        out.write(f"maybe {' '.join(tokens)}\n")
        raise
    out.write(f"sent {' '.join(tokens)}\n")
    status = bounded("cat wait", (session / "wait").read_text).strip()
    if not status.startswith("idle"):
        raise Failure(f"wait said {status!r}")
    bounded("cat reply", (session / "reply").read_text)


def client(session, name, seed, until, journal):
    signal.signal(signal.SIGALRM, on_alarm)
    chooser, number = random.Random(seed), 0
    with open(journal, "w", buffering=1) as out:
        while time.monotonic() < until:
            number += 1
            text, tokens = make_message(chooser, name, number)
            try:
                talk(session, text, tokens, out)
            except (OSError, Failure) as error:
                out.write(f"wrong {tokens[0]}: {error}\n")
                time.sleep(0.1)


class Client:
    def __init__(self, session, name, seed, until, directory):
        self.session, self.name, self.journal = session, name, directory / name
        self.process = multiprocessing.Process(target=client, daemon=True,
                                               args=(session.path, name, seed, until, self.journal))
        self.process.start()

    def finish(self):
        self.process.join(4 * WAIT_SECONDS)
        if self.process.exitcode != 0:
            self.process.kill()
            raise Failure(f"client {self.name} ended with {self.process.exitcode}")
        lines = self.journal.read_text().splitlines()
        tokens = lambda kind: [t for line in lines if line.startswith(kind + " ") for t in line.split()[1:]]
        self.sent, self.maybe = tokens("sent"), set(tokens("maybe"))
        self.wrong = [line for line in lines if line.startswith("wrong ")]


# --- the storm ---

def command_of(pid):
    with contextlib.suppress(OSError):
        return pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[0].decode(errors="replace")
    return ""


class Storm:
    """Asks only /proc and the store's log, so that a stuck tree does not stop it."""

    def __init__(self, mount, chooser, any_time):
        self.mount, self.chooser, self.any_time = mount, chooser, any_time
        self.killed = collections.Counter()

    def find(self, target):
        """The pid of one of the supervisor's children, 0 for none."""
        for pid in descendants(self.mount.supervisor):
            if command_of(pid).endswith(f"agentdirs-{target}") and lib.parent_of(pid) == self.mount.supervisor:
                return pid
        return 0

    def serves(self, pid):
        return f"fs (pid {pid}) is ready" in self.mount.log()

    def pick(self):
        target = self.chooser.choice(TARGETS)
        if target == "hands":
            hands = sorted(pid for pid in descendants(self.mount.supervisor) if command_of(pid) == "hands")
            return target, self.chooser.choice(hands) if hands else 0
        pid = self.find(target)
        return target, pid if target != "fs" or self.any_time or self.serves(pid) else 0

    def blow(self, until):
        while time.monotonic() < until:
            time.sleep(self.chooser.uniform(*PAUSE_SECONDS))
            target, pid = self.pick()
            if pid:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
                    self.killed[target] += 1


# --- the look ---

def texts(event):
    return "\n".join(block["text"] for block in event.get("content", []) if block.get("type") == "text")


def tokens_said(events):
    return [token for e in of_type(events, "user.message") for token in TOKEN.findall(texts(e))]


def results_of(events):
    """Token to [(is_error, text)] of the results of its calls."""
    uses, found = {}, collections.defaultdict(list)
    for event in of_type(events, "agent.tool_use"):
        uses[event["id"]] = TOKEN.search(event["input"]["command"])[1]
    for event in of_type(events, "agent.tool_result"):
        found[uses[event["tool_use_id"]]].append((event.get("is_error", False), texts(event)))
    return found


def judge_effect(token, count, results):
    """What is wrong with how often the effect is there and what the results say of it, or None."""
    if len(results) > 1:
        return f"{token} was called {len(results)} times: {results}"
    is_error, text = results[0] if results else (False, "no call")
    if is_error and UNKNOWN.search(text):
        return None if count <= 1 else f"the effect of {token} is there {count} times"
    wanted = 1 if results and not is_error else 0
    return None if count == wanted else f"the effect of {token} is there {count} times: {text}"


def check_messages(said, clients):
    wrong = [f"{token} is in the log {n} times" for token, n in collections.Counter(said).items() if n > 1]
    for c in clients:
        mine = [token for token in said if token.startswith(c.name + ".") and token not in c.maybe]
        if mine != c.sent:
            wrong.append(f"{c.name} sent {len(c.sent)}, the log has {len(mine)}: missing "
                         f"{sorted(set(c.sent) - set(mine))}, unsent {sorted(set(mine) - set(c.sent))}")
    return wrong


def check_session(session, clients):
    """How many calls were wished, how many came to be, and of how many nobody knows whether they ran."""
    events = session.events()
    check_log(events)
    said, results = tokens_said(events), results_of(events)
    path = session / "workspace/effects"
    effects = collections.Counter(path.read_text().split() if path.exists() else [])
    wrong = check_messages(said, clients)
    wrong += filter(None, (judge_effect(token, effects[token], results[token]) for token in said))
    wrong += [f"an effect without a message: {token}" for token in effects if token not in said]
    if not of_type(events, "session.error"):  # what follows a `then` gives way to a new message
        wrong += [f"{token} was never called, and nothing says why" for token in said
                  if token.endswith(".0") and not results[token]]
    if wrong:
        raise Failure(f"session {session.name}:\n" + "\n".join(wrong))
    found = [result for token in said for result in results[token]]
    return len(said), len(found), sum(is_error for is_error, _ in found)


def calm_down(session):
    def is_calm():
        return session.status().startswith("idle") and session.wait(CALM_SECONDS)
    wait_until(is_calm, CALM_SECONDS, f"{session.name} to be worked off")


class Follower:
    """tail -f of a session's events; ENOTCONN is not its fault."""

    def __init__(self, session, path):
        self.session, self.path = session, path
        with open(path, "wb") as out:
            self.process = start(["tail", "-s", "0.1", "-c", "+1", "-f", session / "events"], stdout=out)

    def finish(self, any_time):
        try:
            wait_until(lambda: self.path.read_bytes() == (self.session / "events").read_bytes(), 10,
                       f"tail -f to print what {self.session.name} holds")
        except Failure:
            if not any_time:
                raise
        self.process.terminate()
        self.process.communicate(timeout=10)


# --- all of it ---

class Soak:
    def __init__(self, options):
        self.options, self.chooser = options, random.Random(options.seed)
        self.clients, self.killed = [], collections.Counter()
        self.mount = Mount("--log-level", "debug")
        self.mount.expect(".")  # a log of kills is suspicious throughout
        count = (options.clients + PER_SESSION - 1) // PER_SESSION
        self.sessions = [self.mount.session(f"s{i}") for i in range(count)]

    def storm(self, number):
        followers = [Follower(s, self.mount.base / f"tail.{s.name}.{number}") for s in self.sessions]
        until = time.monotonic() + self.options.seconds
        clients = [Client(self.sessions[i // PER_SESSION], f"c{i}-{number}", self.chooser.random(), until,
                          self.mount.base) for i in range(self.options.clients)]
        storm = Storm(self.mount, self.chooser, self.options.any_time)
        storm.blow(until)
        self.killed += storm.killed
        self.clients += clients
        for c in clients:
            c.finish()
        for s in self.sessions:
            calm_down(s)
        for f in followers:
            f.finish(self.options.any_time)
        wrong = [line for c in clients for line in c.wrong]
        if wrong and not self.options.any_time:
            raise Failure("clients had trouble:\n" + "\n".join(wrong))
        return len(wrong)

    def check(self):
        return map(sum, zip(*(check_session(s, [c for c in self.clients if c.session is s])
                              for s in self.sessions)))

    def stop(self):
        started = descendants(self.mount.supervisor) | {self.mount.supervisor}
        result = self.mount.stop()
        if result.returncode != 0:
            raise Failure(f"umount: {result.stderr}")
        wait_until(lambda: not any(map(is_alive, started)), 10, "all processes to end")
        if mounts_below(self.mount.base):
            raise Failure(f"left: {mounts_below(self.mount.base)}")

    def run(self):
        for number in range(self.options.storms):
            if number:
                self.mount.start()
            refused = self.storm(number)
            wished, called, lost = self.check()
            print(f"storm {number + 1}: {sum(self.killed.values())} kills; {wished} calls wished, {called} made, "
                  f"{lost} lost and said so; {refused} refusals", flush=True)
            self.stop()
        self.mount.start()  # and once more from what is on the disk
        self.check()
        self.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--storms", type=int, default=6)
    parser.add_argument("--seconds", type=float, default=10, help="of one storm")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--any-time", action="store_true", help="the fs is killed before it serves, too")
    parser.add_argument("--build", help="where the programs are; $AGENTDIRS_BUILD or build/ else")
    parser.add_argument("--keep", action="store_true", help="after a failure, leave the mount as it is")
    options = parser.parse_args()
    if options.build:
        lib.BUILD = pathlib.Path(options.build).resolve()
        lib.AGENTDIRS = lib.BUILD / "agentdirs"
    print(f"seed {options.seed}, uid {os.geteuid()}, {options.clients} clients", flush=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    soak = Soak(options)
    try:
        soak.run()
    except BaseException as failure:
        print(f"FAILED (--seed {options.seed}): {failure!r:.4000}" if not isinstance(failure, Failure) else
              f"FAILED (--seed {options.seed}): {failure}", flush=True)
        if options.keep:
            print(f"kept: {soak.mount.base}", flush=True)
        else:
            soak.mount.close(failing=True)
        sys.exit(1)
    print("killed:", ", ".join(f"{name} {n}" for name, n in sorted(soak.killed.items())))
    soak.mount.close()


if __name__ == "__main__":
    main()
