# SPDX-License-Identifier: MIT
"""Ourselves, as a device: for our own front end, and for guests."""
from peers.warren_unix import missing, version  # noqa: F401

NAME = "warren, vhost-user"
WHERE = "wire virtio"
ANAME = ""
SUPERVISED = True


def address(share, state):
    return f"vhost-user:{state}/device"


def command(tools, share, state):
    return [tools.warren, "serve", "--quiet", "--stats", "--socket-path", f"{state}/device", share]
