# SPDX-License-Identifier: MIT
"""virtiofsd, as its manual has it for guests that share nothing with others. CACHE and MORE differ
in virtiofsd_always.py."""
import os
import shlex
import subprocess
import sys

NAME = "virtiofs, auto"
WHERE = "virtio"
ANAME = ""
SUPERVISED = False
TAG = "virtiofs-auto"
OPTIONS = ["--cache", "auto"]


def words(tools, fetch=False):
    """What starts it: fetched into the cache at the first use, nothing is installed."""
    run = subprocess.run([tools.warren, "lab", "qemu", "list"], capture_output=True, text=True,
                         check=False)
    there = [x.split()[1] for x in run.stdout.splitlines() if x.startswith("virtiofsd ")]
    if not fetch and there in ([], ["-"]):
        return None
    run = subprocess.run([tools.warren, "lab", "qemu", "fetch", "virtiofsd"], stdout=subprocess.PIPE,
                         text=True, check=False)
    return shlex.split(run.stdout) if not run.returncode else None


def missing(tools):
    return None if words(tools, tools.may_fetch) else \
        "there is no virtiofsd: run './warren lab qemu fetch virtiofsd'"


def address(share, state):
    return f"vhost-user:{state}/device"


def start(tools, share, state, tag, options):
    proxy = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))),
                         "vhost_proxy.py")
    return [sys.executable, proxy, f"{state}/device", f"{state}/virtiofsd", *words(tools),
            "--socket-path", f"{state}/virtiofsd", "--shared-dir", share, "--tag", tag,
            "--sandbox", "none", "--log-level", "error", *options]


def command(tools, share, state):
    return start(tools, share, state, TAG, OPTIONS)


def version(tools):
    run = subprocess.run([*words(tools), "--version"], capture_output=True, text=True, check=False)
    return run.stdout.strip()
