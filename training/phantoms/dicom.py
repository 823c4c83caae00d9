"""Invented patients as DICOM objects: a radiograph (CR), a CT series, an ultrasound image. No pixel is a person's."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import (
    ComputedRadiographyImageStorage,
    CTImageStorage,
    ExplicitVRLittleEndian,
    UltrasoundImageStorage,
)

from dicom_io.uids import derive_uid
from training.phantoms.ct import CtPhantom
from training.phantoms.xray import XrayPhantom

#: Stored value of 0 HU.
_CT_OFFSET = 1024


@dataclass(frozen=True, kw_only=True)
class Origin:
    """Who and what an invented study is about."""

    #: Its UIDs derive from this: equal keys give equal objects.
    key: str
    #: Study Description (0008,1030).
    description: str
    #: When it was taken; also its Study Date and Time.
    taken_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    #: Patient's Birth Date (0010,0030).
    birth_date: date = date(1960, 2, 29)

    @property
    def study_instance_uid(self) -> str:
        """Study Instance UID (0020,000D)."""
        return derive_uid("varsel-synthetic", self.key)


def radiograph(phantom: XrayPhantom, origin: Origin) -> Dataset:
    """A chest radiograph, PA (PS3.3 A.2)."""
    dataset = _common(origin, ComputedRadiographyImageStorage, modality="CR", series="PA", number=1)
    dataset.BodyPartExamined = "CHEST"
    dataset.ViewPosition = "PA"
    dataset.PatientOrientation = ["L", "F"]
    dataset.ImageType = ["ORIGINAL", "PRIMARY"]
    dataset.ImagerPixelSpacing = [phantom.spacing_mm, phantom.spacing_mm]
    dataset.PixelSpacing = [phantom.spacing_mm, phantom.spacing_mm]
    _set_pixels(dataset, phantom.pixels, bits_stored=12)
    return dataset


def ct_series(phantom: CtPhantom, origin: Origin) -> list[Dataset]:
    """Axial slices, feet to head, in the order of the phantom's z (PS3.3 A.3)."""
    return [_ct_slice(phantom, origin, index) for index in range(phantom.voxels.shape[0])]


def ultrasound(seed: int, origin: Origin) -> Dataset:
    """One grey ultrasound-like image (PS3.3 A.6): a study that no model here is meant for."""
    dataset = _common(origin, UltrasoundImageStorage, modality="US", series="Abdomen", number=1)
    dataset.ImageType = ["ORIGINAL", "PRIMARY"]
    dataset.PatientOrientation = ""
    dataset.BodyPartExamined = "ABDOMEN"
    rows, columns = np.mgrid[:240, :320]
    fan = (np.hypot(rows, columns - 160) < 230) & (np.abs(columns - 160) < rows * 0.8)
    speckle = np.random.default_rng(seed).rayleigh(45, fan.shape)
    _set_pixels(dataset, np.where(fan, np.clip(speckle, 0, 255), 0).astype(np.uint8), bits_stored=8)
    return dataset


def write_datasets(datasets: Iterable[Dataset], directory: Path) -> tuple[Path, ...]:
    """Write *datasets* as DICOM files ``0000.dcm``, ``0001.dcm`` ... in the new or existing *directory*."""
    directory.mkdir(parents=True, exist_ok=True)
    paths = []
    for number, dataset in enumerate(datasets):
        path = directory / f"{number:04}.dcm"
        dataset.save_as(path, enforce_file_format=True)
        paths.append(path)
    return tuple(paths)


def _ct_slice(phantom: CtPhantom, origin: Origin, index: int) -> Dataset:
    dataset = _common(origin, CTImageStorage, modality="CT", series="Thorax 2.5 mm", number=index + 1)
    z_mm, y_mm, x_mm = phantom.spacing_mm
    _, rows, columns = phantom.voxels.shape
    dataset.BodyPartExamined = "CHEST"
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    dataset.FrameOfReferenceUID = derive_uid("varsel-synthetic", origin.key, "frame of reference")
    dataset.PositionReferenceIndicator = ""
    dataset.PatientPosition = "HFS"
    dataset.ImagePositionPatient = [-columns * x_mm / 2, -rows * y_mm / 2, index * z_mm]
    dataset.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    dataset.PixelSpacing = [y_mm, x_mm]
    dataset.SliceThickness = z_mm
    dataset.AcquisitionNumber = 1
    dataset.KVP = "120"
    dataset.RescaleIntercept, dataset.RescaleSlope, dataset.RescaleType = -_CT_OFFSET, 1, "HU"
    _set_pixels(dataset, (phantom.voxels[index] + _CT_OFFSET).astype(np.uint16), bits_stored=16)
    return dataset


def _common(origin: Origin, sop_class_uid: str, *, modality: str, series: str, number: int) -> Dataset:
    dataset = Dataset()
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.SOPClassUID = sop_class_uid
    dataset.SOPInstanceUID = derive_uid("varsel-synthetic", origin.key, series, str(number))
    dataset.StudyInstanceUID = origin.study_instance_uid
    dataset.SeriesInstanceUID = derive_uid("varsel-synthetic", origin.key, series)
    dataset.Modality = modality
    dataset.SeriesNumber, dataset.InstanceNumber = 1, number
    dataset.StudyDescription, dataset.SeriesDescription = origin.description, series
    _set_patient(dataset, origin)
    taken_at = origin.taken_at
    for prefix in ("Study", "Series", "Acquisition", "Content"):
        setattr(dataset, f"{prefix}Date", f"{taken_at:%Y%m%d}")
        setattr(dataset, f"{prefix}Time", f"{taken_at:%H%M%S}")
    dataset.AccessionNumber = f"SYN{taken_at:%H%M%S}"
    dataset.StudyID = "1"
    dataset.ReferringPhysicianName = ""
    dataset.Manufacturer, dataset.ManufacturerModelName = "Varsel", "phantom"
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return dataset


def _set_patient(dataset: Dataset, origin: Origin) -> None:
    dataset.PatientName = "Syntetisk^Prøve"
    dataset.PatientID = "SYN-0001"
    dataset.PatientBirthDate = f"{origin.birth_date:%Y%m%d}"
    dataset.PatientSex = "O"


def _set_pixels(dataset: Dataset, pixels: npt.NDArray[Any], *, bits_stored: int) -> None:
    dataset.Rows, dataset.Columns = pixels.shape
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.BitsAllocated = pixels.dtype.itemsize * 8
    dataset.BitsStored, dataset.HighBit = bits_stored, bits_stored - 1
    dataset.PixelRepresentation = 0
    dataset.add_new("PixelData", "OB" if pixels.dtype.itemsize == 1 else "OW", pixels.tobytes())
