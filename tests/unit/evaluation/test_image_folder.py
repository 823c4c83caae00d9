from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dicom_io.errors import DicomIoError
from evaluation.cohorts.image_folder import read_image_folder
from evaluation.cohorts.read import read_cohort
from evaluation.errors import CohortError
from models.bundle import find_bundle
from models.data_layout import ImageFolderLayout, TruthColumn
from models.manifest import Fit, RadiographPreprocessing

SPEC = RadiographPreprocessing(size_px=(32, 32), fit=Fit.STRETCH)
LABELS = ("pneumonia", "bacterial_pneumonia")
LAYOUT = ImageFolderLayout(
    truths={
        "pneumonia": TruthColumn(column="label", positive=("1", "Pneumonia"), negative=("0", "normal")),
        "bacterial_pneumonia": TruthColumn(column="subtype", positive=("bacteria",), negative=("virus", "normal")),
    },
    groups=("sex", "view"),
)
ROOT = Path(__file__).resolve().parents[3]
REAL = ROOT.parent / "shared" / "data" / "cxr"


def write_picture(path: Path, mode: str = "L", size: tuple[int, int] = (40, 36), seed: int = 0) -> None:
    """Noise of *size* (columns, rows) in Pillow's *mode*."""
    pixels = np.random.default_rng(seed).integers(0, 255, (size[1], size[0]), dtype=np.uint8)
    Image.fromarray(pixels).convert(mode).save(path)


def write_table(directory: Path, rows: str, header: str = "file,label,patient") -> Path:
    """``labels.csv`` of *rows*, and a picture for each file that it names."""
    (directory / "labels.csv").write_text(f"{header}\n{rows}\n")
    for seed, row in enumerate(rows.splitlines()):
        write_picture(directory / row.split(",")[0], seed=seed)
    return directory


def test_a_table_alone_gives_truths_patients_and_files(tmp_path: Path):
    cohort = read_image_folder(write_table(tmp_path, "a.png,1,P1\nb.png,0,P2"), LAYOUT, SPEC, LABELS)
    assert cohort.inputs.shape == (2, 1, 32, 32)
    assert cohort.truths[:, 0].tolist() == [1, 0]
    assert np.isnan(cohort.truths[:, 1]).all()
    assert cohort.patients.tolist() == ["P1", "P2"]
    assert cohort.keys.tolist() == ["a.png", "b.png"]
    assert set(cohort.files) == {"a.png", "b.png", "labels.csv"}
    assert cohort.splits.tolist() == ["", ""]


@pytest.mark.parametrize(
    "text",
    [
        "file;label;patient\na.png;1;P1\nb.png;0;P2\n",
        "file\tlabel\tpatient\na.png\t1\tP1\nb.png\t0\tP2\n",
        "\ufeffFile, Label ,PATIENT\r\na.png,1.0,P1\r\nb.png, 0.0,P2\r\n,,\r\n",
        '"patient","file","note","label"\n"P1","a.png","a, b","TRUE"\n"P2","b.png","","False"\n',
    ],
)
def test_a_table_may_be_written_as_spreadsheets_and_programs_write_it(tmp_path: Path, text: str):
    folder = write_table(tmp_path, "a.png,1,P1\nb.png,0,P2")
    (folder / "labels.csv").write_text(text, encoding="utf-8", newline="")
    cohort = read_image_folder(folder, LAYOUT, SPEC, LABELS)
    assert cohort.truths[:, 0].tolist() == [1, 0]
    assert cohort.patients.tolist() == ["P1", "P2"]


def test_rows_longer_than_the_first_line_are_not_moved_to_the_left(tmp_path: Path):
    folder = write_table(tmp_path, "a.png,1,P1\nb.png,0,P2")
    (folder / "labels.csv").write_text("file,label,patient\na.png,1,P1,x\nb.png,0,P2,x\n")
    with pytest.raises(CohortError, match="more cells than its first line, which names 3 columns"):
        read_image_folder(folder, LAYOUT, SPEC, LABELS)


def test_further_columns_tell_subtype_split_and_subgroup(tmp_path: Path):
    rows = "a.png,Pneumonia,P1,train,bacteria,F\nb.png,normal,P2,val,normal,M\nc.png,1,P3,test,,F"
    folder = write_table(tmp_path, rows, "file,label,patient,split,subtype,sex")
    cohort = read_image_folder(folder, LAYOUT, SPEC, LABELS)
    np.testing.assert_array_equal(cohort.truths, [[1, 1], [0, 0], [1, np.nan]])
    assert cohort.splits.tolist() == ["train", "validation", "test"]
    assert cohort.groups["sex"].tolist() == ["F", "M", "F"]
    assert "view" not in cohort.groups


