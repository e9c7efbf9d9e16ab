# SPDX-License-Identifier: MIT
"""Free TCP ports of this machine, one for each server."""
import socket

_ports = {}


def port_of(state):
    """The same for the same STATE folder."""
    if state not in _ports:
        with socket.create_server(("127.0.0.1", 0)) as s:
            _ports[state] = s.getsockname()[1]
    return _ports[state]
