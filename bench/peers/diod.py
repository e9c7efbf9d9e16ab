# SPDX-License-Identifier: MIT
"""diod: no message larger than 64 KiB, whatever the client asks for."""
from server import need_program, package_version

NAME = "diod"
WHERE = "wire"
ANAME = "{share}"
SUPERVISED = False


def missing(tools):
    return need_program("diod", "diod")


def address(share, state):
    return f"unix:{state}/9p"


def command(tools, share, state):
    return ["diod", "--foreground", "--no-auth", "--no-userdb", "--config-file", "/dev/null",
            "--listen", f"{state}/9p", "--export", share]


def version(tools):
    return package_version("diod")
