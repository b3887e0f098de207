"""Histories: clients read, write, write on a condition, delete and search a few resources at once, while the server is killed or not; then it is judged
whether there is an order that explains all their answers (`linear.py`).
"""

import random
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import linear
import look
from judge import Faults
from linear import NEVER, Operation
from server import Server, read_json
from workload import SHARED, cvr

CLOCK = "2027-03-01T12:00:00Z"
CLIENTS, REGISTERS, IDENTIFIERS = 6, 3, 3
OPERATIONS_OF_A_CLIENT = 50
KINDS = {"read": 6, "write": 4, "write if": 4, "search": 4, "delete": 1, "create if none": 2, "search shared": 2}


class Clients:
    def __init__(self, server: Server, seed: str):
        self.server, self.seed = server, seed
        self.lock = threading.Lock()
        self.of: dict[str, list[Operation]] = {}
        self.is_up = threading.Event()
        self.is_up.set()
        self.values = 0
        self.odd: list[str] = []

    def work(self, client: int) -> None:
        chance = random.Random(f"{self.seed}/{client}")
        seen: dict[int, int] = {}
        for _ in range(OPERATIONS_OF_A_CLIENT):
            self.is_up.wait(60)
            kind = chance.choices(list(KINDS), list(KINDS.values()))[0]
            if kind in ("create if none", "search shared"):
                self.shared(kind, chance.randrange(IDENTIFIERS))
            else:
                self.register(kind, chance.randrange(REGISTERS), seen)

    def note(self, register: str, kind: str, argument, called: int, result, is_answered: bool) -> None:
        operation = Operation(kind, argument, result, called, time.monotonic_ns() if is_answered else NEVER)
        with self.lock:
            self.of.setdefault(register, []).append(operation)

    def ask(self, *words) -> tuple[int, dict[str, str], bytes]:
        """A server error is no answer: nobody says what became of it."""
        try:
            status, headers, text = self.server.ask_raw(*words)
        except OSError:
            return 0, {}, b""
        return (0 if status >= 500 else status), headers, text

    def register(self, kind: str, number: int, seen: dict[int, int]) -> None:
        name, place = f"Organization/register-{number}", f"urn:frist:crash:register|{number}"
        with self.lock:
            self.values += 1
            value = str(self.values)
        body = {
            "resourceType": "Organization", "id": f"register-{number}", "name": value,
            "identifier": [{"system": "http://cvr.dk", "value": cvr(2_000_000 + number)}, {"system": "urn:frist:crash:register", "value": str(number)}],
        }
        argument, result, called = None, None, time.monotonic_ns()
        match kind:
            case "read":
                status, headers, text = self.ask("GET", name)
                result = read_of(read_json(text)) if status == 200 else None
                is_answered = status in (200, 404, 410)
            case "search":
                status, headers, text = self.ask("GET", f"Organization?identifier={place}")
                found = read_json(text).get("entry", []) if status == 200 else []
                result = read_of(found[0]["resource"]) if found else None
                is_answered = status == 200
            case "write":
                argument = value
                status, headers, text = self.ask("PUT", name, body)
                is_answered, result = status in (200, 201), version_of(headers)
            case "write if":
                argument = (seen.get(number, 1), value)
                status, headers, text = self.ask("PUT", name, body, {"If-Match": f'W/"{argument[0]}"'})
                is_answered, result = status in (200, 412), version_of(headers) if status == 200 else "refused"
            case "delete":
                status, headers, text = self.ask("DELETE", name)
                is_answered, result = status in (200, 204), version_of(headers)
        if status and not is_answered:
            self.odd.append(f"{kind} of {name} was answered with {status}: {text[:300]!r}")
        if isinstance(result, tuple):
            seen[number] = result[0]
        elif isinstance(result, int):
            seen[number] = result
        self.note(name, kind, argument, called, result, is_answered)

    def shared(self, kind: str, number: int) -> None:
        value = f"{SHARED}|{number}"
        body = {"resourceType": "Organization", "name": "Fælles", "identifier": [
            {"system": "http://cvr.dk", "value": cvr(3_000_000 + number)}, {"system": SHARED, "value": str(number)}]}
        called = time.monotonic_ns()
        if kind == "create if none":
            status, headers, text = self.ask("POST", "Organization", body, {"If-None-Exist": f"identifier={value}"})
            where = headers.get("location") or headers.get("content-location") or "///"
            result, is_answered = ("created" if status == 201 else "found", where.split("/")[-3]), status in (200, 201)
        else:
            status, headers, text = self.ask("GET", f"Organization?identifier={value}")
            found = [entry["resource"]["id"] for entry in read_json(text).get("entry", [])] if status == 200 else []
            # Two of them are no state that there is: no order will explain it.
            result, is_answered = (found[0] if len(found) == 1 else ",".join(found) or None), status == 200
            kind = "search"
        self.note(value, kind, None, called, result, is_answered)


def read_of(resource: dict) -> tuple[int, str]:
    return int(resource["meta"]["versionId"]), resource["name"]


def version_of(headers: dict[str, str]) -> int | None:
    return int(headers["etag"].split('"')[1]) if "etag" in headers else None


def judge(register: str, history: list[Operation], faults: Faults) -> None:
    if register.startswith("Organization/"):
        initial, step = (0, None), linear.of_resource
    else:
        ids = {one.result[1] for one in history if one.kind == "create if none" and one.returned != NEVER}
        ids |= {one.result for one in history if one.kind == "search" and one.result is not None}
        initial, step = None, linear.of_identifier(frozenset(ids))
    try:
        if not linear.is_linearizable(history, initial, step):
            faults.find("order", f"no order of its {len(history)} operations explains what was answered about {register}")
        stale = linear.with_stale_read(history) if register.startswith("Organization/") else None
        if stale and linear.is_linearizable(stale, initial, step):
            faults.find("order", f"the judge passes over a stale read of {register}")
    except linear.Undecided as error:
        faults.find("order", f"{register} is undecided: {error}")


def rounds(program: Path, engine: str, place: Path, seed: str, count: int) -> Iterator[tuple[str, int, Faults]]:
    """So many histories, each in a new folder; half of them with a kill in the middle."""
    chance = random.Random(seed)
    for number in range(count):
        server = Server(program, engine, place / "data", place / "server.log")
        look.remove(server.data)
        faults, clients = Faults(), Clients(server, f"{seed}/{number}")
        try:
            server.start(CLOCK)
            threads = [threading.Thread(target=clients.work, args=(client,), daemon=True) for client in range(CLIENTS)]
            for thread in threads:
                thread.start()
            is_killed = number % 2 == 1
            if is_killed:
                time.sleep(0.05 + chance.random() * 0.3)
                clients.is_up.clear()
                server.kill()
                server.start(CLOCK)
                clients.is_up.set()
            for thread in threads:
                thread.join()
        finally:
            server.kill()
        for register, history in sorted(clients.of.items()):
            judge(register, history, faults)
        for words in clients.odd:
            faults.find("refused", words)
        for words in faults.words:
            print(f"    history {number} of seed {seed}: {words}", flush=True)
        yield ("with a kill" if is_killed else "without a kill"), sum(map(len, clients.of.values())), faults
