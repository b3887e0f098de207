"""Full and broken disks: one write or sync fails with EIO or ENOSPC, once or from then on; what was answered before and after must hold.

Each is judged twice: by a start in the folder as it is, with a disk that works again; and by one in what would be left if the power had failed too.
"""

import random
import time
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import disk
import judge
import look
from judge import Faults
from server import NotReady, Server
from workload import PRACTICE, SUBSCRIPTIONS, Senders, subscription

DAY = date(2027, 3, 1)
WRITERS = 4
LOAD_SECONDS = 1.5


def one(program: Path, engine: str, place: Path, library: Path, seed: str) -> Iterator[tuple[str, int, Faults]]:
    chance = random.Random(seed)
    error, step, how = chance.choice(("EIO", "ENOSPC")), chance.choice(("write", "write", "sync")), chance.choice(("once", "always"))
    data, trace = place / "data", place / "trace"
    look.remove(data)
    data.mkdir()
    trace.unlink(missing_ok=True)
    server = Server(program, engine, data, place / "server.log")
    senders = Senders(server, chance.randrange(10**9), WRITERS, DAY)
    environment = {"LD_PRELOAD": str(library), "CRASH_FROM": str(data), "CRASH_TRACE": str(trace)}
    # A twentieth of the faults meet the start itself.
    number = f"0{chance.randrange(1, 300)}" if chance.random() < 0.05 else str(chance.randrange(20, 400) // (3 if step == "sync" else 1))
    since = ""
    try:
        try:
            server.start(f"{DAY}T22:59:58Z", environment | {"CRASH_FAULT": f"{error}:{step}:{number}:{how}"})
            since = look.after(look.newest_instant(server))
            server.ask("PUT", "Organization/gp", PRACTICE)
            for name in SUBSCRIPTIONS:
                server.ask("PUT", f"Subscription/{name}", subscription(name, "http://127.0.0.1:9"))
            senders.begin()
            ends = time.monotonic() + LOAD_SECONDS
            while time.monotonic() < ends and server.is_alive():
                time.sleep(0.02)
            became = "goes on" if server.is_alive() else "ends itself"
        except (NotReady, OSError):
            became = "does not start" if not since else "ends itself"
        server.kill()
        senders.end()
        what = f"{error} of a {step} {how}, {became}"
        model, has_failed = disk.Disk(), False
        for record in disk.records(trace):
            model.step(record)
            has_failed = has_failed or record.kind == "x"
        if not has_failed:
            return
        for left, folder in ((what, data), (f"{what}, then no power", place / "rebuilt")):
            if folder != data:
                look.remove(folder)
                model.rebuild(folder, "synced", chance)
            faults = Faults()
            looked_for = judge_folder(Server(program, engine, folder, place / "rebuilt.log"), senders, since, chance, faults)
            for words in faults.words:
                print(f"    {left}, seed {seed}: {words}", flush=True)
            yield left, looked_for, faults
    finally:
        server.kill()


def judge_folder(server: Server, senders: Senders, since: str, chance: random.Random, faults: Faults) -> int:
    looked_for = 0
    server.log.unlink(missing_ok=True)
    try:
        server.start(f"{DAY + timedelta(days=1)}T01:00:00Z")
        if since:
            groups = judge.groups_of([entry for entry, _ in look.entries_of(look.history_text(server, since))])
            looked_for = judge.judge_requests(list(senders.sent.values()), groups, faults)
            judge.judge_versions(groups, faults)
            judge.judge_explained(groups, senders.sent, faults)
            look.judge_answers(server, groups, chance, 4, str(DAY + timedelta(days=1)), faults)
            for name in SUBSCRIPTIONS:
                if any(entry.key == f"Subscription/{name}" for group in groups for entry in group.entries):
                    judge.judge_events(name, look.events(server, name, 1), judge.events_recomputed(name, groups), 1, faults)
    except (NotReady, OSError) as error:
        faults.find("refused", str(error))
    finally:
        server.kill()
    return looked_for
