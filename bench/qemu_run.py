# SPDX-License-Identifier: MIT
"""W9: QEMU's own 9P server, and ours, in a guest of QEMU. Without KVM the guest's CPU is a program: the
guest is most of the time, so differences look smaller than they are."""
import os
import re
import subprocess
from collections import namedtuple

import trees
import workloads

Case = namedtuple("Case", "name words")
CASES = [
    Case("QEMU's 9pfs", ["--share", "qemu"]),
    Case("warren, TCP", ["--share", "tcp"]),
    Case("warren, vhost-user", ["--share", "warren", "--qemu", "trixie"]),
]
WORDS = ["lab", "run", "--quiet", "--guest", "qemu", "--kernel", "6.12", "--cache", "mmap"]
LIMIT_SECONDS = 300


class QemuRun:
    def __init__(self, tools, options, rows, left_out, say):
        self.tools, self.options, self.rows, self.say = tools, options, rows, say
        self.left_out, self.failed = left_out, set()
        self.sizes = workloads.qemu_sizes(options.quick)

    def one_boot(self, workload, case, share):
        """All steps in one guest: a boot is dear."""
        steps = [g.steps[0] for g in workload.groups]
        commands = [s.command.format(helper=self.tools.helper, **self.sizes) for s in steps]
        words = [*WORDS, *case.words, "--share-dir", share, "--with", self.tools.helper,
                 "--timeout", str(LIMIT_SECONDS), "--", "sh", "-c", " && ".join(commands)]
        run = subprocess.run([self.tools.warren, *words], capture_output=True, text=True,
                             check=False, stdin=subprocess.DEVNULL)
        times = re.findall(r"^\S+ x ([0-9.]+)\s*$", run.stdout, re.M)
        if run.returncode or len(times) != len(steps):
            said = (run.stderr.strip().splitlines() or ["it said nothing"])[-1]
            return f"exit {run.returncode}: {said}"
        for step, seconds, command in zip(steps, times, commands):
            amount = self.sizes[step.amount]
            self.rows.add(float(seconds), "s", "./warren " + " ".join(WORDS + case.words) + " -- "
                          + command.replace(self.tools.helper, "bench-helper"),
                          workload=workload.name, step=step.name, placement="any CPU",
                          case=case.name, more={"amount": amount, "amount_unit": step.unit})
        return None

    def run(self, folder, workload):
        share = os.path.join(folder, "qemu-share")
        os.mkdir(share)
        trees.write_random(os.path.join(share, "large"), self.sizes["large_mib"])
        trees.touch_many(os.path.join(share, "many"), self.sizes["files"])
        for run in range(self.options.runs):
            self.say(f"{workload.name}, run {run + 1} of {self.options.runs}")
            for case in CASES:
                why = None if case.name in self.failed else self.one_boot(workload, case, share)
                if why:
                    self.failed.add(case.name)
                    self.left_out.append({"workload": workload.name, "case": case.name, "why": why})
                    self.say(f"{workload.name}: {case.name} is left out: {why}")
