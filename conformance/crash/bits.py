"""Flipped bits: one bit of a folder that nobody uses is turned, and the folder is served. Whatever is answered must be right, or be no answer.

A flip is noticed if the program refuses the folder, ends, is not ready, or answers a question with a server error; it does no harm if all is as it was.
"""

import os
import random
from collections.abc import Iterator
from pathlib import Path

import disk
import judge
import look
import power
from judge import Faults
from server import NotReady, Server


def flips(program: Path, engine: str, place: Path, library: Path, seed: str, count: int) -> Iterator[tuple[str, int, Faults]]:
    losses = power.PowerLosses(program, engine, place, library, seed)
    chance = losses.chance
    try:
        run = losses.record(chance.uniform(0.5, 2.0))
        known = run.recorded
        server = Server(program, engine, place / "flipped", place / "flipped.log")
        for _ in range(count):
            look.remove(server.data)
            disk.copy(losses.data, server.data)
            where = flip(server.data, chance)
            faults = Faults()
            became = judge_flipped(server, losses.since, losses.restarted(), known, chance, faults)
            server.kill()
            for words in faults.words:
                print(f"    a bit of {where}, seed {seed}: {words}", flush=True)
            yield became, len(known.at), faults
        look.remove(server.data)
    finally:
        losses.end()


def flip(folder: Path, chance: random.Random) -> str:
    """Turns one bit of a file that is not empty, where something is written; says where."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and path.stat().st_size)
    # As often a file, however small, as a byte, however large its file.
    weights = [path.stat().st_blocks + 1 for path in paths] if chance.random() < 0.5 else [1] * len(paths)
    path = chance.choices(paths, weights)[0]
    with path.open("r+b") as file:
        size = path.stat().st_size
        spans = list(disk.written(file.fileno(), size))
        begin, end = chance.choices(spans, [end - begin for begin, end in spans])[0] if spans else (0, size)
        at = chance.randrange(begin, end)
        old = os.pread(file.fileno(), 1, at)
        os.pwrite(file.fileno(), bytes([old[0] ^ 1 << chance.randrange(8)]), at)
    return f"{path.relative_to(folder)} at {at}"


def judge_flipped(server: Server, since: str, restarted: str, known: look.Recorded, chance: random.Random, faults: Faults) -> str:
    server.log.unlink(missing_ok=True)
    try:
        server.spawn(restarted + "Z")
        server.await_ready()
        groups = look.judge_history(server, since, restarted, known, faults)
        count = sum(group.instant < restarted for group in groups)
        if count < len(known.groups):
            faults.find("lost", f"{len(known.groups) - count} of {len(known.groups)} commits are not there, and nothing says so", len(known.groups) - count)
        look.judge_answers(server, groups, chance, 10, restarted[:10], faults)
        look.judge_bytes(server, known.groups, chance, 20, faults)
        look.judge_streams(server, groups, count, known, faults)
    except (NotReady, OSError):
        if not faults:
            return "noticed"
    if faults and server.is_alive() and server.ask("GET", "/readyz")[0] != 200:
        faults.clear()
        faults.words.clear()
        return "noticed"
    return "WRONG" if faults else "no harm"
