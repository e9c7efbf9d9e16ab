# SPDX-License-Identifier: MIT
"""Ourselves, on TCP: for comparison with servers that have nothing else."""
from peers.warren_unix import missing, version  # noqa: F401
from ports import port_of

NAME = "warren, TCP"
WHERE = "wire"
ANAME = ""
SUPERVISED = True


def address(share, state):
    return f"tcp:127.0.0.1:{port_of(state)}"


def command(tools, share, state):
    return [tools.warren, "serve", "--quiet", "--listen", address(share, state), share]
