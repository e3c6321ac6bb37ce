#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Everyday programs work in a workspace as they do on a disk."""
import filecmp
import os
import shutil
import sqlite3

from lib import check, equal, main, run, shell

SOURCES = "/usr/include/linux"  # some hundred files, there wherever C is compiled


def same_tree(a, b):
    run("diff", "-r", "--no-dereference", a, b)


def test_copy(m):
    run("cp", "-a", SOURCES, m.dir + "/linux")
    same_tree(SOURCES, m.dir + "/linux")
    run("cp", "-r", m.dir + "/linux", m.native + "/out")
    same_tree(SOURCES, m.native + "/out")
    run("cp", "-a", m.dir + "/linux", m.dir + "/again")
    same_tree(SOURCES, m.back[0] + "/again")
    run("rm", "-r", m.dir + "/linux", m.dir + "/again")
    equal(os.listdir(m.back[0]), [], "left after rm -r")


def test_owner(m):
    shell("mkdir d; echo a > d/f; ln -s f d/l; cp /bin/true d/true; d/true", m.dir)
    for path in ["d", "d/f", "d/l", "d/true"]:
        there, here = os.lstat(f"{m.back[0]}/{path}"), os.lstat(f"{m.dir}/{path}")
        equal(there.st_uid, os.lstat(m.back[0]).st_uid, path + ": the sandbox's user owns it")
        equal(there.st_gid, os.lstat(m.back[0]).st_gid, path + ": and its group")
        equal((here.st_uid, here.st_gid), (os.getuid(), os.getgid()), path + ": shown as ours")
        equal(here.st_mode, there.st_mode, path + ": mode")
    m.sandbox(lambda: open("d/f", "a").write("b"))
    equal(open(m.dir + "/d/f").read(), "a\nb", "what the sandbox appended")


def test_tar(m):
    run("tar", "-C", os.path.dirname(SOURCES), "-cf", m.dir + "/t.tar", os.path.basename(SOURCES))
    run("tar", "-C", m.dir, "-xf", m.dir + "/t.tar")
    same_tree(SOURCES, m.dir + "/linux")
    run("tar", "-C", m.dir, "-cf", m.native + "/t.tar", "linux")
    run("tar", "-C", m.dir, "-df", m.native + "/t.tar")


def test_rsync(m):
    run("rsync", "-a", SOURCES + "/", m.dir + "/r")
    equal(run("rsync", "-ai", SOURCES + "/", m.dir + "/r")[1], "", "second rsync has nothing to do")
    equal(run("rsync", "-rlptci", m.dir + "/r/", SOURCES, "--dry-run")[1], "", "nor has one the other way")
    with open(m.dir + "/r/kernel.h", "a") as f:
        f.write("x")
    run("rsync", "-a", "--inplace", "--delete", SOURCES + "/", m.dir + "/r")
    same_tree(SOURCES, m.dir + "/r")


def test_git(m):
    shell("""
        git init -q a; cd a; cp -r %s .; git add .; git commit -qm one; test -z "$(git status --porcelain)"
        echo x >> linux/kernel.h; git mv linux/types.h linux/t.h; git rm -q linux/if.h
        git status --porcelain | sort > ../status; git commit -qam two; git checkout -q HEAD~1; git checkout -q master ||
            git checkout -q main
        ln -s linux/kernel.h link; git add link; git commit -qm three; git gc -q; git fsck --full
        git stash list; cd ..; git clone -q a b; cd b; test -z "$(git status --porcelain)"; git log --oneline | wc -l
        git worktree add -q ../c; cd ../c; git mv linux moved; git commit -qm four
        """ % SOURCES, m.dir)
    equal(open(m.dir + "/status").read().split("\n")[:3],
          [" M linux/kernel.h", "D  linux/if.h", "R  linux/types.h -> linux/t.h"], "git status")
    equal(os.readlink(m.dir + "/b/link"), "linux/kernel.h", "a link in a clone")


