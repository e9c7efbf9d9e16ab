# SPDX-License-Identifier: MIT
"""nfs-ganesha: its 9P server, which has TCP only. It opens files by handle: that needs root. With a
larger _9P_TCP_Msize than its default of 64 KiB, 4.3 dies at the first large read."""
import os

from ports import port_of
from server import need_program, package_version

NAME = "nfs-ganesha"
WHERE = "wire"
ANAME = "{share}"
SUPERVISED = False
CONFIG = """
NFS_CORE_PARAM {{ Protocols = 9P; }}
NFSv4 {{ RecoveryRoot = "{state}"; Graceless = true; }}
NFS_KRB5 {{ Active_krb5 = false; }}
_9P {{ _9P_TCP_Port = {port}; }}
EXPORT {{
	Export_Id = 1; Path = "{share}"; Pseudo = "/share"; Tag = "share"; Protocols = 9P;
	Access_Type = RW; Squash = No_root_squash; SecType = "sys"; FSAL {{ Name = VFS; }}
}}
"""


def missing(tools):
    if os.geteuid():
        return "nfs-ganesha opens files by handle, which only root may: run tools/bench as root"
    return need_program("ganesha.nfsd", "nfs-ganesha") or (
        None if any(os.path.exists(f"/usr/lib/{d}/ganesha/libfsalvfs.so")
                    for d in os.listdir("/usr/lib"))
        else "nfs-ganesha has no VFS backend: install nfs-ganesha-vfs (tools/deps bench)")


def address(share, state):
    return f"tcp:127.0.0.1:{port_of(state)}"


def command(tools, share, state):
    with open(f"{state}/conf", "w", encoding="utf-8") as f:
        f.write(CONFIG.format(state=state, share=share, port=port_of(state)))
    return ["ganesha.nfsd", "-F", "-f", f"{state}/conf", "-L", f"{state}/log", "-p", f"{state}/pid"]


def version(tools):
    return package_version("nfs-ganesha")
