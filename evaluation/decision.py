"""May this release be what somebody asks for? The answer is data; moving the pointer is done elsewhere."""

from dataclasses import dataclass as plain_dataclass
from enum import Enum

from pydantic import ConfigDict
from pydantic.dataclasses import dataclass

from evaluation.report import ComparisonReport
from models.registry import Alias
from models.release import Release

_STRICT = ConfigDict(extra="forbid")


class Gate(Enum):
    """What a release must pass."""

    #: Code, seed, data and environment are known, so that it can be trained again.
    REPRODUCIBLE = "reproducible"
    #: The graph says what the network says.
    PARITY = "parity"
    #: The bundle's floors, by the unfavourable end of each interval.
    FLOORS = "floors"
    #: Not worse than the champion on the same cases.
    NON_INFERIOR = "non_inferior"
    #: Probabilities mean what they say.
    CALIBRATION = "calibration"
    #: No group of patients is left behind.
    SUBGROUPS = "subgroups"
    #: Sane on input that no training set holds.
    SAFETY = "safety"
    #: The model card says all that it must.
    CARD = "card"
    #: Who approves is not who trained.
    APPROVER = "approver"


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class GateResult:
    """One condition and whether it is met."""

    #: Which gate it belongs to.
    gate: Gate
    #: What is demanded, e.g. ``auroc of at least 0.9``.
    demand: str
    #: Whether it is met.
    met: bool
    #: What was found.
    found: str


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class PromotionDecision:
    """Every condition of a promotion, met or not."""

    #: SHA-256 of the release that was judged.
    digest: str
    #: In the order of judging.
    gates: tuple[GateResult, ...]

    @property
    def allowed(self) -> bool:
        """Whether there was a gate and every one is met."""
        return bool(self.gates) and all(gate.met for gate in self.gates)

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why not, one sentence for each gate that is not met; empty when allowed."""
        return tuple(f"{gate.demand} is demanded, found: {gate.found}" for gate in self.gates if not gate.met)


@plain_dataclass(frozen=True, kw_only=True)
class Candidacy:
    """A release that somebody wants to be something."""

    #: The release.
    release: Release
    #: What it is to be.
    alias: Alias
    #: Who approves.
    approver: str
    #: Who holds the place now; None when nobody does.
    holder: Release | None = None
    #: Measured later than the release was made, on cases that both were run on; None = test scores alone.
    comparison: ComparisonReport | None = None
