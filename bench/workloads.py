# SPDX-License-Identifier: MIT
"""THE table of workloads.

A guest's step is a command that the guest's shell runs in the share. {helper} is bench-helper, whose
line tells the seconds; {out} an empty folder, new for each group of steps, in which the host has put
what `needs` names; other names in braces are sizes. AMOUNT units are what the step does; None: one
whole thing. Steps of one group follow on each other in one mount, so that a second one finds what the
first has left in the guest's caches.
"""
from collections import namedtuple

Workload = namedtuple("Workload", "name where title groups")
Group = namedtuple("Group", "needs steps")
Step = namedtuple("Step", "name command amount unit")

SIZES = {
    #               full, --quick
    "large_mib":    (1024, 32),
    "write_mib":    (1024, 32),
    "random_ops":   (20000, 600),
    "files":        (50000, 500),
    "small":        (20000, 200),
    "sources":      (40, 4),
    "repo_files":   (2000, 100),
    "dir_1":        (10000, 1000),
    "dir_2":        (100000, 4000),
    "dir_3":        (1000000, 16000),
}


def _random(depth):
    return [Group("", [Step(f"4 KiB reads, depth {depth}",
                            f"{{helper}} random-read x data {depth} {{random_ops}}", "random_ops",
                            "op")]),
            Group("data", [Step(f"4 KiB writes, depth {depth}",
                                f"{{helper}} random-write x {{out}}/data {depth} {{random_ops}}",
                                "random_ops", "op")])]


WORKLOADS = [
    Workload("W1", "guest", "Sequential reads and writes, 1 MiB a call", [
        Group("", [Step("read", "{helper} read x large", "large_mib", "MiB")]),
        Group("", [Step("write", "{helper} write x {out}/new {write_mib}", "write_mib", "MiB")])]),
    Workload("W2", "guest", "Random reads and writes", [*_random(1), *_random(16)]),
    Workload("W3", "guest", "A tree of many files", [
        Group("", [Step("stat", "{helper} stat x many", "files", "file")]),
        Group("", [Step("find", "{helper} run x find tree -size +1000", "files", "file"),
                   Step("find again", "{helper} run x find tree -size +1000", "files", "file")]),
        Group("", [Step("ls -lR", "{helper} run x ls -lR tree", "files", "file")])]),
    Workload("W4", "guest", "Small files made and removed", [
        Group("", [Step("create", "{helper} create x {out} {small}", "small", "file"),
                   Step("remove", "{helper} run x rm -r {out}", "small", "file")]),
        Group("tar", [Step("untar", "{helper} run x tar xf {out}/small.tar -C {out}", "small",
                           "file")])]),
    Workload("W5", "guest", "git", [
        Group("repo", [Step("git status", "{helper} run x git -C {out}/repo status", "repo_files",
                            "file"),
                       Step("git clone", "{helper} run x git clone -q --no-hardlinks {out}/repo "
                            "{out}/clone", "repo_files", "file")])]),
    Workload("W6", "guest", "A build", [
        Group("project", [Step("make", "{helper} run x make -s -C {out}/project", "sources",
                               "file")])]),
    Workload("W7", "guest", "Large directories", [
        Group("", [Step(f"list {{dir_{i}}}", f"{{helper}} list x dir_{i}", f"dir_{i}", "entry")])
        for i in (1, 2, 3)]),
    # The steps of this one are in wire.py: `warren bench` has the operations.
    Workload("W8", "wire", "Operations on the wire, without a guest", []),
    Workload("W9", "qemu", "A guest of QEMU, without KVM", [
        Group("", [Step("read", "{helper} read x large", "large_mib", "MiB")]),
        Group("", [Step("stat", "{helper} stat x many", "files", "file")]),
        Group("", [Step("list", "{helper} list x many", "files", "entry")])]),
    # scale.py has what grows.
    Workload("scale", "scale", "Cost of a request as there is more of what it works on", []),
]


def sizes(quick):
    return {name: pair[1 if quick else 0] for name, pair in SIZES.items()}


def qemu_sizes(quick):
    return {"large_mib": 16 if quick else 64, "files": 200 if quick else 2000}


def find(name):
    return next((w for w in WORKLOADS if w.name == name), None)
