"""A risk as it is told to the record: what the model said, of whom, as of when, and why."""

from dataclasses import dataclass
from datetime import datetime

from ehr_io.codes import Coding, Words
from ehr_io.errors import ContradictionError


@dataclass(frozen=True, kw_only=True)
class ModelIdentity:
    """Which model said it."""

    #: Bundle name, e.g. ``infection_urinary``.
    name: str
    #: Version of the release.
    version: str
    #: SHA-256 of the release's manifest, 64 hexadecimal digits.
    digest: str
    #: A demonstration must not be used on patients, and every result says so.
    demonstration: bool

    @property
    def label(self) -> str:
        """For people: name, version and the first twelve digits of the digest."""
        return f"{self.name} {self.version} ({self.digest[:12]})"


@dataclass(frozen=True, kw_only=True)
class RiskReason:
    """One feature's part in the risk, with the value behind it."""

    #: What people read.
    text: Words
    #: Signed part of the log-odds, against the average stay.
    contribution: float
    #: The feature's value; None when not measured.
    value: float | None
    #: UCUM unit; empty for a yes/no.
    unit: str = ""
    #: Usual range; None when there is none.
    reference_range: tuple[float, float] | None = None
    #: When the newest event behind it was true, UTC; None when not measured.
    measured_at: datetime | None = None
    #: FHIR ``Type/id`` of that event; empty when there is none.
    source: str = ""


@dataclass(frozen=True, kw_only=True)
class RiskReport:
    """All that is told of one risk.

    Raises:
        ContradictionError: the probability is not within 0 to 1, or a time bears no offset.
    """

    #: Identifier of the result, the same when it is made again: RiskAssessment.id.
    id: str
    #: Patient's logical id.
    patient_id: str
    #: Encounter's logical id.
    stay_id: str
    #: T, UTC: only what was known by then was used.
    as_of: datetime
    #: Hours after T that the risk speaks of.
    horizon_hours: float
    #: What may come.
    outcome: Coding
    #: Its name for people.
    outcome_text: Words
    #: Calibrated probability, 0 to 1.
    probability: float
    #: Probability from which it is said: the operating point.
    threshold: float
    #: Every feature's part, strongest first.
    reasons: tuple[RiskReason, ...]
    #: Which model said it.
    model: ModelIdentity
    #: FHIR ``Type/id`` of every event that it rests on.
    basis: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """See that it can be true."""
        if not 0 <= self.probability <= 1:
            raise ContradictionError(f"probability {self.probability} is not within 0 to 1")
        if self.as_of.tzinfo is None:
            raise ContradictionError("as_of bears no offset; a time in UTC is required")

    @property
    def is_raised(self) -> bool:
        """Whether the probability reaches the operating point."""
        return self.probability >= self.threshold
