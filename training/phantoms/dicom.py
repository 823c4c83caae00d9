"""Phantoms as DICOM objects (PS3.10 files, Explicit VR Little Endian) of invented patients.

Every identifier begins with ``SYN-`` and every UID derives from the seed, so that the same seed is the same study.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ComputedRadiographyImageStorage, CTImageStorage, ExplicitVRLittleEndian

from dicom_io.uids import derive_uid
from training.phantoms.ct import CtPhantom
from training.phantoms.xray import XrayPhantom

_FAMILY_NAMES = ("Prøvesen", "Testgård", "Fantomsen", "Øvelund", "Attrapsen", "Eksempelby")
_GIVEN_NAMES_F = ("Åse", "Karen", "Signe", "Ingrid", "Mette", "Bodil")
_GIVEN_NAMES_M = ("Bjørn", "Søren", "Niels", "Jørgen", "Aksel", "Henrik")
#: The day of the first study; later seeds lie minutes later.
_EPOCH = datetime(2026, 1, 5, 7, 0, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class TestPatient:
    """An invented person."""

    #: Not collected by pytest, in spite of its name.
    __test__ = False

    #: Patient ID (0010,0020), e.g. ``SYN-000123``.
    patient_id: str
    #: Patient's Name (0010,0010), family and given name.
    name: str
    #: Patient's Sex (0010,0040).
    sex: str
    #: Patient's Birth Date (0010,0030).
    birth_date: date


def invented_patient(seed: int) -> TestPatient:
    """The invented adult of *seed*."""
    rng = np.random.default_rng((seed, 4))
    sex = str(rng.choice(["F", "M"]))
    given = str(rng.choice(_GIVEN_NAMES_F if sex == "F" else _GIVEN_NAMES_M))
    return TestPatient(
        patient_id=f"SYN-{seed % 1_000_000:06d}",
        name=f"{rng.choice(_FAMILY_NAMES)}^{given}",
        sex=sex,
        birth_date=date(1936, 1, 1) + timedelta(days=int(rng.integers(0, 365 * 65))),
    )


def write_xray(path: Path, phantom: XrayPhantom, seed: int, patient: TestPatient | None = None) -> Path:
    """Write *phantom* as a CR image (PS3.3 A.2) to the file *path* and give it back."""
    dataset = _header(ComputedRadiographyImageStorage, seed, patient or invented_patient(seed), "CR")
    dataset.StudyDescription = "Thorax"
    dataset.SeriesDescription = "Thorax PA"
    dataset.ViewPosition = "PA"
    dataset.PatientOrientation = ["L", "F"]
    dataset.ImagerPixelSpacing = [_number(phantom.spacing_mm)] * 2
    dataset.ImageType = ["ORIGINAL", "PRIMARY"]
    dataset.InstanceNumber = 1
    dataset.SOPInstanceUID = derive_uid("phantom", "CR", str(seed), "instance", "1")
    _pixels(dataset, phantom.pixels, stored_bits=12)
    dataset.WindowCenter, dataset.WindowWidth = 2048, 4096
    dataset.RescaleIntercept, dataset.RescaleSlope, dataset.RescaleType = 0, 1, "US"
    path.parent.mkdir(parents=True, exist_ok=True)
    return _save(dataset, path)


def write_ct(directory: Path, phantom: CtPhantom, seed: int, patient: TestPatient | None = None) -> tuple[Path, ...]:
    """Write *phantom* as a CT series (PS3.3 A.3), one file a slice, into *directory*; feet first."""
    directory.mkdir(parents=True, exist_ok=True)
    person = patient or invented_patient(seed)
    return tuple(_save(dataset, directory / f"{number:04d}.dcm") for number, dataset in _slices(phantom, seed, person))


def _slices(phantom: CtPhantom, seed: int, patient: TestPatient) -> Iterator[tuple[int, Dataset]]:
    depth, rows, columns = phantom.voxels.shape
    z_step, y_step, x_step = phantom.spacing_mm
    for index in range(depth):
        dataset = _header(CTImageStorage, seed, patient, "CT")
        dataset.StudyDescription = "CT thorax"
        dataset.SeriesDescription = "Thorax 2.5 mm"
        dataset.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
        dataset.InstanceNumber = index + 1
        dataset.SOPInstanceUID = derive_uid("phantom", "CT", str(seed), "instance", str(index + 1))
        dataset.FrameOfReferenceUID = derive_uid("phantom", "CT", str(seed), "frame of reference")
        dataset.PositionReferenceIndicator = ""
        corner = (-(columns - 1) / 2 * x_step, -(rows - 1) / 2 * y_step, (index - (depth - 1) / 2) * z_step)
        dataset.ImagePositionPatient = [_number(value) for value in corner]
        dataset.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
        dataset.PixelSpacing = [_number(y_step), _number(x_step)]
        dataset.SliceThickness = _number(z_step)
        dataset.KVP = 120
        dataset.PatientPosition = "HFS"
        _pixels(dataset, (phantom.voxels[index].astype(np.int32) + 1024).astype(np.uint16), stored_bits=12)
        dataset.RescaleIntercept, dataset.RescaleSlope, dataset.RescaleType = -1024, 1, "HU"
        dataset.WindowCenter, dataset.WindowWidth = -500, 1500
        yield index + 1, dataset


def _header(sop_class_uid: str, seed: int, patient: TestPatient, modality: str) -> Dataset:
    when = _EPOCH + timedelta(minutes=7 * (seed % 100_000))
    dataset = Dataset()
    # PS3.3 C.12.1.1.2: UTF-8, since the names hold æ, ø and å.
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.SOPClassUID = sop_class_uid
    dataset.PatientID, dataset.PatientName, dataset.PatientSex = patient.patient_id, patient.name, patient.sex
    dataset.PatientBirthDate = patient.birth_date.strftime("%Y%m%d")
    dataset.StudyInstanceUID = derive_uid("phantom", modality, str(seed), "study")
    dataset.SeriesInstanceUID = derive_uid("phantom", modality, str(seed), "series")
    for prefix in ("Study", "Series", "Acquisition", "Content"):
        setattr(dataset, f"{prefix}Date", when.strftime("%Y%m%d"))
        setattr(dataset, f"{prefix}Time", when.strftime("%H%M%S"))
    dataset.AccessionNumber = f"SYN{modality}{seed % 1_000_000_000:09d}"
    dataset.StudyID = str(seed % 10**16)
    dataset.ReferringPhysicianName = ""
    dataset.Modality = modality
    dataset.SeriesNumber = 1
    dataset.AcquisitionNumber = 1
    dataset.BodyPartExamined = "CHEST"
    dataset.Manufacturer = "Varsel phantom"
    dataset.InstitutionName = "Varsel testhospital"
    dataset.BurnedInAnnotation = "NO"
    return dataset


def _pixels(dataset: Dataset, pixels: npt.NDArray[np.uint16], stored_bits: int) -> None:
    dataset.Rows, dataset.Columns = pixels.shape
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, stored_bits, stored_bits - 1
    dataset.PixelRepresentation = 0
    dataset.PixelData = pixels.astype("<u2").tobytes()


def _save(dataset: Dataset, path: Path) -> Path:
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.save_as(path, enforce_file_format=True)
    return path


def _number(value: float) -> str:
    # DS holds at most 16 characters (PS3.5 6.2).
    return f"{value:.6g}"
