"""What the senders do: transactions, updates, deletes, conditional creates, of persons whose rights run, meet plans and become overdue.

Each request has a number. Each resource that it sends carries it, so that what is found in the store is of one request, and byte for byte its own.
"""

import json
import random
import string
import threading
import time
from dataclasses import dataclass, field
from datetime import date, timedelta

from server import Server

MARK = "urn:frist:crash:request"
SHARED = "urn:frist:crash:shared"
PRACTICE = {
    "resourceType": "Organization", "id": "gp", "name": "Lægehuset",
    "identifier": [{"system": "urn:oid:1.2.208.176.1.1", "value": "99000010016005"}, {"system": "urn:oid:1.2.208.176.1.4", "value": "990101"}],
}
TOPIC = "https://kronikerpakker.dk/fhir/SubscriptionTopic/right-status"
BACKPORT = "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/"
# The subscriptions: by which business status they filter.
SUBSCRIPTIONS = {"all": None, "overdue": "overdue", "running": "running"}


def subscription(name: str, endpoint: str) -> dict:
    resource = {
        "resourceType": "Subscription", "id": name, "status": "requested", "reason": "Prøve", "criteria": TOPIC,
        "channel": {"type": "rest-hook", "endpoint": f"{endpoint}/{name}", "payload": "application/fhir+json",
                    "_payload": {"extension": [{"url": f"{BACKPORT}backport-payload-content", "valueCode": "id-only"}]}},
    }
    if status := SUBSCRIPTIONS[name]:
        resource["_criteria"] = {"extension": [{"url": f"{BACKPORT}backport-filter-criteria", "valueString": f"Task?business-status={status}"}]}
    return resource


def cvr(number: int) -> str:
    """A CVR number made of a number: its digits, weighted, are divisible by 11."""
    while True:
        digits = f"{number * 10:08}"
        rest = -sum(int(digit) * weight for digit, weight in zip(digits, (2, 7, 6, 5, 4, 3, 2, 1))) % 11
        if rest < 10:
            return digits[:7] + str(rest)
        number += 500_000


def mark(number: int) -> list[dict]:
    return [{"system": MARK, "value": f"r{number}"}]


def patient(person: str, cpr: int, number: int, large: str = "") -> dict:
    resource = {
        "resourceType": "Patient", "id": person, "name": [{"use": "official", "family": "Prøve", "given": ["Nr"]}],
        "identifier": [{"use": "official", "system": "urn:oid:1.2.208.176.1.2", "value": f"{1 + cpr // 10_000 % 28:02}0544{cpr % 10_000:04}"}, *mark(number)],
        "generalPractitioner": [{"reference": "Organization/gp"}],
    }
    if large:
        resource["address"] = [{"text": large}]
    return resource


def condition(person: str, recorded: date, number: int) -> dict:
    return {
        "resourceType": "Condition", "id": f"c-{person}", "identifier": mark(number), "subject": {"reference": f"Patient/{person}"},
        "verificationStatus": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/condition-ver-status", "code": "confirmed"}]},
        "category": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/condition-category", "code": "problem-list-item"}]}],
        "code": {"coding": [{"system": "urn:oid:1.2.208.176.2.31", "code": "R95"}]}, "recordedDate": recorded.isoformat(),
    }


def plan(person: str, created: date, number: int, large: str = "") -> dict:
    category = {"system": "https://kronikerpakker.dk/fhir/CodeSystem/kp-careplan-category", "code": "treatment-plan"}
    resource = {
        "resourceType": "CarePlan", "id": f"p-{person}", "identifier": mark(number), "status": "active", "intent": "plan",
        "category": [{"coding": [category]}], "subject": {"reference": f"Patient/{person}"}, "addresses": [{"reference": f"Condition/c-{person}"}],
        "created": created.isoformat(), "author": {"reference": "Organization/gp"},
    }
    if large:
        resource["description"] = large
    return resource


@dataclass
class Sent:
    """A request, and what is known of it."""

    number: int
    writer: int
    # Method, type and id (a type alone for a conditional create), body.
    entries: list[tuple[str, str, dict | None]]
    status: int | None = None
    # For each entry, once it is answered well: type and id, version.
    versions: list[tuple[str, int]] = field(default_factory=list)

    @property
    def is_acknowledged(self) -> bool:
        return self.status is not None and 200 <= self.status < 300

    @property
    def is_refused(self) -> bool:
        """Whether it was answered so that nothing may have been written."""
        return self.status is not None and 400 <= self.status < 500


def number_of_etag(etag: str) -> int:
    return int(etag.split('"')[1])