def test_images_of_unknown_patients_are_patients_of_their_own(tmp_path: Path):
    cohort = read_image_folder(write_table(tmp_path, "a.png,1,unknown\nb.png,0,"), LAYOUT, SPEC, LABELS)
    assert cohort.patients.tolist() == ["a.png", "b.png"]


@pytest.mark.parametrize(
    ("name", "mode", "size"),
    [
        ("a.png", "RGBA", (28, 28)),
        ("a.jpeg", "RGB", (224, 224)),
        ("a.png", "I;16", (64, 64)),
        ("a.png", "P", (300, 500)),
        ("a.png", "LA", (64, 64)),
    ],
)
def test_any_mode_and_size_becomes_one_grey_picture(tmp_path: Path, name: str, mode: str, size: tuple[int, int]):
    write_table(tmp_path, f"{name},1,P1\nb.png,0,P2")
    if mode == "I;16":
        Image.fromarray(np.random.default_rng(0).integers(0, 65535, (64, 64), dtype=np.uint16)).save(tmp_path / name)
    else:
        write_picture(tmp_path / name, mode, size)
    cohort = read_image_folder(tmp_path / "labels.csv", LAYOUT, SPEC, LABELS)
    assert 0.2 < cohort.inputs[0].mean() < 0.8
    assert cohort.inputs.min() >= 0
    assert cohort.inputs.max() <= 1


def test_dicom_files_stand_beside_pictures(tmp_path: Path):
    from pydicom.data import get_testdata_file  # noqa: PLC0415

    source = get_testdata_file("RG1_UNCR.dcm", download=False) or get_testdata_file("CT_small.dcm", download=False)
    write_table(tmp_path, "a.png,1,P1\nb.dcm.png,0,P2")
    (tmp_path / "b.dcm").write_bytes(Path(str(source)).read_bytes())
    # As archives write it.
    (tmp_path / "IM0001").write_bytes(Path(str(source)).read_bytes())
    (tmp_path / "labels.csv").write_text("file,label,patient\na.png,1,P1\nb.dcm,0,P2\nIM0001,0,P3\n")
    inputs = read_image_folder(tmp_path, LAYOUT, SPEC, LABELS).inputs
    assert inputs.shape == (3, 1, 32, 32)
    np.testing.assert_array_equal(inputs[1], inputs[2])


def test_a_medmnist_file_is_read_as_published(tmp_path: Path):
    rng = np.random.default_rng(0)
    arrays = {
        "train_images": rng.integers(0, 255, (3, 28, 28), dtype=np.uint8),
        "train_labels": np.array([[0], [1], [1]], np.uint8),
        "val_images": rng.integers(0, 255, (2, 28, 28, 3), dtype=np.uint8),
        "val_labels": np.array([[1], [0]], np.uint8),
    }
    np.savez(tmp_path / "set.npz", **arrays)
    cohort = read_image_folder(tmp_path / "set.npz", LAYOUT, SPEC, LABELS)
    assert cohort.truths[:, 0].tolist() == [0, 1, 1, 1, 0]
    assert cohort.splits.tolist() == ["train"] * 3 + ["validation"] * 2
    assert cohort.keys[3] == "val-0"


BAD_TABLES: Mapping[str, tuple[str, str, str]] = {
    "no column patient": ("file,label", "a.png,1\nb.png,0", "missing patient"),
    "no rows": ("file,label,patient", "", "no rows"),
    "one class only": ("file,label,patient", "a.png,1,P1\nb.png,1,P2", "2 of 2 images with 'pneumonia'"),
    "an empty label": ("file,label,patient", "a.png,1,P1\nb.png,,P2", "empty in 1 of 2 rows"),
    "an odd label": ("file,label,patient", "a.png,1,P1\nb.png,perhaps,P2", "says 'perhaps' in column 'label'"),
    "a file named twice": (
        "file,label,patient",
        "a.png,1,P1\nb.png,0,P2\na.png,1,P1",
        "1 files more than once, first 'a.png'",
    ),
    "a patient in two splits": (
        "file,label,patient,split",
        "a.png,1,P1,train\nb.png,0,P1,test",
        "one patient in train and test",
    ),
    "an odd split": ("file,label,patient,split", "a.png,1,P1,tran\nb.png,0,P2,test", "the split 'tran'"),
}


@pytest.mark.parametrize("fault", BAD_TABLES)
def test_a_faulty_table_is_refused_with_what_was_found(tmp_path: Path, fault: str):
    header, rows, words = BAD_TABLES[fault]
    folder = write_table(tmp_path, rows, header)
    with pytest.raises(CohortError, match=words) as caught:
        read_image_folder(folder, LAYOUT, SPEC, LABELS)
    assert "labels.csv" in str(caught.value)


