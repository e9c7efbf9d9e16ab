# SPDX-License-Identifier: MIT
"""W8: servers measured by `warren bench`, and the loops that no server can beat."""
import argparse
import json
import os
import shlex
import subprocess
import time
from collections import namedtuple

import server
from server import Failed, Server

PEERS = ["warren_unix", "diod", "ganesha", "warren_tcp", "warren_vhost", "virtiofsd_wire"]
PLACEMENTS = {"same CPU": (0, 0), "split CPUs": (0, 1)}  # indices of CPUs: server, client

# words for `warren bench`; figure: the key of its JSON, divided by scale
Step = namedtuple("Step", "name words figure scale unit depths")
STEPS = [
    Step("getattr", "--op getattr --file data", "per_second", 1, "op/s", "1,8,64"),
    Step("walk", "--op walk --file data", "per_second", 1, "op/s", "1,8,64"),
    Step("open", "--op open --file data", "per_second", 1, "op/s", "1,8,64"),
    Step("read", "--op read --file data", "per_second", 1, "op/s", "1,8,64"),
    Step("write", "--op write", "per_second", 1, "op/s", "1,8,64"),
    Step("create", "--op create", "per_second", 1, "op/s", "1,8,64"),
    Step("readdir", "--op readdir --file many/entry-0000", "entries_per_second", 1, "entries/s",
         "1,8"),
]
# Whatever msize a server has, one of these is the best one for it.
SEQUENTIAL_SIZES = [65512, 131072, 262144, 507904]
VHOST_SIZES = [507904]  # all whole pages that fit its 512000
SEQUENTIAL_DEPTH = 8
FUSE_STEPS = ("getattr", "walk", "open", "read", "write", "sequential")  # that fuse-bench has
# What no server that copies can be faster than: file to memory to socket; memory to socket.
RANDOM_LIMITS = (("limit: preadv", "preadv"), ("limit: pread+send", "send"),
                 ("limit: send", "send-memory"))


IDLE_SECONDS = 2
END_SECONDS = 10
PROC_FILES = {"idle wake-ups": "task/*/status", "idle memory": "smaps_rollup"}


def may_trace():
    """Another process that is not our child: where Yama is, only root."""
    try:
        with open("/proc/sys/kernel/yama/ptrace_scope", encoding="ascii") as f:
            return os.geteuid() == 0 or f.read().strip() == "0"
    except OSError:
        return True


def make_share(share, large_mib):
    for name, mib in (("data", 16), ("large", large_mib)):
        with open(os.path.join(share, name), "wb") as f:
            for _ in range(mib):
                f.write(os.urandom(1 << 20))
    os.mkdir(os.path.join(share, "many"))
    for i in range(1000):
        with open(os.path.join(share, "many", f"entry-{i:04}"), "wb"):
            pass


