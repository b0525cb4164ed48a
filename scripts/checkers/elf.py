"""Used by scripts/package: which processor a binary is for, and which symbols of the C library it needs.

Source: Linux Standard Base, "Symbol Versioning"; System V ABI, "Object Files".
"""

import pathlib
import re
import struct

DYNAMIC_SYMBOLS, VERSIONS_NEEDED, SYMBOL_VERSIONS = 11, 0x6FFFFFFE, 0x6FFFFFFF
WEAK = 2
MACHINES = {62: "x86_64", 183: "arm64"}


class Binary:
    """A 64-bit little-endian ELF file."""

    def __init__(self, path: pathlib.Path):
        self.bytes = path.read_bytes()
        if self.bytes[:6] != b"\x7fELF\x02\x01":
            raise ValueError(f"{path} is not a program for Linux")
        (number,) = struct.unpack_from("<H", self.bytes, 18)
        self.machine = MACHINES.get(number, f"machine {number}")
        (table,) = struct.unpack_from("<Q", self.bytes, 40)
        size, count = struct.unpack_from("<HH", self.bytes, 58)
        headers = (struct.unpack_from("<IIQQQQIIQQ", self.bytes, table + size * index) for index in range(count))
        # Of each kind: where it begins, how long it is, and the section of its texts.
        self.sections = [(it[1], it[4], it[5], it[6]) for it in headers]

    def symbols_above(self, newest: tuple[int, int]) -> list[str]:
        """The symbols, such as pidfd_getpid@GLIBC_2.39, that a C library of this version does not have."""
        above = {}
        for kind, start, _, texts in self.sections:
            if kind == VERSIONS_NEEDED:
                above |= {index: name for index, name in self.needed(start, texts) if glibc(name) > newest}
        versions = {kind: start for kind, start, _, _ in self.sections}.get(SYMBOL_VERSIONS)
        found = []
        for kind, start, size, texts in self.sections:
            if kind != DYNAMIC_SYMBOLS or versions is None:
                continue
            for index in range(size // 24):
                (version,) = struct.unpack_from("<H", self.bytes, versions + 2 * index)
                if version in above:
                    (name,) = struct.unpack_from("<I", self.bytes, start + 24 * index)
                    found.append(f"{self.text(texts, name)}@{above[version]}")
        return sorted(found) or sorted(above.values())

    def needed(self, at: int, texts: int):
        """The versions that must be there when the program starts, each with the number that symbols give it."""
        while True:
            _, count, _, first, following = struct.unpack_from("<HHIII", self.bytes, at)
            each = at + first
            for _ in range(count):
                _, flags, index, name, step = struct.unpack_from("<IHHII", self.bytes, each)
                if not flags & WEAK:
                    yield index, self.text(texts, name)
                each += step
            if not following:
                return
            at += following

    def text(self, section: int, offset: int) -> str:
        start = self.sections[section][1] + offset
        return self.bytes[start : self.bytes.index(b"\0", start)].decode()


def glibc(version: str) -> tuple[int, int]:
    """GLIBC_2.34 as (2, 34). Versions of other libraries are older than any."""
    numbers = re.fullmatch(r"GLIBC_(\d+)\.(\d+)(\.\d+)?", version)
    return (int(numbers[1]), int(numbers[2])) if numbers else (0, 0)
