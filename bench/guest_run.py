# SPDX-License-Identifier: MIT
"""W1 to W7: the same steps in one guest, on each share in turn, and on the host."""
import os
import re
import resource
import subprocess
import time
from collections import namedtuple

import server
import workloads
from guest import SCRATCH, Guest
from server import Failed, Server
from trees import Trees
from wire import PLACEMENTS

# mount: "{share}" is the folder on the host; peer: whose device it is, "" if nobody's
Case = namedtuple("Case", "name peer mount")
# noxattr: virtiofsd has no extended attributes either, unless told; without it Linux asks for
# security.capability before each write, and ls for labels of each file.
P9 = ("mount -t 9p -o trans=virtio,version=9p2000.L,access=client,noxattr,msize=512000,cache={} "
      "warren share")
CASES = [
    *(Case(f"warren, {mode}", "warren_vhost", P9.format(mode)) for mode in ("none", "mmap", "loose")),
    Case("virtiofs, auto", "virtiofsd", "mount -t virtiofs virtiofs-auto share"),
    Case("virtiofs, always", "virtiofsd_always", "mount -t virtiofs virtiofs-always share"),
    Case("hostfs", "", "mount -t hostfs -o {share} none share"),
]
HOST = "host"
BOOTS = 2  # on a machine that is very busy one may hang


def seconds_of(lines, what):
    for line in lines:
        found = re.match(r"\S+ x ([0-9.]+)$", line)
        if found:
            return float(found.group(1))
    raise Failed(f"{what}: no time in: {' / '.join(lines[-3:])}")


class GuestRun:
    """TOOLS has image and may_fetch besides; OPTIONS: runs, quick, only."""

    def __init__(self, tools, options, rows, left_out, say):
        self.tools, self.options, self.rows, self.say = tools, options, rows, say
        self.left_out = left_out
        self.sizes = workloads.sizes(options.quick)
        self.limit = 60 if options.quick else 900
        self.failed, self.guest, self.servers = set(), None, {}

    def leave_out(self, case, why, workload="W1 to W7"):
        self.left_out.append({"workload": workload, "case": case, "why": why})
        self.say(f"{workload}: {case} is left out: {why}")

    def start_servers(self, share, cpu):
        for name in dict.fromkeys(c.peer for c in CASES if c.peer):
            peer = server.load(name)
            why = peer.missing(self.tools)
            try:
                if not why:
                    self.servers[name] = Server(peer, self.tools, share, cpu)
            except Failed as e:
                why = str(e)
            if why:
                self.leave_out(peer.NAME, why)

    def start_guest(self, share, cpus):
        for left in reversed(range(BOOTS)):
            try:
                self.boot(share, cpus)
                return
            except Failed as e:
                if not left:
                    raise
                self.say(f"once more: {e}")

    def boot(self, share, cpus):
        """All servers anew: a device serves one front end."""
        self.stop()
        self.start_servers(share, cpus[0])
        devices = [("9p" if name.startswith("warren") else "virtiofs",
                    s.address.partition(":")[2]) for name, s in self.servers.items()]
        self.guest = Guest(self.tools.image, self.tools.helper, devices, cpus[1])

    def stop(self):
        if self.guest:
            self.guest.stop()
        for s in self.servers.values():
            s.stop()
        self.guest, self.servers = None, {}

    def words(self, step, out):
        return step.command.format(helper=self.tools.helper, out=out, **self.sizes)

    def note(self, workload, step, case, placement, seconds, costs):
        amount = self.sizes[step.amount]
        self.rows.add(
            seconds, "s", self.words(step, "out").replace(self.tools.helper, "bench-helper"),
            workload=workload.name, step=step.name.format(**self.sizes), placement=placement,
            case=case, costs={k: None if v is None else v / amount for k, v in costs.items()},
            more={"amount": amount, "amount_unit": step.unit})

    def one_step(self, workload, step, case, placement):
        s = self.servers.get(case.peer)
        requests = self.guest.interrupts() if s else 0
        server, guest = s.cpu_seconds() if s else 0, self.guest.cpu_seconds()
        lines = self.guest.run(self.words(step, "out"), self.limit)
        server, guest = (s.cpu_seconds() if s else 0) - server, self.guest.cpu_seconds() - guest
        costs = {"cpu_us": (server + guest) * 1e6}
        if s:
            costs.update(server_cpu_us=server * 1e6,
                         requests=self.guest.interrupts() - requests)
        self.note(workload, step, case.name, placement, seconds_of(lines, step.name), costs)

    def in_guest(self, workload, group, case, placement, share):
        self.guest.run(case.mount.format(share=share))
        try:
            self.guest.run(f"cd {SCRATCH}/share")
            for step in group.steps:
                self.one_step(workload, step, case, placement)
        finally:
            self.guest.run(f"cd {SCRATCH} && umount share", self.limit)

    def on_host(self, workload, group, placement, share, cpu):
        for step in group.steps:
            words = ["taskset", "-c", str(cpu), "sh", "-c", self.words(step, "out")]
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            run = subprocess.run(words, cwd=share, capture_output=True, text=True, check=False,
                                 timeout=self.limit, stdin=subprocess.DEVNULL)
            if run.returncode:
                raise Failed(f"on the host: {(run.stderr.strip() or 'failed')[-200:]}")
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
            self.note(workload, step, HOST, placement,
                      seconds_of(run.stdout.splitlines(), step.name), {"cpu_us": spent * 1e6})

    def one_group(self, workload, group, placement, trees, cpus):
        """A B C ...: each share once."""
        share = trees.share
        for case in [*CASES, Case(HOST, "", None)]:
            key = (workload.name, group.steps[0].name, case.name)
            if key in self.failed or (case.peer and case.peer not in self.servers):
                continue
            try:
                trees.fill(os.path.join(share, "out"), group.needs)
                if case.name == HOST:
                    self.on_host(workload, group, placement, share, cpus[1])
                else:
                    self.in_guest(workload, group, case, placement, share)
            except (Failed, subprocess.TimeoutExpired) as e:
                self.failed.add(key)
                self.leave_out(f"{case.name}: {group.steps[0].name}, {placement}", str(e),
                               workload.name)
                self.start_guest(share, cpus)

    def run(self, folder, chosen, cpus):
        share, store = os.path.join(folder, "guest-share"), os.path.join(folder, "store")
        os.mkdir(share)
        os.mkdir(store)
        trees = Trees(share, store, self.sizes)
        for workload in chosen:
            self.say(f"{workload.name}: making its files")
            trees.make_share(workload.name)
        for placement, (a, b) in PLACEMENTS.items():
            at = (cpus[a], cpus[b % len(cpus)])
            if a != b and (self.options.quick or at[0] == at[1]):
                self.leave_out(placement, "--quick" if self.options.quick
                               else "this machine has one CPU")
                continue
            try:
                self.start_guest(share, at)
                self.all_runs(chosen, placement, trees, at)
            except Failed as e:  # what was measured until now stays
                self.leave_out(f"the guest, {placement}", str(e))
            finally:
                self.stop()

    def all_runs(self, chosen, placement, trees, cpus):
        for run in range(self.options.runs):
            for workload in chosen:
                began = time.monotonic()
                for group in workload.groups:
                    self.one_group(workload, group, placement, trees, cpus)
                self.say(f"{workload.name}, {placement}, run {run + 1} of {self.options.runs}: "
                         f"{time.monotonic() - began:.0f} s")
