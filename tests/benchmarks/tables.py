"""What the benchmark prints: Markdown tables, ready to be pasted into docs/benchmarks.md."""

import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import psutil
from sample_studies import Sample
from sides import Timing, Usage

#: Highest p95 of the rest that is aimed at, by kind of study.
_AIMS_MS = {"X-ray": 150, "CT": 400}


@dataclass(frozen=True, kw_only=True)
class Measured:
    """All rounds of one sample."""

    sample: Sample
    varsel: list[Timing] = field(default_factory=list)
    script: list[Timing] = field(default_factory=list)


def print_machine(archive: str, *, rounds: int, warm_up: int, threads: int) -> None:
    print(f"\n{platform.platform()}, {psutil.cpu_count()} cores; archive: {archive}")
    print(f"{rounds} rounds after {warm_up} of warm-up, {threads} threads for the model")
    print("a study is complete when its sender releases the association (quiet_after_release_seconds = 0)")


def print_times(measured: Sequence[Measured]) -> None:
    """In milliseconds; ratios with their 95 % intervals."""
    columns = ("study", "", "p50", "p95", "model p50", "rest p50", "rest p95", "rest least")
    print_row(*columns, "ratio of total", "ratio of rest", "aim: rest p95")
    print_row(*["---"] * (len(columns) + 3))
    for one in measured:
        aim = next(aim for kind, aim in _AIMS_MS.items() if one.sample.name.startswith(kind))
        verdict = "met" if _p(_ms(one.varsel, "rest"), 95) <= aim else "missed"
        print_row(one.sample.name, "Varsel", *_figures(one.varsel), *_ratios(one), f"{aim}: {verdict}")
        print_row("", "script", *_figures(one.script), "", "", "")
    print("\nWhere Varsel's time went, p50 in ms\n")
    print_row("study", "stage and time")
    print_row("---", "---")
    for one in measured:
        stages = sorted({key for timing in one.varsel for key in timing.stages})
        medians = {key: np.median([timing.stages.get(key, 0.0) for timing in one.varsel]) * 1e3 for key in stages}
        print_row(one.sample.name, ", ".join(f"{key} {value:.0f}" for key, value in medians.items()))


def print_usage(usage: Mapping[str, Usage], *, studies: int) -> None:
    """Processor time and memory; the former holds the start of the process and the warm-up."""
    print()
    print_row("process", "CPU seconds a study", "peak memory, MiB", "torch in memory")
    print_row(*["---"] * 4)
    for name, one in usage.items():
        torch = "yes" if one.has_torch else "no"
        print_row(name, f"{one.cpu_seconds / studies:.2f}", f"{one.peak_mib:.0f}", torch)


def print_start(started_seconds: Mapping[str, float]) -> None:
    print("\nReady after: " + ", ".join(f"{name} {seconds:.1f} s" for name, seconds in started_seconds.items()))


def print_row(*cells: str) -> None:
    print(f"| {' | '.join(cells)} |")


def _figures(timings: Sequence[Timing]) -> list[str]:
    total, infer, rest = (_ms(timings, what) for what in ("total", "infer", "rest"))
    values = (_p(total, 50), _p(total, 95), _p(infer, 50), _p(rest, 50), _p(rest, 95), float(rest.min()))
    return [f"{value:.0f}" for value in values]


def _ratios(one: Measured) -> list[str]:
    told = [_ratio(_ms(one.varsel, what), _ms(one.script, what)) for what in ("total", "rest")]
    return [f"{middle:.2f} [{low:.2f}, {high:.2f}]" for low, middle, high in told]


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
