#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# users: root user
# timeout: 240
"""Agents as directories: real programs edit them, and every save that changes something is exactly one version."""

import errno
import os
import threading

from lib import *
from tree import Elsewhere, Tree


def sh(command, timeout=20, cwd="/"):
    return run(["bash", "-c", command], timeout=timeout, cwd=cwd)


def fails_with(code, function, *words):
    try:
        function(*words)
    except OSError as error:
        assert error.errno == code, f"{error}, not {errno.errorcode[code]}"
        return
    raise Failure(f"no error, expected {errno.errorcode[code]}")


def agent(t, name="coder"):
    (t / "agents" / name).mkdir()
    return t / "agents" / name


def version(a):
    return int((a / "version").read_text())


def body(a):
    return json.loads((a / "agent.json").read_text())


def makes(a, count, command, programs=""):
    """Runs the command in the agent's directory; it must succeed and make so many versions."""
    for program in programs.split():
        need(shutil.which(program), f"no {program}")
    before = version(a)
    result = sh(command, cwd=a)
    assert result.returncode == 0, (command, result)
    assert version(a) - before == count, f"{version(a) - before} versions, not {count}: {command}\n{result}"


TOOL = {"description": "tells the weather", "input_schema": {"type": "object", "properties": {}}}


# --- the definition and its files ---

@test
def a_new_agent_is_complete():
    with Tree() as t:
        a = agent(t)
        assert version(a) == 1 and os.listdir(a / "versions") == ["1"]
        assert body(a)["name"] == "coder" and body(a)["model"]["id"] + "\n" == (a / "model").read_text()
        assert (a / "id").read_text() == body(a)["id"] + "\n"
        assert {"agent.json", "model", "system.md", "description", "tools", "mcp", "skills", "team", "metadata",
                "version", "id", "versions", "start"} == set(os.listdir(a))
        for command in ("find . -ls", "grep -r no-such-text . ; true", "tar c . | tar t", "ls -lR"):
            result = sh(command, cwd=a)
            assert result.returncode == 0 and result.stderr == "", result
        for path in a.rglob("*"):
            if path.is_file():
                assert path.stat().st_size == len(path.read_bytes()), path


@test
def two_views_of_one_thing():
    with Tree() as t:
        a = agent(t)
        makes(a, 1, "echo 'You write C.' > system.md")
        assert body(a)["system"] == "You write C."
        makes(a, 1, "echo claude-opus-5-5 > model")
        assert body(a)["model"]["id"] == "claude-opus-5-5"
        makes(a, 1, "echo 'for C' > description")
        new = body(a)
        assert new["description"] == "for C"
        new["system"], new["metadata"] = "You write Rust.\n", {"owner": "me"}
        (t.base / "new.json").write_text(json.dumps(new))
        makes(a, 1, f"cp {t.base}/new.json agent.json")
        assert (a / "system.md").read_text() == "You write Rust.\n\n"
        assert (a / "metadata" / "owner").read_text() == "me\n"
        makes(a, 0, "cat system.md > $HOME/s; cat $HOME/s > system.md; cp model $HOME/m; cp $HOME/m model")
        makes(a, 0, "cp agent.json $HOME/a; cp $HOME/a agent.json; cat metadata/owner > $HOME/o; cp $HOME/o metadata/owner")
        makes(a, 1, ": > description")
        assert body(a)["description"] is None


