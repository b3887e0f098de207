"""The judgement over a store after a crash: pure functions over what was sent, and what the store answers.

Faults are counted by kind:
  lost     an acknowledged version that is not there; or an event that a subscriber has and the store has not
  torn     a commit of which a part is there; or something of a request that was refused
  changed  a version whose content is not what was sent, or not what it was before the crash; versions that do not count up by one
  index    a search that finds something else than a scan of the histories
  tasks    a person whose stored Tasks are not those that the rules give now
  gaps     an event number that is missing, doubled, or stands for something else than before
  order    answers about one resource, or one identifier, that no order of single steps explains
  refused  a folder that the program does not open, or a question that it does not answer
"""

import json
import random
from collections import Counter
from dataclasses import dataclass

from workload import MARK, SHARED, SUBSCRIPTIONS, Sent

KINDS = ("lost", "torn", "changed", "index", "tasks", "gaps", "order", "refused")
SENDERS_TYPES = ("Patient", "Condition", "CarePlan", "Organization")
COUNTED_TYPES = (*SENDERS_TYPES, "Task", "Provenance", "Subscription")
TASK_STATES = ("running", "due-soon", "overdue", "met", "met-late", "void")


@dataclass
class Entry:
    """A version."""

    key: str
    version: int
    resource: dict | None


@dataclass
class Group:
    """A commit: all that has one instant."""

    instant: str
    entries: list[Entry]


class Faults(Counter):
    """How often each kind was found, and the first of them in words."""

    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []

    def find(self, kind: str, words: str, count: int = 1) -> None:
        self[kind] += count
        if len(self.words) < 20:
            self.words.append(f"{kind}: {words}")


def groups_of(entries: list[dict]) -> list[Group]:
    """The commits in entries of a history, which has the newest first."""
    groups: list[Group] = []
    for entry in reversed(entries):
        instant = entry["response"]["lastModified"]
        if not groups or groups[-1].instant != instant:
            groups.append(Group(instant, []))
        key = "/".join(entry["fullUrl"].split("/")[-2:])
        groups[-1].entries.append(Entry(key, int(entry["response"]["etag"].split('"')[1]), entry.get("resource")))
    return groups


def current(groups: list[Group]) -> dict[str, Entry]:
    """What is there after these commits, without what was deleted."""
    found: dict[str, Entry] = {}
    for group in groups:
        for entry in group.entries:
            if entry.resource is None:
                found.pop(entry.key, None)
            else:
                found[entry.key] = entry
    return found


def marks(resource: dict | None, system: str = MARK) -> list[str]:
    return [one["value"] for one in (resource or {}).get("identifier", []) if isinstance(one, dict) and one.get("system") == system]


def content(resource: dict) -> str:
    """What its sender wrote, in one form."""
    return json.dumps({name: value for name, value in resource.items() if name not in ("meta", "id")}, sort_keys=True)


# ---- What was sent, against the histories ----

def judge_requests(sent: list[Sent], groups: list[Group], faults: Faults, before: dict[str, int] | None = None) -> int:
    """Holds each request against the commits since it was sent; answers how many acknowledged versions were looked for.

    `before` are the versions before these commits: an answer may name one, if what was asked for was so already.
    """
    at: dict[tuple[str, int], tuple[str, dict | None]] = {}
    of_request: dict[str, list[tuple[str, str]]] = {}
    for group in groups:
        for entry in group.entries:
            at[entry.key, entry.version] = group.instant, entry.resource
            if entry.key.partition("/")[0] in SENDERS_TYPES:
                for name in marks(entry.resource):
                    of_request.setdefault(name, []).append((entry.key, group.instant))
    looked_for = 0
    for request in sent:
        seen = of_request.get(f"r{request.number}", [])
        if request.is_acknowledged:
            looked_for += len(request.versions)
            judge_acknowledged(request, at, before or {}, faults)
        elif seen and request.is_refused:
            faults.find("torn", f"request {request.number} was refused with {request.status}, and {seen[0][0]} is there")
        elif seen and (len(seen) != len(request.entries) or len({instant for _, instant in seen}) > 1):
            faults.find("torn", f"of request {request.number} there are {len(seen)} of {len(request.entries)} parts")
    return looked_for


