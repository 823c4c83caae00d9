"""Does a graph stay sane on input that no training set holds? A fixed corpus, run when a release is packaged.

Pictures go through the same preprocessing as a patient's. What is not a number cannot come out of a decoded picture, so
there a graph may give no answer (max pooling would even hide it); in a stay it means "not measured" and needs one.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass as plain_dataclass

import numpy as np
import numpy.typing as npt
from pydantic import ConfigDict, TypeAdapter
from pydantic.dataclasses import dataclass

from dicom_io.volume import Radiograph, Volume
from models.errors import RuntimeFailedError
from models.manifest import Preprocessing, RadiographPreprocessing, StayPreprocessing, VolumePreprocessing
from models.preprocess import radiograph_to_tensor, volume_to_tensor
from models.runtime import Runtime, Tensors

_STRICT = ConfigDict(extra="forbid")
#: Rows in one run may be summed in another order than a row alone.
BATCH_TOLERANCE = 1e-4
#: As in serving, in log-odds.
ADDITIVITY_TOLERANCE = 1e-3
#: Values that 32 bits of stored pixels can take.
_EXTREME = float(2**31)

FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class SafetyCheck:
    """One thing that was tried."""

    #: What, e.g. ``nothing measured: finite, 0 to 1``.
    name: str
    #: Whether the graph held.
    passed: bool
    #: What it did, where it did not.
    found: str


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class SafetyReport:
    """Everything that was tried."""

    #: In the order of trying.
    checks: tuple[SafetyCheck, ...]

    @property
    def passed(self) -> bool:
        """Whether the graph held every time, at least once."""
        return bool(self.checks) and all(check.passed for check in self.checks)


@plain_dataclass(frozen=True, kw_only=True)
class _Trial:
    """One input of the corpus."""

    #: What it is.
    name: str
    #: As the graph takes it, one row.
    tensor: FloatArray
    #: Whether an answer is due; otherwise there may be none.
    answer: bool = True


def examine(preprocessing: Preprocessing, runtime: Runtime) -> SafetyReport:
    """Run the corpus that fits *preprocessing* through *runtime*: finite, 0 to 1, equal twice, alone and in a batch."""
    name = "features" if isinstance(preprocessing, StayPreprocessing) else "image"
    trials = tuple(_corpus(preprocessing))
    checks = [_try(trial, name, runtime) for trial in trials]
    if not isinstance(preprocessing, VolumePreprocessing):
        checks.append(_try_batch([trial for trial in trials if trial.answer], name, runtime))
    return SafetyReport(checks=tuple(checks))


_REPORT = TypeAdapter(SafetyReport)


def dump_safety(report: SafetyReport) -> bytes:
    """The JSON of *report*."""
    return _REPORT.dump_json(report, indent=2) + b"\n"


def load_safety(data: bytes) -> SafetyReport:
    """The report in JSON *data*.

    Raises:
        ValidationError: it is no such report.
    """
    return _REPORT.validate_json(data)


def _corpus(preprocessing: Preprocessing) -> Iterator[_Trial]:
    if isinstance(preprocessing, StayPreprocessing):
        yield from _stays(len(preprocessing.features))
    elif isinstance(preprocessing, RadiographPreprocessing):
        for name, pixels in _pictures((64, 48)):
            tensor, _ = radiograph_to_tensor(_radiograph(pixels), preprocessing)
            yield _Trial(name=name, tensor=tensor, answer=bool(np.isfinite(pixels).all()))
    else:
        for name, voxels in _pictures(preprocessing.roi):
            tensor = volume_to_tensor(_volume(voxels, preprocessing), preprocessing)
            yield _Trial(name=name, tensor=tensor, answer=bool(np.isfinite(voxels).all()))


def _stays(features: int) -> Iterator[_Trial]:
    rows = {"nothing measured": np.nan, "everything 0": 0.0, "everything 1e6": 1e6, "everything -1e6": -1e6}
    for name, value in rows.items():
        yield _Trial(name=name, tensor=np.full((1, features), value, np.float32))
    for number in range(features):
        row = np.full((1, features), np.nan, np.float32)
        row[0, number] = 1e3
        yield _Trial(name=f"only input {number} measured, at 1000", tensor=row)


def _pictures(shape: tuple[int, ...]) -> Iterator[tuple[str, FloatArray]]:
    """Pixels (y, x) or voxels (z, y, x) of *shape* or smaller."""
    rng = np.random.default_rng(0)
    lonely = np.zeros(shape, np.float32)
    lonely[tuple(size // 2 for size in shape)] = 1
    yield "all 0", np.zeros(shape, np.float32)
    yield "all at the highest value", np.full(shape, _EXTREME, np.float32)
    yield "lowest beside highest", np.where(np.indices(shape).sum(axis=0) % 2, _EXTREME, -_EXTREME).astype(np.float32)
    yield "one bright point", lonely
    yield "noise", rng.normal(0, 1000, shape).astype(np.float32)
    yield "a single pixel", np.ones([1] * len(shape), np.float32)
    yield "not a number", np.full(shape, np.nan, np.float32)


def _radiograph(pixels: FloatArray) -> Radiograph:
    return Radiograph(pixels=pixels, value_range=(-_EXTREME, _EXTREME), pixel_spacing_mm=None, sop_instance_uid="")


def _volume(voxels: FloatArray, preprocessing: VolumePreprocessing) -> Volume:
    return Volume(
        voxels=voxels,
        spacing_mm=preprocessing.spacing_mm,
        affine=np.eye(4),
        sop_instance_uids=tuple(str(number) for number in range(len(voxels))),
        series_instance_uid="",
    )


def _try(trial: _Trial, name: str, runtime: Runtime) -> SafetyCheck:
    demand = "finite, 0 to 1, the same twice" if trial.answer else "0 to 1 or no answer"
    try:
        first, second = runtime.infer({name: trial.tensor}), runtime.infer({name: trial.tensor})
    except RuntimeFailedError as error:
        # A refusal is no answer; where one is due it is a fault.
        return SafetyCheck(name=f"{trial.name}: {demand}", passed=not trial.answer, found=str(error))
    fault = _fault_of(first, second) if trial.answer else _range_fault(first)
    return SafetyCheck(name=f"{trial.name}: {demand}", passed=not fault, found=fault)


def _fault_of(first: Tensors, second: Tensors) -> str:
    """What is wrong with the answer *first*, given again as *second*; empty when nothing is."""
    for name, values in first.items():
        if not np.isfinite(values).all():
            return f"'{name}' is not finite"
        if not np.array_equal(values, second[name]):
            return f"'{name}' differs between two runs"
    return _range_fault(first) or (_additivity_fault(first) if "contributions" in first else "")


def _additivity_fault(answer: Tensors) -> str:
    said = answer["baseline"].astype(np.float64)[:, 0] + answer["contributions"].astype(np.float64).sum(axis=1)
    expected = 1 / (1 + np.exp(-np.clip(said, -700, 700)))
    gap = np.abs(answer["probability"][:, 0] - expected) / np.maximum(expected * (1 - expected), 1e-3)
    return f"reasons are {float(gap.max()):.3g} off the risk" if gap.max() > ADDITIVITY_TOLERANCE else ""


def _range_fault(answer: Tensors) -> str:
    probability = answer["probability"].astype(np.float64)
    outside = probability[(probability < 0) | (probability > 1)]
    return f"a probability of {float(outside[0]):g}" if outside.size else ""


def _try_batch(trials: list[_Trial], name: str, runtime: Runtime) -> SafetyCheck:
    demand = f"{len(trials)} inputs in one run: as each alone, within {BATCH_TOLERANCE:g}"
    try:
        together = runtime.infer({name: np.concatenate([trial.tensor for trial in trials])})
        alone = [runtime.infer({name: trial.tensor}) for trial in trials]
    except RuntimeFailedError as error:
        return SafetyCheck(name=demand, passed=False, found=str(error))
    gap = max(_gap(together, one, row) for row, one in enumerate(alone))
    return SafetyCheck(name=demand, passed=gap <= BATCH_TOLERANCE, found="" if gap <= BATCH_TOLERANCE else f"{gap:g}")


def _gap(together: Mapping[str, npt.NDArray[np.generic]], alone: Tensors, row: int) -> float:
    """Largest distance in probability between *row* of a batch and the same row *alone*."""
    difference = together["probability"][row].astype(np.float64) - alone["probability"][0].astype(np.float64)
    return float(np.abs(np.nan_to_num(difference, nan=np.inf)).max())
