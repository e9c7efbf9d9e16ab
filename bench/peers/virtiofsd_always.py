# SPDX-License-Identifier: MIT
"""virtiofsd with all that makes it fast: the guest caches as if nobody else wrote."""
from peers.virtiofsd import address, missing, start, version  # noqa: F401

NAME = "virtiofs, always"
WHERE = "virtio"
ANAME = ""
SUPERVISED = False
TAG = "virtiofs-always"
OPTIONS = ["--cache", "always", "--writeback"]


def command(tools, share, state):
    return start(tools, share, state, TAG, OPTIONS)