def judge_acknowledged(request: Sent, at: dict, before: dict[str, int], faults: Faults) -> None:
    bodies = {target: body for _, target, body in request.entries}
    instants = set()
    for key, version in request.versions:
        if (key, version) not in at:
            if version <= before.get(key, 0) and request.entries[0][0] in ("DELETE", "POST"):
                continue
            faults.find("lost", f"{key} version {version} of request {request.number}, answered with {request.status}")
            continue
        instant, resource = at[key, version]
        instants.add(instant)
        body = bodies.get(key, bodies.get(key.partition("/")[0]))
        is_of_another = request.entries[0][0] == "POST" and request.status == 200
        if (resource is None) != (body is None) or (body is not None and not is_of_another and content(resource) != content(body)):
            faults.find("changed", f"{key} version {version} is not what request {request.number} sent")
    if len(instants) > 1:
        faults.find("torn", f"request {request.number} stands in {len(instants)} commits")


def judge_versions(groups: list[Group], faults: Faults, before: dict[str, int] | None = None) -> dict[str, int]:
    """Versions count up by one, instants never go back; `before` are the versions before these commits."""
    last = dict(before or {})
    for earlier, later in zip(groups, groups[1:]):
        if later.instant <= earlier.instant:
            faults.find("changed", f"{later.instant} stands after {earlier.instant}")
    for group in groups:
        for entry in group.entries:
            if entry.version != last.get(entry.key, 0) + 1:
                faults.find("changed", f"{entry.key} has version {entry.version} after {last.get(entry.key, 0)}")
            last[entry.key] = entry.version
    return last


def judge_explained(groups: list[Group], sent: dict[int, Sent], faults: Faults) -> None:
    """Nothing is there that nobody sent, and of each that all ask for there is one."""
    deletes = {target for request in sent.values() for method, target, _ in request.entries if method == "DELETE"}
    for group in groups:
        for entry in group.entries:
            if entry.resource is None and entry.key not in deletes:
                faults.find("torn", f"nobody deleted {entry.key}")
            for name in marks(entry.resource):
                request = sent.get(int(name[1:]))
                if request is None or request.is_refused:
                    faults.find("torn", f"nobody sent {entry.key} of {name}")
    shared = Counter(name for entry in current(groups).values() for name in marks(entry.resource, SHARED))
    for name, count in shared.items():
        if count > 1:
            faults.find("torn", f"there are {count} Organizations {name}, and each was created only if there was none")


# ---- The histories, against those before the crash ----

def judge_prefix(groups: list[Group], recorded: list[Group], faults: Faults) -> int:
    """Each commit is whole and as it was; answers how many of those that were recorded are there."""
    for number, group in enumerate(groups):
        if number >= len(recorded) or group.instant != recorded[number].instant:
            faults.find("lost", f"commit {number} is of {group.instant}: {recorded[number].instant if number < len(recorded) else 'none'} was expected")
            return number
        was = {(entry.key, entry.version): entry.resource for entry in recorded[number].entries}
        now = {(entry.key, entry.version): entry.resource for entry in group.entries}
        if was.keys() != now.keys():
            faults.find("torn", f"of the commit of {group.instant} there are {len(was.keys() & now.keys())} of {len(was)} versions, and {len(now.keys() - was.keys())} others")
        for key in was.keys() & now.keys():
            if was[key] != now[key]:
                faults.find("changed", f"{key[0]} version {key[1]}")
    return len(groups)


# ---- Searches, against a scan ----

def questions(groups: list[Group], chance: random.Random, sample: int) -> list[tuple[str, set[str] | int]]:
    """Searches, and what they must find."""
    now = current(groups)
    of_type: dict[str, list[Entry]] = {kind: [] for kind in COUNTED_TYPES}
    for entry in now.values():
        of_type.setdefault(entry.key.partition("/")[0], []).append(entry)
    asked: list[tuple[str, set[str] | int]] = [(f"{kind}?_summary=count", len(of_type[kind])) for kind in COUNTED_TYPES]
    tasks = of_type["Task"]
    for state in TASK_STATES:
        asked.append((f"Task?business-status={state}&_summary=count", sum(business_status(task.resource) == state for task in tasks)))
    asked.append(("Task?owner=Organization/gp&_summary=count", sum(task.resource.get("owner", {}).get("reference") == "Organization/gp" for task in tasks)))
    numbers = sorted({name for group in groups for entry in group.entries for name in marks(entry.resource)})
    for name in chance.sample(numbers, min(sample, len(numbers))):
        for kind in SENDERS_TYPES[:3]:
            asked.append((f"{kind}?identifier={MARK}|{name}", {entry.key for entry in of_type[kind] if name in marks(entry.resource)}))
    persons = sorted(entry.key for entry in of_type["Patient"])
    for person in chance.sample(persons, min(sample, len(persons))):
        for kind, element in (("Condition", "subject"), ("CarePlan", "subject"), ("Task", "for")):
            asked.append((f"{kind}?patient={person}", {entry.key for entry in of_type[kind] if entry.resource.get(element, {}).get("reference") == person}))
    names = sorted({name for entry in of_type["Organization"] for name in marks(entry.resource, SHARED)})
    for name in chance.sample(names, min(sample, len(names))):
        found = {entry.key for entry in of_type["Organization"] if name in marks(entry.resource, SHARED)}
        asked.append((f"Organization?identifier={SHARED}|{name}", found))
    return asked


