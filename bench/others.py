# SPDX-License-Identifier: MIT
"""What others do with the CPUs while we measure: the load of the minute before says little of it."""
import ctypes
import os
import resource
import time

PR_SET_CHILD_SUBREAPER = 36
REAP_SECONDS = 5
# of a line of /proc/stat: what is neither idle nor contained in another field
BUSY_FIELDS = (1, 2, 3, 6, 7, 8)  # user, nice, system, irq, softirq, steal


def busy_seconds(stat):
    """Of all CPUs since the boot; STAT is what /proc/stat says."""
    fields = stat.split("\n", 1)[0].split()
    return sum(int(fields[i]) for i in BUSY_FIELDS if i < len(fields)) / os.sysconf("SC_CLK_TCK")


def read_busy():
    with open("/proc/stat", encoding="ascii") as f:
        return busy_seconds(f.read())


def reap(deadline):
    """Descendants whose parents have gone before them: only who is waited for is counted."""
    try:
        while time.monotonic() < deadline:
            if not os.waitpid(-1, os.WNOHANG)[0]:
                time.sleep(0.02)  # killed, and about to end
    except ChildProcessError:
        pass


unwaited = [0.0]


def nobody_waits(seconds):
    """SECONDS of CPU time of ours are of processes that end with their pid namespace."""
    unwaited[0] += seconds


def own_seconds():
    """Of this process and of all descendants that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(u.ru_utime + u.ru_stime for u in used) + unwaited[0]


class Others:
    """From here to `cpus`, when all that was started must have ended."""

    def __init__(self):
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        self.began = time.monotonic(), read_busy(), own_seconds()

    def cpus(self):
        """How many CPUs others kept busy, on average."""
        reap(time.monotonic() + REAP_SECONDS)
        now = time.monotonic(), read_busy(), own_seconds()
        passed, busy, own = (b - a for a, b in zip(self.began, now))
        return max(0.0, (busy - own) / passed) if passed else 0.0