EDITS = [  # programs that must be there, the command, versions that it makes
    ("", "echo 1 > {0}", 1),
    ("", "echo 1 > {0}", 0),
    ("", "printf 2 > {0}; cat {0} > /dev/null", 1),
    ("", "{{ echo 3; ls -d /; echo b; }} > {0}", 1),
    ("sed", "sed -i s/3/4/ {0}", 1),
    ("sed", "sed -i s/no-such/x/ {0}", 0),
    ("perl", "perl -pi -e s/4/5/ {0}", 1),
    ("", "echo 6 > $HOME/f; cp $HOME/f {0}", 1),
    ("", "echo 7 > $HOME/f; cp -p $HOME/f {0}", 1),
    ("", "echo 9 > {0}.tmp; mv {0}.tmp {0}", 1),
    ("", "echo 10 | tee {0} > /dev/null", 1),
    ("rsync", "echo 11 > $HOME/f; rsync -I $HOME/f {0}", 1),
    ("rsync", "echo 12 > $HOME/f; rsync -I --inplace $HOME/f {0}", 1),
    ("sponge", "sed s/12/13/ {0} | sponge {0}", 1),
    ("vim", "vim -Nu NONE -es -c '%s/.*/14/' -c wq {0}", 1),
    ("vim", "vim -Nu NONE -es -c 'set backup' -c '%s/.*/15/' -c wq {0}", 1),
    ("vim", "vim -Nu NONE -es -c 'set backupcopy=yes nowritebackup' -c '%s/.*/16/' -c wq {0}", 1),
    ("vim", "vim -Nu NONE -es -c 'set backupcopy=no' -c '%s/.*/17/' -c wq {0}", 1),
    ("vim", "vim -Nu NONE -es -c wq {0}", 0),
    ("ed", "printf '%s\\n' '1,$d' a 18 . w q | ed -s {0}", 1),
    ("nano script", "TERM=vt100 script -qec 'nano -I -t {0}' /dev/null <<< $'19\\x18'", 1),
    ("emacs", "emacs -Q --batch {0} --eval '(insert \"20\")' -f save-buffer", 1),
    ("python3", "python3 -c 'open(\"{0}\", \"w\").write(\"21\")'", 1),
    ("python3", "python3 -c 'import os; f = open(\"{0}.tmp\", \"w\"); f.write(\"22\"); f.flush(); os.fsync(f.fileno());"
                " f.close(); os.replace(\"{0}.tmp\", \"{0}\")'", 1),
    ("node", "node -e 'require(\"fs\").writeFileSync(\"{0}\", \"23\")'", 1),
    ("dd", "echo 24 | dd of={0} conv=fsync status=none", 1),
    ("git", "printf '[a]\\n' > {0}; git config -f {0} a.b c", 2),
]


@test
def every_program_makes_one_version():
    with Tree() as t:
        a = agent(t)
        wrong = []
        for where in ("system.md", "metadata/note"):
            makes(a, 1, f"echo 0 > {where}")
            for programs, command, count in EDITS:
                if not all(shutil.which(p) for p in programs.split()):
                    continue
                before = version(a)
                result = sh(command.format(where), cwd=a)
                made = version(a) - before
                if result.returncode or made != count:
                    wrong.append(f"{made} versions, not {count}: {command.format(where)} {result.returncode} "
                                 f"{result.stdout[-200:]} {result.stderr[-200:]}")
        assert not wrong, "\n".join(wrong)
        assert sorted(n for n in os.listdir(a / "metadata") if not n.endswith("~")) == ["note"]
        left = {n for n in os.listdir(a) if n.startswith((".", "sed", "4913", "XX"))}
        assert not left, left


@test
def programs_that_remove_before_they_write():
    with Tree() as t:
        a = agent(t)
        makes(a, 1, "echo 1 > $HOME/f; install -m 600 $HOME/f system.md")
        makes(a, 1, "echo 2 > $HOME/f; mv $HOME/f system.md")
        makes(a, 0, "rm system.md")
        wait_until(lambda: (a / "system.md").exists(), 5, "the file that stays")
        assert (a / "system.md").read_text() == "2\n"
        makes(a, 1, "echo 1 > $HOME/f; install -m 600 $HOME/f metadata/k")
        makes(a, 2, "echo 2 > $HOME/f; mv $HOME/f metadata/k")  # gone, and there again
        makes(a, 1, "rm metadata/k")


@test
def json_editing():
    with Tree() as t:
        a = agent(t)
        makes(a, 1, "jq '.system = \"from jq\"' agent.json | sponge agent.json", "jq sponge")
        makes(a, 0, "jq . agent.json | sponge agent.json", "jq sponge")
        makes(a, 1, "jq '.model = \"claude-haiku-5-5\"' agent.json > agent.json.tmp && mv agent.json.tmp agent.json", "jq")
        assert (a / "system.md").read_text() == "from jq\n" and (a / "model").read_text() == "claude-haiku-5-5\n"


