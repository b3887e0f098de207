"""Whether a recorded history is linearizable: whether the operations, each of which took some time, can be put into one order of single steps that keeps
the order of real time and explains every answer. The search is that of Wing and Gong, with the memory of Lowe: a state that was reached once with the same
operations done is not tried again.

A history is of one register: registers are judged one by one, since a history is linearizable just if that of each register is.
"""

from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace

NEVER = 1 << 62
STEPS_MAX = 200_000


@dataclass(frozen=True)
class Operation:
    """What a client asked, and what it was answered; `returned` is NEVER if there was no answer, and then it may have taken place at any time, or not."""

    kind: str
    argument: Hashable
    result: Hashable
    called: int
    returned: int


class Undecided(Exception):
    """The history is too long for the search."""


Step = Callable[[Hashable, Operation], list]


def is_linearizable(history: list[Operation], initial: Hashable, step: Step) -> bool:
    """`step` gives the states after an operation that fits a state, none if it does not fit."""
    operations = sorted(history, key=lambda one: one.called)
    must = sum(1 << at for at, one in enumerate(operations) if one.returned != NEVER)
    seen: set[tuple[int, Hashable]] = set()
    open_states = [(0, initial)]
    while open_states:
        done, state = open_states.pop()
        if done & must == must:
            return True
        if (done, state) in seen:
            continue
        seen.add((done, state))
        if len(seen) > STEPS_MAX:
            raise Undecided(f"{len(history)} operations")
        # Next is an operation that was called before any other that is still to come had returned.
        ends = NEVER
        for at, one in enumerate(operations):
            if done >> at & 1:
                continue
            if one.called > ends:
                break
            ends = min(ends, one.returned)
            open_states.extend((done | 1 << at, after) for after in step(state, one))
    return False


def of_resource(state: tuple[int, Hashable], one: Operation) -> list:
    """A resource as a register: the state is its version, and its value or none while it is deleted.

    Results: of a read or a search (version, value) or None; of a write or a delete its version; of a conditional write its version or "refused".
    """
    version, value = state
    is_unknown = one.returned == NEVER
    written = [(version + 1, one.argument)]
    match one.kind:
        case "read" | "search":
            return [state] if is_unknown or one.result == (None if value is None else state) else []
        case "write":
            return written if is_unknown or one.result == version + 1 else []
        case "write if":
            expected, new = one.argument
            holds = value is not None and version == expected
            if is_unknown:
                return [(version + 1, new)] if holds else [state]
            if one.result == "refused":
                return [] if holds else [state]
            return [(version + 1, new)] if holds and one.result == version + 1 else []
        case "delete":
            after = state if value is None else (version + 1, None)
            return [after] if is_unknown or one.result in (after[0], None) else []
    raise ValueError(one.kind)


def of_identifier(ids: frozenset) -> Step:
    """An identifier as a register that is set once: the state is the id of what has it, or None. `ids` are all that were ever seen."""

    def step(state: Hashable, one: Operation) -> list:
        match one.kind:
            case "create if none" if one.returned == NEVER:
                return [state] if state is not None else sorted(ids)
            case "create if none":
                how, name = one.result
                if how == "created":
                    return [name] if state is None else []
                return [state] if state == name else []
            case "search":
                return [state] if one.returned == NEVER or one.result == state else []
        raise ValueError(one.kind)

    return step


def with_stale_read(history: list[Operation]) -> list[Operation] | None:
    """The same history with one answer that is wrong: a read tells a version that was surely replaced before it began. None if there is no such place."""
    writes = [one for one in history if one.kind == "write" and one.returned != NEVER]
    for at, one in enumerate(history):
        if one.kind not in ("read", "search") or one.result is None or one.returned == NEVER:
            continue
        before = [write for write in writes if write.returned < one.called]
        last = max((write.result for write in before), default=0)
        for write in before:
            if write.result < last:
                return history[:at] + [replace(one, result=(write.result, write.argument))] + history[at + 1 :]
    return None
