"""What was said of a study, as it is told to the RIS and the record; never more than preliminary."""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from ehr_io.risks import ModelIdentity


class ResultStatus(Enum):
    """Where a result stands in its life."""

    #: Said by a model, not seen by a person yet.
    PRELIMINARY = "preliminary"
    #: Takes the place of what was said before.
    CORRECTED = "corrected"


class Answer(Enum):
    """The answers that are told; a case that failed tells none."""

    #: Analysed, something found.
    FINDING = "finding"
    #: Analysed, nothing found.
    NO_FINDING = "no_finding"
    #: Not analysed, with a reason.
    NOT_ANALYSED = "not_analysed"


@dataclass(frozen=True, kw_only=True)
class CodedConcept:
    """One coded concept (PS3.3 8.8)."""

    #: Code Value.
    value: str
    #: Coding Scheme Designator: ``SCT``, ``DCM``, ``UCUM`` or ``99VARSEL``.
    scheme: str
    #: What it means, English.
    meaning: str


@dataclass(frozen=True, kw_only=True)
class ImagingMeasurement:
    """One number about a finding."""

    #: What was measured.
    concept: CodedConcept
    #: The number.
    value: float
    #: UCUM unit.
    unit: str


@dataclass(frozen=True, kw_only=True)
class ImagingFinding:
    """One finding."""

    #: Label key of the model, e.g. ``opacity``.
    label: str
    #: What it is.
    concept: CodedConcept
    #: For people, in the site's language.
    text: str
    #: Calibrated probability and the operating point it was compared with, 0 to 1.
    probability: float
    threshold: float
    #: Further numbers.
    measurements: tuple[ImagingMeasurement, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Urgency:
    """A wish that the study be read sooner. It can only raise: without one, nothing is said of priority."""

    #: Why, for the person who reads the list.
    reason: str
    #: The wish is void from then on.
    expires_at: datetime


@dataclass(frozen=True, kw_only=True)
class ImagingResult:
    """One model's answer on one study."""

    #: The same for every telling of this model about this study, at most 64 characters of a UID.
    id: str
    #: Where it stands.
    status: ResultStatus
    #: The answer.
    answer: Answer
    #: Why not analysed; empty otherwise.
    reason: str
    #: As in the study's header; personal data.
    patient_id: str
    patient_name: str
    #: Accession Number; empty when the study bears none.
    accession_number: str
    #: Study Instance UID.
    study_instance_uid: str
    #: Study Date as ``YYYYMMDD``; empty when absent.
    study_date: str
    #: SOP Instance UID of the report in the archive; empty when there is none.
    report_uid: str
    #: Who says it.
    model: ModelIdentity
    #: Strongest first.
    findings: tuple[ImagingFinding, ...]
    #: When it was said, UTC.
    said_at: datetime
    #: Language of texts: ``da`` or ``en``.
    language: str
    #: A wish to be read sooner; None for none.
    urgency: Urgency | None = None