# --- refusals ---

@test
def what_is_refused_is_kept_beside_the_old():
    with Tree() as t:
        a = agent(t)
        good = (a / "agent.json").read_text()
        for text in ("{ not json", json.dumps({**body(a), "model": None}), json.dumps({**body(a), "colour": "red"})):
            assert run(["dd", f"of={a}/agent.json", "conv=fsync"], input=text).returncode != 0
            assert (a / "agent.json").read_text() == good and version(a) == 1
            assert (a / "agent.json.rejected").read_text() == text
        said = (t / "error").read_text()
        assert "agents/coder/agent.json" in said and "colour" in said, said
        (t.base / "bad").write_text("{")
        assert run(["cp", t.base / "bad", a / "agent.json"]).returncode != 0
        makes(a, 1, "jq '.system = \"x\"' agent.json | sponge agent.json", "jq sponge")
        assert not (a / "agent.json.rejected").exists()
        fails_with(errno.EINVAL, os.rename, _scratch(a, "new.tmp", "{"), a / "agent.json")
        assert run(["dd", f"of={a}/system.md", "conv=fsync"], input="x" * 100001).returncode != 0
        assert (a / "system.md").read_text() == "x\n" and version(a) == 2
        with open(a / "system.md", "wb", buffering=0) as f:
            f.write(b"\xff\xfe")
            fails_with(errno.EILSEQ, os.fsync, f.fileno())
        assert (a / "model").read_text() and version(a) == 2
        fails_with(errno.EPERM, os.open, a / "id", os.O_WRONLY)


def _scratch(a, name, text):
    (a / name).write_text(text)
    return a / name


@test
def names_that_cannot_be():
    with Tree() as t:
        a = agent(t)
        for bad in (".hidden", "a b", "x" * 65):
            fails_with(errno.EINVAL, os.mkdir, t / "agents" / bad)
        fails_with(errno.EEXIST, os.mkdir, t / "agents" / "coder")
        fails_with(errno.EEXIST, os.mkdir, t / "agents" / "default")
        fails_with(errno.EPERM, os.mkdir, a / "folder")
        fails_with(errno.EINVAL, (a / "metadata" / "a b").write_text, "x")
        fails_with(errno.EINVAL, (a / "tools" / "weather").write_text, "x")
        fails_with(errno.EBUSY, os.rmdir, a)
        assert run(["rm", "-r", a], timeout=20).returncode == 1 and a.exists()


# --- versions ---

@test
def versions_are_for_ever():
    with Tree() as t:
        a = agent(t)
        for i in range(2, 13):
            (a / "system.md").write_text(f"prompt {i}\n")
        assert sorted(os.listdir(a / "versions"), key=int) == [str(i) for i in range(1, 13)]
        assert a.joinpath("versions").stat().st_size == 12
        for i in range(2, 13):
            v = a / "versions" / str(i)
            assert (v / "system.md").read_text() == f"prompt {i}\n" and json.loads((v / "agent.json").read_text())["version"] == i
        v = a / "versions" / "3"
        stamps = [(a / "versions" / str(i)).stat().st_mtime_ns for i in range(1, 13)]
        assert stamps == sorted(stamps)
        for path in (v / "agent.json", v / "model", v / "system.md"):
            fails_with(errno.EROFS, os.open, path, os.O_WRONLY)
            fails_with(errno.EROFS, os.unlink, path)
        fails_with(errno.EROFS, os.mkdir, a / "versions" / "13")
        fails_with(errno.EROFS, (v / "new").write_text, "x")
        fails_with(errno.EROFS, os.rmdir, v)
        fails_with(errno.EROFS, os.rename, v, a / "versions" / "99")
        fails_with(errno.EROFS, os.rename, v / "model", v / "m")
        for absent in ("0", "13", "03", "-1", "x", "1x", "+1"):
            assert not (a / "versions" / absent).exists(), absent
        makes(a, 1, "cp versions/3/agent.json agent.json")
        assert (a / "system.md").read_text() == "prompt 3\n"


