"""The page of a crash laboratory's report."""

from collections.abc import Iterable, Sequence
from itertools import groupby
from pathlib import Path
from statistics import median

from report import FREEZE, KILL, Row

_HEAD = """# The crash laboratory's report

Made by `make crash` from `crash-report.json` beside it; what is done, and how it is judged, is told in
[crash-laboratory.md](crash-laboratory.md). Every row of the JSON is one experiment. "Lost", "stuck", "doubled" and
"wrong" count studies. The seconds hold the restart or the takeover; they were taken on a machine of two cores that did
other work too.
"""
_MENDING = """## Kills in mending

A second `kill -9`, at places that are passed only after a first one: at a start, in taking up again.
"""
_COMMITS = """## What was tried

Experiments by the commit that they were made on, oldest day first; those without one were made before commits were
noted.
"""
#: What a whole report holds.
_DATABASES, _NODES, _SEEDS = ("postgresql", "sqlite"), (1, 3), (1, 2, 3)
_COLUMNS = (
    "database",
    "nodes",
    "seed",
    "experiments",
    "came to pass",
    "studies",
    "lost",
    "stuck",
    "doubled",
    "wrong",
    "s, median",
    "s, most",
)


def write_page(rows: Sequence[Row], path: Path) -> None:
    """Write the page of *rows* to *path*."""
    kills = [row for row in rows if row.trouble == KILL]
    freezes = [row for row in rows if row.trouble == FREEZE]
    others = [row for row in rows if row.trouble not in (KILL, FREEZE)]
    straight = [row for row in kills if not row.mending]
    mending = [row for row in kills if row.mending]
    parts = [
        _HEAD,
        f"**{len(rows)} experiments, {len(kills)} of them kills at a place; {_count(rows)}.**\n",
        _COMMITS,
        _commits(rows),
        "## Kills on the straight way\n\nOne `kill -9` at each place that a study passes.\n",
        _matrix(straight),
        _MENDING,
        _matrix(mending),
        "## Freezes\n\nA worker is stopped at a place, and wakes up when others have done its work.\n",
        _matrix(freezes),
        "## Other troubles\n",
        _troubles(others),
        "## The places\n\nKills and freezes made there over all surroundings and seeds.\n",
        _places([*kills, *freezes]),
    ]
    path.write_text("\n".join(parts), encoding="utf-8")


def _count(rows: Iterable[Row]) -> str:
    rows = list(rows)
    counts = {word: sum(getattr(row, word) for row in rows) for word in ("lost", "stuck", "doubled", "wrong")}
    return ", ".join(f"{count} {word}" for word, count in counts.items())


def _commits(rows: Iterable[Row]) -> str:
    def made_on(row: Row) -> tuple[str, str, str, int, str]:
        kind = row.trouble if row.trouble in (KILL, FREEZE) else "other troubles"
        return (row.on, row.commit or "not noted", row.database, row.nodes, kind)

    cells = groupby(sorted(rows, key=made_on), key=made_on)
    columns = ("day", "commit", "database", "nodes", "what", "seeds", "experiments")
    return _table(columns, [(*where, *_seeds(list(group))) for where, group in cells])


def _seeds(rows: Sequence[Row]) -> tuple[str, int]:
    return ", ".join(str(seed) for seed in sorted({row.seed for row in rows})), len(rows)


def _matrix(rows: Sequence[Row]) -> str:
    def cell(row: Row) -> tuple[str, int, int]:
        return (row.database, row.nodes, row.seed)

    made = {where: _figures(list(group)) for where, group in groupby(sorted(rows, key=cell), key=cell)}
    wanted = {(database, nodes, seed) for database in _DATABASES for nodes in _NODES for seed in _SEEDS}
    not_run = ("not run", *[""] * (len(_COLUMNS) - 4))
    return _table(_COLUMNS, [(*where, *made.get(where, not_run)) for where in sorted(wanted | made.keys())])


def _figures(rows: Sequence[Row]) -> tuple[object, ...]:
    words = ("happened", "studies", "lost", "stuck", "doubled", "wrong")
    sums = (sum(getattr(row, word) for row in rows) for word in words)
    seconds = [row.seconds for row in rows]
    return (len(rows), *sums, f"{median(seconds):.1f}", f"{max(seconds):.1f}")


def _troubles(rows: Iterable[Row]) -> str:
    def trouble(row: Row) -> tuple[str, str, int]:
        return (row.trouble, row.database, row.nodes)

    cells = groupby(sorted(rows, key=trouble), key=trouble)
    columns = ("trouble", "database", "nodes", "runs", "came to pass", *_COLUMNS[5:])
    return _table(columns, [(*where, *_figures(list(group))) for where, group in cells])


def _places(rows: Iterable[Row]) -> str:
    def place(row: Row) -> tuple[str, str, str]:
        _, effect, function = row.place.split(" ", 2)
        return (row.process, effect, function)

    cells = groupby(sorted(rows, key=place), key=place)
    columns = ("process", "effect", "asked for by", "before", "after", "in mending only", "clean")
    return _table(columns, [(*where, *_sides(list(group))) for where, group in cells])


def _sides(rows: Sequence[Row]) -> tuple[object, ...]:
    made = [row for row in rows if row.happened]
    before = sum(row.place.startswith("before") for row in made)
    return (
        before,
        len(made) - before,
        "yes" if all(row.mending for row in rows) else "",
        "all" if all(row.is_clean for row in rows) else "NO",
    )


def _table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    if not rows:
        return "Not run yet.\n"
    lines = ["| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)]
    lines += ["| " + " | ".join(f"`{one}`" if _is_code(one) else str(one) for one in row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def _is_code(value: object) -> bool:
    return isinstance(value, str) and ":" in value
