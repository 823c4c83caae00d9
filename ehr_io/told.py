"""What one message or Bundle told: the value that every door of the record hands to whoever keeps it."""

from dataclasses import dataclass, field
from datetime import datetime

from ehr_io.events import Event
from ehr_io.receive.reading import PatientMerge, PatientReading, ResourceRefusal


@dataclass(frozen=True, kw_only=True)
class Telling:
    """All that one source says at one time; it replaces what the source said before."""

    #: ``Type/id``; personal data: never logged.
    source: str
    #: The stay that it is about; empty for the withdrawal of a source whose stay is not told.
    stay_id: str
    #: When it was said, UTC: decides between two versions, however they arrive.
    told_at: datetime
    #: Its facts; none = what it said before is withdrawn.
    events: tuple[Event, ...] = ()
    #: Whom it names as the patient; empty when it names none, or is what says whose the stay is.
    patient_id: str = ""


@dataclass(frozen=True, kw_only=True)
class Told:
    """All that one message or Bundle told."""

    #: ``hl7`` or ``fhir``.
    door: str
    #: Stay -> patient, as patient administration said; a result only names its patient.
    owners: dict[str, str] = field(default_factory=dict)
    #: Facts and withdrawals.
    tellings: tuple[Telling, ...] = ()
    #: Who the patients are.
    patients: tuple[PatientReading, ...] = ()
    #: Patients that are one.
    merges: tuple[PatientMerge, ...] = ()
    #: What was not taken, and why.
    refusals: tuple[ResourceRefusal, ...] = ()
    #: Taken as a whole or not at all: a transaction.
    is_whole: bool = False
