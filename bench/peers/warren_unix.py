# SPDX-License-Identifier: MIT
"""Ourselves, on a Unix socket."""
import os

from server import first_line

NAME = "warren"
WHERE = "wire"
ANAME = ""
SUPERVISED = True


def missing(tools):
    return None if os.access(tools.warren, os.X_OK) else f"there is no {tools.warren}: build first"


def address(share, state):
    return f"unix:{state}/9p"


def command(tools, share, state):
    return [tools.warren, "serve", "--quiet", "--listen", address(share, state), share]


def version(tools):
    return first_line([tools.warren, "--version"])
