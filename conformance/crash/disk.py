"""The disk after a power loss: reads what `disk.c` recorded, and rebuilds the folder as a disk holds it that loses its power at any record.

What the disk has for certain: bytes of a file as at the beginning of its last sync that ended, names of a folder likewise; a new file's name with its bytes.
Whatever else was written may be there in part: "synced" keeps none of it, "torn" keeps each sector with a chance of its own, and each folder's later names or
not; "cut" keeps what was written last up to some byte, as a disk that works in order.
"""

import os
import random
import shutil
import struct
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

HEAD = struct.Struct("<cIQQQ")
PAGE = 4096
ZEROS = bytes(PAGE)
HERE = Path(__file__).resolve().parent


def build(folder: Path) -> Path:
    """Compiles the recorder."""
    library = folder / "disk.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-O2", "-Wall", "-Wextra", "-o", library, HERE / "disk.c", "-ldl", "-lpthread"], check=True)
    return library


@dataclass
class Record:
    kind: str
    inode: int
    offset: int
    text: str
    data: bytes


def records(trace: Path) -> Iterator[Record]:
    """The records of a trace. The last one may be cut off by the death of the process: then its step is not known to have taken place."""
    with trace.open("rb") as file:
        while len(head := file.read(HEAD.size)) == HEAD.size:
            kind, text, inode, offset, length = HEAD.unpack(head)
            body = file.read(text + length)
            if len(body) < text + length:
                return
            yield Record(kind.decode(), inode, offset, body[:text].decode(errors="surrogateescape"), body[text:])


def copy(folder: Path, to: Path) -> None:
    """Copies a data folder, but not the socket of the operator's commands, which is no file."""
    shutil.copytree(folder, to, dirs_exist_ok=True, ignore=shutil.ignore_patterns("control"))


def names_of(listing: str) -> dict[str, tuple[str, int]]:
    """The names in a listing: kind and inode of each."""
    found = {}
    for line in listing.splitlines():
        kind, inode, name = line.split(" ", 2)
        found[name] = (kind, int(inode))
    return found


@dataclass
class Content:
    """Bytes of a file, in pages; those that are not there are zeros."""

    size: int = 0
    pages: dict[int, bytes] = field(default_factory=dict)

    def truncate(self, size: int) -> set[int]:
        """Cuts or lengthens it; answers the pages that changed."""
        changed = set()
        if size < self.size:
            changed = {page for page in self.pages if page * PAGE >= size}
            for page in changed:
                del self.pages[page]
            last, rest = divmod(size, PAGE)
            if rest and last in self.pages:
                self.pages[last] = self.pages[last][:rest] + ZEROS[rest:]
                changed.add(last)
        self.size = size
        return changed

    def write(self, offset: int, data: bytes) -> set[int]:
        """Writes; answers the pages that changed."""
        changed, at = set(), 0
        while at < len(data):
            page, begin = divmod(offset + at, PAGE)
            piece = data[at : at + PAGE - begin]
            old = self.pages.get(page, ZEROS)
            self.pages[page] = piece if len(piece) == PAGE else old[:begin] + piece + old[begin + len(piece) :]
            changed.add(page)
            at += len(piece)
        self.size = max(self.size, offset + len(data))
        return changed


@dataclass
class File:
    now: Content = field(default_factory=Content)
    kept: Content = field(default_factory=Content)
    # The pages that differ, and the last piece that was written to them.
    dirty: set[int] = field(default_factory=set)
    last: tuple[int, int] = (0, 0)

    def keep(self, pages: dict[int, bytes | None], size: int) -> None:
        for page, data in pages.items():
            if data is None:
                self.kept.pages.pop(page, None)
            else:
                self.kept.pages[page] = data
            if self.now.pages.get(page) == data:
                self.dirty.discard(page)
        if size < self.kept.size:
            self.kept.truncate(size)
        self.kept.size = size


