"""Times the imaging line against a straight script: ``make bench``, or ``make bench ARGS='--rounds 3'``.

A study is sent to one side, then to the other, in turns (A/B/A/B); both send their results to the same archive. The
clock runs from the last instance received until the last result is stored. docs/benchmarks.md says how to read it.
"""

import argparse
import platform
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import psutil
from peers import start_orthanc
from quick_releases import are_quick, make_quick_releases
from sample_studies import Sample, samples, write_fresh
from sides import Side, Timing, Usage, VarselSide, script_side, varsel_side

from dicom_io.receive.archive import EmbeddedArchive
from dicom_io.receive.store_scp import StoreScpSettings

_AIMS_MS = {"X-ray": 150, "CT": 400}


@dataclass(frozen=True, kw_only=True)
class Measured:
    """All rounds of one sample."""

    sample: Sample
    varsel: list[Timing] = field(default_factory=list)
    script: list[Timing] = field(default_factory=list)


def main() -> None:
    options = _options()
    with tempfile.TemporaryDirectory() as scratch, ExitStack() as stack:
        directory = Path(scratch)
        store = options.store or directory / "store"
        make_quick_releases(store)
        archive, port = stack.enter_context(_archive(directory))
        shared = {"store": store, "archive_port": port, "threads": options.threads}
        varsel = stack.enter_context(varsel_side(directory / "site", **shared))
        script = stack.enter_context(script_side(directory, **shared))
        measured = [Measured(sample=one) for one in samples(plain=not are_quick(store)) if options.only in one.name]
        _run(measured, varsel, script, options, directory)
        _print_machine(archive, options)
        for one in measured:
            _print_times(one)
        studies = len(measured) * (options.rounds + options.warm_up)
        _print_usage({**varsel.usage(), **script.usage()}, studies)
        _print_start(varsel)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--store", type=Path, help="release store; without champions, quick ones are made in it")
    parser.add_argument("--rounds", type=int, default=20, help="studies of each kind to each side (default 20)")
    parser.add_argument("--warm-up", type=int, default=2, help="first rounds that do not count (default 2)")
    parser.add_argument("--threads", type=int, default=2, help="threads of one inference on both sides (default 2)")
    parser.add_argument("--only", default="", help="only samples whose name holds this, e.g. CT")
    return parser.parse_args()


@contextmanager
def _archive(directory: Path) -> Iterator[tuple[str, int]]:
    if shutil.which("Orthanc", path="/usr/sbin:/usr/local/sbin:/usr/bin"):
        orthanc = start_orthanc(directory / "orthanc")
        try:
            yield "Orthanc with TCP_NODELAY=1", orthanc.dicom_port
        finally:
            orthanc.stop()
        return
    embedded = EmbeddedArchive(StoreScpSettings(port=0, ae_title="TESTPACS"), directory / "archive")
    embedded.start()
    try:
        yield "Varsel's embedded archive", embedded.port
    finally:
        embedded.stop()


def _run(
    measured: Sequence[Measured], varsel: Side, script: Side, options: argparse.Namespace, directory: Path
) -> None:
    for number in range(options.warm_up + options.rounds):
        for one in measured:
            for name, side, kept in (("a", varsel, one.varsel), ("b", script, one.script)):
                uid, files = write_fresh(one.sample, directory / "sent", f"{number}{name}")
                timing = side.analyse(uid, files)
                shutil.rmtree(directory / "sent")
                if number >= options.warm_up:
                    kept.append(timing)


def _print_machine(archive: str, options: argparse.Namespace) -> None:
    print(f"\n{platform.platform()}, {psutil.cpu_count()} cores, load {psutil.getloadavg()[0]:.1f}; archive: {archive}")
    print(f"{options.rounds} rounds after {options.warm_up} of warm-up, {options.threads} threads for the model")
    print("a study is complete when its sender releases the association (quiet_after_release_seconds = 0)\n")


def _print_times(one: Measured) -> None:
    print(f"{one.sample.name}, milliseconds{'':12}    p50     p95   model p50    rest p50    rest p95   rest least")
    for name, timings in (("Varsel", one.varsel), ("script", one.script)):
        total, infer, rest = (_ms(timings, what) for what in ("total", "infer", "rest"))
        print(
            f"  {name:40}{_p(total, 50):7.0f} {_p(total, 95):7.0f} {_p(infer, 50):11.0f} "
            f"{_p(rest, 50):11.0f} {_p(rest, 95):11.0f} {rest.min():12.0f}"
        )
    for what in ("total", "rest"):
        low, middle, high = _ratio(_ms(one.varsel, what), _ms(one.script, what))
        print(f"  {what}, Varsel / script: {middle:.2f}  [{low:.2f}, {high:.2f}]")
    aim = next(aim for kind, aim in _AIMS_MS.items() if one.sample.name.startswith(kind))
    verdict = "met" if _p(_ms(one.varsel, "rest"), 95) <= aim else "MISSED"
    print(f"  aim: rest p95 <= {aim} ms: {verdict}")
    stages = {key for timing in one.varsel for key in timing.stages}
    medians = {key: float(np.median([timing.stages.get(key, 0.0) for timing in one.varsel])) for key in stages}
    print("  where Varsel's time went (p50): " + ", ".join(f"{key} {medians[key] * 1e3:.0f}" for key in sorted(stages)))
    print()


def _print_usage(usage: Mapping[str, Usage], studies: int) -> None:
    print(f"{'process':12}{'CPU s / study':>14}{'peak MiB':>10}   torch in memory")
    for name, one in usage.items():
        print(f"{name:12}{one.cpu_seconds / studies:14.2f}{one.peak_mib:10.0f}   {'yes' if one.has_torch else 'no'}")
    print("CPU seconds hold the start of the process and the warm-up.")


def _print_start(varsel: VarselSide) -> None:
    print("\nready after: " + ", ".join(f"{name} {seconds:.1f} s" for name, seconds in varsel.started_seconds.items()))


def _ms(timings: Sequence[Timing], what: str) -> np.ndarray:
    return np.array([getattr(timing, what) for timing in timings]) * 1e3


def _p(values: np.ndarray, percent: float) -> float:
    return float(np.percentile(values, percent))


def _ratio(ours: np.ndarray, theirs: np.ndarray) -> tuple[float, float, float]:
    """Ratio of medians with its 95 % bootstrap interval: low, middle, high."""
    rng = np.random.default_rng(1)
    drawn = [np.median(ours[pick]) / np.median(theirs[pick]) for pick in rng.integers(0, len(ours), (5000, len(ours)))]
    low, high = np.percentile(drawn, (2.5, 97.5))
    return float(low), float(np.median(ours) / np.median(theirs)), float(high)


if __name__ == "__main__":
    main()
