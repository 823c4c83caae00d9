"""One of each result object, of nobody, written and thrown away before the first study comes.

What pydicom and Pillow look up when they are first used (fonts, element tables, codecs) costs some tenths of a second.
A process that has rehearsed gives its first patient the same speed as its second.
"""

import tempfile
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

from dicom_io.codes import LUNG, Code
from dicom_io.findings import AlgorithmIdentity, Finding, Outcome, Region, Report, Segment
from dicom_io.headers import assemble_study, read_header
from dicom_io.results.kinds import ResultKind
from dicom_io.results.write import WrittenObject, write_results
from dicom_io.study import Study
from dicom_io.uids import derive_uid
from dicom_io.volume import Volume

_SLICES, _SIZE = 2, 64
_AXIAL = (1, 0, 0, 0, 1, 0)


def rehearse() -> None:
    """Write SEG, both kinds of SR and SC of an empty CT into a directory that is gone when this returns.

    Raises:
        OSError: there is no room for temporary files.
    """
    with tempfile.TemporaryDirectory() as scratch:
        write_rehearsal(Path(scratch), [(ResultKind.SR, ResultKind.SEG, ResultKind.SC)])


def write_rehearsal(directory: Path, profiles: Sequence[Collection[ResultKind]]) -> tuple[WrittenObject, ...]:
    """Write what destinations with these *profiles* would get of the empty CT, below *directory*.

    Raises:
        OSError: the disk does not take it.
    """
    study = _study(directory)
    uids = tuple(instance.sop_instance_uid for instance in study.instances)
    volume = Volume(
        voxels=np.zeros((_SLICES, _SIZE, _SIZE), dtype=np.float32),
        spacing_mm=(1.0, 1.0, 1.0),
        affine=np.eye(4),
        sop_instance_uids=uids,
        series_instance_uid=study.series[0].series_instance_uid,
    )
    return write_results(_report(study, uids), study, volume, profiles, directory / "results")


def _study(directory: Path) -> Study:
    paths = [directory / f"{number}.dcm" for number in range(_SLICES)]
    for number, path in enumerate(paths):
        _slice(number).save_as(path, enforce_file_format=True)
    return assemble_study(read_header(path) for path in paths)


def _slice(number: int) -> Dataset:
    dataset = Dataset()
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.SOPClassUID = CTImageStorage
    dataset.SOPInstanceUID = derive_uid("rehearsal", "instance", str(number))
    dataset.StudyInstanceUID = derive_uid("rehearsal", "study")
    dataset.SeriesInstanceUID = derive_uid("rehearsal", "series")
    dataset.FrameOfReferenceUID = derive_uid("rehearsal", "frame of reference")
    dataset.Modality, dataset.InstanceNumber = "CT", number + 1
    dataset.Rows = dataset.Columns = _SIZE
    dataset.PixelSpacing, dataset.SliceThickness = [1, 1], 1
    dataset.ImagePositionPatient, dataset.ImageOrientationPatient = [0, 0, number], list(_AXIAL)
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return dataset


def _report(study: Study, uids: tuple[str, ...]) -> Report:
    mask = np.zeros((_SLICES, _SIZE, _SIZE), dtype=np.bool_)
    mask[0, 8:16, 8:16] = True
    square = ((8.0, 8.0), (16.0, 8.0), (16.0, 16.0), (8.0, 16.0), (8.0, 8.0))
    return Report(
        study_instance_uid=study.study_instance_uid,
        generation=1,
        outcome=Outcome.FINDING,
        algorithm=AlgorithmIdentity(name="rehearsal", version="0", digest="0" * 64),
        findings=(
            _finding(1, segment=Segment(mask=mask, sop_instance_uids=uids)),
            _finding(2, region=Region(sop_instance_uid=uids[0], polygon=square)),
        ),
        source_uids=uids,
        scores={},
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def _finding(number: int, *, segment: Segment | None = None, region: Region | None = None) -> Finding:
    return Finding(
        key=f"rehearsal-{number}",
        label="rehearsal",
        concept=Code(value="27925004", scheme="SCT", meaning="Nodule"),
        site=LUNG,
        text=f"Rehearsal {number}",
        tracking_uid=derive_uid("rehearsal", "finding", str(number)),
        probability=0.5,
        threshold=0.5,
        segment=segment,
        region=region,
    )
