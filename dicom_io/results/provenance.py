"""Who says it, of which patient and study, and when: the same in every object of one run."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from functools import cache
from importlib.metadata import version
from zoneinfo import ZoneInfo

from dicom_io.codes import Code
from dicom_io.errors import ConformanceError
from dicom_io.findings import AlgorithmIdentity, Report
from dicom_io.results.encoding import code, sequence, text, uid
from dicom_io.results.source import SourceSeries
from dicom_io.uids import derive_uid

#: The hospital's clock: results stand beside images stamped in local time, mostly without an offset.
SITE_TIMEZONE = ZoneInfo("Europe/Copenhagen")
#: Our own codes' scheme, declared in every object (PS3.3 C.12.1.1.5.1).
PRIVATE_SCHEME = "99VARSEL"

_ACQUISITION_EQUIPMENT = Code(value="109101", scheme="DCM", meaning="Acquisition Equipment")
_PROCESSING_EQUIPMENT = Code(value="109102", scheme="DCM", meaning="Processing Equipment")
_TEXT_LIMIT, _SHORT_TEXT_LIMIT = 64, 1024


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """What every object of one run has in common."""

    #: Patient and study as the source tells them: encoded elements.
    identity: tuple[bytes, ...]
    #: Which model said it.
    algorithm: AlgorithmIdentity
    #: When, on the source's clock.
    moment: datetime
    #: Contributing Equipment Sequence (0018,A001), encoded.
    contributors: bytes
    #: What UIDs of this run are derived from.
    stem: tuple[str, ...]

    def uid(self, *parts: str) -> str:
        """The UID that this run's object, series or dimension named *parts* always has."""
        return derive_uid(*self.stem, *parts)

    @property
    def date(self) -> str:
        """As DA."""
        return self.moment.strftime("%Y%m%d")

    @property
    def time(self) -> str:
        """As TM."""
        return self.moment.strftime("%H%M%S")


@dataclass(frozen=True, kw_only=True)
class Heading:
    """What tells one object from the others of its run."""

    #: SOP Class UID (0008,0016).
    sop_class_uid: str
    #: SOP Instance UID (0008,0018).
    sop_instance_uid: str
    #: Series Instance UID (0020,000E): each object lies in a series of its own, but presentation states in one.
    series_instance_uid: str
    #: Modality (0008,0060).
    modality: str
    #: Series Number (0020,0011), high, so that results stand below the images.
    series_number: int
    #: Series Description (0008,103E), begins with AI.
    description: str
    #: Instance Number (0020,0013) in its series.
    instance_number: int = 1


def heading(
    provenance: Provenance, sop_class_uid: str, modality: str, series: tuple[int, str], name: Iterable[str]
) -> Heading:
    """The heading of the object named *name* in its run; *series* is number and description."""
    number, description = series
    parts = tuple(name)
    return Heading(
        sop_class_uid=sop_class_uid,
        sop_instance_uid=provenance.uid(*parts),
        series_instance_uid=provenance.uid(*parts, "series"),
        modality=modality,
        series_number=number,
        description=description[:_TEXT_LIMIT],
    )


def provenance_of(report: Report, sources: SourceSeries) -> Provenance:
    """What the objects of *report* have in common.

    Raises:
        ConformanceError: *created_at* is not an ISO 8601 time with an offset.
    """
    moment = local_time(report.created_at, sources.text("TimezoneOffsetFromUTC"))
    return Provenance(
        identity=sources.identity,
        algorithm=report.algorithm,
        moment=moment,
        contributors=sequence(0x0018A001, *_acquisition(sources), own_contribution(report.algorithm)),
        stem=run_stem(report),
    )


def run_stem(report: Report) -> tuple[str, ...]:
    """What tells one run from every other: study, release and generation."""
    return (report.study_instance_uid, report.algorithm.digest, str(report.generation))


