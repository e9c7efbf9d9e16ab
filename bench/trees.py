# SPDX-License-Identifier: MIT
"""The files that workloads work on, made on the host."""
import os
import shutil
import subprocess
import tarfile

PROJECT_FUNCTIONS = 40


def write_random(path, mib):
    with open(path, "wb") as f:
        for _ in range(mib):
            f.write(os.urandom(1 << 20))


def touch_many(folder, n, size=0):
    os.makedirs(folder)
    for i in range(n):
        fd = os.open(os.path.join(folder, f"file-{i:07}"), os.O_CREAT | os.O_WRONLY, 0o644)
        if size:
            os.write(fd, b"x" * size)
        os.close(fd)


def make_tree(folder, n):
    """N files, a hundred in a folder, ten folders in a folder."""
    for first in range(0, n, 100):
        touch_many(os.path.join(folder, f"{first // 1000:03}", f"{first // 100 % 10}"),
                   min(100, n - first), 100)


def make_repo(folder, n):
    make_tree(folder, n)
    git = ["git", "-C", folder, "-c", "user.name=b", "-c", "user.email=b@b", "-c", "gc.auto=0"]
    for words in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "all"]):
        subprocess.run([*git, *words], check=True, stdin=subprocess.DEVNULL,
                       stdout=subprocess.DEVNULL)


def make_project(folder, n):
    """N sources that a compiler has a while to do with."""
    os.makedirs(folder)
    for i in range(n):
        with open(os.path.join(folder, f"part{i}.c"), "w", encoding="ascii") as f:
            f.write('#include <stdio.h>\n#include <stdlib.h>\n#include "all.h"\n')
            for j in range(PROJECT_FUNCTIONS):
                f.write(f"int part{i}_{j}(int x)\n{{\n\tfor (int i = 0; i < {j}; i++)\n"
                        f"\t\tx = x * {j + 3} + abs(x - i);\n\treturn x;\n}}\n")
    with open(os.path.join(folder, "all.h"), "w", encoding="ascii") as f:
        f.write("".join(f"int part{i}_{j}(int x);\n" for i in range(n)
                        for j in range(PROJECT_FUNCTIONS)))
    with open(os.path.join(folder, "main.c"), "w", encoding="ascii") as f:
        f.write('#include "all.h"\nint main(void)\n{\n\treturn part0_0(1);\n}\n')
    with open(os.path.join(folder, "Makefile"), "w", encoding="ascii") as f:
        f.write("objects = main.o " + " ".join(f"part{i}.o" for i in range(n))
                + "\nall: $(objects)\n\tgcc -o program $(objects)\n"
                  "%.o: %.c all.h\n\tgcc -c -o $@ $<\n")


class Trees:
    """What the groups in use need is made once, in STORE; `fill` copies it into an empty folder."""

    def __init__(self, share, store, sizes):
        self.share, self.store, self.sizes = share, store, sizes

    def make_share(self, workload):
        """The part of the share that WORKLOAD only reads."""
        at, n = (lambda name: os.path.join(self.share, name)), self.sizes
        if workload == "W1":
            write_random(at("large"), n["large_mib"])
        elif workload == "W2":
            write_random(at("data"), 16)
        elif workload == "W3":
            touch_many(at("many"), n["files"])
            make_tree(at("tree"), n["files"])
        elif workload == "W7":
            for i in (1, 2, 3):
                touch_many(at(f"dir_{i}"), n[f"dir_{i}"])

    def make_need(self, need, path):
        n = self.sizes
        if need == "data":
            shutil.copyfile(os.path.join(self.share, "data"), path)
        elif need == "tar":
            make_tree(path + ".d", n["small"])
            with tarfile.open(path, "w") as tar:
                tar.add(path + ".d", "small")
        elif need == "repo":
            make_repo(path, n["repo_files"])
        elif need == "project":
            make_project(path, n["sources"])

    def fill(self, out, need):
        shutil.rmtree(out, ignore_errors=True)
        os.mkdir(out)
        if not need:
            return
        made = os.path.join(self.store, need)
        if not os.path.exists(made):
            self.make_need(need, made)
        if os.path.isdir(made):
            shutil.copytree(made, os.path.join(out, need))
        else:
            shutil.copyfile(made, os.path.join(out, "small.tar" if need == "tar" else need))