def test_make(m):
    os.mkdir(m.dir + "/p")
    for i in range(5):
        with open(f"{m.dir}/p/f{i}.c", "w") as f:
            f.write(f"#include <stdio.h>\nint f{i}(void);\nint f{i}(void) {{ return printf(\"{i}\\n\"); }}\n")
    with open(m.dir + "/p/main.c", "w") as f:
        f.write("".join(f"int f{i}(void);" for i in range(5)) + "int main(void) { return "
                + "+".join(f"f{i}()" for i in range(5)) + " != 10; }\n")
    with open(m.dir + "/p/Makefile", "w") as f:
        f.write("CFLAGS = -g\np: main.o f0.o f1.o f2.o f3.o f4.o lib.a\n\t$(CC) -o $@ main.o lib.a\n"
                "lib.a: f0.o f1.o f2.o f3.o f4.o\n\tar rcs $@ $^\nclean:\n\trm -f *.o *.a p\n")
    run("make", "-j2", cwd=m.dir + "/p")
    equal(run("./p", cwd=m.dir + "/p")[1], "0\n1\n2\n3\n4\n", "the program")
    check("up to date" in run("make", cwd=m.dir + "/p")[1], "second make has nothing to do")
    os.utime(m.dir + "/p/f2.c")
    check("f2.c" in run("make", cwd=m.dir + "/p")[1], "make after touch")
    run("make", "clean", cwd=m.dir + "/p")


def test_editors(m):
    with open(m.dir + "/f", "w") as f:
        f.write("one\ntwo\n")
    run("vim", "-Nu", "NONE", "-es", "-c", "%s/one/1/", "-c", "wq", "f", cwd=m.dir)
    equal(open(m.back[0] + "/f").read(), "1\ntwo\n", "vim")
    run("vim", "-Nu", "NONE", "-es", "-c", "set backup backupcopy=yes", "-c", "%s/two/2/", "-c", "wq", "f", cwd=m.dir)
    equal(open(m.back[0] + "/f").read(), "1\n2\n", "vim in place")
    run("sed", "-i", "s/1/eins/", "f", cwd=m.dir)
    run("perl", "-pi", "-e", "s/2/zwei/", "f", cwd=m.dir)
    equal(open(m.back[0] + "/f").read(), "eins\nzwei\n", "sed -i and perl -i")
    run("rm", "-f", "f~", cwd=m.dir)
    equal(os.listdir(m.dir), ["f"], "nothing left beside it")


def test_shell(m):
    equal(shell("""
        echo a > f; echo b >> f; cat f; : > f; wc -c < f; mkdir -p x/y/z; mv f x/y; ln -s x/y/f l; echo c > l; cat x/y/f
        ln x/y/f h; stat -c %h h; mv x w; cat w/y/f; find . | sort | tr '\n' ' '; touch -d @1000000000 h; stat -c %Y h
        chmod 600 h; stat -c %a h; install -m 755 h i; stat -c %a i; truncate -s 5 i; wc -c < i; rm -r w h i l; ls -A | wc -l
        yes | head -c 300000 > big; tail -c 10 big | wc -c; split -b 100000 big part; cat part* | cmp - big; rm part* big
        exec 3> open; echo gone >&3; rm open; echo still >&3; cat /dev/fd/3
        """, m.dir).split("\n")[:-1],
          "a b 0 c 2 c|. ./h ./l ./w ./w/y ./w/y/f ./w/y/z 1000000000|600|755|5|0|10|gone|still"
          .replace("|", "\n").replace("a b 0 c 2 c", "a\nb\n0\nc\n2\nc").split("\n"), "the session")


def test_database(m):
    """SQLite: locks, fsync, shared memory maps of the write-ahead log."""
    for mode in ["delete", "wal"]:
        one = sqlite3.connect(f"{m.dir}/{mode}.db")
        equal(one.execute(f"pragma journal_mode={mode}").fetchone()[0], mode, "journal")
        one.execute("create table t(x)")
        two = sqlite3.connect(f"{m.dir}/{mode}.db")
        for i in range(50):
            (one if i % 2 else two).execute("insert into t values(?)", [i])
            (one if i % 2 else two).commit()
        equal(one.execute("select sum(x) from t").fetchone()[0], 1225, mode)
        equal(two.execute("pragma integrity_check").fetchone()[0], "ok", mode)
        one.close()
        two.close()
        equal(sqlite3.connect(f"{m.back[0]}/{mode}.db").execute("select count(*) from t").fetchone()[0], 50, "behind")


def test_python(m):
    shutil.copytree(SOURCES, m.dir + "/linux", symlinks=True)
    result = filecmp.dircmp(SOURCES, m.dir + "/linux")
    equal((result.left_only, result.right_only, result.diff_files), ([], [], []), "copytree")
    check(os.path.samefile(m.dir + "/linux/../linux", m.dir + "/linux"), "the same directory")
    shutil.rmtree(m.dir + "/linux")


main([test_copy, test_owner, test_tar, test_rsync, test_git, test_make, test_editors, test_shell, test_database,
      test_python])