@test
def concurrent_saves_are_each_one_version():
    with Tree() as t:
        a = agent(t)

        def save(who):
            for i in range(20):
                (a / "metadata" / who).write_text(f"{i}\n")
        threads = [threading.Thread(target=save, args=(f"k{i}",)) for i in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert version(a) == 81 and body(a)["metadata"] == {f"k{i}": "19" for i in range(4)}


@test
def copies_and_other_names():
    with Tree() as t:
        a = agent(t)
        makes(a, 1, "echo mine > system.md")
        makes(a, 1, "echo v > metadata/k")
        (a / "tools" / "weather.json").write_text(json.dumps(TOOL))
        sh("mkdir copy && cp coder/agent.json copy/", cwd=t / "agents")
        copy, own = body(t / "agents" / "copy"), {"id", "version", "name", "created_at", "updated_at"}
        assert {k: v for k, v in copy.items() if k not in own} == {k: v for k, v in body(a).items() if k not in own}
        assert copy["id"] != body(a)["id"] and copy["name"] == "copy" and copy["version"] == 2
        os.rename(a, t / "agents" / "writer")
        a = t / "agents" / "writer"
        assert body(a)["name"] == "writer" and version(a) == 5
        assert json.loads((a / "versions" / "4" / "agent.json").read_text())["name"] == "coder"
        fails_with(errno.EEXIST, os.rename, a, t / "agents" / "copy")


# --- parts ---

@test
def metadata_is_a_directory_of_keys():
    with Tree() as t:
        a = agent(t)
        makes(a, 1, "echo me > metadata/owner")
        makes(a, 1, "touch metadata/empty")
        makes(a, 1, "cp metadata/owner metadata/other")
        assert body(a)["metadata"] == {"owner": "me", "empty": "", "other": "me"}
        inode = (a / "metadata" / "owner").stat().st_ino
        makes(a, 2, "mv metadata/other metadata/third")
        assert sorted(os.listdir(a / "metadata")) == ["empty", "owner", "third"]
        makes(a, 2, "rm metadata/third metadata/empty")
        makes(a, 1, "jq '.metadata.odd = \"1\" | .metadata.owner = \"you\"' agent.json | sponge agent.json", "jq sponge")
        assert sorted(os.listdir(a / "metadata")) == ["odd", "owner"]
        makes(a, 1, "rm metadata/owner")
        makes(a, 1, "echo back > metadata/owner")
        assert (a / "metadata" / "owner").stat().st_ino == inode
        t.end()
        os.ftruncate(t.init, 0)
        t.start()
        assert (a / "metadata" / "owner").stat().st_ino == inode and (a / "metadata" / "owner").read_text() == "back\n"


@test
def tools_and_servers_are_documents():
    with Tree() as t:
        a = agent(t)
        (t.base / "tool").write_text(json.dumps(TOOL))
        (t.base / "server").write_text(json.dumps({"url": "https://example.com/mcp"}))
        before = len(body(a)["tools"])
        makes(a, 1, f"cp {t.base}/tool tools/weather.json")
        assert [x["name"] for x in body(a)["tools"] if x["type"] == "custom"] == ["weather"]
        makes(a, 1, f"cat {t.base}/server > mcp/docs.json")
        assert [x["name"] for x in body(a)["mcp_servers"]] == ["docs"]
        assert any(x.get("mcp_server_name") == "docs" for x in body(a)["tools"])
        makes(a, 1, "sed -i s/tells/knows/ tools/weather.json", "sed")
        makes(a, 1, "vim -Nu NONE -es -c '%s/knows/guesses/' -c wq tools/weather.json", "vim")
        assert json.loads((a / "tools" / "weather.json").read_text())["description"] == "guesses the weather"
        assert run(["cp", t.base / "server", a / "tools" / "bad.json"]).returncode != 0
        assert not (a / "tools" / "bad.json").exists()
        assert (a / "tools" / "bad.json.rejected").read_text() == (t.base / "server").read_text()
        assert "agents/coder/tools/bad.json" in (t / "error").read_text()
        makes(a, 2, "rm tools/weather.json mcp/docs.json")
        assert len(body(a)["tools"]) == before and body(a)["mcp_servers"] == []


@test
def a_team_is_links():
    with Tree() as t:
        a, b = agent(t), agent(t, "tester")
        makes(a, 1, "ln -s ../../tester team/tester")
        assert os.readlink(a / "team" / "tester") == "../../tester" and (a / "team" / "tester" / "model").exists()
        assert [x["id"] for x in body(a)["multiagent"]["agents"]] == [body(b)["id"]]
        (b / "system.md").write_text("test\n")
        assert os.readlink(a / "team" / "tester") == "../../tester/versions/1"
        makes(a, 1, "ln -sfn ../../tester team/tester")
        assert os.readlink(a / "team" / "tester") == "../../tester"
        makes(a, 1, "ln -sfn ../../tester/versions/1 team/tester")
        assert body(a)["multiagent"]["agents"][0]["version"] == 1
        os.rename(b, t / "agents" / "prober")
        assert os.listdir(a / "team") == ["prober"]
        assert run(["ln", "-s", "../../nobody", a / "team" / "nobody"]).returncode == 1
        fails_with(errno.EINVAL, os.symlink, "../../prober", a / "team" / "assistant")
        makes(a, 1, "rm team/prober")
        assert body(a)["multiagent"] is None


@test
def skills_are_links():
    with Tree() as t:
        a = agent(t)
        makes(a, 1, "ln -s anthropic/xlsx skills/xlsx")
        assert body(a)["skills"] == [{"type": "anthropic", "skill_id": "xlsx", "version": "latest"}]
        assert os.readlink(a / "skills" / "xlsx") == "anthropic/xlsx"
        makes(a, 1, "ln -s ../../../skills/review skills/review")
        assert os.readlink(a / "skills" / "review") == "../../../skills/review"
        makes(a, 0, "ln -sfn ../../../skills/review skills/review")
        makes(a, 2, "rm skills/review skills/xlsx")
        assert body(a)["skills"] == []


# --- start ---

@test
def start_begins_a_session():
    with Tree() as t:
        a = agent(t)
        for command in (f"echo hello | {a}/start", f"cd {a} && echo hello | ./start",
                        f"ln -sfn coder {t.path}/agents/default && echo hello | {t.path}/agents/default/start"):
            result = sh(command)
            assert result.returncode == 0 and result.stderr == "", result
            s = pathlib.Path(result.stdout.rstrip("\n"))
            assert os.readlink(s / "agent") == "../../agents/coder" and t.queued(s.name) == ["hello"]
        runners = [start([a / "start"], stdin=subprocess.PIPE) for _ in range(8)]
        paths = [r.communicate(f"m{i}", timeout=20)[0].strip() for i, r in enumerate(runners)]
        assert len(set(paths)) == 8 and [t.queued(os.path.basename(p)) for p in paths] == [[f"m{i}"] for i in range(8)]
        count = len(os.listdir(t / "sessions"))
        assert sh(f"printf '\\377' | {a}/start").returncode != 0 and len(os.listdir(t / "sessions")) == count


@test
def half_written_definitions_of_a_dead_process_are_not_saved():
    with Tree() as t, Elsewhere() as e:
        a = agent(t)
        good = (a / "agent.json").read_text()
        e(f"[fd := os.open('{a}/agent.json', os.O_WRONLY | os.O_TRUNC), os.write(fd, b'{{')] and None")
        e(f"[new := os.open('{a}/metadata/k', os.O_WRONLY | os.O_CREAT), os.write(new, b'lost')] and None")
        t.kill()
        fails_with(errno.ESTALE, e, "os.fsync(fd)")
        fails_with(errno.ESTALE, e, "os.fsync(new)")
        e("os.close(fd)")
        fails_with(errno.ESTALE, e, "os.close(new)")
        assert (a / "agent.json").read_text() == good and version(a) == 1 and os.listdir(a / "metadata") == []


main()
