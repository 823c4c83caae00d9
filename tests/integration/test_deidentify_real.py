"""Real objects of many makers are de-identified: none breaks it, pixels stay, names do not, modules stay whole."""

import subprocess
import warnings
from pathlib import Path

import pytest
from peers import find_program
from pydicom import dcmread
from pydicom.dataset import Dataset

from dicom_io.deidentify.dataset import Deidentifier
from dicom_io.deidentify.files import FileOutcome, deidentify_files
from dicom_io.deidentify.identity import identity_of
from dicom_io.deidentify.profile import Purpose, profile_of
from dicom_io.deidentify.pseudonyms import Pseudonyms

DATA = Path(__file__).parents[2].parent / "shared" / "data" / "dicom"
PSEUDONYMS = Pseudonyms(b"k" * 32)
pytestmark = [
    pytest.mark.skipif(not DATA.is_dir(), reason="the collection of real DICOM files is not beside the repository"),
    # Real files hold values that pydicom warns of.
    pytest.mark.filterwarnings("ignore::UserWarning"),
]


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[Path, Path]]:
    """(original, what was written of it)."""
    out = tmp_path_factory.mktemp("out")
    deidentifier = Deidentifier(profile_of(Purpose.TRAINING), PSEUDONYMS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        results = list(deidentify_files(DATA, out, deidentifier, accept_burned_in=True))
        written = [result.path for result in results if result.outcome is FileOutcome.WRITTEN]
        files = {path.stem: path for path in out.rglob("*.dcm")}
        return [(path, files[PSEUDONYMS.uid(str(dcmread(path).SOPInstanceUID))]) for path in written]


def test_most_images_are_written(pairs: list[tuple[Path, Path]]):
    assert len(pairs) >= 35


def test_nothing_that_names_the_patient_is_left(pairs: list[tuple[Path, Path]]):
    words = profile_of(Purpose.TRAINING).words
    left = [
        original.name
        for original, written in pairs
        if identity_of(dcmread(original), words).is_in_file(written.read_bytes())
    ]
    assert left == []


def test_the_pixels_are_those_of_the_original(pairs: list[tuple[Path, Path]]):
    differing = []
    for original, written in pairs:
        before, after = dcmread(original), dcmread(written)
        pixels = before.get("PixelData") or b""
        # An odd number of bytes is padded when it is written (PS3.5 8.1.1).
        if (after.get("PixelData") or b"")[: len(pixels)] != pixels:
            differing.append(original.name)
    assert differing == []


def test_no_module_is_broken_by_it(pairs: list[tuple[Path, Path]]):
    """Of what dciodvfy finds, nothing is new in images of the classes that models read."""
    program = find_program("dciodvfy", "apt-get install dicom3tools")
    read = {"1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.1", "1.2.840.10008.5.1.4.1.1.1.1"}
    chosen = [(a, b) for a, b in pairs if _class(dcmread(a, stop_before_pixels=True)) in read]
    broken = {a.name: new for a, b in chosen if (new := _errors(program, b) - _errors(program, a))}
    # UIDs that were equal to begin with are called so by their new values; dciodvfy cannot read deflated objects.
    for name in ("ct_jpegll_bad.dcm", "ct1_deflated.dcm"):
        broken.pop(name, None)
    assert broken == {}


def _class(dataset: Dataset) -> str:
    return str(dataset.get("SOPClassUID", ""))


def _errors(program: str, path: Path) -> set[str]:
    done = subprocess.run([program, "-new", path], capture_output=True, check=False, timeout=60)
    lines = (done.stdout + done.stderr).decode(errors="replace").splitlines()
    return {line for line in lines if line.startswith("Error")}
