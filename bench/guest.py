# SPDX-License-Identifier: MIT
"""A User Mode Linux guest whose shell we type into: the root file system is the host's."""
import os
import re
import select
import shutil
import subprocess
import tempfile
import time

import others
from server import Failed

VIRTIO_IDS = {"9p": 9, "virtiofs": 26}
INIT = """#!/bin/sh
mount -t proc proc /proc && mount -t sysfs sysfs /sys && mount -t devtmpfs devtmpfs /dev &&
	mount -t tmpfs tmpfs {scratch} && mkdir {scratch}/share || {helper} off
cd {scratch}
stty -echo -onlcr
HOME={scratch} LC_ALL=C PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=safe.directory GIT_CONFIG_VALUE_0=* TMPDIR={scratch}
export HOME LC_ALL PATH GIT_CONFIG_COUNT GIT_CONFIG_KEY_0 GIT_CONFIG_VALUE_0 TMPDIR
echo "@@ 0"
while read -r line; do
	eval "$line"
	echo "@@ $?"
done
{helper} off
"""
SCRATCH = "/mnt"  # the guest's own; nothing is written to the host's
BOOT_SECONDS = 60


def own_cpu_seconds(pid):
    """Of a process alone, to the nanosecond; None where this kernel does not count so."""
    total = 0
    try:
        for tid in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{tid}/schedstat", encoding="ascii") as f:
                total += int(f.read().split()[0])
    except OSError:
        return None
    return total / 1e9


def children_of(pid):
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as f:
        return f.read().split()


def tree_cpu_seconds(pid):
    """CPU time of a process and its descendants, those that are gone included."""
    total, own = 0.0, own_cpu_seconds(pid)
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as f:
            fields = f.read().rpartition(")")[2].split()
        children = children_of(pid)
    except OSError:  # gone: its parent has its time
        return total
    tick = os.sysconf("SC_CLK_TCK")
    total += sum(map(int, fields[11:13])) / tick if own is None else own
    total += sum(map(int, fields[13:15])) / tick  # of children that are gone
    return total + sum(map(tree_cpu_seconds, children))


class Guest:
    """`with Guest(image, helper, devices, cpu) as g`; DEVICES: (kind, socket) in the guest's order."""

    def __init__(self, image, helper, devices, cpu=None):
        self.folder = tempfile.mkdtemp(prefix="warren-guest-")
        self.memory = tempfile.mkdtemp(prefix="warren-guest-", dir="/dev/shm")
        self.process, self.buffer, self.log = None, b"", []
        try:
            self.start(image, helper, devices, cpu)
            self.wait_for_answer(BOOT_SECONDS)
        except BaseException:
            self.stop()
            raise

    def start(self, image, helper, devices, cpu):
        init = os.path.join(self.folder, "init")
        with open(init, "w", encoding="utf-8") as f:
            f.write(INIT.format(helper=helper, scratch=SCRATCH))
        os.chmod(init, 0o755)
        # All of its processes are in a namespace that ends with its first.
        words = ["setpriv", "--pdeathsig", "KILL", "unshare", "--pid", "--fork", "--kill-child",
                 "--mount-proc"]
        if os.geteuid():
            words += ["--user", "--map-root-user"]
        if cpu is not None:
            words += ["taskset", "-c", str(cpu)]
        words += ["setarch", "-R", image, "mem=768M", "root=none", "rootfstype=hostfs",
                  "rootflags=/", "rw", "con=null", "con0=fd:0,fd:1", "panic=-1", "quiet",
                  f"uml_dir={self.folder}/uml/", "umid=guest"]
        words += [f"virtio_uml.device={path}:{VIRTIO_IDS[kind]}" for kind, path in devices]
        self.process = subprocess.Popen(
            [*words, f"init={init}"], env={**os.environ, "TMPDIR": self.memory},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, bufsize=0)

    def read_line(self, deadline):
        out = self.process.stdout
        while b"\n" not in self.buffer:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([out], [], [], left)[0]:
                raise Failed(f"the guest does not answer: {self.last_words()}")
            got = os.read(out.fileno(), 65536)
            if not got:
                raise Failed(f"the guest has ended: {self.last_words()}")
            self.buffer += got
        line, _, self.buffer = self.buffer.partition(b"\n")
        text = line.decode(errors="replace").rstrip("\r")
        self.log = [*self.log[-20:], text]
        return text

    def last_words(self):
        return " / ".join(x for x in self.log[-6:] if x.strip()) or "it said nothing"

    def wait_for_answer(self, seconds):
        """The lines until the command has ended, which must have done well."""
        deadline = time.monotonic() + seconds
        lines = []
        while True:
            line = self.read_line(deadline)
            found = re.search(r"@@ (\d+)$", line)
            if not found:
                lines.append(line)
            elif found.group(1) == "0":
                return lines
            else:
                raise Failed(f"in the guest: {' / '.join(lines[-3:]) or 'a command failed'}")

    def run(self, line, seconds=60):
        self.process.stdin.write(line.encode() + b"\n")
        return self.wait_for_answer(seconds)

    def interrupts(self):
        """Of the virtio devices so far: for a client that waits for each reply, its requests."""
        lines = self.run("grep -i virtio /proc/interrupts || :")
        return sum(int(x.split()[1]) for x in lines if re.match(r"\s*\d+:\s+\d+", x))

    def cpu_seconds(self):
        """Of the kernel and of the processes that it keeps for those of the guest."""
        return tree_cpu_seconds(self.process.pid)

    def stubs_cpu_seconds(self):
        """Of the processes that the kernel keeps: it never waits for those that die with it."""
        try:
            return sum(tree_cpu_seconds(stub) for kernel in children_of(self.process.pid)
                       for stub in children_of(kernel))
        except OSError:
            return 0.0

    def stop(self):
        """Shares must be unmounted by now, or it would never end by itself: it is not asked."""
        if self.process and self.process.poll() is None:
            others.nobody_waits(self.stubs_cpu_seconds())
            self.process.kill()
            self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout) if self.process else ():
            pipe.close()
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.rmtree(self.memory, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
