"""May this release become champion? The answer is data; moving the pointer is done elsewhere."""

from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from evaluation.parity import ParityReport, load_parity
from evaluation.report import EvaluationReport, load_report
from models.bundle import Floor
from models.errors import ReleaseError
from models.release import Release

_FLOORS = TypeAdapter(tuple[Floor, ...])


@dataclass(frozen=True, kw_only=True)
class GateResult:
    """One condition and whether it is met."""

    #: What is demanded, e.g. ``auroc at least 0.9``.
    demand: str
    #: Whether it is met.
    met: bool
    #: What was found.
    found: str


@dataclass(frozen=True, kw_only=True)
class PromotionDecision:
    """Every condition of a promotion, met or not."""

    #: SHA-256 of the release that was judged.
    digest: str
    #: In the order of judging.
    gates: tuple[GateResult, ...]

    @property
    def allowed(self) -> bool:
        """Whether every gate is met."""
        return all(gate.met for gate in self.gates)

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why not, one sentence for each gate that is not met; empty when allowed."""
        return tuple(f"{gate.demand} is demanded, found: {gate.found}" for gate in self.gates if not gate.met)


def decide(
    digest: str, parity: ParityReport, evaluation: EvaluationReport, floors: tuple[Floor, ...]
) -> PromotionDecision:
    """Judge a release by its evidence: parity, then every floor by the unfavourable end of its interval."""
    results = [_parity_gate(parity)]
    results.append(GateResult(demand="at least one floor", met=bool(floors), found=f"{len(floors)} in the bundle"))
    for floor in floors:
        results.extend(_floor_gates(floor, evaluation))
    return PromotionDecision(digest=digest, gates=tuple(results))


def judge_release(release: Release) -> PromotionDecision:
    """Judge *release* by the evidence inside it, which its digest covers.

    Raises:
        ReleaseError: evidence is missing or cannot be read.
    """
    evidence = release.path / "evidence"
    try:
        parity = load_parity(_read(evidence / "parity.json"))
        evaluation = load_report(_read(evidence / "evaluation.json"))
        floors = _FLOORS.validate_json(_read(evidence / "floors.json"))
    except ValidationError as error:
        raise ReleaseError(
            f"'{evidence}' holds evidence that cannot be read: {error}; package the run again"
        ) from error
    return decide(release.digest, parity, evaluation, floors)


def dump_floors(floors: tuple[Floor, ...]) -> bytes:
    """The JSON of *floors*, as kept in a release's evidence."""
    return _FLOORS.dump_json(floors, indent=2) + b"\n"


def _parity_gate(parity: ParityReport) -> GateResult:
    worst = max((tensor.tolerance_used for tensor in parity.tensors), default=0.0)
    return GateResult(
        demand="parity of network and graph",
        met=parity.passed,
        found=f"{parity.cases} cases, {worst:.3g} of the tolerance used",
    )


def _floor_gates(floor: Floor, evaluation: EvaluationReport) -> list[GateResult]:
    metric = evaluation.metric(floor.metric)
    low, high = (metric.low, metric.high) if metric else (None, None)
    gates = []
    if floor.at_least is not None:
        met = low is not None and low >= floor.at_least
        demand = f"{floor.metric} of at least {floor.at_least:g} (lower end of its 95 % interval)"
        gates.append(GateResult(demand=demand, met=met, found=_found(low)))
    if floor.at_most is not None:
        met = high is not None and high <= floor.at_most
        demand = f"{floor.metric} of at most {floor.at_most:g} (upper end of its 95 % interval)"
        gates.append(GateResult(demand=demand, met=met, found=_found(high)))
    return gates


def _found(value: float | None) -> str:
    return "not measured" if value is None else f"{value:.3f}"


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ReleaseError(f"'{path}' cannot be read ({error.strerror}); package the run again") from error
