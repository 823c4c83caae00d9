"""Small DICOM objects for tests: a CT series, a radiograph, odd files. All made up; UIDs derive from their names."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from dicom_io.uids import derive_uid

CT_IMAGE_STORAGE = "1.2.840.10008.5.1.4.1.1.2"
CR_IMAGE_STORAGE = "1.2.840.10008.5.1.4.1.1.1"
PRIVATE_STORAGE = "1.2.826.0.1.3680043.10.9999.1"
AXIAL = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)


def ct_series(
    slices: int = 5,
    *,
    size: tuple[int, int] = (16, 12),
    spacing_mm: tuple[float, float, float] = (2.5, 0.8, 0.7),
    study: str = "study-1",
    series: str = "series-1",
    patient_id: str = "PID-0001",
) -> list[Dataset]:
    """Axial CT slices, feet to head. Slice k holds -1000 HU + 10 k, and its first pixel 40 HU.

    *size* is (rows, columns), *spacing_mm* (z, y, x).
    """
    return [
        _ct_slice(index, size=size, spacing_mm=spacing_mm, study=study, series=series, patient_id=patient_id)
        for index in range(slices)
    ]


def cr_image(
    pixels: npt.NDArray[np.uint16] | None = None,
    *,
    study: str = "study-cr",
    photometric: str = "MONOCHROME2",
    bits_stored: int = 12,
    patient_id: str = "PID-0001",
) -> Dataset:
    """A chest radiograph, PA; by default 24 x 20 pixels that rise along the rows."""
    array = np.linspace(0, 4000, 24 * 20).reshape(24, 20).astype(np.uint16) if pixels is None else pixels
    dataset = _common(CR_IMAGE_STORAGE, study=study, series=f"{study}-cr", name="1", patient_id=patient_id)
    dataset.Modality = "CR"
    dataset.BodyPartExamined = "CHEST"
    dataset.ViewPosition = "PA"
    dataset.PatientOrientation = ["L", "F"]
    dataset.ImageType = ["ORIGINAL", "PRIMARY"]
    dataset.InstanceNumber = 1
    dataset.ImagerPixelSpacing = [0.15, 0.15]
    _set_pixels(dataset, array, photometric=photometric, bits_stored=bits_stored)
    return dataset


def structured_report(*, study: str = "study-1", name: str = "sr") -> Dataset:
    """An object without pixels."""
    dataset = _common(
        "1.2.840.10008.5.1.4.1.1.88.34", study=study, series=f"{study}-sr", name=name, patient_id="PID-0001"
    )
    dataset.Modality = "SR"
    dataset.InstanceNumber = 1
    return dataset


def write(datasets: Iterable[Dataset], directory: Path) -> list[Path]:
    """Write *datasets* as DICOM files named 000.dcm, 001.dcm ... and return their paths."""
    directory.mkdir(parents=True, exist_ok=True)
    paths = []
    for index, dataset in enumerate(datasets):
        path = directory / f"{index:03}.dcm"
        dataset.save_as(path, enforce_file_format=True)
        paths.append(path)
    return paths


def _ct_slice(
    index: int, *, size: tuple[int, int], spacing_mm: Sequence[float], study: str, series: str, patient_id: str
) -> Dataset:
    dataset = _common(CT_IMAGE_STORAGE, study=study, series=series, name=str(index), patient_id=patient_id)
    dataset.Modality = "CT"
    dataset.BodyPartExamined = "CHEST"
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    dataset.InstanceNumber = index + 1
    dataset.FrameOfReferenceUID = derive_uid(study, "frame of reference")
    dataset.PositionReferenceIndicator = ""
    dataset.ImagePositionPatient = [-100.0, -50.0, index * spacing_mm[0]]
    dataset.ImageOrientationPatient = list(AXIAL)
    dataset.PixelSpacing = [spacing_mm[1], spacing_mm[2]]
    dataset.SliceThickness = spacing_mm[0]
    dataset.PatientPosition = "HFS"
    dataset.KVP = "120"
    dataset.AcquisitionNumber = 1
    array = np.full(size, 24 + 10 * index, dtype=np.uint16)
    array[0, 0] = 1064
    _set_pixels(dataset, array, photometric="MONOCHROME2", bits_stored=16)
    dataset.RescaleSlope = 1
    dataset.RescaleIntercept = -1024
    dataset.RescaleType = "HU"
    return dataset


def _common(sop_class_uid: str, *, study: str, series: str, name: str, patient_id: str) -> Dataset:
    dataset = Dataset()
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.SOPClassUID = sop_class_uid
    dataset.SOPInstanceUID = derive_uid(study, series, name)
    dataset.StudyInstanceUID = derive_uid(study)
    dataset.SeriesInstanceUID = derive_uid(study, series)
    dataset.PatientName = "Sørensen^Åse"
    dataset.PatientID = patient_id
    dataset.PatientBirthDate = "19600229"
    dataset.PatientSex = "F"
    dataset.StudyDate = "20260102"
    dataset.StudyTime = "101500"
    dataset.AccessionNumber = "ACC-1"
    dataset.StudyID = "1"
    dataset.StudyDescription = "Thorax"
    dataset.ReferringPhysicianName = ""
    dataset.SeriesNumber = 1
    dataset.SeriesDescription = series
    dataset.Manufacturer = "Made up"
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID = sop_class_uid
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    return dataset


def _set_pixels(dataset: Dataset, array: npt.NDArray[np.uint16], *, photometric: str, bits_stored: int) -> None:
    dataset.Rows, dataset.Columns = array.shape
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = photometric
    dataset.BitsAllocated = 16
    dataset.BitsStored = bits_stored
    dataset.HighBit = bits_stored - 1
    dataset.PixelRepresentation = 0
    dataset.PixelData = array.astype("<u2").tobytes()
