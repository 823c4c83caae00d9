"""What a crash laboratory found, kept from run to run in a JSON file."""

import functools
import json
import subprocess
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from cases import Judgement
from experiment import Surroundings, Verdict

#: Troubles that are a signal at a place.
KILL, FREEZE = "kill", "freeze"


@dataclass(frozen=True, kw_only=True)
class Row:
    """One experiment."""

    #: Chooses order, moments and victims.
    seed: int
    #: Surroundings.
    database: str
    nodes: int
    #: ``kill`` at a place, or the name of another trouble.
    trouble: str
    #: The place; empty for other troubles.
    process: str = ""
    place: str = ""
    #: The kill after which the place is passed; empty on the straight way.
    mending: str = ""
    #: Whether it came to pass.
    happened: bool
    #: Studies under way, and what became of them.
    studies: int
    lost: int
    stuck: int
    doubled: int
    #: How long it took until all had ended.
    seconds: float
    #: Day.
    on: str
    #: Studies with an answer that nobody could have given.
    wrong: int = 0
    #: Commit that it was made on; empty where that is not known.
    commit: str = ""

    @property
    def is_clean(self) -> bool:
        """Nothing was lost, stuck, doubled or wrong."""
        return not (self.lost or self.stuck or self.doubled or self.wrong)

    @property
    def key(self) -> tuple[object, ...]:
        """Which experiment it is; the same again takes its place."""
        return (self.seed, self.database, self.nodes, self.trouble, self.process, self.place)

    def __str__(self) -> str:
        """One line for people."""
        word = (
            "clean"
            if self.is_clean
            else f"LOST {self.lost} STUCK {self.stuck} DOUBLED {self.doubled} WRONG {self.wrong}"
        )
        where = f"{self.database} x{self.nodes} {self.trouble} {self.process} {self.place}"
        after = f" (mending {self.mending})" if self.mending else ""
        return f"{word if self.happened else 'not reached'}\t{self.seconds:6.2f} s\t{where}{after}"


def row_of_signal(seed: int, surroundings: Surroundings, trouble: str, verdict: Verdict) -> Row:
    """A kill or a freeze as a row."""
    place = verdict.place
    return Row(
        seed=seed,
        trouble=trouble,
        process=place.process,
        place=place.name,
        mending=place.mending,
        happened=verdict.killed,
        seconds=verdict.seconds,
        on=_today(),
        commit=commit_of_this_tree(),
        **asdict(surroundings),
        **asdict(verdict.judgement),
    )


def row_of_trouble(seed: int, surroundings: Surroundings, trouble: str, seen: tuple[Judgement, float]) -> Row:
    """Another trouble, what was judged after it, and its seconds, as a row."""
    judgement, seconds = seen
    return Row(
        seed=seed,
        trouble=trouble,
        happened=True,
        seconds=round(seconds, 2),
        on=_today(),
        commit=commit_of_this_tree(),
        **asdict(surroundings),
        **asdict(judgement),
    )


class Report:
    """The rows of a file."""

    def __init__(self, path: Path) -> None:
        """Go on with what *path* holds, when it exists."""
        self._path = path
        kept = json.loads(path.read_text(encoding="utf-8"))["rows"] if path.exists() else []
        rows = [Row(**row) for row in kept]
        self._rows = {row.key: row for row in rows}

    @property
    def rows(self) -> Sequence[Row]:
        """Every row, in the order of the experiments."""
        return tuple(self._rows.values())

    def has(self, key: tuple[object, ...]) -> bool:
        """Whether that experiment was made, and came to pass."""
        return key in self._rows and self._rows[key].happened

    def add(self, row: Row) -> None:
        """Keep *row*, on disk before this returns."""
        self._rows[row.key] = row
        lines = ",\n".join(json.dumps(asdict(one)) for one in self.rows)
        self._path.write_text(f'{{"rows": [\n{lines}\n]}}\n', encoding="utf-8")


@functools.cache
def commit_of_this_tree() -> str:
    """The commit that is checked out here; empty outside a repository."""
    asked = ["git", "-C", str(Path(__file__).parent), "rev-parse", "--short", "HEAD"]
    try:
        return subprocess.run(asked, capture_output=True, text=True, timeout=30, check=False).stdout.strip()
    except FileNotFoundError:
        return ""


def _today() -> str:
    return datetime.now(UTC).date().isoformat()
