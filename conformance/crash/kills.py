"""Kills: the process is ended by SIGKILL again and again in one folder, under load, while it starts, and about midnight; after each the folder is judged.

What the kernel took from the process survives: a kill tries the order of writes and the recovery, a loss of power tries the syncs.
"""

import random
import time
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import judge
import look
from judge import Faults, Group
from server import NotReady, Server
from workload import PRACTICE, SUBSCRIPTIONS, Senders, Sent, subscription

FIRST_DAY = date(2027, 3, 1)
WRITERS = 4
KINDS = {"under load": 6, "while it starts": 2, "about midnight": 3}


class Folder:
    """One folder, and all that is known of it."""

    def __init__(self, program: Path, engine: str, place: Path, seed: str):
        self.chance, self.seed = random.Random(seed), seed
        self.server = Server(program, engine, place / "data", place / "server.log")
        look.remove(self.server.data)
        self.server.log.unlink(missing_ok=True)
        self.senders = Senders(self.server, self.chance.randrange(10**9), WRITERS, FIRST_DAY, large_share=self.chance.choice((0.0, 0.0, 0.0, 0.0, 0.0, 0.05)))
        self.day, self.since = FIRST_DAY, ""
        self.groups: list[Group] = []
        self.versions: dict[str, int] = {}
        self.events = dict.fromkeys(SUBSCRIPTIONS, 0)
        self.unjudged: list[Sent] = []

    def begin(self) -> None:
        self.server.start(self.clock())
        self.since = look.after(look.newest_instant(self.server))
        self.server.ask("PUT", "Organization/gp", PRACTICE)
        for name in SUBSCRIPTIONS:
            # Nobody is there: what was to be sent waits.
            self.server.ask("PUT", f"Subscription/{name}", subscription(name, "http://127.0.0.1:9"))

    def clock(self, at_midnight: bool = False) -> str:
        return f"{self.day.isoformat()}T{'22:59:59.7' if at_midnight else '12:00:00'}Z"

    def load(self, seconds: float) -> None:
        """Senders send; then the server is killed under them."""
        already = set(self.senders.sent)
        self.senders.today = self.day
        self.senders.begin()
        time.sleep(seconds)
        self.server.kill()
        self.senders.end()
        self.unjudged += [request for number, request in self.senders.sent.items() if number not in already]

    def kill(self, kind: str) -> None:
        match kind:
            case "under load":
                self.load(self.chance.random() * 0.25)
            case "while it starts":
                self.server.kill()
                self.server.spawn(self.clock())
                time.sleep(self.chance.random() * 0.4)
                self.server.kill()
            case "about midnight":
                self.server.kill()
                self.server.start(self.clock(at_midnight=True))
                self.load(self.chance.random() * 0.4)

    def judge(self, faults: Faults) -> int:
        """Starts the server again, on the next day, and looks at all that is new."""
        self.day += timedelta(days=1)
        looked_for = 0
        try:
            self.server.start(self.clock())
            newer = self.newer(faults)
            looked_for = judge.judge_requests(self.unjudged, newer, faults, self.versions)
            self.unjudged = []
            self.versions = judge.judge_versions(newer, faults, self.versions)
            self.groups += newer
            look.judge_answers(self.server, self.groups, self.chance, 4, self.day.isoformat(), faults)
            look.judge_bytes(self.server, newer, self.chance, 3, faults)
            self.judge_streams(faults)
        except (NotReady, OSError) as error:
            faults.find("refused", str(error))
        return looked_for

    def newer(self, faults: Faults) -> list[Group]:
        """The commits that were not seen yet. The last one that was seen must be as it was."""
        last = self.groups[-1] if self.groups else None
        text = look.history_text(self.server, last.instant if last else self.since)
        groups = judge.groups_of([entry for entry, _ in look.entries_of(text)])
        if last is None:
            return groups
        if not groups or groups[0] != last:
            faults.find("lost", f"the last commit that was seen, of {last.instant}, is not as it was")
            return []
        return groups[1:]

    def judge_streams(self, faults: Faults) -> None:
        for name, known in self.events.items():
            first = max(1, known)
            told = look.events(self.server, name, first)
            judge.judge_events(name, told, judge.events_recomputed(name, self.groups), first, faults)
            self.events[name] = first + len(told) - 1

    def end(self, faults: Faults) -> None:
        """At the end of a folder all is judged once more, from the first commit on."""
        try:
            text = look.history_text(self.server, self.since)
            groups = judge.groups_of([entry for entry, _ in look.entries_of(text)])
            if groups != self.groups:
                judge.judge_prefix(groups, self.groups, faults)
                faults.find("changed", "the history is not what was seen of it, kill by kill")
            judge.judge_requests(list(self.senders.sent.values()), groups, faults)
            judge.judge_explained(groups, self.senders.sent, faults)
            look.judge_answers(self.server, groups, self.chance, 60, self.day.isoformat(), faults)
        except (NotReady, OSError) as error:
            faults.find("refused", str(error))
        self.server.kill()
        for found in look.whole_check(self.server):
            faults.find("index", found)


def kills(program: Path, engine: str, place: Path, seed: str, count: int) -> Iterator[tuple[str, int, Faults]]:
    """Kills so often in one folder; gives for each how, how many acknowledged versions were looked for, and what was found."""
    folder = Folder(program, engine, place, seed)
    try:
        folder.begin()
        for number in range(count):
            faults, kind = Faults(), folder.chance.choices(list(KINDS), list(KINDS.values()))[0]
            folder.kill(kind)
            looked_for = folder.judge(faults)
            if number == count - 1 and not faults["refused"]:
                folder.end(faults)
            for words in faults.words:
                print(f"    {kind}, kill {number} of seed {seed}: {words}", flush=True)
            yield kind, looked_for, faults
            if faults["refused"]:
                return
    finally:
        folder.server.kill()
