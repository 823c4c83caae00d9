"""``make crash``: kills Varsel at every boundary that it finds, makes other troubles, and keeps what became of it.

What the report holds already is not done again, so that a long run may be made in slices (``--minutes``).
"""

import argparse
import random
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from experiment import Place, Surroundings
from laboratory import Bench, Laboratory, bench, laboratory
from report import FREEZE, KILL, Report, Row, row_of_signal, row_of_trouble
from report_page import write_page
from troubles import TROUBLES

_DATABASES = ("sqlite", "postgresql")
_WHAT = ("kills", "freezes", "troubles")
#: Places of a worker that it is frozen at in one run; which, the seed decides.
_FREEZES = 8


def main() -> int:
    """Run, report, and fail when anything was lost, stuck or doubled."""
    options = _options()
    report = Report(options.out)
    deadline = time.monotonic() + 60 * options.minutes
    rows = _run(options, report, lambda: time.monotonic() < deadline)
    done = list(_kept(rows, report))
    write_page(report.rows, options.out.with_suffix(".md"))
    bad = [row for row in done if not row.is_clean]
    studies = sum(row.studies for row in done)
    print(f"{len(done)} experiments, {studies} studies, {len(bad)} experiments with something lost, stuck or doubled")
    for row in bad:
        print(f"again: --seed {row.seed} --databases {row.database} --nodes {row.nodes} --anew\t{row}")
    return 1 if bad else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="order of the kills, moments and victims of the rest")
    parser.add_argument("--at-most", type=int, default=0, help="kills in each surrounding; 0 makes all")
    parser.add_argument("--databases", "--database", nargs="+", choices=_DATABASES, default=list(_DATABASES))
    parser.add_argument("--nodes", nargs="+", type=int, default=[1, 3], help="workers")
    parser.add_argument("--what", nargs="+", choices=_WHAT, default=list(_WHAT))
    parser.add_argument("--troubles", nargs="+", default=[], help="those alone whose names hold one of these words")
    parser.add_argument("--minutes", type=float, default=600.0, help="begin nothing new after this")
    parser.add_argument("--anew", action="store_true", help="also what the report holds already")
    parser.add_argument("--out", type=Path, default=Path("docs/crash-report.json"), help="its page lies beside it")
    return parser.parse_args()


def _kept(rows: Iterator[Row], report: Report) -> Iterator[Row]:
    for row in rows:
        report.add(row)
        print(row, flush=True)
        yield row


def _run(options: argparse.Namespace, report: Report, has_time: Callable[[], bool]) -> Iterator[Row]:
    with tempfile.TemporaryDirectory(prefix="varsel-crash-") as directory, bench(Path(directory)) as shared:
        for database in options.databases:
            for nodes in options.nodes:
                surroundings = Surroundings(database=database, nodes=nodes)
                experiments = _Experiments(options, surroundings, report, has_time)
                yield from experiments.run(shared, Path(directory) / f"{database}-{nodes}")


class _Experiments:
    """Those in one surrounding."""

    def __init__(
        self, options: argparse.Namespace, surroundings: Surroundings, report: Report, has_time: Callable[[], bool]
    ) -> None:
        self._options = options
        self._surroundings = surroundings
        self._report = report
        self._has_time = has_time
        self._chosen = random.Random(f"{options.seed} {surroundings}")  # an order of experiments, no secret

    def run(self, shared: Bench, directory: Path) -> Iterator[Row]:
        """The rows of what is not done yet, as long as there is time."""
        if not self._has_time():
            return
        if not {"kills", "freezes"}.isdisjoint(self._options.what):
            with laboratory(shared, self._surroundings, directory) as lab:
                yield from self._signals(lab)
        if "troubles" in self._options.what and self._has_time():
            with laboratory(
                shared, self._surroundings, directory.with_name(f"{directory.name}-troubles"), on_a_small_disk=True
            ) as lab:
                yield from self._troubles(lab)

    def _signals(self, lab: Laboratory) -> Iterator[Row]:
        found = sorted(lab.find_places(), key=str)
        self._chosen.shuffle(found)
        if "freezes" in self._options.what:
            yield from self._freezes(lab, found)
        if "kills" in self._options.what:
            yield from self._kills(lab, found)

    def _freezes(self, lab: Laboratory, found: Sequence[Place]) -> Iterator[Row]:
        ours = [one for one in found if one.process == "work" and not one.mending and "dbos:" not in one.name]
        for place in ours[:_FREEZES]:
            if self._has_time() and self._is_wanted(FREEZE, place):
                yield row_of_signal(self._options.seed, self._surroundings, FREEZE, lab.freeze_at(place))

    def _kills(self, lab: Laboratory, found: Sequence[Place]) -> Iterator[Row]:
        waiting, begun = deque(found), 0
        while waiting and self._has_time() and begun < (self._options.at_most or sys.maxsize):
            place = waiting.popleft()
            if self._is_wanted(KILL, place):
                begun += 1
                yield row_of_signal(self._options.seed, self._surroundings, KILL, lab.kill_at(place))
                waiting.extend(lab.new_places(mending=place.mending or place.name))

    def _troubles(self, lab: Laboratory) -> Iterator[Row]:
        for trouble in TROUBLES:
            named = not self._options.troubles or any(word in trouble.name for word in self._options.troubles)
            if named and trouble.is_possible(lab) and self._has_time() and self._is_wanted(trouble.name):
                began = time.monotonic()
                judgement = trouble.make(lab, self._chosen)
                if not judgement.is_clean:
                    print(*lab.reasons(), sep="\n")
                seen = (judgement, time.monotonic() - began)
                yield row_of_trouble(self._options.seed, self._surroundings, trouble.name, seen)

    def _is_wanted(self, trouble: str, place: Place | None = None) -> bool:
        where = (place.process, place.name) if place else ("", "")
        key = (self._options.seed, self._surroundings.database, self._surroundings.nodes, trouble, *where)
        return self._options.anew or not self._report.has(key)


if __name__ == "__main__":
    sys.exit(main())
