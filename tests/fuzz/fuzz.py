"""Coverage-guided fuzzing of the parser and the pixel path, with atheris (libFuzzer).

make fuzz                                  every target, ten minutes in all
make fuzz ARGS='--only pixels --seconds 60'

Each target runs in a process of its own. An input that breaks it is left in fuzz-findings/; mend the fault, and keep
the input, as small as it goes, as a case in tests/fuzz/test_fuzz.py.
"""

import argparse
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path

FINDINGS = Path("fuzz-findings")
_TEN_MINUTES = 600


def main() -> None:
    options = _options()
    if options.child:
        _run(options.child, options.rest)
        return
    from tests.fuzz.targets import TARGETS  # noqa: PLC0415 - the child instruments these modules while they are imported

    chosen = [name for name in TARGETS if options.only in (None, name)]
    FINDINGS.mkdir(exist_ok=True)
    seconds = options.seconds or _TEN_MINUTES // len(chosen)
    broken = [name for name in chosen if _start(name, seconds) != 0]
    print(f"{len(chosen)} targets, {seconds} s each; broken: {', '.join(broken) or 'none'}")
    sys.exit(1 if broken else 0)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", help="one target")
    parser.add_argument("--seconds", type=int, help="for each target")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    parser.add_argument("rest", nargs="*", help=argparse.SUPPRESS)
    return parser.parse_args()


def _start(name: str, seconds: int) -> int:
    limits = [f"-max_total_time={seconds}", "-rss_limit_mb=2048", "-timeout=20", "-max_len=16384"]
    # What happens inside a decoder is not seen: without, a syntax would be dropped for taking the way of another.
    limits.append("-keep_seed=1")
    artifacts = f"-artifact_prefix={FINDINGS}/{name}-"
    command = [sys.executable, __file__, "--child", name, "--", *limits, artifacts, "-print_final_stats=1"]
    print(f"{name}: {seconds} s", flush=True)
    return subprocess.run(command, check=False).returncode


def _run(name: str, arguments: Sequence[str]) -> None:
    import atheris  # noqa: PLC0415 - a development dependency without wheels for every platform

    with atheris.instrument_imports(include=["dicom_io", "pydicom"]):
        from tests.fuzz.targets import attempt, seeds_of  # noqa: PLC0415 - imported under instrumentation
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as folder:
        scratch, corpus = Path(folder), Path(folder) / "corpus"
        corpus.mkdir()
        for number, seed in enumerate(seeds_of(name, scratch / "seeds")):
            (corpus / f"{number}").write_bytes(seed)
        atheris.Setup([sys.argv[0], *arguments, str(corpus)], lambda data: attempt(name, data, scratch))
        atheris.Fuzz()


if __name__ == "__main__":
    main()
