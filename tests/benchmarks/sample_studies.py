"""What is sent: one phantom of each kind, under new identifiers every time."""

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import JPEG2000Lossless

from dicom_io.uids import derive_uid
from training.phantoms.ct import ct_phantom
from training.phantoms.dicom import Origin, ct_series, radiograph, write_datasets
from training.phantoms.xray import xray_phantom

_XRAY_SIZE = (2000, 2000)
_CT_SHAPE, _CT_SPACING_MM = (40, 512, 512), (2.5, 0.7, 0.7)


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One row of the table."""

    #: As the table names it.
    name: str
    #: The instances of one study.
    datasets: tuple[Dataset, ...]


def samples(*, plain: bool) -> tuple[Sample, ...]:
    """A radiograph, the same as JPEG 2000, and a CT; unless *plain*, with nodules denser than anything else."""
    xray = xray_phantom(3, opacity=True, size_px=_XRAY_SIZE)
    uncompressed = radiograph(xray, Origin(key="xray", description="Thorax"))
    compressed = radiograph(xray, Origin(key="xray j2k", description="Thorax"))
    compressed.compress(JPEG2000Lossless)
    return (
        Sample(name="X-ray 2000 x 2000", datasets=(uncompressed,)),
        Sample(name="X-ray 2000 x 2000, JPEG 2000", datasets=(compressed,)),
        Sample(name="CT 40 x 512 x 512", datasets=_ct(plain=plain)),
    )


def write_fresh(sample: Sample, directory: Path, number: str) -> tuple[str, Sequence[Path]]:
    """The *sample* as a study that nobody has seen: its Study Instance UID and its files."""
    study_uid = derive_uid("bench", sample.name, number)
    fresh = [_renamed(dataset, study_uid) for dataset in sample.datasets]
    return study_uid, write_datasets(fresh, directory)


def _ct(*, plain: bool) -> tuple[Dataset, ...]:
    phantom = ct_phantom(5, nodules=3, shape=_CT_SHAPE, spacing_mm=_CT_SPACING_MM)
    if not plain:
        # What stands in for a model (quick_releases.py) finds what is denser than any tissue.
        voxels = np.where(phantom.mask, 900, np.minimum(phantom.voxels, 150)).astype(phantom.voxels.dtype)
        phantom = type(phantom)(
            voxels=voxels, spacing_mm=phantom.spacing_mm, mask=phantom.mask, diameters_mm=phantom.diameters_mm
        )
    return tuple(ct_series(phantom, Origin(key="ct", description="CT thorax")))


def _renamed(dataset: Dataset, study_uid: str) -> Dataset:
    fresh = copy(dataset)
    fresh.StudyInstanceUID = study_uid
    fresh.SeriesInstanceUID = derive_uid(study_uid, dataset.SeriesInstanceUID)
    fresh.SOPInstanceUID = derive_uid(study_uid, dataset.SOPInstanceUID)
    fresh.file_meta = FileMetaDataset()
    fresh.file_meta.TransferSyntaxUID = dataset.file_meta.TransferSyntaxUID
    return fresh
