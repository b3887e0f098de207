"""What a running server shows of its store, and the judgement over all of it."""

import json
import random
import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import judge
from judge import Event, Faults, Group
from server import BASE, NotReady, Number, Server
from workload import SUBSCRIPTIONS, Sent

PAGE_MAX = 1000
DECODER = json.JSONDecoder(parse_float=Number, parse_int=Number)
ENTRIES = b'"entry":['
EVENTS_LOOKED_BACK = 30


def history_text(server: Server, since: str) -> str:
    """The entries of the whole history, newest first, as they stand in the answers."""
    pages, path = [], f"_history?_since={since}&_count={PAGE_MAX}"
    while path:
        status, _, text = server.ask_raw("GET", path)
        if status != 200:
            raise NotReady(f"GET {path} was answered with {status}: {text[:300]!r}")
        begin, end = text.find(ENTRIES), text.rfind(b"]")
        if begin >= 0:
            pages.append(text[begin + len(ENTRIES) : end].decode())
        following = re.search(rb'"relation":"next","url":"([^"]*)"', text[: begin if begin >= 0 else len(text)])
        path = following and following[1].decode().removeprefix(BASE + "/")
    return ",".join(pages)


def entries_of(text: str) -> list[tuple[dict, int]]:
    """The entries, and where each begins."""
    found, at = [], 0
    while at < len(text):
        entry, end = DECODER.raw_decode(text, at)
        found.append((entry, at))
        at = end + 1
    return found


def newest_instant(server: Server) -> str:
    return server.must("_history?_count=1")["entry"][0]["response"]["lastModified"]


def after(instant: str) -> str:
    """The next microsecond."""
    whole, _, micros = instant.rstrip("Z").partition(".")
    return f"{whole}.{int(micros or 0) + 1:06}Z"


def events(server: Server, name: str, first: int) -> list[Event]:
    """The events from a number on."""
    found: list[Event] = []
    while True:
        page = judge.events_of(server.must(f"Subscription/{name}/$events?eventsSinceNumber={first}&content=id-only"))
        if not page:
            return found
        found += page
        first = page[-1].number + 1


@dataclass
class Recorded:
    """The whole history of a run that went well: what any crash in it is held against."""

    text: str
    groups: list[Group]
    # The bytes of the oldest so many commits in `text`.
    lengths: dict[int, int]
    events: dict[str, list[tuple[str, str, str]]]
    at: dict[tuple[str, int], int] = field(default_factory=dict)

    @classmethod
    def read(cls, server: Server, since: str, before: str) -> "Recorded":
        """Reads what is of an instant before that one."""
        _, text = parted(history_text(server, since), before)
        found = entries_of(text)
        groups = judge.groups_of([entry for entry, _ in found])
        lengths, count = {0: 0}, 0
        for number, group in enumerate(groups, 1):
            count += len(group.entries)
            lengths[len(text) - found[len(found) - count][1]] = number
        at = {(entry.key, entry.version): number for number, group in enumerate(groups) for entry in group.entries}
        expected = {name: judge.events_recomputed(name, groups) for name in SUBSCRIPTIONS}
        return cls(text, groups, lengths, expected, at)

    def judge_itself(self, server: Server, sent: list[Sent], faults: Faults) -> None:
        """The run that nothing happened to must be without a fault, or nothing that is held against it means anything."""
        judge.judge_requests(sent, self.groups, faults)
        judge.judge_versions(self.groups, faults)
        for name, expected in self.events.items():
            told = [event for event in events(server, name, 1) if (event.focus, int(event.version)) in self.at]
            judge.judge_events(name, told, expected, 1, faults)
            # Inside of a commit they may stand in any order, which must stay the same.
            self.events[name] = [(event.focus, event.version, event.instant) for event in told]


def parted(text: str, before: str) -> tuple[list[dict], str]:
    """The entries from an instant on, and the text of those before it."""
    at, newer = 0, []
    while at < len(text):
        entry, end = DECODER.raw_decode(text, at)
        if entry["response"]["lastModified"] < before:
            break
        newer.append(entry)
        at = end + 1
    return newer, text[at:]


def judge_history(server: Server, since: str, restarted: str, recorded: Recorded, faults: Faults) -> list[Group]:
    """Holds the history against the recorded one; answers the commits that are there, with those of the new start."""
    newer, older = parted(history_text(server, since), restarted)
    count = recorded.lengths.get(len(older))
    if count is None or not recorded.text.endswith(older):
        count = judge.judge_prefix(judge.groups_of([entry for entry, _ in entries_of(older)]), recorded.groups, faults)
    return recorded.groups[:count] + judge.groups_of(newer)


def judge_answers(server: Server, groups: list[Group], chance: random.Random, sample: int, day: str, faults: Faults) -> None:
    """Searches against a scan, stored Tasks against the rules."""
    for query, expected in judge.questions(groups, chance, sample):
        judge.judge_answer(query, expected, server.must(query), faults)
    now = judge.current(groups)
    persons = sorted(key for key in now if key.startswith("Patient/"))
    for person in chance.sample(persons, min(sample, len(persons))):
        judge.judge_tasks(person, server.must(f"{person}/$rights?as-of={day}"), now, faults)


def judge_bytes(server: Server, groups: list[Group], chance: random.Random, sample: int, faults: Faults) -> None:
    """Some versions, each read for itself."""
    versions = [entry for group in groups for entry in group.entries]
    for entry in chance.sample(versions, min(sample, len(versions))):
        status, answer = server.ask("GET", f"{entry.key}/_history/{entry.version}")
        if entry.resource is None:
            if status != 410:
                faults.find("changed", f"{entry.key} version {entry.version}, a deletion, is answered with {status}")
        elif status >= 500:
            raise NotReady(f"{entry.key} version {entry.version} is answered with {status}")
        elif answer != entry.resource:
            faults.find("changed" if status == 200 else "lost", f"{entry.key} version {entry.version} is answered with {status}")


def judge_streams(server: Server, groups: list[Group], known: int, recorded: Recorded, faults: Faults) -> None:
    """The last events of each subscription: as far as the recorded commits reach, just those of the run; then those that follow from later ones."""
    instants = {group.instant for group in groups[:known]}
    for name in SUBSCRIPTIONS:
        if not any(entry.key == f"Subscription/{name}" for group in groups[:known] for entry in group.entries):
            continue
        old = [event for event in recorded.events[name] if event[2] in instants]
        new = judge.events_recomputed(name, groups)[len(old) :]
        first = max(1, len(old) - EVENTS_LOOKED_BACK)
        told = events(server, name, first)
        judge.judge_events(name, told, old + new, first, faults)
        same = [(event.focus, event.version, event.instant) for event in told][: len(old) - first + 1]
        if same != old[first - 1 :]:
            faults.find("gaps", f"{name}: an event number stands for another event than before the crash")


def whole_check(server: Server) -> list[str]:
    """What the program's own check of a folder that nobody uses finds: `frist reindex` tells how many index keys it had to mend."""
    command = [server.program, "reindex", "--data", server.data, "--engine", server.engine]
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=300)
    said = (done.stdout + done.stderr).strip()
    return [] if done.returncode == 0 and " 0 mended, 0 foreign keys removed" in said else [f"{said[-400:]} (ended with {done.returncode})"]


def remove(folder: Path) -> None:
    subprocess.run(["rm", "-rf", folder], check=True)
