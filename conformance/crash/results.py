"""The file of results: a line for each commit, engine and kind of crash, to which each run adds."""

import fcntl
import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from judge import KINDS, Faults

FILE = Path(__file__).resolve().parent / "results.jsonl"
COLUMNS = ("crashes", "acknowledged", *KINDS)


@dataclass(frozen=True)
class Mode:
    """What is counted together."""

    commit: str
    engine: str
    crash: str


def read(path: Path = FILE) -> dict[Mode, Counter]:
    found: dict[Mode, Counter] = {}
    for line in path.read_text().splitlines() if path.exists() else []:
        row = json.loads(line)
        mode = Mode(row.pop("commit"), row.pop("engine"), row.pop("crash"))
        found[mode] = Counter(row)
    return found


def add(path: Path, mode: Mode, counts: Counter) -> None:
    """Adds to the file, which several runs may do at once."""
    path.touch()
    with path.open("r+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        all_of_them = read(path)
        all_of_them.setdefault(mode, Counter()).update(counts)
        lines = []
        for one, row in sorted(all_of_them.items(), key=lambda pair: (pair[0].crash, pair[0].engine, pair[0].commit)):
            lines.append(json.dumps({"commit": one.commit, "engine": one.engine, "crash": one.crash} | {name: row[name] for name in row_columns(row)}))
        file.seek(0)
        file.write("\n".join(lines) + "\n")
        file.truncate()


def row_columns(row: Counter) -> list[str]:
    return [*COLUMNS, *sorted(set(row) - set(COLUMNS))]


def counts_of(looked_for: int, faults: Faults) -> Counter:
    return Counter({"crashes": 1, "acknowledged": looked_for} | {kind: faults[kind] for kind in KINDS} | {"with a fault": int(bool(faults.total()))})


def table(rows: dict[Mode, Counter]) -> str:
    """What was counted, summed over the commits, and what it bounds."""
    sums: dict[tuple[str, str], Counter] = {}
    for mode, row in rows.items():
        sums.setdefault((mode.crash, mode.engine), Counter()).update(row)
    lines = [f"{'crash':<12}{'engine':<8}" + "".join(f"{name:>13}" for name in COLUMNS) + "   what it bounds"]
    for (crash, engine), row in sorted(sums.items()):
        lines.append(f"{crash:<12}{engine:<8}" + "".join(f"{row[name]:>13,}" for name in COLUMNS) + f"   {bound(row)}")
    return "\n".join(lines)


def bound(row: Counter) -> str:
    """With no fault in n, the rate is under 3/n, at 95 %."""
    if row["with a fault"]:
        return f"{row['with a fault']} of {row['crashes']} with a fault"
    return f"under {3 / row['crashes']:.2%} with a fault (3/n, 95 %)" if row["crashes"] else ""
