"""Does the exported graph say what the trained network says?"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import ConfigDict, TypeAdapter
from pydantic.dataclasses import dataclass

_STRICT = ConfigDict(extra="forbid")


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class Tolerance:
    """How far two runs of one model may lie apart: ``|a - b| <= absolute + relative * |a|``."""

    #: In the unit of the tensor.
    absolute: float
    #: As a share of the reference.
    relative: float


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class TensorParity:
    """One output tensor, compared over all cases."""

    #: Its name in the graph.
    name: str
    #: Largest distance found.
    largest_difference: float
    #: Largest share of the tolerance that was used; above 1 is a failure.
    tolerance_used: float


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class FindingParity:
    """Whether both say the same of a case: the labels at their operating points, or the lesions of a whole volume."""

    #: How many cases both were asked.
    cases: int
    #: Of how many they said the same.
    alike: int

    @property
    def passed(self) -> bool:
        """Whether they never disagreed."""
        return self.cases > 0 and self.alike == self.cases


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class ParityReport:
    """A comparison of the network and the graph on real preprocessed cases."""

    #: What was taken as right, e.g. ``torch 2.13.0``.
    reference: str
    #: What was compared with it, e.g. ``onnxruntime CPUExecutionProvider``.
    candidate: str
    #: How many cases were run.
    cases: int
    #: What was allowed.
    tolerance: Tolerance
    #: Each output.
    tensors: tuple[TensorParity, ...]
    #: What is said of each case, as served; None where it was not compared.
    findings: FindingParity | None = None
    #: The half-precision graph against the same reference, by its own tolerance; None when there is none.
    half: "ParityReport | None" = None

    @property
    def passed(self) -> bool:
        """Whether every output of at least one case stayed within the tolerance, and no finding differed.

        The half-precision graph is judged for itself.
        """
        within = self.cases > 0 and bool(self.tensors) and all(t.tolerance_used <= 1 for t in self.tensors)
        return within and (self.findings is None or self.findings.passed)


#: Float32 convolutions summed in another order differ by some 1e-6; a wrong layer differs by more than a hundredth.
DEFAULT_TOLERANCE = Tolerance(absolute=1e-4, relative=1e-3)
#: Sixteen-bit numbers carry three digits; log-odds of 5 are then off by some hundredths.
HALF_TOLERANCE = Tolerance(absolute=2e-2, relative=2e-2)

Outputs = Mapping[str, npt.NDArray[Any]]


def compare(
    pairs: Sequence[tuple[Outputs, Outputs]], who: tuple[str, str], tolerance: Tolerance = DEFAULT_TOLERANCE
) -> ParityReport:
    """Compare (reference, candidate) outputs case by case; *who* names the two. A NaN on one side only never passes."""
    names = tuple(pairs[0][0]) if pairs else ()
    return ParityReport(
        reference=who[0],
        candidate=who[1],
        cases=len(pairs),
        tolerance=tolerance,
        tensors=tuple(_tensor_parity(name, pairs, tolerance) for name in names),
    )


_REPORT = TypeAdapter(ParityReport)


def dump_parity(report: ParityReport) -> bytes:
    """The JSON of *report*."""
    return _REPORT.dump_json(report, indent=2) + b"\n"


def load_parity(data: bytes) -> ParityReport:
    """The report in JSON *data*.

    Raises:
        ValidationError: it is no such report.
    """
    return _REPORT.validate_json(data)


def _tensor_parity(name: str, pairs: Sequence[tuple[Outputs, Outputs]], tolerance: Tolerance) -> TensorParity:
    differences, used = [0.0], [0.0]
    for reference, candidate in pairs:
        expected, found = reference[name].astype(np.float64), candidate[name].astype(np.float64)
        if expected.shape != found.shape or not np.array_equal(np.isnan(expected), np.isnan(found)):
            # JSON knows no infinity; this is as far above 1 as anybody needs.
            return TensorParity(name=name, largest_difference=1e9, tolerance_used=1e9)
        gap = np.nan_to_num(np.abs(expected - found))
        allowed = tolerance.absolute + tolerance.relative * np.abs(np.nan_to_num(expected))
        differences.append(float(gap.max(initial=0)))
        used.append(float((gap / allowed).max(initial=0)))
    return TensorParity(name=name, largest_difference=max(differences), tolerance_used=max(used))
