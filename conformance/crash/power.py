"""Power losses: one run is recorded, and the disk is rebuilt as of many moments of it; each rebuilt folder is opened by the program and judged."""

import json
import random
import re
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import disk
import judge
import look
from judge import Event, Faults
from server import NotReady, Server
from workload import PRACTICE, SUBSCRIPTIONS, Senders, subscription

FIRST_DAY = date(2027, 3, 1)
WRITERS = 4
SYNC_US = 1500
# Which moments: just after an answer, just after a sync, in the middle of one, anywhere.
MOMENTS = {"after an answer": 8, "after a sync": 3, "in a sync": 4, "anywhere": 4, "at the start": 1}
REQUEST_ID = re.compile(rb"^HTTP/1\.1 (\d+).*?\r\nx-request-id: r-(\d+)\r\n", re.DOTALL | re.IGNORECASE)


class Subscriber:
    """Takes what is sent, and notes how far the recording was when it came."""

    def __init__(self) -> None:
        self.lock, self.trace = threading.Lock(), None
        self.received: dict[str, list[tuple[Event, int]]] = {name: [] for name in SUBSCRIPTIONS}
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm, wbufsize = True, -1

            def do_POST(self):
                text = self.rfile.read(int(self.headers["Content-Length"]))
                outer.take(self.path.strip("/"), text)
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        class Endpoint(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_):
                pass  # The server was killed while it sent.

        self.server = Endpoint(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def take(self, name: str, text: bytes) -> None:
        try:
            told = judge.events_of(json.loads(text))
        except (ValueError, KeyError):
            return
        with self.lock:
            at = self.trace.stat().st_size if self.trace and self.trace.exists() else 0
            self.received[name] += [(event, at) for event in told]


@dataclass
class Run:
    """A recorded run."""

    recorded: look.Recorded
    answered: dict[int, int]
    marks: dict[str, list[int]]
    ends: list[int]
    base: int
    faults: Faults = field(default_factory=Faults)


class PowerLosses:
    def __init__(self, program: Path, engine: str, place: Path, library: Path, seed: str, lie: str = ""):
        self.chance, self.seed, self.place, self.library, self.lie = random.Random(seed), seed, place, library, lie
        self.data, self.trace, self.rebuilt = place / "data", place / "trace", place / "rebuilt"
        self.server = Server(program, engine, self.data, place / "server.log")
        self.checker = Server(program, engine, self.rebuilt, place / "rebuilt.log")
        self.subscriber = Subscriber()
        large = self.chance.choice((0.0, 0.0, 0.0, 0.0, 0.15))
        self.senders = Senders(self.server, self.chance.randrange(10**9), WRITERS, FIRST_DAY, large)
        self.day, self.since, self.is_new = FIRST_DAY, "", True
        self.modes = ("synced", "synced", "torn", "torn", "cut")
        self.heard: dict[str, list[tuple[Event, int]]] = {}

    def clock(self) -> str:
        # A midnight in Copenhagen is a second or two away.
        return f"{self.day.isoformat()}T22:59:58Z"

    def record(self, seconds: float) -> Run:
        """Records one run of senders, subscribers and a midnight, up to an orderly end."""
        self.data.mkdir(exist_ok=True)
        self.trace.unlink(missing_ok=True)
        self.server.log.unlink(missing_ok=True)
        self.subscriber.trace = self.trace
        self.subscriber.received = {name: [] for name in SUBSCRIPTIONS}
        environment = {"LD_PRELOAD": str(self.library), "CRASH_FROM": str(self.data), "CRASH_TRACE": str(self.trace), "CRASH_SYNC_US": str(SYNC_US)}
        self.server.start(self.clock(), environment | ({"CRASH_LIE": self.lie} if self.lie else {}))
        if self.is_new:
            self.since = look.after(look.newest_instant(self.server))
        self.server.ask("PUT", "Organization/gp", PRACTICE)
        for name in SUBSCRIPTIONS:
            # One that is there already may be lost with the crash that the folder comes from, or not.
            if self.server.ask("GET", f"Subscription/{name}")[0] != 200:
                self.server.ask("PUT", f"Subscription/{name}", subscription(name, self.subscriber.address))
        begun = self.clock()
        self.senders.today = self.day
        self.senders.begin()
        time.sleep(seconds)
        self.senders.end()
        seen = look.history_text(self.server, self.since)
        self.server.stop()
        # The folders that are opened later send, too; what they send is no part of the run.
        self.heard = {name: list(events) for name, events in self.subscriber.received.items()}
        # What came after the last look, such as a midnight that was late, is of the run too: it is read after an orderly start of the same folder.
        faults = Faults()
        look.remove(self.rebuilt)
        disk.copy(self.data, self.rebuilt)
        self.checker.log.unlink(missing_ok=True)
        self.checker.start(self.restarted() + "Z")
        run = Run(look.Recorded.read(self.checker, self.since, self.restarted()), {}, {}, [], 0, faults)
        if not run.recorded.text.endswith(seen):
            faults.find("changed", "the history after an orderly start is not the one before it")
        run.recorded.judge_itself(self.checker, list(self.senders.sent.values()), faults)
        self.checker.kill()
        run.base = 0 if self.is_new else sum(group.instant < begun[:-1] for group in run.recorded.groups)
        self.scan(run)
        return run

    def restarted(self) -> str:
        """When a folder is opened again: after the midnight. Without the Z, so that texts of instants compare as instants."""
        return f"{self.day + timedelta(days=1)}T01:00:00"

    def scan(self, run: Run) -> None:
        """Reads the recording once: when which request was answered, which moments there are, and whether anything passed by it."""
        model, at, is_begun = disk.Disk(), 0, False
        run.marks = {kind: [] for kind in MOMENTS}
        for number, record in enumerate(disk.records(self.trace)):
            model.step(record)
            at += disk.HEAD.size + len(record.text.encode(errors="surrogateescape")) + len(record.data)
            run.ends.append(at)
            answer = REQUEST_ID.match(record.data) if record.kind == "s" else None
            if answer:
                run.answered[int(answer[2])] = number
                run.marks["after an answer"].append(number)
            elif record.kind == "e":
                run.marks["after a sync"].append(number)
            elif record.kind == "b":
                run.marks["in a sync"].append(number)
            is_begun = is_begun or record.kind == "I"
            if is_begun:
                run.marks["anywhere" if run.answered else "at the start"].append(number)
        for passed_by in model.differences(self.data):
            run.faults.find("refused", passed_by)

    def moments(self, run: Run, count: int) -> list[tuple[int, str]]:
        kinds = [kind for kind in MOMENTS if run.marks[kind]]
        chosen = self.chance.choices(kinds, [MOMENTS[kind] for kind in kinds], k=count)
        return sorted((self.chance.choice(run.marks[kind]), kind) for kind in chosen)

    def losses(self, run: Run, count: int) -> Iterator[tuple[str, int, Faults]]:
        """Cuts the power at so many moments; gives for each how it was cut, how many acknowledged versions were looked for, and what was found."""
        model, moments = disk.Disk(), self.moments(run, count)
        can_be_carried = [at for at, (_, kind) in enumerate(moments) if kind != "at the start"]
        carried = self.chance.choice(can_be_carried) if can_be_carried and self.chance.random() < 0.6 else None
        stream, number = disk.records(self.trace), -1
        for at, (moment, kind) in enumerate(moments):
            while number < moment:
                model.step(next(stream))
                number += 1
            mode = self.chance.choice(self.modes)
            look.remove(self.rebuilt)
            model.rebuild(self.rebuilt, mode, self.chance)
            faults = Faults()
            looked_for = self.judge(run, moment, faults)
            self.checker.kill()
            if self.chance.random() < 0.1 and not faults["refused"]:
                for found in look.whole_check(self.checker):
                    faults.find("index", found)
            if at == carried:
                # What came out of this loss is what the next run works in.
                disk.copy(self.rebuilt, self.place / "carried")
            for words in faults.words:
                print(f"    {kind}, {mode}, record {moment} of seed {self.seed}: {words}", flush=True)
            yield f"{kind}, {mode}", looked_for, faults
        look.remove(self.rebuilt)
        self.carry(carried is not None)

    def judge(self, run: Run, moment: int, faults: Faults) -> int:
        acknowledged = [
            request for number, request in self.senders.sent.items() if request.is_acknowledged and run.answered.get(number, moment + 1) <= moment
        ]
        versions = {version for request in acknowledged for version in request.versions}
        restarted = self.restarted()
        self.checker.log.unlink(missing_ok=True)
        try:
            self.checker.start(restarted + "Z")
            groups = look.judge_history(self.checker, self.since, restarted, run.recorded, faults)
            known = sum(group.instant < restarted for group in groups)
            lost = [version for version in versions if run.recorded.at.get(version, known) >= known]
            if lost:
                faults.find("lost", f"{len(lost)} acknowledged versions, such as {lost[0]}", len(lost))
            if known < run.base:
                faults.find("lost", f"{run.base - known} commits of before the run")
            for name, received in self.heard.items():
                told = [event for event, at in received if at <= run.ends[moment]]
                lost = [event for event in told if run.recorded.at.get((event.focus, int(event.version or 0)), known) >= known]
                if lost:
                    faults.find("lost", f"{len(lost)} events of {name} which its subscriber has, such as {lost[0].number}", len(lost))
            look.judge_answers(self.checker, groups, self.chance, 4, restarted[:10], faults)
            look.judge_bytes(self.checker, groups, self.chance, 3, faults)
            look.judge_streams(self.checker, groups, known, run.recorded, faults)
            if self.checker.ask("PUT", "Organization/probe", PRACTICE | {"id": "probe"})[0] not in (200, 201):
                faults.find("refused", "it takes no write")
        except (NotReady, OSError) as error:
            faults.find("refused", str(error))
            if versions and not self.checker.is_alive():
                faults.find("lost", f"{len(versions)} acknowledged versions with the folder", len(versions))
        return len(versions)

    def carry(self, is_carried: bool) -> None:
        """Goes on in the folder of a loss, or in a new one."""
        look.remove(self.data)
        self.is_new = not is_carried
        if is_carried:
            (self.place / "carried").rename(self.data)
        self.senders.forget()
        self.day += timedelta(days=1)
        if self.day > FIRST_DAY + timedelta(days=20):
            look.remove(self.data)
            self.day, self.is_new = FIRST_DAY, True

    def end(self) -> None:
        self.server.kill()
        self.checker.kill()
        self.subscriber.server.shutdown()
