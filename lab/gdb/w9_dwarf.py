# SPDX-License-Identifier: MIT
"""What the kernel's debug information says. No offset and no size is written by hand; what a kernel
does not have is a Missing, whose text says so."""
import gdb


class Missing(gdb.GdbError):
    pass


class Command(gdb.Command):
    """One whose errors are a line, not a Python traceback."""

    def invoke(self, argument, from_tty):
        try:
            self.run(argument)
        except gdb.GdbError:
            raise
        except gdb.error as error:
            raise gdb.GdbError(str(error))


def type_named(name):
    try:
        return gdb.lookup_type(name)
    except gdb.error:
        raise Missing("this kernel has no %s, or no debug information about it" % name)


def has_type(name):
    try:
        gdb.lookup_type(name)
        return True
    except gdb.error:
        return False


def has_field(value_type, name):
    """Fields of unnamed structs and unions count as the outer one's, as in C."""
    for field in value_type.strip_typedefs().fields():
        if field.name == name:
            return True
        if not field.name and has_field(field.type, name):
            return True
    return False


def find_symbol(name):
    for find in (gdb.lookup_global_symbol, gdb.lookup_static_symbol):
        try:
            symbol = find(name)
        except gdb.error:
            symbol = None
        if symbol is not None:
            return symbol
    return None


# A declaration is "unresolved": gdb finds the definition by its name.
DATA = (gdb.SYMBOL_LOC_STATIC, gdb.SYMBOL_LOC_UNRESOLVED, gdb.SYMBOL_LOC_COMPUTED)


def find_variable(name):
    """Its value, or None."""
    symbol = find_symbol(name)
    if symbol is None or symbol.addr_class not in DATA:
        return None
    return symbol.value()


def find_entry(function):
    """The address of its first instruction, also when the compiler gave its clone another name;
    None when there is none, as long as its module is not loaded."""
    symbol = find_symbol(function)
    if symbol is None or symbol.type.code != gdb.TYPE_CODE_FUNC:
        return None
    return int(symbol.value().address)


def _offset_in(value_type, name):
    for field in value_type.strip_typedefs().fields():
        if field.name == name:
            return field.bitpos // 8, field.type
        if not field.name:
            inner = _offset_in(field.type, name)
            if inner:
                return field.bitpos // 8 + inner[0], inner[1]
    return None


def offset_of(type_name, path):
    total, at = 0, type_named(type_name)
    for name in path.split("."):
        found = _offset_in(at, name)
        if not found:
            raise Missing("%s has no field %s in this kernel" % (type_name, path))
        total, at = total + found[0], found[1]
    return total


def at_address(type_name, address):
    return gdb.Value(int(address)).cast(type_named(type_name).pointer()).dereference()


def container_of(address, type_name, path):
    return at_address(type_name, int(address) - offset_of(type_name, path))


def enum_name(enum, number):
    for field in type_named(enum).fields():
        if field.enumval == int(number):
            return field.name
    return "%s %d" % (enum, int(number))


def enum_number(enum, name):
    """None when this kernel has no such word."""
    if not has_type(enum):
        return None
    for field in gdb.lookup_type(enum).fields():
        if field.name == name:
            return field.enumval
    return None


def to_struct(value, type_name):
    """VALUE as a TYPE_NAME, from the struct itself, a pointer to it or an address."""
    plain = value.type.strip_typedefs()
    if plain.code == gdb.TYPE_CODE_PTR and plain.target().code != gdb.TYPE_CODE_VOID:
        value, plain = value.dereference(), plain.target().strip_typedefs()
    if str(plain.unqualified()) == type_name:
        return value
    if plain.code in (gdb.TYPE_CODE_INT, gdb.TYPE_CODE_PTR):
        return at_address(type_name, int(value))
    raise gdb.GdbError("this is a %s, not a %s" % (plain, type_name))
