# SPDX-License-Identifier: MIT
"""Folios, where they are in physical memory, and which file they belong to."""
import gdb

from w9_dwarf import (Missing, at_address, container_of, enum_number, find_variable, has_field,
                      type_named)

# No type or variable of the kernel says it: it is a macro. x86-64 has no other.
PAGE_SIZE = 4096

FLAGS = ("locked", "uptodate", "dirty", "writeback")


def pfn_of(folio):
    """The number of the physical page that the folio at this address begins with; None when this
    kernel does not tell where its struct pages are."""
    size = type_named("struct page").sizeof
    for name in ("mem_map", "vmemmap_base"):
        base = find_variable(name)
        if base is not None and int(base):
            number, rest = divmod(int(folio) - int(base), size)
            return number if number >= 0 and not rest else None
    return None


def address_of_pfn(pfn):
    """Where the kernel maps that page; None when it cannot be told."""
    for name in ("uml_physmem", "page_offset_base"):
        base = find_variable(name)
        if base is not None and int(base):
            return int(base) + pfn * PAGE_SIZE
    return None


def flags_of(folio):
    flags = at_address("struct folio", folio)["flags"]
    if flags.type.strip_typedefs().code == gdb.TYPE_CODE_STRUCT:
        flags = flags["f"]
    names = []
    for name in FLAGS:
        bit = enum_number("enum pageflags", "PG_" + name)
        if bit is not None and int(flags) >> bit & 1:
            names.append(name)
    return names


def inode_of_folio(folio):
    """None for memory that is no file's. The low bits of the pointer mark such."""
    mapping = int(at_address("struct folio", folio)["mapping"])
    if not mapping or mapping & 3:
        return None
    host = int(at_address("struct address_space", mapping)["host"])
    return host or None


def index_of_folio(folio):
    return int(at_address("struct folio", folio)["index"])


def path_of_dentry(dentry):
    names = []
    while len(names) < 256:
        parent = int(dentry["d_parent"])
        if not parent or parent == int(dentry.address):
            break
        length = int(dentry["d_name"]["len"])
        name = dentry["d_name"]["name"].string("utf-8", "backslashreplace", length)
        names.append(name)
        dentry = at_address("struct dentry", parent)
    return "/".join(reversed(names)) or "/"


def path_of_inode(inode):
    """A name of it below its mount's root; None when no dentry is cached."""
    value = at_address("struct inode", inode)
    if not has_field(value.type, "i_dentry"):
        raise Missing("struct inode has no i_dentry in this kernel")
    first = int(value["i_dentry"]["first"])
    if not first:
        return None
    # The union has no name any more in 7.x.
    named = has_field(type_named("struct dentry"), "d_u")
    return path_of_dentry(container_of(first, "struct dentry",
                                       "d_u.d_alias" if named else "d_alias"))


def inode_of_pfn(pfn):
    """Whose page cache that physical page is; None for any other use."""
    size = type_named("struct page").sizeof
    for name in ("mem_map", "vmemmap_base"):
        base = find_variable(name)
        if base is not None and int(base):
            try:
                return inode_of_folio(int(base) + pfn * size)
            except gdb.MemoryError:
                return None
    return None
