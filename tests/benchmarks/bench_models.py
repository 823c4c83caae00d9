"""Times each release of a store on one core: ``make bench-models``, or with ``ARGS='--store varsel-data/releases'``.

Served (the runtime that Varsel serves with) beside ONNX Runtime alone on the same graph; the graph in half precision
and with weights of eight bits beside it, each with its distance from the graph that is served. Nothing but the served
graph is released; half and eight bits are made here, to see what they would bring.
"""

import argparse
import logging
import platform
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter, process_time

import numpy as np
import onnx
import onnxruntime
import psutil
from onnxruntime.quantization import quantize_dynamic
from onnxruntime.transformers.float16 import convert_float_to_float16
from quick_releases import make_quick_releases

from dicom_io.volume import Radiograph
from models.folder_store import FolderStore, shipped_releases
from models.manifest import RadiographPreprocessing, StayPreprocessing, VolumePreprocessing
from models.onnx_runtime import OnnxRuntime
from models.preprocess import radiograph_to_tensor
from models.release import Release, open_release
from training.phantoms.ct import ct_phantom
from training.phantoms.xray import xray_phantom

#: What one inference may cost beside ONNX Runtime alone.
_AIM = 1.10
#: Rounds below which a ratio is told without an interval.
_FEWEST = 5
Inputs = Mapping[str, np.ndarray]
Run = Callable[[Inputs], list[np.ndarray]]


@dataclass(frozen=True, kw_only=True)
class Way:
    """One way of asking a model."""

    name: str
    run: Run
    #: MiB of the graph; None where it is the served one.
    size: float | None = None


@dataclass(kw_only=True)
class Timed:
    """A way and its rounds so far; the first is for warming up, and counts only where it has used up all the time."""

    way: Way
    #: Seconds by the clock and of the processor.
    took: list[float] = field(default_factory=list)
    worked: list[float] = field(default_factory=list)
    #: The first output of each round: probabilities.
    said: list[np.ndarray] = field(default_factory=list)

    def run(self, inputs: Inputs) -> None:
        """One round more."""
        started, worked = perf_counter(), process_time()
        said = self.way.run(inputs)
        self.took.append(perf_counter() - started)
        self.worked.append(process_time() - worked)
        self.said.append(said[0])


def main() -> None:
    options = _options()
    # The quantiser warns of what `_folded` has already done.
    logging.getLogger().setLevel(logging.ERROR)
    print(f"\n{platform.platform()}, one of {psutil.cpu_count()} cores, load before {psutil.getloadavg()[0]:.1f}; ")
    print(f"medians of up to {options.rounds} rounds in turns, milliseconds; [95 % interval of the ratio]\n")
    print(
        "| model | way | rounds | p50 | p95 | to ONNX Runtime alone | processor p50 | to it alone | largest distance "
        "| same answer | MiB |\n|---|---|---|---|---|---|---|---|---|---|---|"
    )
    with tempfile.TemporaryDirectory() as scratch:
        for release in _releases(options.store, Path(scratch)):
            _measure(release, Path(scratch), options)
    print(f"\nload after {psutil.getloadavg()[0]:.1f}; aim: served at most {_AIM:.2f} of ONNX Runtime alone")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--store", type=Path, help="release store; without, the shipped releases or untrained ones")
    parser.add_argument("--rounds", type=int, default=60, help="most inferences of each way (default 60)")
    parser.add_argument(
        "--seconds", type=float, default=20, help="for each model's rounds; a slow way has fewer (default 20)"
    )
    return parser.parse_args()


def _releases(store: Path | None, scratch: Path) -> Iterator[Release]:
    if store is not None:
        yield from FolderStore(store).releases()
        return
    shipped = shipped_releases()
    yield from map(open_release, shipped)
    if not shipped:
        make_quick_releases(scratch / "store")
        yield from FolderStore(scratch / "store").releases()


