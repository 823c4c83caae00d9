"""What the pages show, one frozen value a row."""

from dataclasses import dataclass
from datetime import datetime

from dicom_io.findings import Outcome
from serving.work.item import DeliveryState, State


@dataclass(frozen=True, kw_only=True)
class FindingRow:
    """One finding, as said."""

    #: Words for people, in the site's language.
    text: str
    #: Calibrated probability, 0 to 1.
    probability: float
    #: Operating point it was compared with, 0 to 1.
    threshold: float
    #: (concept, value, unit) of each measurement.
    measurements: tuple[tuple[str, float, str], ...]
    #: Whether it has a place on an image.
    has_place: bool


@dataclass(frozen=True, kw_only=True)
class DeliveryRow:
    """One work item's objects to one destination."""

    #: Name in the settings.
    destination: str
    #: Where it stands.
    state: DeliveryState
    #: How often it was tried.
    attempts: int
    #: Why it waits or was put aside; empty otherwise.
    reason: str
    #: When the destination had everything; None until then.
    accepted_at: datetime | None
    #: Number of objects.
    object_count: int
    #: Whether it takes back what was said.
    is_withdrawal: bool = False


@dataclass(frozen=True, kw_only=True)
class CaseRow:
    """One work item with the study or stay that it is about."""

    #: Work item id.
    work_item_id: str
    #: ``imaging`` or ``stay``.
    kind: str
    #: Study Instance UID or stay id.
    case_id: str
    #: Which generation of the input.
    generation: int
    #: Who it is about; for people who look at the page, never for logs.
    patient_name: str
    patient_id: str
    #: Accession Number; the ward for a stay.
    reference: str
    #: Study Description; empty for a stay.
    description: str
    #: Modalities in Study; empty for a stay.
    modalities: str
    #: Model, version and release digest; empty where no rule matched.
    model: str
    model_version: str
    release_digest: str
    #: Where the work stands.
    state: State
    #: The answer; None until there is one.
    outcome: Outcome | None
    #: Why not analysed, failed or waiting; empty otherwise.
    reason_code: str
    reason: str
    #: How often it was tried.
    attempts: int
    #: When its last instance or event came.
    received_at: datetime
    #: When it ended; None until then.
    finished_at: datetime | None
    #: Stage -> seconds.
    timings: dict[str, float]
    #: Label text -> probability, also of those below the operating point.
    scores: dict[str, float]
    #: What was found.
    findings: tuple[FindingRow, ...] = ()
    #: Where it was sent.
    deliveries: tuple[DeliveryRow, ...] = ()

    @property
    def seconds_to_stored(self) -> float | None:
        """Seconds from the last input received to the result stored; None until then, and for stays.

        A stay is scored as of T, which may lie long before its feed told us of it.
        """
        timed = self.timings.get("received_to_stored")
        if timed is not None or self.finished_at is None or self.kind == "stay":
            return timed
        return (self.finished_at - self.received_at).total_seconds()


@dataclass(frozen=True, kw_only=True)
class ArrivingRow:
    """A study that instances are still awaited for."""

    #: Study Instance UID.
    case_id: str
    #: Who it is about.
    patient_name: str
    patient_id: str
    #: Accession Number.
    reference: str
    #: Study Description.
    description: str
    #: Modalities in Study.
    modalities: str
    #: Instances kept so far.
    instances: int
    #: When the newest came.
    last_arrival_at: datetime


@dataclass(frozen=True, kw_only=True)
class HistoryRow:
    """One change of a work item's state."""

    #: When.
    at: datetime
    #: Into which state.
    state: str
    #: Why, in a sentence; may be empty.
    detail: str


@dataclass(frozen=True, kw_only=True)
class ReasonRow:
    """One contribution to a risk."""

    #: Feature name in the manifest.
    feature: str
    #: Signed contribution to the log-odds.
    contribution: float
    #: The feature's value; None when not measured.
    value: float | None
    #: When its newest event was; None when not measured.
    measured_at: datetime | None
    #: How many features it stands for.
    members: int = 1


@dataclass(frozen=True, kw_only=True)
class RiskRow:
    """The newest risk of one stay, with the ones before it."""

    #: Work item that computed it.
    work_item_id: str
    #: Stay and patient.
    stay_id: str
    patient_id: str
    patient_name: str
    ward: str
    #: Model, version and digest that said it.
    model: str
    model_version: str
    release_digest: str
    #: The T of "as of T".
    as_of: datetime
    #: Calibrated probability, 0 to 1, and the operating point.
    probability: float
    threshold: float
    #: Hours after T that it speaks of.
    horizon_hours: float
    #: Strongest first.
    reasons: tuple[ReasonRow, ...]
    #: Probabilities of this stay and model up to now, oldest first.
    trend: tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class RefusalRow:
    """One thing refused at a door."""

    #: When.
    at: datetime
    #: ``dicom`` or ``fhir``.
    door: str
    #: Closed set.
    reason_code: str
    #: Why, and what to do.
    reason: str
    #: Sender.
    source: str
    #: Study or stay, when it was known; else empty.
    case_id: str


@dataclass(frozen=True, kw_only=True)
class CaseFilter:
    """Which cases to show; an empty field shows all."""

    #: Outcome value.
    outcome: str = ""
    #: State value.
    state: str = ""
    #: Part of name, id, accession number, description or model, in any letter case.
    text: str = ""
    #: 1 is the newest page.
    page: int = 1


@dataclass(frozen=True, kw_only=True)
class Tally:
    """How many cases have which answer."""

    #: Outcome value -> number.
    outcomes: dict[str, int]
    #: Work items without an answer yet.
    in_work: int
    #: Studies still arriving.
    arriving: int