class Wire:
    """One run of W8. OPTIONS: runs, seconds; SAY: progress."""

    def __init__(self, tools, options, rows, left_out, say):
        self.tools, self.options, self.rows, self.say = tools, options, rows, say
        self.left_out = left_out
        self.failed = set()
        self.counts_syscalls = False

    def leave_out(self, case, why):
        self.left_out.append({"workload": "W8", "case": case, "why": why})
        self.say(f"W8: {case} is left out: {why}")

    def peers(self):
        for name in PEERS:
            peer = server.load(name)
            why = peer.missing(self.tools)
            if why:
                self.leave_out(peer.NAME, why)
            else:
                yield peer

    def bench(self, s, cpu, words):
        """The JSON objects of `warren bench`, and the command for people."""
        if self.counts_syscalls:
            words = ["--syscalls", *words]
        words = ["--json", "--seconds", str(self.options.seconds), "--cpu", str(cpu),
                 "--pid", str(s.pid), *(["--aname", s.aname] if s.aname else []), *words]
        run = subprocess.run([self.tools.warren, "bench", *words, s.address], text=True,
                             capture_output=True, check=False, stdin=subprocess.DEVNULL)
        if run.returncode:
            said = [x for x in run.stderr.splitlines() if "error" in x] or ["it said nothing"]
            raise Failed(f"warren bench: exit {run.returncode}: {said[-1]}")
        command = shlex.join(["./warren", "bench", *words[3:], s.address]).replace(" --syscalls", "")
        for part in (f" --pid {s.pid}", s.state + "/", os.path.basename(s.state)):
            command = command.replace(part, "")
        return [json.loads(line) for line in run.stdout.splitlines()], command

    def fuse_bench(self, s, cpu, step):
        """The same of fuse-bench. The server ends with its client, and is started anew."""
        parser = argparse.ArgumentParser()
        parser.add_argument("--op")
        parser.add_argument("--file", default="data")
        parser.add_argument("--size", default="4096")
        parser.add_argument("--sequential", action="store_const", const="sequential",
                            default="random")
        known = parser.parse_known_args(step.words.split())[0]
        cells, path = [], s.address.partition(":")[2]
        for depth in step.depths.split(","):
            words = [known.op, depth, str(self.options.seconds), str(cpu), str(s.pid), known.file,
                     known.size, known.sequential]
            run = subprocess.run([self.tools.fuse_bench, path, *words], text=True, check=False,
                                 capture_output=True, stdin=subprocess.DEVNULL)
            if run.returncode:
                raise Failed(f"fuse-bench: {run.stderr.strip()}")
            cells.append(json.loads(run.stdout))
            s.revive(END_SECONDS)
        words[4] = "PID"
        return cells, shlex.join(["build/run/bench/fuse-bench", "device", *words])

    def note(self, cells, command, step, case, placement):
        for cell in cells:
            if cell["errors"]:
                raise Failed(f"{cell['errors']} operations had errors")
            value = cell[step.figure] / step.scale
            if not value:  # the machine had no time for it
                continue
            each = cell["requests_per_second"] / value

            def cost(key, each=each, cell=cell):
                return None if cell.get(key) is None else cell[key] * each
            server_cpu, client_cpu = cost("server_cpu_us"), cost("client_cpu_us")
            self.rows.add(
                value, step.unit, command, workload="W8", step=step.name,
                placement=placement, depth=cell["depth"], case=case,
                costs={"server_cpu_us": server_cpu, "requests": each,
                       "cpu_us": None if server_cpu is None else server_cpu + client_cpu,
                       "syscalls": cost("server_syscalls")},
                more={"msize": cell["msize"], "size": cell["size"], "p50_us": cell["p50_us"],
                      "p99_us": cell["p99_us"]})

    def measure(self, s, cpu, placement):
        """A closure for each step: called once a run."""
        is_fuse = s.peer.WHERE == "fuse"
        steps = list(STEPS)
        sizes = VHOST_SIZES if "vhost-user" in s.address else SEQUENTIAL_SIZES
        for size in sizes:
            steps.append(Step(f"sequential {size}", "--op read --file large --sequential --msize "
                              f"1048576 --size {size}", "bytes_per_second", 1e6, "MB/s",
                              f"{SEQUENTIAL_DEPTH}"))

        if is_fuse:
            steps = [x for x in steps if x.name.split()[0] in FUSE_STEPS]

        def do(step):
            words = [*step.words.split(), "--depth", step.depths]
            cells, command = self.fuse_bench(s, cpu, step) if is_fuse else \
                self.bench(s, cpu, words)
            # A server that takes no such message has been measured with the size before.
            cells = [c for c in cells if c["size"] + 24 <= c["msize"]]
            self.note(cells, command, step, s.peer.NAME, placement)
        return steps, do

    def idle(self, servers, placement):
        """Before any client: wake-ups, and memory of its own. A start takes its time."""
        time.sleep(IDLE_SECONDS)
        before = [s.wake_ups() for s in servers]
        time.sleep(IDLE_SECONDS)
        for s, n in zip(servers, before):
            for step, value, unit in (
                    ("idle wake-ups", max(s.wake_ups() - n, 0) / IDLE_SECONDS, "1/s"),
                    ("idle memory", s.own_mib(), "MiB")):
                self.rows.add(value, unit, f"cat /proc/PID/{PROC_FILES[step]}", workload="W8",
                              step=step, placement=placement, case=s.peer.NAME)

    def limits(self, share, placement, cpus):
        """The loops, once."""
        large, data = os.path.join(share, "large"), os.path.join(share, "data")
        cases = [("limit: pread+send", "send", large, "sequential", size, SEQUENTIAL_DEPTH)
                 for size in SEQUENTIAL_SIZES]
        cases += [("limit: preadv", "preadv", large, "sequential", VHOST_SIZES[0],
                   SEQUENTIAL_DEPTH)]
        cases += [(case, what, data, "random", 4096, depth)
                  for case, what in RANDOM_LIMITS for depth in (1, 8, 64)]
        for case, what, path, order, size, depth in cases:
            words = [self.tools.helper, what, path, str(size), str(self.options.seconds), order,
                     *map(str, cpus), str(depth)]
            run = subprocess.run(words, capture_output=True, text=True, check=False)
            if run.returncode:
                raise Failed(f"{case}: {run.stderr.strip()}")
            got = json.loads(run.stdout)
            step = "read" if order == "random" else f"sequential {size}"
            value = got["per_second"] if order == "random" else got["bytes_per_second"] / 1e6
            self.rows.add(value, "op/s" if order == "random" else "MB/s",
                          shlex.join(["build/run/bench/bench-helper", *words[1:]]).replace(
                              share, "SHARE"),
                          workload="W8", step=step, placement=placement, case=case,
                          depth=depth,
                          costs={"server_cpu_us": got["server_cpu_us"] * got["per_second"] / value,
                                 "cpu_us": got["cpu_us"] * got["per_second"] / value})

    def one_round(self, servers, share, placement, cpus):
        """Each step of each server once: A B C, A B C ..."""
        plans = [(s, *self.measure(s, cpus[1], placement)) for s in servers]
        for i in range(max(len(steps) for _, steps, _ in plans)):
            for s, steps, do in plans:
                if i >= len(steps) or (s.peer.NAME, steps[i].name) in self.failed:
                    continue
                try:
                    s.revive()
                    do(steps[i])
                    why = s.revive()
                except Failed as e:
                    why = f"{e}; {s.revive(3) or 'it goes on'}"
                    self.failed.add((s.peer.NAME, steps[i].name))
                if why:
                    self.leave_out(f"{s.peer.NAME}: {steps[i].name}, {placement}", why)
        self.limits(share, placement, cpus)

    def run(self, share, cpus):
        make_share(share, self.options.large_mib)
        for placement, (a, b) in PLACEMENTS.items():
            at = (cpus[a], cpus[b % len(cpus)])
            if placement == "split CPUs" and at[0] == at[1]:
                self.leave_out("split CPUs", "this machine has one CPU")
                continue
            servers = []
            self.failed = set()
            try:
                for peer in self.peers():
                    try:
                        servers.append(Server(peer, self.tools, share, at[0]))
                    except Failed as e:
                        self.leave_out(peer.NAME, str(e))
                try:
                    self.idle(servers, placement)
                except (Failed, OSError) as e:
                    self.leave_out(f"idle servers, {placement}", str(e))
                for run in range(self.options.runs):
                    # Once: it is no time, and hardly differs.
                    self.counts_syscalls = run == 0 and may_trace()
                    self.say(f"W8, {placement}, run {run + 1} of {self.options.runs}: "
                             + ", ".join(s.peer.NAME for s in servers))
                    self.one_round(servers, share, placement, at)
            finally:
                for s in servers:
                    s.stop()
