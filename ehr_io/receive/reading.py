"""What a FHIR Bundle said, and what of it was refused."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time
from enum import Enum

from ehr_io.errors import EhrIoError
from ehr_io.events import Event, EventKind


class RefusalCode(Enum):
    """Why a resource was refused; closed, so that it can label a metric."""

    #: Its status says that it was entered in error; what we hold from this source must be withdrawn.
    ENTERED_IN_ERROR = "entered-in-error"
    #: Its status says that it did not happen, or has not happened yet; what we hold from this source is withdrawn.
    NOT_DONE = "not-done"
    #: We read no such resource type.
    UNSUPPORTED_TYPE = "unsupported-type"
    #: None of its codes is one of ours.
    UNKNOWN_CODE = "unknown-code"
    #: The number's unit does not convert to ours.
    UNKNOWN_UNIT = "unknown-unit"
    #: The number is missing, is no number, or cannot be true of a living patient.
    IMPOSSIBLE_VALUE = "impossible-value"
    #: A time is missing, or has no time of day or no offset.
    MISSING_TIME = "missing-time"
    #: Two times cannot both be true.
    CONTRADICTORY_TIMES = "contradictory-times"
    #: A time lies in the future.
    FUTURE_TIME = "future-time"
    #: It names no patient or no stay, or names one that we cannot resolve.
    NO_REFERENCE = "no-reference"
    #: It names another patient than the stay does.
    WRONG_PATIENT = "wrong-patient"
    #: The patient was born after the admission.
    NEGATIVE_AGE = "negative-age"
    #: The same resource is twice in the Bundle.
    DUPLICATE = "duplicate"
    #: An element is missing or has the wrong shape.
    MALFORMED = "malformed"


#: Reasons that are no fault of the sender: what was sent is in order, but tells us nothing.
NO_FAULT = frozenset(
    (RefusalCode.ENTERED_IN_ERROR, RefusalCode.NOT_DONE, RefusalCode.UNSUPPORTED_TYPE, RefusalCode.UNKNOWN_CODE)
)


@dataclass(frozen=True, kw_only=True)
class ResourceRefusal:
    """One resource that was not taken."""

    #: FHIR ``Type/id``; ``entry[n]`` when it has none. Personal data: goes back to the sender only, never to logs.
    source: str
    #: Why, for machines.
    reason_code: RefusalCode
    #: What was found, what is required and the way out, for people.
    reason: str


class RefusedError(EhrIoError):
    """One resource cannot be taken; caught where the Bundle is read, and recorded."""

    def __init__(self, code: RefusalCode, reason: str) -> None:
        """Keep the closed-set *code* and the *reason* in words, without values of the patient."""
        super().__init__(reason)
        self.code = code


@dataclass(frozen=True, kw_only=True)
class PatientReading:
    """What a Patient resource said."""

    #: Logical id.
    patient_id: str
    #: FHIR ``Patient/id``.
    source: str
    #: Day of birth; the middle of the month or year where only that is told; None when not told.
    birth_date: date | None
    #: AdministrativeGender code; empty when not told.
    sex: str
    #: Death, UTC; None when not told.
    died_at: datetime | None = None

    def events(self, stay_id: str, admitted_at: datetime) -> tuple[Event, ...]:
        """The patient's facts as events of one stay; known from *admitted_at*, when identity is established."""
        facts = []
        if self.birth_date is not None:
            born = datetime.combine(self.birth_date, time(), tzinfo=UTC)
            facts.append(self._event(stay_id, "birth_date", (born, admitted_at), ""))
        if self.sex:
            facts.append(self._event(stay_id, "sex", (admitted_at, admitted_at), self.sex))
        if self.died_at is not None:
            facts.append(self._event(stay_id, "death", (self.died_at, max(self.died_at, admitted_at)), ""))
        return tuple(facts)

    def _event(self, stay_id: str, code: str, times: tuple[datetime, datetime], text: str) -> Event:
        return Event(
            stay_id=stay_id,
            source=self.source,
            kind=EventKind.PATIENT,
            code=code,
            event_time=times[0],
            known_time=times[1],
            text=text,
        )


@dataclass(frozen=True, kw_only=True)
class PatientMerge:
    """Two identities turned out to be one patient (HL7 ADT^A40, FHIR Patient.link)."""

    #: Identity that is given up.
    prior_id: str
    #: Identity that remains.
    surviving_id: str


@dataclass(frozen=True, kw_only=True)
class StayReading:
    """What an Encounter resource said of whose stay it is."""

    #: Encounter's logical id.
    stay_id: str
    #: Patient's logical id.
    patient_id: str
    #: Start of the stay, UTC.
    admitted_at: datetime


@dataclass(frozen=True, kw_only=True)
class BundleReading:
    """A Bundle, read: what is taken and what is not."""

    #: Bundle.type: transaction, batch, collection or message.
    bundle_type: str
    #: Patients in it.
    patients: tuple[PatientReading, ...]
    #: Stays in it.
    stays: tuple[StayReading, ...]
    #: All facts, in the order of event_time, then source.
    events: tuple[Event, ...]
    #: Resources that were not taken.
    refusals: tuple[ResourceRefusal, ...]
    #: One source for each entry of the Bundle, in its order; the same names as in events and refusals.
    entries: tuple[str, ...]
    #: When each source was said: ``meta.lastUpdated`` or ``issued``, else when the Bundle came.
    told_at: Mapping[str, datetime] = field(default_factory=dict)
    #: Patients that turned out to be one (Patient.link ``replaced-by``).
    merges: tuple[PatientMerge, ...] = ()
    #: Source -> the patient that it names, of those that do not say themselves whose the stay is.
    subjects: Mapping[str, str] = field(default_factory=dict)

    @property
    def rejected(self) -> tuple[ResourceRefusal, ...]:
        """Refusals of what should not have been sent; one of them lets a transaction fail as a whole."""
        return tuple(refusal for refusal in self.refusals if refusal.reason_code not in NO_FAULT)

    def without_facts(self) -> "BundleReading":
        """Only what was wrong with it, for the record of a transaction that failed as a whole."""
        return replace(self, patients=(), stays=(), events=(), merges=(), refusals=self.rejected)

    @property
    def retracted(self) -> tuple[str, ...]:
        """Sources entered in error or, by their newest version, never done: their earlier events must be withdrawn."""
        withdrawing = {RefusalCode.ENTERED_IN_ERROR, RefusalCode.NOT_DONE}
        return tuple(r.source for r in self.refusals if r.reason_code in withdrawing)

    @property
    def refused(self) -> Mapping[str, ResourceRefusal]:
        """Refusals by source."""
        return {refusal.source: refusal for refusal in self.refusals}
