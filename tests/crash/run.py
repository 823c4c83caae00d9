"""``make crash``: kills Varsel at every boundary that it finds, and writes what became of the work."""

import argparse
import json
import random
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

from laboratory import Surroundings, Verdict, laboratory

_DATABASES = ("sqlite", "postgresql")
_PROCESSES = ("receive", "work")


def main() -> int:
    """Run, report, and fail when anything was lost, stuck or doubled."""
    options = _options()
    chosen = random.Random(options.seed)  # an order of experiments, no secret
    done: list[tuple[Surroundings, Verdict]] = []
    for surroundings in _surroundings(options.databases, options.nodes):
        with tempfile.TemporaryDirectory(prefix="varsel-crash-") as directory:
            for verdict in _experiments(surroundings, Path(directory), chosen, options.at_most):
                done.append((surroundings, verdict))
                _tell(surroundings, verdict)
    _write(options.out, options.seed, done)
    bad = [verdict for _, verdict in done if not verdict.is_clean]
    print(f"{len(done)} kills, {len(bad)} with something lost, stuck or doubled; seed {options.seed}")
    return 1 if bad else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="order of the kills, and which when --at-most is given")
    parser.add_argument("--at-most", type=int, default=0, help="kills in each surrounding; 0 makes all")
    parser.add_argument("--databases", nargs="+", choices=_DATABASES, default=list(_DATABASES))
    parser.add_argument("--nodes", nargs="+", type=int, default=[1, 3])
    parser.add_argument("--out", type=Path, default=Path("docs/crash-report.json"))
    return parser.parse_args()


def _surroundings(databases: Sequence[str], nodes: Sequence[int]) -> Iterator[Surroundings]:
    for database in databases:
        for count in nodes:
            yield Surroundings(database=database, nodes=count)


def _experiments(surroundings: Surroundings, directory: Path, chosen: random.Random, at_most: int) -> Iterator[Verdict]:
    with laboratory(surroundings, directory) as lab:
        places = [(process, place) for process in _PROCESSES for place in lab.find_places(process)]
        chosen.shuffle(places)
        for process, place in places[: at_most or None]:
            yield lab.kill_at(process, place)


def _tell(surroundings: Surroundings, verdict: Verdict) -> None:
    word = "clean" if verdict.is_clean else f"lost={verdict.lost} stuck={verdict.stuck} doubled={verdict.doubled}"
    where = f"{surroundings.database} x{surroundings.nodes} {verdict.process} {verdict.place}"
    print(f"{word if verdict.killed else 'not reached'}\t{verdict.seconds:6.2f} s\t{where}", flush=True)


def _write(out: Path, seed: int, done: Sequence[tuple[Surroundings, Verdict]]) -> None:
    said = [asdict(surroundings) | asdict(verdict) for surroundings, verdict in done]
    out.write_text(json.dumps({"seed": seed, "kills": said}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
