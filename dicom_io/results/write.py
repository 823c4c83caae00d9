"""Results to disk: built, checked, written whole or not at all, the same bytes every time."""

import hashlib
from collections.abc import Collection, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from dicom_io.durable_file import make_directory, replace_file
from dicom_io.findings import Report
from dicom_io.results.conformance import check
from dicom_io.results.draft import Draft
from dicom_io.results.drawing import Ground
from dicom_io.results.kinds import Audience, ResultKind
from dicom_io.results.picture import DrawnPicture, drawn_picture
from dicom_io.results.plan import Whole, planned
from dicom_io.results.provenance import provenance_of
from dicom_io.results.segmentation import marked
from dicom_io.results.source import SourceSeries, read_sources
from dicom_io.study import Study
from dicom_io.volume import Radiograph, Volume

#: Files written at once: each waits for its own disk most of the time.
_WRITERS = 3


@dataclass(frozen=True, kw_only=True)
class WrittenObject:
    """One result object on disk."""

    #: What it is.
    kind: ResultKind
    #: Which destinations it is for.
    audience: Audience
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
    #: Which findings it tells (`Draft.part`); empty where it tells all.
    part: str = ""


def write_results(
    report: Report,
    study: Study,
    pixels: Radiograph | Volume | None,
    profiles: Sequence[Collection[ResultKind]],
    directory: Path,
    ground: Future[Ground] | None = None,
) -> tuple[WrittenObject, ...]:
    """Build, check and write the objects of *report* for everyone, and ``picture.jpg`` for the pages.

    Args:
        report: what to say.
        study: the study that was read; the first image of the report is opened for its header.
        pixels: what was decoded for the analysis, drawn once for SC and pages; None where nothing was, and then there
            is neither.
        profiles: the kinds that each destination takes; an object that nobody takes is not made.
        directory: where the files lie, named by their UID; created when missing.
        ground: what `picture.radiograph_ground` makes of *pixels*, where somebody is making it already.

    Raises:
        ConformanceError: an object breaks a rule and was not written.
        OSError: the disk does not take it.
    """
    sources = read_sources(study, report.source_uids)
    provenance = provenance_of(report, sources)
    make_directory(directory)
    with ThreadPoolExecutor(_WRITERS) as writers:
        # Drawn and compressed while segmentation and report are built: the picture takes most of the time.
        drawing = None if pixels is None else writers.submit(drawn_picture, report, pixels, provenance.moment, ground)
        picture = None if drawing is None else writers.submit(_write_picture, drawing, directory)
        whole = Whole(report=report, provenance=provenance, sources=sources, masks=marked(report), drawing=drawing)
        written = [
            writers.submit(_write, _checked(built, sources), one.audience, directory)
            for one in planned(whole)
            if any(one.audience.includes(profile) for profile in profiles)
            for built in one.build()
        ]
        if picture is not None:
            picture.result()
        return tuple(one.result() for one in written)


def write_checked(draft: Draft, sources: SourceSeries, audience: Audience, directory: Path) -> WrittenObject:
    """One object by itself on disk.

    Raises:
        ConformanceError: it breaks a rule and was not written.
        OSError: the disk does not take it.
    """
    return _write(_checked(draft, sources), audience, directory)


def _checked(draft: Draft, sources: SourceSeries) -> Draft:
    check(draft.elements, sources)
    return draft


def _write_picture(drawing: Future[DrawnPicture], directory: Path) -> None:
    replace_file(directory / "picture.jpg", [drawing.result().jpeg])


def _write(draft: Draft, audience: Audience, directory: Path) -> WrittenObject:
    path = directory / f"{draft.heading.sop_instance_uid}.dcm"
    parts = draft.parts
    replace_file(path, parts)
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return WrittenObject(
        kind=draft.kind,
        audience=audience,
        sop_class_uid=draft.heading.sop_class_uid,
        sop_instance_uid=draft.heading.sop_instance_uid,
        series_instance_uid=draft.heading.series_instance_uid,
        path=path,
        sha256=digest.hexdigest(),
        part=draft.part,
    )