def judge_answer(query: str, expected: set[str] | int, answer: dict, faults: Faults) -> None:
    if isinstance(expected, int):
        found: set[str] | int = int(answer["total"])
    else:
        found = {"/".join(entry["fullUrl"].split("/")[-2:]) for entry in answer.get("entry", [])}
    if found != expected:
        faults.find("index", f"{query} finds {found}, a scan {expected}")


# ---- Tasks, against the rules ----

def business_status(task: dict) -> str:
    return task["businessStatus"]["coding"][0]["code"]


def task_content(task: dict) -> dict:
    return {name: value for name, value in task.items() if name not in ("meta", "lastModified")}


def judge_tasks(person: str, rights: dict, groups_now: dict[str, Entry], faults: Faults) -> None:
    """What `$rights` computes now, against the stored Tasks of the person."""
    computed = {entry["resource"]["id"]: task_content(entry["resource"]) for entry in rights.get("entry", [])}
    stored = {
        entry.resource["id"]: task_content(entry.resource)
        for entry in groups_now.values()
        if entry.key.startswith("Task/") and entry.resource["for"]["reference"] == person
    }
    if computed != stored:
        faults.find("tasks", f"{person} has {len(stored)} Tasks, {sum(stored.get(name) != task for name, task in computed.items())} of {len(computed)} otherwise")


# ---- Events ----

@dataclass
class Event:
    number: int
    focus: str
    version: str
    instant: str


def events_of(bundle: dict) -> list[Event]:
    """The events of a notification, or of `$events`."""
    found = []
    parameters = bundle["entry"][0]["resource"]["parameter"]
    for at, parts in enumerate(parameter["part"] for parameter in parameters if parameter["name"] == "notification-event"):
        part = {one["name"]: one for one in parts}
        focus = "/".join(part["focus"]["valueReference"]["reference"].split("/")[-2:])
        etag = bundle["entry"][at + 1]["response"]["etag"] if at + 1 < len(bundle["entry"]) else '""'
        found.append(Event(int(part["event-number"]["valueString"]), focus, etag.split('"')[1], part["timestamp"]["valueInstant"]))
    return found


def events_recomputed(name: str, groups: list[Group]) -> list[tuple[str, str, str]]:
    """The events that follow from the histories: a Task came to be, or its businessStatus changed, after the subscription was created."""
    wanted, is_there, before, found = SUBSCRIPTIONS[name], False, {}, []
    for group in groups:
        for entry in group.entries:
            is_there = is_there or entry.key == f"Subscription/{name}"
            if not entry.key.startswith("Task/"):
                continue
            was, now = before.get(entry.key), entry.resource and business_status(entry.resource)
            before[entry.key] = now
            if now and was != now and is_there and (wanted is None or wanted in (was, now)):
                found.append((entry.key, str(entry.version), group.instant))
    return found


def judge_events(name: str, events: list[Event], expected: list[tuple[str, str, str]], first: int, faults: Faults) -> None:
    """The events from number `first` on; `expected` are all of them, in the order of their commits; inside of a commit they may stand in any order."""
    numbers = [event.number for event in events]
    if numbers != list(range(first, first + len(numbers))):
        faults.find("gaps", f"{name}: the numbers from {first} on are {numbers[:30]}")
        return
    told = [(event.focus, event.version, event.instant) for event in events]
    wanted = expected[first - 1 :]
    if sorted(told, key=lambda one: (one[2], one[0])) != sorted(wanted, key=lambda one: (one[2], one[0])):
        faults.find("gaps", f"{name}: {len(set(told) ^ set(wanted))} of {len(wanted)} events from {first} on are others than follow from the histories")