class Senders:
    """Some threads, each with persons of its own, that send until they are stopped; what is not answered is asked about by whoever judges."""

    def __init__(self, server: Server, seed: int, writers: int, today: date, large_share: float = 0.0, pause: float = 0.0):
        self.server, self.seed, self.writers, self.today, self.large_share, self.pause = server, seed, writers, today, large_share, pause
        self.lock, self.stop = threading.Lock(), threading.Event()
        self.sent: dict[int, Sent] = {}
        self.persons: dict[int, list[str]] = {writer: [] for writer in range(writers)}
        self.cprs = self.numbers = 0
        self.threads: list[threading.Thread] = []
        self.rounds = 0
        self.shared = 0

    def begin(self) -> None:
        self.stop = threading.Event()
        self.rounds += 1
        seeds = [f"{self.seed}/{self.rounds}/{writer}" for writer in range(self.writers)]
        self.threads = [threading.Thread(target=self.work, args=(writer, seeds[writer], self.stop), daemon=True) for writer in range(self.writers)]
        for thread in self.threads:
            thread.start()

    def end(self) -> None:
        self.stop.set()
        for thread in self.threads:
            thread.join()

    def new_request(self, writer: int, entries) -> Sent:
        with self.lock:
            self.numbers += 1
            request = Sent(self.numbers, writer, [])
            request.entries = entries(request.number)
            self.sent[request.number] = request
        return request

    def forget(self) -> None:
        """Begins anew with other persons, as after a crash whose losses are not known to the senders."""
        self.sent, self.persons = {}, {writer: [] for writer in range(self.writers)}

    def new_person(self, chance: random.Random, writer: int, large: str = "") -> tuple[str, list]:
        with self.lock:
            self.cprs += 1
            cpr = self.cprs
        person = f"w{writer}-{cpr}"
        recorded = self.today - timedelta(days=chance.choice((0, 5, 29, 30, 30, 31, 40)))
        return person, [lambda number: ("PUT", f"Patient/{person}", patient(person, cpr, number, large)),
                        lambda number: ("PUT", f"Condition/c-{person}", condition(person, recorded, number))]

    def work(self, writer: int, seed: str, stop: threading.Event) -> None:
        chance = random.Random(seed)
        while not stop.is_set():
            if not self.send(self.compose(chance, writer)):
                return
            if self.pause:
                time.sleep(chance.random() * self.pause)

    def compose(self, chance: random.Random, writer: int) -> Sent:
        own = self.persons[writer]
        large = "".join(chance.choices(string.ascii_letters, k=1000)) * 300 if chance.random() < self.large_share else ""
        does = chance.choices(["person", "persons", "plan", "no plan", "condition", "changed plan", "shared"], [4, 1, 4, 2, 3, 2, 1])[0]
        if not own or does in ("person", "persons"):
            several = [self.new_person(chance, writer, large) for _ in range(8 if does == "persons" else 1)]
            own.extend(person for person, _ in several)
            return self.new_request(writer, lambda number: [part(number) for _, parts in several for part in parts])
        person, day = chance.choice(own), self.today - timedelta(days=chance.randrange(5))
        match does:
            case "plan" | "changed plan":
                entries = lambda number: [("PUT", f"CarePlan/p-{person}", plan(person, day, number, large))]
                if does == "changed plan":
                    recorded = self.today - timedelta(days=chance.randrange(45))
                    both = lambda number: [entries(number)[0], ("PUT", f"Condition/c-{person}", condition(person, recorded, number))]
                    return self.new_request(writer, both)
                return self.new_request(writer, entries)
            case "no plan":
                return self.new_request(writer, lambda number: [("DELETE", f"CarePlan/p-{person}", None)])
            case "condition":
                recorded = self.today - timedelta(days=chance.randrange(45))
                return self.new_request(writer, lambda number: [("PUT", f"Condition/c-{person}", condition(person, recorded, number))])
            case _:
                # All writers ask for the same few: of each there must be one.
                which = chance.randrange(self.shared, self.shared + 3)
                self.shared = max(self.shared, which)
                body = {"resourceType": "Organization", "name": f"Fælles {which}", "identifier": [
                    {"system": "http://cvr.dk", "value": cvr(1_000_000 + which)}, {"system": SHARED, "value": f"s{which}"}]}
                marked = lambda number: body | {"identifier": body["identifier"] + mark(number)}
                return self.new_request(writer, lambda number: [("POST", "Organization", marked(number))])

    def send(self, request: Sent) -> bool:
        """Sends it once; false if there is no answer."""
        headers = {"X-Request-Id": f"r-{request.number}"}
        (method, target, body), is_several = request.entries[0], len(request.entries) > 1
        if method == "POST":
            headers["If-None-Exist"] = "identifier=" + "|".join((SHARED, body["identifier"][1]["value"]))
        if is_several:
            entries = [{"resource": resource, "request": {"method": how, "url": where}} for how, where, resource in request.entries]
            method, target, body = "POST", "", {"resourceType": "Bundle", "type": "transaction", "entry": entries}
        try:
            status, answered, text = self.server.ask_raw(method, target, body, headers)
        except OSError:
            return False
        if 200 <= status < 300:
            if is_several:
                answers = [entry["response"] for entry in json.loads(text)["entry"]]
                request.versions = [(key, number_of_etag(answer["etag"])) for (_, key, _), answer in zip(request.entries, answers, strict=True)]
            elif method == "POST":
                where = answered.get("location") or answered.get("content-location")
                parts = where.split("/")
                request.versions = [("/".join(parts[-4:-2]), int(parts[-1]))]
            elif "etag" in answered:
                request.versions = [(target, number_of_etag(answered["etag"]))]
        request.status = status
        return True