def _measure(release: Release, scratch: Path, options: argparse.Namespace) -> None:
    inputs = _inputs_of(release)
    ways = list(_ways(release, scratch))
    timed = [Timed(way=way) for way in ways]
    for one in timed:
        one.run(inputs[0])
    for number in range(options.rounds):
        for one in timed:
            if sum(one.took) * len(timed) < options.seconds:
                one.run(inputs[number % len(inputs)])
    alone = timed[0]
    for one in timed:
        rounds = min(len(one.took), len(alone.took))
        counted = slice(min(1, rounds - 1), rounds)
        took, worked, base, base_worked = (
            np.array(part[counted]) * 1e3 for part in (one.took, one.worked, alone.took, alone.worked)
        )
        distance, same = _distance(alone.said[counted], one.said[counted], release)
        print(
            f"| {release.manifest.name} | {one.way.name} | {len(took)} | {np.median(took):.2f} | "
            f"{np.percentile(took, 95):.2f} | {_ratio(took, base)} | {np.median(worked):.2f} | "
            f"{_ratio(worked, base_worked)} | {distance:.2g} | {same} of {len(took)} | "
            f"{'' if one.way.size is None else f'{one.way.size:.1f}'} |",
            flush=True,
        )


def _ways(release: Release, scratch: Path) -> Iterator[Way]:
    graph = release.graph_path
    yield Way(name="ONNX Runtime alone", run=_session(graph), size=graph.stat().st_size / 2**20)
    served = OnnxRuntime(graph, threads=1)
    yield Way(name="served", run=lambda inputs: list(served.infer(inputs).values()))
    half = scratch / f"{release.short_digest}-half.onnx"
    onnx.save(convert_float_to_float16(onnx.load(graph), keep_io_types=True), half)
    yield Way(name="half precision", run=_session(half), size=half.stat().st_size / 2**20)
    eight = scratch / f"{release.short_digest}-eight.onnx"
    quantize_dynamic(_folded(graph, scratch), eight)
    yield Way(name="eight bits", run=_session(eight), size=eight.stat().st_size / 2**20)


def _folded(graph: Path, scratch: Path) -> Path:
    """*graph* with what is constant computed: weights that are a product are else no weights to the quantiser."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = str(scratch / f"{graph.parent.name}-folded.onnx")
    onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    return Path(options.optimized_model_filepath)


def _session(graph: Path) -> Run:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    return lambda inputs: session.run(None, dict(inputs))


def _inputs_of(release: Release) -> list[Inputs]:
    spec, name = release.manifest.preprocessing, release.manifest.inputs[0].name
    makers = {RadiographPreprocessing: _radiograph, VolumePreprocessing: _window, StayPreprocessing: _row}
    return [{name: makers[type(spec)](spec, number)} for number in range(12)]


def _radiograph(spec: RadiographPreprocessing, number: int) -> np.ndarray:
    phantom = xray_phantom(number, number % 2 == 1, (512, 512))
    radiograph = Radiograph(
        pixels=phantom.pixels.astype(np.float32), value_range=(0, 4095), pixel_spacing_mm=None, sop_instance_uid=""
    )
    return radiograph_to_tensor(radiograph, spec)[0]


def _window(spec: VolumePreprocessing, number: int) -> np.ndarray:
    depth, height, width = spec.roi
    voxels = ct_phantom(number, shape=(depth, max(height, 128), max(width, 128)), spacing_mm=spec.spacing_mm).voxels
    low, high = spec.window_hu
    scaled = np.clip((voxels[:, :height, :width].astype(np.float32) - low) / (high - low), 0, 1)
    return scaled[np.newaxis, np.newaxis]


def _row(spec: StayPreprocessing, number: int) -> np.ndarray:
    rng = np.random.default_rng(number)
    row = rng.normal(20, 10, (1, len(spec.features))).astype(np.float32)
    row[rng.random(row.shape) < 0.3] = np.nan
    return row


def _distance(alone: list[np.ndarray], said: list[np.ndarray], release: Release) -> tuple[float, int]:
    """Largest distance of the probabilities, and in how many rounds the labels said are the same."""
    threshold = release.manifest.labels[0].threshold
    same = sum(np.array_equal(a >= threshold, b >= threshold) for a, b in zip(alone, said, strict=True))
    return max(float(np.abs(a - b).max()) for a, b in zip(alone, said, strict=True)), same


def _ratio(ours: np.ndarray, theirs: np.ndarray) -> str:
    """Ratio of medians with its 95 % bootstrap interval, where there are rounds enough for one."""
    if len(ours) < _FEWEST:
        return f"{np.median(ours) / np.median(theirs):.2f}"
    rng = np.random.default_rng(1)
    drawn = [np.median(ours[pick]) / np.median(theirs[pick]) for pick in rng.integers(0, len(ours), (2000, len(ours)))]
    low, high = np.percentile(drawn, (2.5, 97.5))
    return f"{np.median(ours) / np.median(theirs):.2f} [{low:.2f}, {high:.2f}]"


if __name__ == "__main__":
    main()
