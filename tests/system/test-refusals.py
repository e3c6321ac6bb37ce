#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# users: root user
"""What cannot be mounted is refused with one sentence that says why and what to do, exit code 1; wrong usage
with 2; and nothing is left behind."""

import tempfile

from crew import Crew
from lib import *


@contextlib.contextmanager
def place():
    """A Mount that is not started, with stand-ins, so that nothing depends on the other programs."""
    crew = Crew(tempfile.mkdtemp(prefix="crew."), AGENTDIRS)
    with Mount(program=crew.agentdirs, ready=False) as m:
        yield m
    shutil.rmtree(crew.directory)


def refused(result, *phrases, code=1):
    """One line on stderr with all the phrases, nothing on stdout."""
    assert result.returncode == code, result
    assert result.stdout == "" and result.stderr.startswith("agentdirs: "), result
    if code == 1:
        assert result.stderr.count("\n") == 1 and result.stderr.endswith("\n"), result
    for phrase in phrases:
        assert phrase in result.stderr, (phrase, result.stderr)


def mount(m, *options, at=None, offline=True):
    return m.command("mount", *(["--offline"] if offline else []), *options, at or m.path)


@test
def wrong_usage_is_2():
    with place() as m:
        refused(m.command("mount"), "mount point", code=2)
        refused(m.command("mount", "a", "b"), "only one", code=2)
        refused(m.command("mount", "--nonsense", "a"), "--nonsense", "--help", code=2)
        refused(m.command("mount", "--umask", "9", "a"), "octal", code=2)
        refused(m.command("umount", "--model", "x", m.path), "--model", code=2)
        refused(run([m.program, "nonsense"]), "nonsense", "agentdirs help", code=2)
        refused(run([m.program]), "agentdirs help", code=2)


@test
def help_and_version_are_on_stdout():
    for words in (["--help"], ["help"], ["-h"], ["help", "mount"], ["mount", "--help"], ["umount", "-h"]):
        result = run([AGENTDIRS, *words])
        assert result.returncode == 0 and "usage: agentdirs" in result.stdout and not result.stderr, result
        too_long = [line for line in result.stdout.splitlines() if len(line) > 100 and "config" not in line]
        assert not too_long, too_long
    assert re.fullmatch(r"agentdirs \d+\.\d+\.\d+\n", run([AGENTDIRS, "--version"]).stdout)


@test
def without_a_key_both_ways_on_are_named():
    with place() as m:
        refused(mount(m, offline=False), "no model key", "ANTHROPIC_API_KEY", "--offline")
        assert not m.path.exists() and not m.store.exists()


@test
def a_key_file_that_others_can_read_is_refused():
    with place() as m:
        key = m.base / "key"
        key.write_text("sk-secret\n")
        key.chmod(0o644)
        result = mount(m, "--key-file", key, offline=False)
        refused(result, str(key), "chmod 600")
        assert "sk-secret" not in result.stderr


@test
def a_broken_config_file_is_named_with_its_line():
    with place() as m:
        config = m.base / ".config" / "agentdirs" / "config"
        config.parent.mkdir(parents=True)
        config.write_text("# settings\nmodel claude-opus-5-5\nmax-runing 5\n")
        refused(mount(m), f"{config}:3", "max-runing")


@test
def the_config_file_is_used():
    with place() as m:
        config = m.base / ".config" / "agentdirs" / "config"
        config.parent.mkdir(parents=True)
        config.write_text("model claude-opus-5-5\noffline yes\n")
        m.options = []
        m.start()
        assert wait_until(lambda: m.facts())["model"] == "claude-opus-5-5"


@test
def the_mount_point_must_be_an_empty_directory():
    with place() as m:
        m.path.mkdir()
        (m.path / "file").touch()
        refused(mount(m), str(m.path), "not empty")
        refused(mount(m, at=m.path / "file"), "not a directory")
        refused(mount(m, at=m.base / "no" / "where"), "no", "directory")
        refused(mount(m, at=m.store / "inside"), "lie in each other")
        assert (m.path / "file").exists()


@test
def the_mount_point_must_be_ones_own():
    need(not is_root(), "root may mount anywhere")
    with place() as m:
        m.path.mkdir(mode=0o555)
        refused(mount(m), str(m.path), "not yours")


@test
def a_mount_point_of_another_user_is_refused_since_he_could_take_it_away():
    """From a mount namespace of his own he renames it, with the mount, and puts a false tree in its place."""
    with place() as m:
        other = m.path
        if is_root():
            other.mkdir()
            os.chown(other, 65534, 65534)
        else:
            other = pathlib.Path("/usr")
        refused(mount(m, at=other), str(other), "belongs to another user")


@test
def a_store_that_others_can_read_is_refused():
    with place() as m:
        m.store.mkdir(mode=0o755)
        refused(mount(m), str(m.store), "chmod 700")


@test
def a_store_that_cannot_be_made_is_named():
    with place() as m:
        (m.base / "file").touch()
        m.store = m.base / "file" / "store"
        refused(mount(m), str(m.store), "--store")


@test
def a_missing_program_is_named():
    with place() as m:
        (m.program.parent / "agentdirs-fs").unlink()
        refused(mount(m), "agentdirs-fs")


def in_namespace(m, flags, preparation):
    """Mounts within namespaces where something is missing."""
    script = f'{preparation} && exec "$@"'
    command = [m.program, "mount", "--offline", "--store", m.store, m.path]
    return run(["unshare", *flags, "sh", "-c", script, "sh", *command], env=m.environment)


@test
def without_dev_fuse():
    need(is_root(), "only root can hide a device")
    with place() as m:
        hide = "mount -t tmpfs none /dev && mknod /dev/null c 1 3"
        refused(in_namespace(m, ["-m"], hide), "/dev/fuse", "modprobe fuse")


@test
def without_user_namespaces():
    with place() as m:
        none = "echo 0 >/proc/sys/user/max_user_namespaces"
        refused(in_namespace(m, ["-U", "-r"], none), "no sandbox can be made", "max_user_namespaces")
        assert not (m.store / "run").exists()


@test
def umount_of_what_is_not_mounted():
    with place() as m:
        refused(m.command("umount", m.base), str(m.base), "not an agentdirs mount")
        refused(m.command("umount", m.base / "no" / "where"), "no")


@test
def status_of_what_is_not_mounted():
    with place() as m:
        refused(m.command("status"), str(m.store), "agentdirs mount")
        refused(m.command("status", m.base), str(m.base), "not an agentdirs mount")


@test
def doctor_says_what_is_missing():
    with place() as m:
        words = [m.program, "doctor", "--store", m.store]
        without = run(words, env=m.environment)
        assert without.returncode == 1 and re.search(r"^MISSING +key ", without.stdout, re.M), without
        assert "ANTHROPIC_API_KEY" in without.stdout and "--offline" in without.stdout
        offline = run([*words, "--offline"], env=m.environment)
        assert offline.returncode == 0 and "MISSING" not in offline.stdout, offline
        for name in ("fuse", "sandbox", "seccomp", "landlock", "overlay", "cgroup", "store", "programs"):
            assert re.search(rf"^(ok|without) +{name} +\S", offline.stdout, re.M), (name, offline.stdout)
        with_key = run(words, env={**m.environment, "ANTHROPIC_API_KEY": "sk-secret"})
        assert with_key.returncode == 0 and "sk-secret" not in with_key.stdout, with_key


main()
