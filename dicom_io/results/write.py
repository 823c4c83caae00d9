"""Results to disk: built, checked, written whole or not at all, the same bytes every time."""

import hashlib
import io
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pydicom.dataset import Dataset

from dicom_io.findings import Report
from dicom_io.results.conformance import check
from dicom_io.results.drawing import to_jpeg
from dicom_io.results.kinds import ResultKind
from dicom_io.results.measurement_groups import place_of
from dicom_io.results.measurement_report import measurement_report
from dicom_io.results.picture import DrawnPicture, drawn_picture
from dicom_io.results.provenance import local_time
from dicom_io.results.secondary_capture import secondary_capture
from dicom_io.results.segmentation import segmentation
from dicom_io.results.source import SourceSeries, read_sources
from dicom_io.study import Study
from dicom_io.volume import Radiograph, Volume


@dataclass(frozen=True, kw_only=True)
class WrittenObject:
    """One result object on disk."""

    #: What it is.
    kind: ResultKind
    #: SOP Class UID (0008,0016).
    sop_class_uid: str
    #: SOP Instance UID (0008,0018).
    sop_instance_uid: str
    #: Series Instance UID (0020,000E).
    series_instance_uid: str
    #: Its DICOM file (PS3.10).
    path: Path
    #: SHA-256 of the file, 64 hexadecimal digits.
    sha256: str


def write_results(
    report: Report,
    study: Study,
    pixels: Radiograph | Volume | None,
    profile: Sequence[ResultKind],
    directory: Path,
) -> tuple[WrittenObject, ...]:
    """Build, check and write the objects of *report* that *profile* asks for, and ``picture.jpg`` for the pages.

    Args:
        report: what to say.
        study: the study that was read; the first image of the report is opened for its header.
        pixels: what was decoded for the analysis, drawn once for SC and pages; None where nothing was, and then there
            is neither.
        profile: kinds to write. Without SEG, findings with a mask are told in the SR without their place.
        directory: where the files lie, named by their UID; created when missing.

    Raises:
        ConformanceError: an object breaks a rule and was not written.
        OSError: the disk does not take it.
    """
    sources = read_sources(study, report.source_uids)
    directory.mkdir(parents=True, exist_ok=True)
    drawn = None if pixels is None else drawn_picture(report, pixels, local_time(report, sources.header))
    if drawn is not None:
        _replace_file(directory / "picture.jpg", to_jpeg(drawn.rgb))
    written = []
    for kind, dataset in _objects(report, sources, drawn, profile):
        # Encoded first: looking into a report parses what was encoded already.
        content = _encoded(dataset)
        check(dataset, sources)
        written.append(_write(kind, dataset, content, directory))
    return tuple(written)


def split_by_place(report: Report) -> tuple[Report, ...]:
    """*report* as one report for each way its findings are placed, since one SR holds only one."""
    places = {place_of(finding): None for finding in report.findings}
    if len(places) < 2:
        return (report,)
    return tuple(
        replace(report, findings=tuple(one for one in report.findings if place_of(one) is place)) for place in places
    )


def _objects(
    report: Report, sources: SourceSeries, drawn: DrawnPicture | None, profile: Sequence[ResultKind]
) -> Iterator[tuple[ResultKind, Dataset]]:
    """SEG before the SR that refers to it, so that a viewer finds it when the SR arrives."""
    if ResultKind.SEG in profile:
        masks = segmentation(report, sources)
        if masks is not None:
            yield ResultKind.SEG, masks
    if ResultKind.SR in profile:
        told = report if ResultKind.SEG in profile else _without_segments(report)
        for part in split_by_place(told):
            yield ResultKind.SR, measurement_report(part, sources)
    # A picture of nothing is clutter beside an SR that says so, and the only word where no SR is taken.
    if ResultKind.SC in profile and drawn is not None and (report.findings or ResultKind.SR not in profile):
        yield ResultKind.SC, secondary_capture(report, drawn, sources)


def _without_segments(report: Report) -> Report:
    return replace(report, findings=tuple(replace(one, segment=None) for one in report.findings))


def _encoded(dataset: Dataset) -> memoryview:
    """The dataset as a DICOM file."""
    buffer = io.BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getbuffer()


def _write(kind: ResultKind, dataset: Dataset, content: memoryview, directory: Path) -> WrittenObject:
    path = directory / f"{dataset.SOPInstanceUID}.dcm"
    _replace_file(path, content)
    return WrittenObject(
        kind=kind,
        sop_class_uid=str(dataset.SOPClassUID),
        sop_instance_uid=str(dataset.SOPInstanceUID),
        series_instance_uid=str(dataset.SeriesInstanceUID),
        path=path,
        sha256=hashlib.sha256(content).hexdigest(),
    )


def _replace_file(path: Path, content: bytes | memoryview) -> None:
    """Whole or not at all, and on disk when this returns."""
    partial = path.with_suffix(".part")
    with partial.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)
