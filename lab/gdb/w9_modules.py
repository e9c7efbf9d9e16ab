# SPDX-License-Identifier: MIT
"""Symbols of the guest's modules, at the addresses where the guest has them: those that are there,
and those that are loaded later.

The shape of struct module is asked for in the debug information: mem[] since 6.4 and core_layout
before; the sections' addresses in a field of their own up to 6.13, in the private pointer of their
files in sysfs since."""
import os

import gdb

from w9_dwarf import at_address, container_of, enum_number, find_variable, has_field

BUILD_ID = ".note.gnu.build-id"
NOTE_BUILD_ID = 3  # elf.h, NT_GNU_BUILD_ID


def read_memory(address, size):
    """None where nothing is mapped."""
    try:
        return bytes(gdb.selected_inferior().read_memory(address, size))
    except gdb.error:
        return None


def has_banner():
    """Is the kernel that we have symbols of at its place?"""
    banner = find_variable("linux_banner")
    return banner is None or read_memory(int(banner.address), 14) == b"Linux version "


def all_modules():
    """Each struct module in the kernel's list; none if the kernel can't have any."""
    head = find_variable("modules")
    if head is None:
        return
    here = int(head["next"])
    while here != int(head.address):
        module = container_of(here, "struct module", "list")
        if int(module["state"]) != enum_number("enum module_state", "MODULE_STATE_UNFORMED"):
            yield module
        here = int(at_address("struct list_head", here)["next"])


def text_address(module):
    if has_field(module.type, "mem"):
        return int(module["mem"][0]["base"])
    return int(module["core_layout"]["base"])


def _sections_by_number(attributes):
    for i in range(int(attributes["nsections"])):
        entry = attributes["attrs"][i]
        yield entry["battr"]["attr"]["name"].string(), int(entry["address"])


def _sections_by_file(attributes):
    group = attributes["grp"]
    files = group["bin_attrs_new" if has_field(group.type, "bin_attrs_new") else "bin_attrs"]
    i = 0
    while int(files[i]):
        yield files[i]["attr"]["name"].string(), int(files[i]["private"])
        i += 1


def sections_of(module):
    """Address by name. Those that are freed after the start are left out, as others get their place:
    gdb puts them to the very first addresses, where nothing is."""
    found = {".text": text_address(module)}
    if has_field(module.type, "sect_attrs") and int(module["sect_attrs"]):
        attributes = module["sect_attrs"].dereference()
        walk = (_sections_by_number if has_field(attributes.type, "nsections")
                else _sections_by_file)
        found.update((name, address) for name, address in walk(attributes)
                     if address and not name.startswith(".init"))
    return found


def id_in_notes(notes):
    """The build-id in the bytes of an ELF note section; None without one."""
    at = 0
    while notes and at + 12 <= len(notes):
        name_size, size, kind = (int.from_bytes(notes[at + i:at + i + 4], "little")
                                 for i in (0, 4, 8))
        name = at + 12
        value = name + (name_size + 3 & ~3)
        if kind == NOTE_BUILD_ID and notes[name:name + name_size] == b"GNU\0":
            return notes[value:value + size].hex()
        at = value + (size + 3 & ~3)
    return None


def kernel_id():
    """The build-id of the kernel that runs; None when it does not tell."""
    try:
        start, stop = (int(gdb.parse_and_eval("(unsigned long)&" + name))
                       for name in ("__start_notes", "__stop_notes"))
    except gdb.error:
        return None
    return id_in_notes(read_memory(start, min(stop - start, 4096)))


def check_kernel():
    """Symbols of another kernel would show nonsense."""
    files = gdb.objfiles()
    ours, theirs = files[0].build_id if files else None, kernel_id()
    if not has_banner() or ours and theirs and ours != theirs:
        raise gdb.GdbError("the guest runs another kernel than the symbols are of: %s, build-id %s, "
                           "not %s" % (files[0].filename, ours, theirs or "that"))


class Symbols:
    """The folder with the modules' debug files, and what was taken from it."""

    def __init__(self, folder):
        self.files = {}
        for file in sorted(os.listdir(folder)) if folder and os.path.isdir(folder) else []:
            if file.endswith(".ko"):
                self.files[file[:-3].replace("-", "_")] = os.path.join(folder, file)
        self.loaded = {}  # name: address of .text

    def add(self, module):
        name = module["name"].string()
        places = sections_of(module)
        text = places.pop(".text")
        if name not in self.files or self.loaded.get(name) == text:
            return
        self._remove(name)
        words = ["add-symbol-file", self.files[name], "0x%x" % text]
        for section, address in sorted(places.items()):
            words += ["-s", section, "0x%x" % address]
        gdb.execute(" ".join(words), to_string=True)
        self.loaded[name] = text
        if self._is_of_another_build(name, places):
            self._remove(name)
            del self.files[name]
            gdb.write("the guest's module %s is of another build than its symbols: it has none\n"
                      % name)

    def add_all(self):
        for module in all_modules():
            self.add(module)

    def _is_of_another_build(self, name, places):
        ours = next((o.build_id for o in gdb.objfiles() if o.filename == self.files[name]), None)
        theirs = id_in_notes(read_memory(places.get(BUILD_ID, 0), 36))
        return bool(ours and theirs and ours != theirs)

    def _remove(self, name):
        if name in self.loaded:
            gdb.execute("remove-symbol-file -a 0x%x" % self.loaded.pop(name), to_string=True)


class LoadBreakpoint(gdb.Breakpoint):
    """Where a module is complete, in its place, and about to start. Nobody notices the stop.

    The processor's own: with KVM others are written into the code, which the kernel patches as it
    boots, and it checks what stands there."""

    def __init__(self, symbols):
        super().__init__("do_init_module", gdb.BP_HARDWARE_BREAKPOINT, internal=True)
        self.silent = True
        self.symbols = symbols

    def stop(self):
        self.symbols.add(gdb.selected_frame().read_var("mod").dereference())
        return False


class ModulesCommand(gdb.Command):
    """w9-modules: the guest's modules, where each is, and the file that its symbols are from."""

    def __init__(self, symbols):
        super().__init__("w9-modules", gdb.COMMAND_STATUS)
        self.symbols = symbols

    def invoke(self, argument, from_tty):
        self.symbols.add_all()
        none = True
        for module in all_modules():
            none = False
            name = module["name"].string()
            gdb.write("%-20s 0x%x  %s\n" % (
                name, text_address(module),
                self.symbols.files[name] if name in self.symbols.loaded else "no symbols"))
        if none:
            gdb.write("the guest has no modules\n")


def _keep_no_index():
    """A kept index has addresses, and a module may be somewhere else the next time."""
    try:
        gdb.execute("set index-cache enabled off", to_string=True)
    except gdb.error:  # a gdb that has no such cache
        pass


def follow(folder):
    """From now on the guest's modules have the symbols of the *.ko in FOLDER."""
    symbols = Symbols(folder)
    _keep_no_index()
    ModulesCommand(symbols)
    check_kernel()
    symbols.add_all()
    if symbols.files:
        LoadBreakpoint(symbols)