def test_a_folder_without_a_table_is_refused(tmp_path: Path):
    with pytest.raises(CohortError, match=r"labels\.csv' is not there"):
        read_image_folder(tmp_path, LAYOUT, SPEC, LABELS)


@pytest.mark.parametrize("content", [b"", b"no picture", b"\x89PNG\r\n\x1a\n" + b"\0" * 20])
def test_a_damaged_picture_is_named(tmp_path: Path, content: bytes):
    write_table(tmp_path, "a.png,1,P1\nb.png,0,P2")
    (tmp_path / "b.png").write_bytes(content)
    with pytest.raises(CohortError, match=r"b\.png' is no image that can be read"):
        read_image_folder(tmp_path, LAYOUT, SPEC, LABELS)


def test_a_damaged_dicom_file_is_named(tmp_path: Path):
    write_table(tmp_path, "a.png,1,P1\nb.png,0,P2")
    (tmp_path / "b.dcm").write_bytes(b"no dicom")
    (tmp_path / "labels.csv").write_text("file,label,patient\na.png,1,P1\nb.dcm,0,P2\n")
    with pytest.raises(CohortError, match=r"b\.dcm' is no DICOM image") as caught:
        read_image_folder(tmp_path, LAYOUT, SPEC, LABELS)
    assert isinstance(caught.value.__cause__, DicomIoError | OSError)


def test_a_missing_picture_is_named(tmp_path: Path):
    write_table(tmp_path, "a.png,1,P1\nb.png,0,P2")
    (tmp_path / "b.png").unlink()
    with pytest.raises(CohortError, match=r"1 of 2 files that are not there, first 'b\.png'"):
        read_image_folder(tmp_path, LAYOUT, SPEC, LABELS)


def test_a_picture_of_what_is_no_number_is_named(tmp_path: Path):
    write_table(tmp_path, "a.png,1,P1\nb.tif,0,P2")
    Image.fromarray(np.full((40, 40), np.nan, np.float32)).save(tmp_path / "b.tif")
    with pytest.raises(CohortError, match=r"b\.tif' has 1600 pixels that are not finite"):
        read_image_folder(tmp_path, LAYOUT, SPEC, LABELS)


def test_a_picture_too_small_to_show_anatomy_is_refused(tmp_path: Path):
    write_table(tmp_path, "a.png,1,P1\nb.png,0,P2")
    write_picture(tmp_path / "b.png", size=(27, 40))
    with pytest.raises(CohortError, match="40 x 27 pixels"):
        read_image_folder(tmp_path, LAYOUT, SPEC, LABELS)


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"images": np.zeros((2, 28, 28))}, "holds images; required is train_images"),
        ({"train_images": np.zeros((2, 28, 28)), "train_labels": np.zeros((3, 1))}, "each needs its label"),
        ({"train_images": np.zeros((2, 28, 28))}, "train_labels none"),
    ],
)
def test_a_faulty_medmnist_file_is_refused(tmp_path: Path, arrays: Mapping[str, np.ndarray], words: str):
    np.savez(tmp_path / "set.npz", **arrays)
    with pytest.raises(CohortError, match=words):
        read_image_folder(tmp_path / "set.npz", LAYOUT, SPEC, LABELS)


def test_a_file_that_is_no_npz_is_refused(tmp_path: Path):
    (tmp_path / "set.npz").write_bytes(b"no archive")
    with pytest.raises(CohortError, match=r"set\.npz' is no \.npz file"):
        read_image_folder(tmp_path / "set.npz", LAYOUT, SPEC, LABELS)


def test_a_layout_that_does_not_make_the_models_inputs_is_refused(tmp_path: Path):
    preprocessing = find_bundle("infection_urinary").clinical.preprocessing
    with pytest.raises(CohortError, match="'image_folder' does not make inputs of the kind 'stay'"):
        read_cohort(tmp_path, LAYOUT, preprocessing, LABELS)


@pytest.mark.skipif(not REAL.is_dir(), reason="the public radiographs are not beside this checkout")
def test_the_public_adults_are_read_by_their_findings():
    clinical = find_bundle("chest_xray_pneumonia").clinical
    assert clinical.data is not None
    labels = [label.key for label in clinical.labels]
    cohort = read_cohort(REAL / "labels_nih64.csv", clinical.data, clinical.preprocessing, labels)
    assert cohort.inputs.shape == (667, 1, 192, 192)
    assert len(np.unique(cohort.patients)) == 203