class Disk:
    """What a process sees (`now`), and what would be left without power (`kept`)."""

    def __init__(self) -> None:
        self.root = 0
        self.files: dict[int, File] = {}
        self.names_now: dict[int, dict[str, tuple[str, int]]] = {}
        self.names_kept: dict[int, dict[str, tuple[str, int]]] = {}
        self.syncs: dict[int, tuple] = {}

    def step(self, record: Record) -> None:
        match record.kind:
            case "r":
                self.root = record.inode
            case "c":
                self.files[record.inode] = File()
            case "n":
                self.names_now[record.inode] = names_of(record.text)
            case "w":
                file = self.file(record.inode)
                file.dirty |= file.now.write(record.offset, record.data)
                file.last = (record.offset, len(record.data))
            case "t":
                file = self.file(record.inode)
                file.dirty |= file.now.truncate(record.offset)
            case "b":
                self.begin_sync(record)
            case "e":
                self.end_sync(record)
            case "x" if record.inode:
                # The kernel takes pages whose sync failed for clean: no later sync writes them.
                self.file(record.inode).dirty.clear()
            case "I":
                for file in self.files.values():
                    file.keep({page: file.now.pages.get(page) for page in file.dirty}, file.now.size)
                self.names_kept = dict(self.names_now)

    def file(self, inode: int) -> File:
        return self.files.setdefault(inode, File())

    def begin_sync(self, record: Record) -> None:
        if record.inode in self.names_now:
            names = names_of(record.text)
            self.names_now[record.inode] = names
            self.syncs[record.offset] = (names,)
            return
        file = self.file(record.inode)
        pages = {page: file.now.pages.get(page) for page in file.dirty}
        self.syncs[record.offset] = (pages, file.now.size, record.text)

    def end_sync(self, record: Record) -> None:
        match self.syncs.pop(record.offset):
            case (names,):
                self.names_kept[record.inode] = names
            case (pages, size, name):
                self.file(record.inode).keep(pages, size)
                if name:
                    folder, _, name = name.partition(" ")
                    self.names_kept.setdefault(int(folder), {})
                    self.names_kept[int(folder)] = self.names_kept[int(folder)] | {name: ("f", record.inode)}

    def rebuild(self, to: Path, mode: str, chance: random.Random) -> None:
        """Writes the folder that is left after a loss of power here."""
        # Of what is not certain, so much is there: often nearly all or nearly nothing.
        share = chance.choice((0.0, 0.05, 0.5, 0.95, 1.0))
        sector = chance.choice((512, PAGE))
        self.rebuild_folder(self.root, to, mode, chance, share, sector)

    def rebuild_folder(self, inode: int, to: Path, mode: str, chance: random.Random, share: float, sector: int) -> None:
        to.mkdir(exist_ok=True)
        names = self.names_kept.get(inode, {})
        if mode != "synced" and chance.random() < share:
            names = self.names_now.get(inode, names)
        for name, (kind, below) in names.items():
            if kind == "d":
                self.rebuild_folder(below, to / name, mode, chance, share, sector)
                continue
            file = self.files.get(below, File())
            content = file.kept
            if mode == "torn" and (file.dirty or file.now.size != content.size):
                content = torn(file, chance, share, sector)
            elif mode == "cut" and (file.dirty or file.now.size != content.size):
                content = cut(file, chance, sector)
            put(content, to / name)

    def differences(self, folder: Path) -> list[str]:
        """Where the folder is another than what was recorded of it: something passed by the recorder."""
        found = []
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                file = self.files.get(path.stat().st_ino, File())
                if content_of(path) != meaning(file.now):
                    found.append(f"{path.relative_to(folder)} is not what was recorded")
        return found


def torn(file: File, chance: random.Random, share: float, sector: int) -> Content:
    """What is certain, and of the rest some sectors."""
    size = file.kept.size if file.now.size == file.kept.size else chance.choice((file.kept.size, file.now.size))
    content = Content(file.kept.size, dict(file.kept.pages))
    if size < content.size:
        content.truncate(size)
    content.size = size
    for page in sorted(file.dirty):
        new, old = file.now.pages.get(page, ZEROS), content.pages.get(page, ZEROS)
        pieces = [(new if chance.random() < share else old)[at : at + sector] for at in range(0, PAGE, sector)]
        if page * PAGE < size:
            content.pages[page] = b"".join(pieces)
    last, rest = divmod(size, PAGE)
    if rest and last in content.pages:
        content.pages[last] = content.pages[last][:rest] + ZEROS[rest:]
    return content


def cut(file: File, chance: random.Random, sector: int) -> Content:
    """All that was written, but of the last piece only some sectors, or up to any byte."""
    begin, length = file.last
    end = begin + chance.randrange(length + 1)
    if chance.random() < 0.5:
        end -= end % sector
    content = Content(file.now.size, dict(file.now.pages))
    end = max(begin, end)
    if file.now.size == begin + length and file.kept.size <= end:
        content.truncate(end)
        return content
    for page in range(end // PAGE, -(-(begin + length) // PAGE)):
        if page in file.dirty:
            new, old = content.pages.get(page, ZEROS), file.kept.pages.get(page, ZEROS)
            at = max(0, end - page * PAGE)
            content.pages[page] = new[:at] + old[at:]
    return content


def put(content: Content, path: Path) -> None:
    with path.open("wb") as file:
        for page in sorted(content.pages):
            file.seek(page * PAGE)
            file.write(content.pages[page])
        file.truncate(content.size)


def meaning(content: Content) -> tuple[int, dict[int, bytes]]:
    return content.size, {page: data for page, data in content.pages.items() if data != ZEROS}


def written(file: int, size: int) -> Iterator[tuple[int, int]]:
    """The spans of a file in which something is written, between its holes."""
    at = 0
    while at < size:
        try:
            at = os.lseek(file, at, os.SEEK_DATA)
        except OSError:
            return
        end = os.lseek(file, at, os.SEEK_HOLE)
        yield at, end
        at = end


def content_of(path: Path) -> tuple[int, dict[int, bytes]]:
    """The size and the pages of a file that are not zeros; its holes are passed over."""
    content, size = {}, path.stat().st_size
    with path.open("rb") as file:
        for begin, end in written(file.fileno(), size):
            for page in range(begin // PAGE, -(-end // PAGE)):
                data = os.pread(file.fileno(), PAGE, page * PAGE)
                if data.strip(b"\0"):
                    content[page] = data.ljust(PAGE, b"\0")
    return size, content
