# SPDX-License-Identifier: MIT
"""Folios, where they are in physical memory, and which file they belong to."""
import gdb

from w9_dwarf import (Missing, at_address, container_of, enum_number, find_variable, has_field,
                      type_named)

# No type or variable of the kernel says it: it is a macro. x86-64 has no other.
PAGE_SIZE = 4096
SECTION_PAGES = 1 << 15  # the same for PAGES_PER_SECTION

NAME_MAX = 255

FLAGS = ("locked", "uptodate", "dirty", "writeback")


def _first_value(names):
    """That of the first variable that this kernel has, and that is not 0."""
    for name in names:
        variable = find_variable(name)
        if variable is not None and int(variable):
            return int(variable)
    return None


def _sections():
    """For a kernel whose struct pages are no single array: (pfns, the address that the struct page of
    pfn 0 would have) for each section of memory. Its number is kept out of the pointer by the kernel."""
    roots = find_variable("mem_section")
    if roots is None or roots.type.strip_typedefs().code != gdb.TYPE_CODE_PTR or not int(roots):
        return
    root = roots[0]
    for number in range(PAGE_SIZE // root.type.target().sizeof if int(root) else 0):
        base = int(root[number]["section_mem_map"]) & -PAGE_SIZE
        if base:
            yield range(number * SECTION_PAGES, (number + 1) * SECTION_PAGES), base


def _pages_with(matches):
    """The address of what would be the struct page of pfn 0, for the first array that MATCHES."""
    flat = _first_value(("mem_map", "vmemmap_base"))
    if flat is not None:
        return flat
    return next((base for pfns, base in _sections() if matches(pfns, base)), None)


def pfn_of(folio):
    """The number of the physical page that the folio at this address begins with; None when this
    kernel does not tell where its struct pages are."""
    size = type_named("struct page").sizeof
    base = _pages_with(lambda pfns, start: (int(folio) - start) // size in pfns)
    if base is None:
        return None
    number, rest = divmod(int(folio) - base, size)
    return number if number >= 0 and not rest else None


def address_of_pfn(pfn):
    """Where the kernel maps that page; None when it cannot be told."""
    base = _first_value(("uml_physmem", "page_offset_base"))
    if base is None:  # x86-64 without that variable: all memory ends at high_memory
        end, pages = _first_value(("high_memory",)), _first_value(("max_pfn",))
        base = end - pages * PAGE_SIZE if end and pages else None
    return None if base is None else base + pfn * PAGE_SIZE


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
    """None for memory that is no file's. The low bits of the pointer mark such; other users of a page
    have other things there, so the inode must know the mapping."""
    mapping = int(at_address("struct folio", folio)["mapping"])
    if not mapping or mapping & 3:
        return None
    try:
        host = int(at_address("struct address_space", mapping)["host"])
        if host and int(at_address("struct inode", host)["i_mapping"]) == mapping:
            return host
    except gdb.MemoryError:
        pass
    return None


def index_of_folio(folio):
    return int(at_address("struct folio", folio)["index"])


def path_of_dentry(dentry):
    names = []
    while len(names) < 256:
        parent = int(dentry["d_parent"])
        if not parent or parent == int(dentry.address):
            break
        length = min(int(dentry["d_name"]["len"]), NAME_MAX)
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
    base = _pages_with(lambda pfns, start: pfn in pfns)
    if base is None:
        return None
    try:
        return inode_of_folio(base + pfn * type_named("struct page").sizeof)
    except gdb.MemoryError:
        return None
