"""Who says it: algorithm, device, equipment, identifiers and times, the same in every kind of result."""

from datetime import datetime, timedelta, timezone
from functools import cache
from importlib.metadata import version
from zoneinfo import ZoneInfo

import highdicom as hd
from highdicom.coding_schemes import CodingSchemeIdentificationItem
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes

from dicom_io.codes import Code
from dicom_io.errors import ConformanceError
from dicom_io.findings import AlgorithmIdentity, Report
from dicom_io.results.source import SourceSeries, copy_patient_and_study
from dicom_io.uids import derive_uid

#: The hospital's clock: results stand beside images stamped in local time, mostly without an offset.
SITE_TIMEZONE = ZoneInfo("Europe/Copenhagen")
#: Our own codes' scheme, declared in every object (PS3.3 C.12.1.1.5.1).
PRIVATE_SCHEME = "99VARSEL"


def concept(code: Code) -> hd.sr.CodedConcept:
    """*code* as highdicom's coded concept."""
    return hd.sr.CodedConcept(value=code.value, scheme_designator=code.scheme, meaning=code.meaning)


def object_uid(report: Report, *parts: str) -> str:
    """The UID that this report's object, series or dimension named *parts* always has."""
    return derive_uid(report.study_instance_uid, report.algorithm.digest, str(report.generation), *parts)


def segment_algorithm(algorithm: AlgorithmIdentity) -> hd.AlgorithmIdentificationSequence:
    """Segmentation Algorithm Identification Sequence (0062,0007)."""
    return hd.AlgorithmIdentificationSequence(
        name=algorithm.name,
        version=algorithm.version,
        source=algorithm.manufacturer,
        family=codes.cid7162.ArtificialIntelligence,
        parameters={"model_sha256": algorithm.digest},
    )


def equipment(algorithm: AlgorithmIdentity) -> dict[str, str]:
    """General Equipment attributes (PS3.3 C.7.5.1) as arguments of a highdicom object."""
    return {
        "manufacturer": algorithm.manufacturer,
        "manufacturer_model_name": algorithm.name,
        "software_versions": algorithm.version,
        "device_serial_number": algorithm.digest[:16],
    }


def contributing_equipment(report: Report) -> list[hd.ContributingEquipment]:
    """Contributing Equipment Sequence (0018,A001): this software, processing (109102, DCM)."""
    return [
        hd.ContributingEquipment(
            manufacturer=report.algorithm.manufacturer,
            purpose_of_reference=codes.DCM.ProcessingEquipment,
            manufacturer_model_name="Varsel",
            software_versions=_own_version(),
            device_serial_number=report.algorithm.digest[:16],
            contribution_description=f"AI analysis by {report.algorithm.name} {report.algorithm.version}"[:1024],
        )
    ]


def acquisition_equipment(sources: SourceSeries) -> list[hd.ContributingEquipment]:
    """What took the images, (109101, DCM); nothing where the source does not name its manufacturer."""
    header = sources.header
    if not header.get("Manufacturer"):
        return []
    return [
        hd.ContributingEquipment(
            manufacturer=header.Manufacturer,
            purpose_of_reference=codes.DCM.AcquisitionEquipment,
            manufacturer_model_name=header.get("ManufacturerModelName"),
            station_name=header.get("StationName"),
            contribution_description="Acquisition equipment of the source image(s)",
        )
    ]


def coding_schemes() -> list[CodingSchemeIdentificationItem]:
    """Coding Scheme Identification Sequence (0008,0110): what 99VARSEL is."""
    return [
        CodingSchemeIdentificationItem(
            designator=PRIVATE_SCHEME, name="Varsel private codes", responsible_organization="Varsel"
        )
    ]


def local_time(report: Report, header: Dataset) -> datetime:
    """When the analysis was made, on the source's clock: its own offset when it states one, else the hospital's.

    Raises:
        ConformanceError: *created_at* is not an ISO 8601 time with an offset.
    """
    try:
        moment = datetime.fromisoformat(report.created_at)
    except ValueError:
        moment = datetime.min  # noqa: DTZ901 (naive on purpose: refused below)
    if moment.tzinfo is None:
        raise ConformanceError(
            f"created_at is '{report.created_at}'; required: ISO 8601 with offset, fixed once a report"
        )
    return moment.astimezone(_offset(str(header.get("TimezoneOffsetFromUTC", ""))) or SITE_TIMEZONE)


def finish(dataset: Dataset, report: Report, sources: SourceSeries) -> None:
    """Copy patient and study, and replace what highdicom took from the clock: equal reports give equal bytes."""
    moment = local_time(report, sources.header)
    date, time = moment.strftime("%Y%m%d"), moment.strftime("%H%M%S")
    copy_patient_and_study(sources.header, dataset)
    dataset.InstanceCreationDate, dataset.InstanceCreationTime = date, time
    dataset.SeriesDate, dataset.SeriesTime = date, time
    dataset.ContentDate, dataset.ContentTime = date, time
    if "DateOfSecondaryCapture" in dataset:
        dataset.DateOfSecondaryCapture, dataset.TimeOfSecondaryCapture = date, time
    for item in dataset.ContributingEquipmentSequence:
        if item.get("ManufacturerModelName") == "highdicom":
            item.ContributionDateTime = date + time


@cache
def _own_version() -> str:
    return version("varsel")


def _offset(text: str) -> timezone | None:
    """``+0100`` (PS3.3 C.12.1.1.8) as a time zone; None when absent or malformed."""
    if len(text) != 5 or text[0] not in "+-" or not text[1:].isdecimal():
        return None
    span = timedelta(hours=int(text[1:3]), minutes=int(text[3:]))
    return timezone(-span if text[0] == "-" else span)
