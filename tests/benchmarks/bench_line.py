"""Times the imaging line against a straight script: ``make bench``, or ``make bench ARGS='--rounds 3'``.

A study is sent to one side, then to the other, in turns (A/B/A/B); both send their results to the same archive. The
clock runs from the last instance received until the last result is stored. What is printed is Markdown;
docs/benchmarks.md says how to read it.
"""

import argparse
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psutil
from peers import start_orthanc
from quick_releases import are_quick, make_quick_releases
from sample_studies import samples, write_fresh
from sides import Side, script_side, varsel_side
from tables import Measured, print_machine, print_start, print_times, print_usage

from dicom_io.receive.archive import EmbeddedArchive
from dicom_io.receive.store_scp import StoreScpSettings


def main() -> None:
    options = _options()
    load_before = psutil.getloadavg()[0]
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
        print_machine(archive, rounds=options.rounds, warm_up=options.warm_up, threads=options.threads)
        after = psutil.getloadavg()[0]
        print(f"load of the last minute: {load_before:.1f} before, {after:.1f} after, the benchmark's own included\n")
        print_times(measured)
        print_usage({**varsel.usage(), **script.usage()}, studies=len(measured) * (options.rounds + options.warm_up))
        print_start(varsel.started_seconds)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--store", type=Path, help="release store; without champions, quick ones are made in it")
    parser.add_argument("--rounds", type=int, default=12, help="studies of each kind to each side (default 12)")
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


if __name__ == "__main__":
    main()