def general_elements(heading: Heading, provenance: Provenance) -> tuple[bytes, ...]:
    """Patient, study, series, equipment and SOP Common modules (PS3.3 C.7.1 to C.7.5, C.12.1)."""
    algorithm, date, time = provenance.algorithm, provenance.date, provenance.time
    return (
        *provenance.identity,
        text(0x00080005, "CS", "ISO_IR 192"),
        *(text(tag, "DA", date) for tag in (0x00080012, 0x00080021)),
        *(text(tag, "TM", time) for tag in (0x00080013, 0x00080031)),
        uid(0x00080016, heading.sop_class_uid),
        uid(0x00080018, heading.sop_instance_uid),
        text(0x00080060, "CS", heading.modality),
        text(0x00080070, "LO", algorithm.manufacturer[:_TEXT_LIMIT]),
        _coding_schemes(),
        text(0x0008103E, "LO", heading.description),
        text(0x00081090, "LO", algorithm.name[:_TEXT_LIMIT]),
        text(0x00181000, "LO", algorithm.digest[:16]),
        text(0x00181020, "LO", algorithm.version[:_TEXT_LIMIT]),
        provenance.contributors,
        uid(0x0020000E, heading.series_instance_uid),
        text(0x00200011, "IS", str(heading.series_number)),
        text(0x00200013, "IS", str(heading.instance_number)),
    )


def content_time(provenance: Provenance) -> tuple[bytes, bytes]:
    """Content Date and Time (0008,0023), (0008,0033)."""
    return text(0x00080023, "DA", provenance.date), text(0x00080033, "TM", provenance.time)


def own_contribution(algorithm: AlgorithmIdentity) -> bytes:
    """This software as an item of Contributing Equipment Sequence: processing (109102, DCM)."""
    return b"".join(
        (
            text(0x00080070, "LO", algorithm.manufacturer[:_TEXT_LIMIT]),
            text(0x00081090, "LO", "Varsel"),
            text(0x00181000, "LO", algorithm.digest[:16]),
            text(0x00181020, "LO", _own_version()),
            text(0x0018A003, "ST", f"AI analysis by {algorithm.name} {algorithm.version}"[:_SHORT_TEXT_LIMIT]),
            code(0x0040A170, _PROCESSING_EQUIPMENT),
        )
    )


def local_time(created_at: str, offset: str) -> datetime:
    """When the analysis was made, on the source's clock: its own *offset* when it states one, else the hospital's.

    Raises:
        ConformanceError: *created_at* is not an ISO 8601 time with an offset.
    """
    try:
        moment = datetime.fromisoformat(created_at)
    except ValueError:
        moment = datetime.min  # noqa: DTZ901 (naive on purpose: refused below)
    if moment.tzinfo is None:
        raise ConformanceError(f"created_at is '{created_at}'; required: ISO 8601 with offset, fixed once a report")
    return moment.astimezone(_offset(offset) or SITE_TIMEZONE)


def _acquisition(sources: SourceSeries) -> list[bytes]:
    """What took the images, (109101, DCM); nothing where the source does not name its manufacturer."""
    manufacturer = sources.text("Manufacturer")
    if not manufacturer:
        return []
    model, station = sources.text("ManufacturerModelName"), sources.text("StationName")
    told = (
        text(0x00080070, "LO", manufacturer),
        text(0x00081010, "SH", station) if station else b"",
        text(0x00081090, "LO", model) if model else b"",
        text(0x0018A003, "ST", "Acquisition equipment of the source image(s)"),
        code(0x0040A170, _ACQUISITION_EQUIPMENT),
    )
    return [b"".join(told)]


@cache
def _coding_schemes() -> bytes:
    """Coding Scheme Identification Sequence (0008,0110): what 99VARSEL is."""
    return sequence(
        0x00080110,
        text(0x00080102, "SH", PRIVATE_SCHEME)
        + text(0x00080115, "ST", "Varsel private codes")
        + text(0x00080116, "ST", "Varsel"),
    )


@cache
def _own_version() -> str:
    return version("varsel")


def _offset(text: str) -> timezone | None:
    """``+0100`` (PS3.3 C.12.1.1.8) as a time zone; None when absent or malformed."""
    if len(text) != 5 or text[0] not in "+-" or not text[1:].isdecimal():
        return None
    span = timedelta(hours=int(text[1:3]), minutes=int(text[3:]))
    return timezone(-span if text[0] == "-" else span)
