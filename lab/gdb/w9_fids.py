# SPDX-License-Identifier: MIT
"""The fids of the mounted 9P file systems."""
import gdb

import w9_mm
from w9_dwarf import (Command, Missing, at_address, container_of, find_variable, has_field, offset_of,
                      type_named)

NODE_MARK = 2  # lib/xarray: the low bits of a pointer to an inner node
QID_TYPES = ((0x80, "dir"), (0x40, "append"), (0x20, "excl"), (0x10, "mount"), (0x08, "auth"),
             (0x04, "tmp"), (0x02, "symlink"), (0x01, "link"))


def qid_words(qid):
    kind = int(qid["type"])
    names = [name for bit, name in QID_TYPES if kind & bit] or ["file"]
    return "%s path=0x%x version=0x%x" % ("+".join(names), int(qid["path"]), int(qid["version"]))


def _is_node(entry):
    return entry & 3 == NODE_MARK and entry > 4096


def _tree_entries(entry):
    """All pointers below an entry of an xarray or idr."""
    if not entry:
        return
    if not _is_node(entry):
        yield entry
        return
    slots = at_address("struct xa_node", entry - NODE_MARK)["slots"]
    for i in range(slots.type.range()[1] + 1):
        yield from _tree_entries(int(slots[i]))


def sessions():
    """Each mounted file system's p9_client."""
    head = find_variable("v9fs_sessionlist")
    if head is None:
        raise Missing("this kernel has no v9fs_sessionlist: 9p is not there, or its module has no "
                      "symbols yet")
    at = int(head["next"])
    while at and at != int(head.address):
        session = container_of(at, "struct v9fs_session_info", "slist")
        yield session["clnt"].dereference()
        at = int(session["slist"]["next"])


def fids_of(client):
    root = client["fids"]["idr_rt"]
    for entry in _tree_entries(int(root["xa_head"])):
        yield at_address("struct p9_fid", entry)


def _list_head(fid, link):
    """The address of the list head that the fid is on by its member LINK: what its back pointers lead
    to that is no member of another fid. 0 when it is on none."""
    at = int(fid[link]["pprev"])
    if not at:
        return 0
    offset = offset_of("struct p9_fid", link + ".next")
    members = {int(f.address) + offset for f in fids_of(fid["clnt"].dereference())}
    for _ in range(len(members)):
        if at not in members:
            break
        at = int(at_address("struct p9_fid", at - offset)[link]["pprev"])
    return at


def inode_of_fid(fid):
    """The inode of an open fid; 0 when it is not open."""
    if not has_field(fid.type, "ilist"):
        return 0
    head = _list_head(fid, "ilist")
    return head - offset_of("struct inode", "i_private") if head else 0


def path_of_fid(fid):
    """None when no dentry or inode has it, as while it is walked."""
    try:
        inode = inode_of_fid(fid)
        if inode:
            return w9_mm.path_of_inode(inode)
        head = _list_head(fid, "dlist")
        if head:
            return w9_mm.path_of_dentry(container_of(head, "struct dentry", "d_fsdata"))
    except (gdb.MemoryError, Missing):
        pass
    return None


def fid_words(fid):
    return "fid %d  %s  mode 0%o  iounit 0x%x  references %d" % (
        int(fid["fid"]), qid_words(fid["qid"]), int(fid["mode"]), int(fid["iounit"]),
        count_of(fid))


def count_of(fid):
    """A refcount_t (6.x), which is a struct of structs, or a number."""
    count = fid["count"]
    while count.type.strip_typedefs().code == gdb.TYPE_CODE_STRUCT:
        count = count[count.type.strip_typedefs().fields()[0]]
    return int(count)


class FidsCommand(Command):
    """w9-fids: the fids of every mounted 9P file system, with qid, mode, iounit and path."""

    def __init__(self):
        super().__init__("w9-fids", gdb.COMMAND_DATA)

    def run(self, argument):
        if not gdb.selected_inferior().pid:
            raise gdb.GdbError("no guest runs under this gdb")
        type_named("struct p9_fid")
        n = 0
        for client in sessions():
            gdb.write("p9_client 0x%x: msize %d, transport %s\n" % (
                int(client.address), int(client["msize"]),
                client["trans_mod"]["name"].string()))
            for fid in fids_of(client):
                gdb.write("  %s  %s\n" % (fid_words(fid), path_of_fid(fid) or "-"))
            n += 1
        if not n:
            gdb.write("no 9P file system is mounted\n")
