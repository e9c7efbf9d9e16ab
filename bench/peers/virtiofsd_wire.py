# SPDX-License-Identifier: MIT
"""virtiofsd without a guest: fuse-bench is its front end."""
from peers.virtiofsd import missing, version, words  # noqa: F401

NAME = "virtiofsd"
WHERE = "fuse"
ANAME = ""
SUPERVISED = False


def address(share, state):
    return f"vhost-user:{state}/device"


def command(tools, share, state):
    return [*words(tools), "--socket-path", f"{state}/device", "--shared-dir", share, "--tag", "x",
            "--sandbox", "none", "--log-level", "error"]
