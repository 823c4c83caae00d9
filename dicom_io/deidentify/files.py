"""De-identifying files: each is read, judged, written, and looked through once more before it counts."""

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from pydicom import dcmread, dcmwrite
from pydicom.dataset import Dataset, FileMetaDataset

from dicom_io.deidentify.burned_in import find_burned_in_risk, shows_face
from dicom_io.deidentify.dataset import Deidentifier
from dicom_io.deidentify.errors import DeidentifyError, WithheldError
from dicom_io.errors import DicomIoError
from dicom_io.file_format import IMPLEMENTATION_CLASS_UID
from dicom_io.headers import read_header
from dicom_io.vendor_errors import translated_parse_errors


class FileOutcome(Enum):
    """What became of one file."""

    #: Written.
    WRITTEN = "written"
    #: Not written: it may tell who the patient is.
    WITHHELD = "withheld"
    #: No DICOM file, or one that was written already.
    SKIPPED = "skipped"


@dataclass(frozen=True, kw_only=True)
class FileResult:
    """The word on one file."""

    #: The file as it came.
    path: Path
    #: What became of it.
    outcome: FileOutcome
    #: Why it was withheld or skipped, or what to mind of it; empty otherwise.
    note: str = ""


def deidentify_files(
    root: Path, out: Path, deidentifier: Deidentifier, *, accept_burned_in: bool = False
) -> Iterator[FileResult]:
    """Write every image at or under *root* below *out*, named by its new UIDs; a word on each as it comes.

    Args:
        root: a DICOM file, or a directory of them.
        out: directory, made when absent.
        deidentifier: what is done.
        accept_burned_in: write pictures at risk too; a person has looked at them.
    """
    seen: set[str] = set()
    for path in _files(root):
        try:
            note = _deidentify(path, out, deidentifier, seen, accept_burned_in=accept_burned_in)
        except WithheldError as error:
            yield FileResult(path=path, outcome=FileOutcome.WITHHELD, note=str(error))
        except DicomIoError as error:
            yield FileResult(path=path, outcome=FileOutcome.SKIPPED, note=str(error))
        else:
            yield FileResult(path=path, outcome=FileOutcome.WRITTEN, note=note)


def count_files(root: Path) -> int:
    """How many files `deidentify_files` will speak of."""
    return sum(1 for _ in _files(root))


def _files(root: Path) -> Iterator[Path]:
    if root.is_dir():
        yield from sorted(path for path in root.rglob("*") if path.is_file())
    else:
        yield root


def _deidentify(path: Path, out: Path, deidentifier: Deidentifier, seen: set[str], *, accept_burned_in: bool) -> str:
    # Whether it is an object at all is said in our own words.
    uid = read_header(path).instance.sop_instance_uid
    if uid in seen:
        raise DeidentifyError("Another file of this run bears the same SOP Instance UID; required: one file an object.")
    with _unheard_values(), translated_parse_errors():
        original = dcmread(path)
        original.decode()
        done = deidentifier.apply(original)
        data = _encode(done.dataset, original)
    risk = find_burned_in_risk(original)
    if risk and not accept_burned_in:
        raise WithheldError(f"Its pixels may bear text about the patient: {risk}. Look at it; then accept it.")
    if done.identity.is_in_file(data):
        raise WithheldError("A word that names the patient is still in the object, maybe in its pixels. Leave it out.")
    _write(data, done.dataset, out)
    seen.add(uid)
    return "a face could be rebuilt from its slices" if shows_face(original) else ""


@contextmanager
def _unheard_values() -> Iterator[None]:
    # pydicom warns of odd values by quoting them, and they may be a patient's.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _encode(dataset: Dataset, original: Dataset) -> bytes:
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    dataset.file_meta.TransferSyntaxUID = original.file_meta.TransferSyntaxUID
    dataset.file_meta.ImplementationClassUID = IMPLEMENTATION_CLASS_UID
    buffer = io.BytesIO()
    # The preamble of the original is not taken over: it may hold anything.
    dataset.preamble = b"\0" * 128
    dcmwrite(buffer, dataset, enforce_file_format=True)
    return buffer.getvalue()


def _write(data: bytes, dataset: Dataset, out: Path) -> None:
    directory = out / str(dataset.StudyInstanceUID)
    directory.mkdir(parents=True, exist_ok=True)
    (directory / f"{dataset.SOPInstanceUID}.dcm").write_bytes(data)
